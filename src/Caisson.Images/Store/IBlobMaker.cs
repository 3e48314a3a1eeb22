using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>Makes blobs that are not kept because they can be made again of something else that is.</summary>
internal interface IBlobMaker
{
    /// <summary>The length of a blob that it could make; null for none of its own.</summary>
    long? TryGetSize(Digest digest);

    /// <summary>Makes a blob, which is in the store then; false when it is none of its own.</summary>
    bool TryMake(Digest digest);
}

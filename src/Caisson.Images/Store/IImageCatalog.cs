using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>Which images are kept and what they are called. Each change is atomic and durable when it returns.</summary>
/// <remarks>For several threads. The engine keeps it in its state store; <see cref="FileImageCatalog"/> keeps it in a file.</remarks>
public interface IImageCatalog
{
    /// <summary>All images, in no order.</summary>
    IReadOnlyList<ImageRecord> List();

    /// <summary>The image with this manifest; null when it is not kept.</summary>
    ImageRecord? Find(Digest manifest);

    /// <summary>The image that goes by <paramref name="name"/>, a reference in full; null when none does.</summary>
    ImageRecord? Find(string name);

    /// <summary>Keeps <paramref name="record"/> in the place of what was kept for its manifest. Its names are taken from other images.</summary>
    void Put(ImageRecord record);

    /// <summary>Forgets an image and its names; false when it was not kept.</summary>
    bool Remove(Digest manifest);
}

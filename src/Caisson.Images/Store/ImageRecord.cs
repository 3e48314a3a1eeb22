using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>An image that is kept: its manifest and the names it goes by.</summary>
/// <param name="Manifest">The digest of its manifest; the record's key.</param>
/// <param name="Names">
/// References in full, each with a tag or a digest, in ordinal order; empty for a dangling image, which is kept until removed.
/// </param>
/// <param name="Added">When it came into the store.</param>
public sealed record ImageRecord(Digest Manifest, IReadOnlyList<string> Names, DateTimeOffset Added)
{
    /// <summary>Documents that are about the image and stay as long as it does: manifests of signatures, and indexes that list it.</summary>
    public IReadOnlyList<Digest> Referrers { get; init; } = [];
}

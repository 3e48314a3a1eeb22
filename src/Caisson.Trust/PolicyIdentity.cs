using Caisson.Oci;

namespace Caisson.Trust;

/// <summary>What a signature must call an image so that it counts for it.</summary>
/// <remarks>Source: containers-policy.json(5), "signedIdentity".</remarks>
public abstract record PolicyIdentity
{
    private PolicyIdentity()
    {
    }

    /// <summary>The same name with the same tag or digest.</summary>
    public sealed record Exact : PolicyIdentity;

    /// <summary>The same name with the same tag; by digest, the same name. The default.</summary>
    public sealed record RepositoryDigestOrExact : PolicyIdentity;

    /// <summary>The same repository, with any tag.</summary>
    public sealed record Repository : PolicyIdentity;

    /// <summary>One name, whatever the image's is.</summary>
    /// <param name="Name">With a tag or a digest.</param>
    public sealed record ExactReference(string Name) : PolicyIdentity;

    /// <summary>One repository, whatever the image's is.</summary>
    /// <param name="Name">Without tag and digest.</param>
    public sealed record ExactRepository(string Name) : PolicyIdentity;

    /// <summary>The same name after a prefix of it has been replaced: for mirrors.</summary>
    /// <param name="Prefix">Of the image's name.</param>
    /// <param name="SignedPrefix">Of the name in the signature.</param>
    public sealed record Remap(string Prefix, string SignedPrefix) : PolicyIdentity;

    /// <summary>True when a signature for <paramref name="signed"/> counts for <paramref name="image"/>.</summary>
    public bool Accepts(Reference image, string? signed)
    {
        if (signed is null || !Reference.TryParse(signed, out Reference? claim))
        {
            return false;
        }
        return this switch
        {
            Exact => HasMore(claim) && HasMore(image) && claim.ToString() == image.ToString(),
            RepositoryDigestOrExact => RepositoryOrExact(image, claim),
            Repository => claim.Name == image.Name,
            ExactReference exact => HasMore(claim) && claim.ToString() == Reference.Parse(exact.Name).ToString(),
            ExactRepository exact => claim.Name == Reference.Parse(exact.Name).Name,
            Remap remap => RepositoryOrExact(Remapped(image, remap), claim),
            _ => false,
        };
    }

    private static bool RepositoryOrExact(Reference image, Reference claim) =>
        HasMore(claim) && (image.Tag is not null ? claim.ToString() == image.ToString() : image.Digest is not null && claim.Name == image.Name);

    private static bool HasMore(Reference reference) => reference.Tag is not null || reference.Digest is not null;

    private static Reference Remapped(Reference image, Remap remap)
    {
        string text = image.ToString();
        bool applies = image.Name == remap.Prefix
            || (text.StartsWith(remap.Prefix, StringComparison.Ordinal) && text.Length > remap.Prefix.Length && text[remap.Prefix.Length] is '/' or ':' or '@');
        return applies && Reference.TryParse(remap.SignedPrefix + text[remap.Prefix.Length..], out Reference? mapped) ? mapped : image;
    }
}

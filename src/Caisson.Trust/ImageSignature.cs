using Caisson.Oci;

namespace Caisson.Trust;

/// <summary>A signature of an image as it was found: nothing about it is true before it is verified.</summary>
public abstract record ImageSignature
{
    private ImageSignature()
    {
    }

    /// <summary>cosign's: a payload, and the signature beside it.</summary>
    /// <param name="Payload">A <see cref="SimpleSigning"/> document, byte for byte.</param>
    /// <param name="Signature">The signature of it.</param>
    public sealed record Cosign(byte[] Payload, byte[] Signature) : ImageSignature;

    /// <summary>A sigstore bundle.</summary>
    /// <param name="Document">The JSON document, byte for byte.</param>
    public sealed record Bundle(byte[] Document) : ImageSignature;

    /// <summary>A signature of a kind that is not read here.</summary>
    /// <param name="Kind">Its media type.</param>
    public sealed record Other(string Kind) : ImageSignature;

    /// <summary>What the signature says, if <paramref name="key"/> made it.</summary>
    /// <param name="key">The key that it must be by.</param>
    /// <param name="why">Why not, otherwise.</param>
    public SignedClaim? Verify(VerificationKey key, out string why)
    {
        why = "";
        switch (this)
        {
            case Cosign cosign when !key.Verify(cosign.Payload, cosign.Signature):
                why = $"it is not by the key {key.Name}";
                return null;
            case Cosign cosign:
                return SimpleSigning.TryParse(cosign.Payload, out why);
            case Bundle bundle:
                return SigstoreBundle.Verify(bundle.Document, key, out why);
            default:
                why = $"it is of the kind {((Other)this).Kind}, which is not verified here";
                return null;
        }
    }
}

/// <summary>What a verified signature says.</summary>
/// <param name="Manifests">The digests of what was signed; one of them must be the image's.</param>
/// <param name="Reference">What the signer called the image; null when the signature does not say.</param>
/// <param name="Annotations">What the signer added.</param>
public sealed record SignedClaim(IReadOnlyList<Digest> Manifests, string? Reference, IReadOnlyDictionary<string, string> Annotations);

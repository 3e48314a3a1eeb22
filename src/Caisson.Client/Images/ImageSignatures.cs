using System.Text.Json;

namespace Caisson.Client.Images;

/// <summary>A signature of an image, byte for byte.</summary>
/// <param name="Kind"><c>cosign</c>, <c>bundle</c>, or what else it is, without content then.</param>
/// <param name="Payload">What is signed; of a bundle all of it.</param>
/// <param name="Signature">Of cosign's kind the signature.</param>
public sealed record SignatureDocument(string Kind, byte[] Payload, byte[]? Signature);

/// <summary>The signatures that an image came with.</summary>
public sealed class ImageSignatures
{
    internal ImageSignatures(JsonElement json)
    {
        Manifest = json.Text("Manifest");
        Names = json.Texts("Names");
        Signatures = [.. json.Items("Signatures").Select(item => new SignatureDocument(
            item.Text("Kind"), Bytes(item, "Payload") ?? [], Bytes(item, "Signature")))];
    }

    /// <summary>The digest of the image's manifest.</summary>
    public string Manifest { get; }

    /// <summary>The image's names in full.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>None of them verified.</summary>
    public IReadOnlyList<SignatureDocument> Signatures { get; }

    private static byte[]? Bytes(JsonElement item, string name) =>
        item.Field(name) is { ValueKind: JsonValueKind.String } text && text.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : null;
}

using System.Text.Json;

using Caisson.Client.Http;
using Caisson.Client.Images;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    /// <summary>The signatures that an image came with, none of them verified.</summary>
    public ImageSignatures Signatures(string name)
    {
        using var response = Call("GET", $"/caisson/images/{EscapeReference(name)}/signatures");
        using var json = response.ReadJson();
        return new ImageSignatures(json.RootElement);
    }

    /// <summary>Keeps a signature with an image, and returns the digest of the manifest that holds it.</summary>
    /// <param name="name">The image.</param>
    /// <param name="signature">Of cosign's kind, or a bundle.</param>
    public string AddSignature(string name, SignatureDocument signature)
    {
        ArgumentNullException.ThrowIfNull(signature);
        var body = JsonBody.Write(json =>
        {
            json.WriteString("Kind", signature.Kind);
            json.WriteBase64String("Payload", signature.Payload);
            if (signature.Signature is not null)
            {
                json.WriteBase64String("Signature", signature.Signature);
            }
        });
        using var response = Call("POST", $"/caisson/images/{EscapeReference(name)}/signatures", body);
        using var document = response.ReadJson();
        return document.RootElement.Text("Id");
    }

    /// <summary>The trust policy of the engine's machine: <c>Path</c>, <c>Scopes</c>. The caller disposes the document.</summary>
    public JsonDocument TrustPolicy()
    {
        using var response = Call("GET", "/caisson/trust");
        return response.ReadJson();
    }

    /// <summary>What the trust policy says of an image: <c>Allowed</c>, <c>Scope</c>, <c>Reason</c>. The caller disposes the document.</summary>
    public JsonDocument TrustDecision(string name)
    {
        using var response = Call("GET", $"/caisson/images/{EscapeReference(name)}/trust");
        return response.ReadJson();
    }

    /// <summary>Compares what is in an image with what is known: <c>Report</c>, and how many findings are <c>Refused</c>. The caller disposes the document.</summary>
    /// <param name="name">The image.</param>
    /// <param name="format"><c>json</c> or <c>sarif</c>.</param>
    /// <param name="databases">Directories on the engine's machine; none for the engine's own.</param>
    /// <param name="failOn">The least severity that is refused; empty: none.</param>
    /// <param name="ignore">Ids that were accepted.</param>
    public JsonDocument ScanImage(string name, string format, IReadOnlyList<string> databases, string failOn, IReadOnlyList<string> ignore)
    {
        var query = new QueryString().Add("format", format).Add("failOn", failOn);
        foreach (string database in databases ?? [])
        {
            query.Add("db", database);
        }
        foreach (string id in ignore ?? [])
        {
            query.Add("ignore", id);
        }
        using var response = Call("GET", $"/caisson/images/{EscapeReference(name)}/scan{query}");
        return response.ReadJson();
    }

    /// <summary>What is in an image as a bill of materials. The caller disposes the response.</summary>
    /// <param name="name">The image.</param>
    /// <param name="format"><c>spdx</c> or <c>cyclonedx</c>.</param>
    public HttpResponse WriteSbom(string name, string format) =>
        Call("GET", $"/caisson/images/{EscapeReference(name)}/sbom{new QueryString().Add("format", format)}");

    /// <summary>Makes a new image of another's content, and returns its id.</summary>
    /// <param name="name">The image.</param>
    /// <param name="newName">The new image's name.</param>
    /// <param name="format"><c>oci</c> or <c>docker</c>; empty: as it is.</param>
    /// <param name="compression"><c>gzip</c>, <c>zstd</c> or <c>none</c>; empty: as it is.</param>
    public string ConvertImage(string name, string newName, string format, string compression)
    {
        var query = new QueryString().Add("name", newName).Add("format", format).Add("compression", compression);
        using var response = Call("POST", $"/caisson/images/{EscapeReference(name)}/convert{query}");
        using var json = response.ReadJson();
        return json.RootElement.Text("Id");
    }

    /// <summary>Makes a new image of another's files in one layer, and returns its id.</summary>
    public string SquashImage(string name, string newName)
    {
        using var response = Call("POST", $"/caisson/images/{EscapeReference(name)}/squash{new QueryString().Add("name", newName)}");
        using var json = response.ReadJson();
        return json.RootElement.Text("Id");
    }

    /// <summary>How the files of <paramref name="other"/> differ from those of <paramref name="name"/>: lines such as <c>A /etc/x</c>.</summary>
    public IReadOnlyList<string> DiffImages(string name, string other)
    {
        using var response = Call("GET", $"/caisson/images/{EscapeReference(name)}/diff{new QueryString().Add("other", other)}");
        using var json = response.ReadJson(JsonValueKind.Array);
        return [.. json.RootElement.EnumerateArray().Select(line => line.GetString() ?? "")];
    }

    /// <summary>Checks what the engine keeps on disk: <c>Problems</c>, <c>Repaired</c>, <c>Images</c>, <c>Blobs</c>, <c>Layers</c>. The caller disposes the document.</summary>
    public JsonDocument CheckStore(bool repair)
    {
        using var response = Call("POST", $"/caisson/check{new QueryString().Add("repair", repair)}");
        return response.ReadJson();
    }
}

using System.Text.Json;

using Caisson.Api.Http;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Oci;
using Caisson.Scan;
using Caisson.Trust;

namespace Caisson.Api.Docker;

/// <summary>Signatures, policies, scans and bills of materials: what Docker has not, below <c>/caisson</c>.</summary>
internal sealed class TrustRoutes(ContainerEngine engine)
{
    private ImageStore Store => engine.Services.Images;

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/caisson/trust", Need.To("get", "images"), Policy);
        routes.Get("/caisson/images/{name*}/trust", Need.To("get", "images"), Decide);
        routes.Get("/caisson/images/{name*}/signatures", Need.To("get", "images"), Signatures);
        routes.Post("/caisson/images/{name*}/signatures", Need.To("update", "images"), AddSignature);
        routes.Get("/caisson/images/{name*}/scan", Need.To("get", "images"), Scan);
        routes.Get("/caisson/images/{name*}/sbom", Need.To("get", "images"), Sbom);
        routes.Get("/caisson/images/{name*}/diff", Need.To("get", "images/content"), Diff);
        routes.Post("/caisson/images/{name*}/convert", Need.To("create", "images"), Convert);
        routes.Post("/caisson/images/{name*}/squash", Need.To("create", "images"), Squash);
        routes.Post("/caisson/check", Need.To("operate", "engine"), Check);
    }

    private Task Policy(Call call)
    {
        TrustPolicy? policy = Store.Trust.ReadPolicy();
        return call.Json(
            new TrustPolicyBody(policy?.Path, [.. (policy?.Describe() ?? []).Select(scope => new TrustScopeBody(scope.Scope, scope.Requirements))]),
            DockerJson.Default.TrustPolicyBody);
    }

    private Task Decide(Call call)
    {
        TrustDecision decision = Store.Trust.Decide(call.Path("name"), Store.Resolve(call.Path("name")));
        return call.Json(new TrustDecisionBody(decision.Allowed, decision.Scope, decision.Reason), DockerJson.Default.TrustDecisionBody);
    }

    private Task Signatures(Call call)
    {
        Image image = Store.Resolve(call.Path("name"));
        return call.Json(
            new SignaturesBody(image.ManifestDigest.ToString(), image.Record.Names, [.. Store.Signatures(image).Select(Body)]),
            DockerJson.Default.SignaturesBody);
    }

    private async Task AddSignature(Call call)
    {
        SignatureBody asked = await call.ReadAsync(DockerJson.Default.SignatureBody);
        ImageSignature signature = asked switch
        {
            { Kind: "cosign", Payload: { } payload, Signature: { } text } => new ImageSignature.Cosign(payload, text),
            { Kind: "bundle", Payload: { } document } => new ImageSignature.Bundle(document),
            _ => throw new CaissonException(ErrorKind.InvalidArgument, "a signature has a Kind (cosign or bundle), a Payload, and of cosign a Signature"),
        };
        await call.Json(new IdBody(Store.AddSignature(Store.Resolve(call.Path("name")), signature).ToString()), DockerJson.Default.IdBody, 201);
    }

    private async Task Scan(Call call)
    {
        string[] databases = [.. call.QueryAll("db")];
        string format = call.Query("format") ?? "json";
        ScanReport report = await engine.Scanner.ScanAsync(call.Path("name"), databases, call.Gone);
        IReadOnlyList<Finding> refused = call.Query("failOn") is { } limit ? report.Refused(Severities.Parse(limit), [.. call.QueryAll("ignore")]) : [];
        byte[] document = format switch
        {
            "json" => report.ToJson(),
            "sarif" => SarifWriter.Write(report),
            _ => throw new CaissonException(ErrorKind.InvalidArgument, $"'{format}' is not a form of reports: json or sarif"),
        };
        await call.Json(new ScanBody(Element(document), refused.Count), DockerJson.Default.ScanBody);
    }

    private async Task Sbom(Call call)
    {
        byte[] document = await engine.Scanner.WriteSbomAsync(call.Path("name"), call.Query("format") ?? "spdx", call.Gone);
        call.Http.Response.ContentType = "application/json";
        call.Http.Response.ContentLength = document.Length;
        await call.Http.Response.Body.WriteAsync(document, call.Gone);
    }

    private async Task Diff(Call call)
    {
        string other = call.Query("other") ?? throw new CaissonException(ErrorKind.InvalidArgument, "other is missing: the image to compare with");
        IReadOnlyList<FileChange> changes = await Store.DiffAsync(call.Path("name"), other, call.Gone);
        await call.Json([.. changes.Select(change => change.ToString())], DockerJson.Default.ListString);
    }

    private async Task Convert(Call call)
    {
        ImageFormat? format = call.Query("format") switch
        {
            null => null,
            "oci" => ImageFormat.Oci,
            "docker" => ImageFormat.Docker,
            var other => throw new CaissonException(ErrorKind.InvalidArgument, $"'{other}' is not a format of images: oci or docker"),
        };
        LayerCompression? compression = call.Query("compression") switch
        {
            null => null,
            "gzip" => LayerCompression.Gzip,
            "zstd" => LayerCompression.Zstd,
            "none" => LayerCompression.None,
            var other => throw new CaissonException(ErrorKind.InvalidArgument, $"'{other}' is not a compression: gzip, zstd or none"),
        };
        Image image = await Store.ConvertAsync(call.Path("name"), NewName(call), format, compression, call.Gone);
        await call.Json(new IdBody(image.Id.ToString()), DockerJson.Default.IdBody, 201);
    }

    private async Task Squash(Call call)
    {
        Image image = await Store.SquashAsync(call.Path("name"), NewName(call), call.Gone);
        await call.Json(new IdBody(image.Id.ToString()), DockerJson.Default.IdBody, 201);
    }

    private async Task Check(Call call)
    {
        bool repair = call.Flag("repair");
        StoreCheck check = await Task.Run(() => Store.Check(repair, call.Gone), call.Gone);
        await call.Json(check, DockerJson.Default.StoreCheck);
    }

    private static Reference NewName(Call call) => Reference.Parse(
        call.Query("name") ?? throw new CaissonException(ErrorKind.InvalidArgument, "name is missing: what the new image is called")).WithDefaultTag();

    private static JsonElement Element(byte[] document)
    {
        using var parsed = JsonDocument.Parse(document);
        return parsed.RootElement.Clone();
    }

    private static SignatureBody Body(ImageSignature signature) => signature switch
    {
        ImageSignature.Cosign cosign => new SignatureBody("cosign", cosign.Payload, cosign.Signature),
        ImageSignature.Bundle bundle => new SignatureBody("bundle", bundle.Document, null),
        _ => new SignatureBody(((ImageSignature.Other)signature).Kind, null, null),
    };
}

/// <summary>The policy in force: its file, null when there is none, and its scopes.</summary>
internal sealed record TrustPolicyBody(string? Path, IReadOnlyList<TrustScopeBody> Scopes);

/// <summary>A scope and what it asks for, in words.</summary>
internal sealed record TrustScopeBody(string Scope, string Requirements);

/// <summary>Whether an image may be used.</summary>
internal sealed record TrustDecisionBody(bool Allowed, string Scope, string Reason);

/// <summary>The signatures that an image came with.</summary>
internal sealed record SignaturesBody(string Manifest, IReadOnlyList<string> Names, IReadOnlyList<SignatureBody> Signatures);

/// <summary>A signature, byte for byte.</summary>
internal sealed record SignatureBody(string? Kind, byte[]? Payload, byte[]? Signature);

/// <summary>A report, and how many of its findings a limit refuses.</summary>
internal sealed record ScanBody(JsonElement Report, int Refused);

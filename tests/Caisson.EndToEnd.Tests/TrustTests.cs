using System.Text.Json;

using Xunit;

namespace Caisson.EndToEnd.Tests;

/// <summary>Signatures, policies and scans of real images.</summary>
public sealed class TrustTests(Engine engine) : IClassFixture<Engine>
{
    [Fact]
    public void A_policy_lets_signed_images_run_and_no_others()
    {
        engine.SkipUnlessPublished();
        string keys = engine.NewDirectory("keys");
        string policy = $"{engine.Root}/policy.json";
        string image = "registry.example/web:1";
        engine.Caisson("tag", "busybox", image);
        engine.Caisson("tag", "busybox", "registry.example/unsigned:1");

        var generated = engine.Caisson("image", "trust", "key", "--no-password", "generate", $"{keys}/release");
        var other = engine.Caisson("image", "trust", "key", "--no-password", "generate", $"{keys}/other");
        var unsigned = engine.Caisson("image", "verify", "--key", $"{keys}/release.pub", image);
        var signed = engine.Caisson("image", "sign", "--key", $"{keys}/release.key", image);
        var verified = engine.Caisson("image", "verify", "--key", $"{keys}/release.pub", image);
        var byOther = engine.Caisson("image", "verify", "--key", $"{keys}/other.pub", image);
        engine.Caisson("create", "--name", "before", "--network", "none", "registry.example/unsigned:1", "true");
        File.WriteAllText(policy, $$"""
            {"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"registry.example":[{"type":"sigstoreSigned","keyPath":"{{keys}}/release.pub"}]} } }
            """);
        try
        {
            var runs = engine.Caisson("run", "--rm", "--network", "none", image, "echo", "trusted");
            var refused = engine.Caisson("run", "--rm", "--network", "none", "registry.example/unsigned:1", "true");
            var refusedStart = engine.Caisson("start", "before");
            var shown = engine.Caisson("image", "trust", "show", "registry.example/unsigned:1");
            var free = engine.Caisson("run", "--rm", "--network", "none", "busybox", "echo", "free");

            Assert.Equal(0, generated.Code + other.Code);
            Assert.Equal(1, unsigned.Code);
            Assert.True(signed.Code == 0, signed.ToString());
            Assert.Equal(0, verified.Code);
            Assert.Equal(1, byOther.Code);
            Assert.Equal("trusted\n", runs.Output);
            Assert.Contains("is not trusted", refused.Error, StringComparison.Ordinal);
            Assert.Equal(1, refusedStart.Code);
            Assert.Contains("is not trusted", refusedStart.Error, StringComparison.Ordinal);
            Assert.Equal(1, shown.Code);
            Assert.Equal("free\n", free.Output);
        }
        finally
        {
            File.Delete(policy);
            engine.Caisson("rm", "-f", "before");
        }
    }

    /// <summary>One registry with lists of referrers, one without.</summary>
    [Theory]
    [InlineData("ours")]
    [InlineData("docker-registry")]
    public void Signatures_travel_and_the_policy_holds_at_pull(string kind)
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(kind == "ours" || Engine.Has("docker-registry"), "needs docker-registry");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using Served registry = kind == "ours" ? Served.Ours(engine, home) : Served.Foreign(home);
        string scope = $"{registry.Host}/team";
        foreach (string key in (string[])["release", "other"])
        {
            Assert.Equal(0, engine.Caisson("image", "trust", "key", "--no-password", "generate", $"{home}/{key}").Code);
        }
        engine.Caisson("run", "--name", "maker", "--network", "none", "busybox", "sh", "-c", $"echo {kind} >/changed");
        engine.Caisson("commit", "maker", "changed");
        engine.Caisson("rm", "-f", "maker");
        // Of each its own repository: signatures are found by the digest of the manifest.
        engine.Caisson("tag", "busybox", $"{scope}/signed:1");
        engine.Caisson("tag", "busybox", $"{scope}/bundled:1");
        engine.Caisson("tag", "changed", $"{scope}/unsigned:1");
        Assert.Equal(0, engine.Caisson("push", $"{scope}/unsigned:1").Code);
        engine.Caisson("tag", "changed", $"{scope}/stranger:1");
        Assert.Equal(0, engine.Caisson("image", "sign", "--key", $"{home}/other.key", $"{scope}/stranger:1").Code);
        Assert.Equal(0, engine.Caisson("push", $"{scope}/stranger:1").Code);
        engine.Caisson("tag", "changed", $"{scope}/renamed:1");
        Assert.Equal(0, engine.Caisson("image", "sign", "--key", $"{home}/release.key", "--as", $"{scope}/another:1", $"{scope}/renamed:1").Code);
        Assert.Equal(0, engine.Caisson("push", $"{scope}/renamed:1").Code);
        Assert.Equal(0, engine.Caisson("image", "sign", "--key", $"{home}/release.key", $"{scope}/signed:1").Code);
        Assert.Equal(0, engine.Caisson("image", "sign", "--bundle", "--key", $"{home}/release.key", $"{scope}/bundled:1").Code);
        Answer pushed = engine.Caisson("push", $"{scope}/signed:1");
        Assert.True(pushed.Code == 0, pushed.ToString());
        Assert.Equal(0, engine.Caisson("push", $"{scope}/bundled:1").Code);

        using var other = new Engine();
        File.WriteAllText($"{other.Root}/policy.json", $$"""
            {"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"{{scope}}":[{"type":"sigstoreSigned","keyPath":"{{home}}/release.pub"}]} } }
            """);
        string[] before = other.Stored();
        foreach (var (name, reason) in ((string, string)[])[("unsigned", "it has no signature"), ("stranger", "it is not by the key"), ("renamed", "not for")])
        {
            Answer refused = other.Caisson("pull", $"{scope}/{name}:1");
            Assert.True(refused.Code == 1, refused.ToString());
            Assert.Contains(reason, refused.Error, StringComparison.Ordinal);
            Assert.Contains($"scope 'docker {scope}'", refused.Error, StringComparison.Ordinal);
            Assert.NotEqual(0, other.Caisson("image", "inspect", $"{scope}/{name}:1").Code);
            Assert.Equal(before, other.Stored());
        }
        foreach (string name in (string[])["signed", "bundled"])
        {
            Answer pulled = other.Caisson("pull", $"{scope}/{name}:1");
            Answer ran = other.Caisson("run", "--rm", "--network", "none", $"{scope}/{name}:1", "echo", name);
            Answer verified = other.Caisson("image", "verify", "--key", $"{home}/release.pub", $"{scope}/{name}:1");
            Assert.True(pulled.Code == 0, pulled.ToString());
            Assert.True(ran.Code == 0 && ran.Output == $"{name}\n", ran.ToString());
            Assert.True(verified.Code == 0, verified.ToString());
        }
    }

    [Fact]
    public void Skopeo_asks_its_own_policy_and_accepts_what_we_signed()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("skopeo"), "needs skopeo");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using Served registry = Served.Ours(engine, home);
        engine.Caisson("image", "trust", "key", "--no-password", "generate", $"{home}/release");
        engine.Caisson("image", "trust", "key", "--no-password", "generate", $"{home}/other");
        string name = $"{registry.Host}/team/skopeo:1";
        engine.Caisson("tag", "busybox", name);
        engine.Caisson("image", "sign", "--key", $"{home}/release.key", name);
        Assert.Equal(0, engine.Caisson("push", name).Code);
        Directory.CreateDirectory($"{home}/registries.d");
        File.WriteAllText($"{home}/registries.d/default.yaml", "default-docker:\n  use-sigstore-attachments: true\n");

        Answer accepted = Copy("release");
        Assert.SkipWhen(accepted.Error.Contains("sigstore disabled", StringComparison.Ordinal), "this skopeo was built without sigstore");
        Answer refused = Copy("other");

        Assert.True(accepted.Code == 0, accepted.ToString());
        Assert.NotEqual(0, refused.Code);

        Answer Copy(string key)
        {
            File.WriteAllText($"{home}/{key}.json", $$"""{"default":[{"type":"sigstoreSigned","keyPath":"{{home}}/{{key}}.pub"}]}""");
            return engine.Host(
                "skopeo", "--policy", $"{home}/{key}.json", "--registries.d", $"{home}/registries.d",
                "copy", "--src-tls-verify=false", $"docker://{name}", $"dir:{home}/{key}-copy");
        }
    }

    /// <summary>Made by openssl and put there by curl, as cosign does: under the tag, and without a word in the image.</summary>
    [Fact]
    public void A_signature_that_others_made_is_accepted_at_pull()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("openssl") && Engine.Has("curl"), "needs openssl and curl");
        string home = engine.NewDirectory(Path.GetRandomFileName());
        using Served registry = Served.Ours(engine, home);
        string repository = $"{registry.Host}/team/openssl";
        engine.Caisson("tag", "busybox", $"{repository}:1");
        Answer pushed = engine.Caisson("push", $"{repository}:1");
        string digest = pushed.Output[pushed.Output.IndexOf("sha256:", StringComparison.Ordinal)..][..71];
        engine.Host("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", $"{home}/key.pem");
        engine.Host("openssl", "ec", "-in", $"{home}/key.pem", "-pubout", "-out", $"{home}/key.pub");
        // cosign names the repository only.
        File.WriteAllText($"{home}/payload",
            $$"""{"critical":{"identity":{"docker-reference":"{{repository}}" },"image":{"docker-manifest-digest":"{{digest}}" },"type":"cosign container image signature"},"optional":null}""");
        engine.Host("openssl", "dgst", "-sha256", "-sign", $"{home}/key.pem", "-out", $"{home}/signature", $"{home}/payload");
        File.WriteAllText($"{home}/config", """{"architecture":"","config":{},"created":"0001-01-01T00:00:00Z","os":"","rootfs":{"diff_ids":[],"type":"layers"}}""");
        var (payload, payloadSize) = Upload("payload");
        var (config, configSize) = Upload("config");
        File.WriteAllText($"{home}/manifest", $$"""
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{config}}","size":{{configSize}}},
            "layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"{{payload}}","size":{{payloadSize}},
            "annotations":{"dev.cosignproject.cosign/signature":"{{Convert.ToBase64String(File.ReadAllBytes($"{home}/signature"))}}"} }]}
            """);

        using var other = new Engine();
        File.WriteAllText($"{other.Root}/policy.json", $$"""
            {"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"{{registry.Host}}":[
            {"type":"sigstoreSigned","keyPath":"{{home}}/key.pub","signedIdentity":{"type":"matchRepository"} }]} } }
            """);
        Answer refused = other.Caisson("pull", $"{repository}:1");
        Answer put = engine.Host(
            "curl", "-sf", "-X", "PUT", "-H", "Content-Type: application/vnd.oci.image.manifest.v1+json", "--data-binary", $"@{home}/manifest",
            $"http://{registry.Host}/v2/team/openssl/manifests/{digest.Replace(':', '-')}.sig");
        Answer pulled = other.Caisson("pull", $"{repository}:1");

        Assert.Equal(1, refused.Code);
        Assert.True(put.Code == 0, put.ToString());
        Assert.True(pulled.Code == 0, pulled.ToString());

        (string Digest, long Size) Upload(string file)
        {
            string hash = "sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes($"{home}/{file}")));
            Answer sent = engine.Host(
                "curl", "-sf", "-X", "POST", "-H", "Content-Type: application/octet-stream", "--data-binary", $"@{home}/{file}",
                $"http://{registry.Host}/v2/team/openssl/blobs/uploads/?digest={hash}");
            Assert.True(sent.Code == 0, sent.ToString());
            return (hash, new FileInfo($"{home}/{file}").Length);
        }
    }

    [Fact]
    public void Openssl_verifies_what_is_signed()
    {
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Engine.Has("openssl"), "openssl is not installed");
        string keys = engine.NewDirectory("openssl-keys");
        engine.Caisson("tag", "busybox", "registry.example/openssl:1");
        engine.Caisson("image", "trust", "key", "--no-password", "generate", $"{keys}/release");
        engine.Caisson("image", "sign", "--key", $"{keys}/release.key", "registry.example/openssl:1");

        var curl = engine.Host("curl", "-s", "--unix-socket", $"{engine.Run}/docker.sock", "http://caisson/caisson/images/registry.example/openssl:1/signatures");
        Assert.SkipUnless(curl.Code == 0, "curl is not installed");
        using var answer = JsonDocument.Parse(curl.Output);
        JsonElement signature = answer.RootElement.GetProperty("Signatures").EnumerateArray().Last();
        File.WriteAllBytes($"{keys}/payload", signature.GetProperty("Payload").GetBytesFromBase64());
        File.WriteAllBytes($"{keys}/signature", signature.GetProperty("Signature").GetBytesFromBase64());
        var verified = engine.Host("openssl", "dgst", "-sha256", "-verify", $"{keys}/release.pub", "-signature", $"{keys}/signature", $"{keys}/payload");

        Assert.Equal("Verified OK\n", verified.Output);
    }

    [Fact]
    public void A_scan_lists_what_apt_would_upgrade()
    {
        const string Lists = "/var/lib/apt/lists";
        engine.SkipUnlessPublished();
        Assert.SkipUnless(Directory.Exists(Lists) && Directory.EnumerateFiles(Lists, "*bookworm*_Packages*").Any(), "apt has no indexes of bookworm here");
        var made = engine.Caisson("image", "bootstrap", "debian:bookworm");
        Assert.SkipUnless(made.Code == 0, $"the archive cannot be reached: {made.Error}");

        // Three packages of it become older than they are, for dpkg and so for everybody.
        engine.Caisson("run", "--name", "outdated", "--network", "none", "debian:bookworm", "sh", "-c",
            "for p in bash tar libc6; do sed -i \"/^Package: $p\\$/,/^\\$/s/^Version: .*/Version: 0.1-1/\" /var/lib/dpkg/status; done");
        engine.Caisson("commit", "outdated", "outdated:1");
        engine.Caisson("rm", "-f", "outdated");
        var apt = engine.Caisson(
            "run", "--rm", "--network", "none", "-v", $"{Lists}:{Lists}:ro", "-v", "/etc/apt:/etc/apt:ro", "outdated:1", "apt", "list", "--upgradable");
        var scan = engine.Caisson("image", "scan", "--db", Lists, "--format", "json", "outdated:1");

        Assert.True(scan.Code == 0, scan.ToString());
        string[] expected = [.. apt.Output.Split('\n').Where(line => line.Contains('/')).Select(line => $"{line.Split('/')[0]} {line.Split(' ')[1]}").Order(StringComparer.Ordinal)];
        using var report = JsonDocument.Parse(scan.Output);
        string[] found = [.. report.RootElement.GetProperty("updates").EnumerateArray()
            .Select(update => $"{update.GetProperty("package").GetString()} {update.GetProperty("candidate").GetString()}").Order(StringComparer.Ordinal)];
        Assert.True(expected.Length >= 3, apt.ToString());
        Assert.Equal(expected, found);
    }

    [Fact]
    public void A_scan_policy_refuses_what_is_vulnerable()
    {
        engine.SkipUnlessPublished();
        string data = engine.NewDirectory("data");
        File.WriteAllText($"{data}/lodash.json", """
            {"id":"GHSA-test","aliases":["CVE-2021-23337"],"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}],
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}]}
            """);
        engine.Caisson("run", "--name", "app", "--network", "none", "busybox", "sh", "-c",
            "mkdir -p /app && echo '{\"packages\":{\"node_modules/lodash\":{\"version\":\"4.17.20\"}}}' >/app/package-lock.json");
        engine.Caisson("commit", "app", "app:1");
        engine.Caisson("rm", "-f", "app");

        var table = engine.Caisson("image", "scan", "--db", data, "app:1");
        var gate = engine.Caisson("image", "scan", "--db", data, "--fail-on", "high", "app:1");
        var passes = engine.Caisson("image", "scan", "--db", data, "--fail-on", "critical", "app:1");
        var sbom = engine.Caisson("image", "sbom", "--format", "cyclonedx", "app:1");
        File.WriteAllText($"{engine.Root}/scan.json", $$"""{"failOn":"high","databases":["{{data}}"]}""");
        try
        {
            var refused = engine.Caisson("run", "--rm", "--network", "none", "app:1", "true");
            var fine = engine.Caisson("run", "--rm", "--network", "none", "busybox", "echo", "fine");

            Assert.Contains("GHSA-test", table.Output, StringComparison.Ordinal);
            Assert.Equal((0, 1, 0), (table.Code, gate.Code, passes.Code));
            Assert.Contains("pkg:npm/lodash@4.17.20", sbom.Output, StringComparison.Ordinal);
            Assert.Contains("GHSA-test", refused.Error, StringComparison.Ordinal);
            Assert.Equal("fine\n", fine.Output);
        }
        finally
        {
            File.Delete($"{engine.Root}/scan.json");
        }
    }

    [Fact]
    public void A_store_is_checked_and_images_are_changed()
    {
        engine.SkipUnlessPublished();

        var check = engine.Caisson("check");
        var converted = engine.Caisson("image", "convert", "--compression", "zstd", "busybox", "busybox:zstd");
        var squashed = engine.Caisson("image", "squash", "busybox:zstd", "busybox:small");
        var diff = engine.Caisson("image", "diff", "busybox", "busybox:small");
        var runs = engine.Caisson("run", "--rm", "--network", "none", "busybox:small", "echo", "small");
        var again = engine.Caisson("check", "--repair");

        Assert.True(check.Code == 0, check.ToString());
        Assert.True(converted.Code == 0, converted.ToString());
        Assert.True(squashed.Code == 0, squashed.ToString());
        Assert.Equal(new Answer(0, "", ""), diff);
        Assert.Equal("small\n", runs.Output);
        Assert.EndsWith("all whole\n", again.Output, StringComparison.Ordinal);
    }
}

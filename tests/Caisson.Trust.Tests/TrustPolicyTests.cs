using System.Text;

using Caisson.Errors;
using Caisson.Oci;

using Xunit;

namespace Caisson.Trust.Tests;

public sealed class TrustPolicyTests : IDisposable
{
    private static readonly Digest Manifest = Digest.Of("manifest"u8);
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly SigningKey _key = SigningKey.Generate();
    private readonly SigningKey _other = SigningKey.Generate();

    public void Dispose()
    {
        _key.Dispose();
        _other.Dispose();
    }

    [Theory]
    [InlineData("registry.example/team/web:1", "docker registry.example/team/web:1")]
    [InlineData("registry.example/team/web:2", "docker registry.example/team/web")]
    [InlineData("registry.example/team/db:2", "docker registry.example/team")]
    [InlineData("registry.example/x", "docker registry.example")]
    [InlineData("registry.example:5000/x", "docker *.example")]
    [InlineData("a.b.example/x", "docker *.b.example")]
    [InlineData("a.c.example/x", "docker *.example")]
    [InlineData("busybox", "docker")]
    public void The_most_specific_scope_decides(string image, string scope)
    {
        string[] scopes = ["registry.example/team/web:1", "registry.example/team/web", "registry.example/team", "registry.example", "*.b.example", "*.example", ""];
        string docker = string.Join(',', scopes.Select(each => $$"""
            "{{each}}":[{"type":"reject"}]
            """));
        TrustPolicy policy = Parse($$"""{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{{{docker}}} } }""");

        Assert.Equal(scope, policy.Decide(Reference.Parse(image).WithDefaultTag(), [Manifest], []).Scope);
    }

    [Fact]
    public void A_required_signature_must_be_there_by_the_key_of_the_image_and_for_its_name()
    {
        TrustPolicy policy = Parse("""{"default":[{"type":"reject"}],"transports":{"docker":{"registry.example":[{"type":"sigstoreSigned","keyPath":"/keys/a.pub"}]}}}""");
        Reference name = Reference.Parse("registry.example/web:1");

        Assert.True(policy.Decide(name, [Manifest], [Sign(_key, name)]).Allowed);
        Assert.True(policy.Decide(name, [Manifest], [Sign(_other, name), Sign(_key, name)]).Allowed);
        Assert.Contains("no signature", policy.Decide(name, [Manifest], []).Reason, StringComparison.Ordinal);
        Assert.Contains("not by the key", policy.Decide(name, [Manifest], [Sign(_other, name)]).Reason, StringComparison.Ordinal);
        Assert.Contains("of another image", policy.Decide(name, [Digest.Of("tampered"u8)], [Sign(_key, name)]).Reason, StringComparison.Ordinal);
        Assert.Contains("not for", policy.Decide(name, [Manifest], [Sign(_key, Reference.Parse("registry.example/other:1"))]).Reason, StringComparison.Ordinal);
        Assert.Contains("not for", policy.Decide(Reference.Parse("registry.example/web:2"), [Manifest], [Sign(_key, name)]).Reason, StringComparison.Ordinal);
        Assert.Contains("refuses", policy.Decide(Reference.Parse("busybox:latest"), [Manifest], [Sign(_key, name)]).Reason, StringComparison.Ordinal);
        Assert.False(policy.Decide(null, [Manifest], [Sign(_key, name)]).Allowed);
    }

    [Theory]
    [InlineData("""{"type":"matchExact"}""", "a.example/x:1", "a.example/x:1", true)]
    [InlineData("""{"type":"matchExact"}""", "a.example/x:1", "a.example/x:2", false)]
    [InlineData("""{"type":"matchExact"}""", "a.example/x@DIGEST", "a.example/x:1", false)]
    [InlineData("""{"type":"matchRepoDigestOrExact"}""", "a.example/x@DIGEST", "a.example/x:1", true)]
    [InlineData("""{"type":"matchRepoDigestOrExact"}""", "a.example/x:1", "a.example/x", false)]
    [InlineData("""{"type":"matchRepository"}""", "a.example/x:1", "a.example/x", true)]
    [InlineData("""{"type":"matchRepository"}""", "a.example/x:1", "a.example/y", false)]
    [InlineData("""{"type":"exactReference","dockerReference":"b.example/x:1"}""", "a.example/x:1", "b.example/x:1", true)]
    [InlineData("""{"type":"exactReference","dockerReference":"b.example/x:1"}""", "a.example/x:1", "a.example/x:1", false)]
    [InlineData("""{"type":"exactRepository","dockerRepository":"b.example/x"}""", "a.example/x:1", "b.example/x:7", true)]
    [InlineData("""{"type":"remapIdentity","prefix":"a.example","signedPrefix":"b.example/mirror"}""", "a.example/x:1", "b.example/mirror/x:1", true)]
    [InlineData("""{"type":"remapIdentity","prefix":"a.example","signedPrefix":"b.example/mirror"}""", "a.example/x:1", "a.example/x:1", false)]
    [InlineData("""{"type":"remapIdentity","prefix":"a.exam","signedPrefix":"b.example"}""", "a.example/x:1", "a.example/x:1", true)]
    public void Identities_are_matched_as_the_standard_says(string identity, string image, string signed, bool allowed)
    {
        TrustPolicy policy = Parse($$"""{"default":[{"type":"sigstoreSigned","keyPath":"/keys/a.pub","signedIdentity":{{identity}} }]}""");
        Reference name = Reference.Parse(image.Replace("DIGEST", Manifest.ToString(), StringComparison.Ordinal));

        Assert.Equal(allowed, policy.Decide(name, [Manifest], [Sign(_key, Reference.Parse(signed))]).Allowed);
    }

    [Fact]
    public void Every_requirement_must_be_met()
    {
        TrustPolicy policy = Parse("""{"default":[{"type":"sigstoreSigned","keyPath":"/keys/a.pub"},{"type":"sigstoreSigned","keyPaths":["/keys/b.pub"]}]}""");
        Reference name = Reference.Parse("web:1");

        Assert.False(policy.Decide(name, [Manifest], [Sign(_key, name)]).Allowed);
        Assert.True(policy.Decide(name, [Manifest], [Sign(_key, name), Sign(_other, name)]).Allowed);
    }

    [Theory]
    [InlineData("""{"type":"signedBy","keyType":"GPGKeys","keyPath":"/keys/none.gpg"}""", "GPG")]
    [InlineData("""{"type":"sigstoreSigned","fulcio":{"caPath":"/x","oidcIssuer":"y","subjectEmail":"z"},"rekorPublicKeyPath":"/r"}""", "rekor")]
    [InlineData("""{"type":"sigstoreSigned","keyPath":"/keys/a.pub","rekorPublicKeyPath":"/r"}""", "rekor")]
    public void What_is_not_checked_here_is_not_met(string requirement, string word)
    {
        TrustPolicy policy = Parse($$"""{"default":[{{requirement}}]}""");
        Reference name = Reference.Parse("web:1");

        TrustDecision decision = policy.Decide(name, [Manifest], [Sign(_key, name)]);

        Assert.False(decision.Allowed);
        Assert.Contains(word, decision.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"default":[]}""")]
    [InlineData("""{"default":[{"type":"unknown"}]}""")]
    [InlineData("""{"default":[{"type":"reject","keyPath":"/keys/a.pub"}]}""")]
    [InlineData("""{"default":[{"type":"reject"}],"defaults":[]}""")]
    [InlineData("""{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}""")]
    [InlineData("""{"default":[{"type":"sigstoreSigned"}]}""")]
    [InlineData("""{"default":[{"type":"sigstoreSigned","keyPath":"/keys/a.pub","keyPaths":["/keys/b.pub"]}]}""")]
    [InlineData("""{"default":[{"type":"sigstoreSigned","keyPath":"/keys/missing.pub"}]}""")]
    [InlineData("""{"default":[{"type":"sigstoreSigned","keyData":"!"}]}""")]
    [InlineData("""{"default":[{"type":"sigstoreSigned","keyPath":"/keys/a.pub","signedIdentity":{"type":"exactReference","dockerReference":"web"}}]}""")]
    [InlineData("""{"default":[{"type":"sigstoreSigned","keyPath":"/keys/a.pub","signedIdentity":{"type":"other"}}]}""")]
    [InlineData("not json")]
    public void A_policy_with_anything_wrong_is_refused_whole(string policy) =>
        Assert.Throws<ProblemsException>(() => Parse(policy));

    [Fact]
    public void Keys_may_be_in_the_policy_itself()
    {
        string data = Convert.ToBase64String(Encoding.UTF8.GetBytes(_key.ExportPublicPem()));
        TrustPolicy policy = Parse($$"""{"default":[{"type":"sigstoreSigned","keyDatas":["{{data}}"]}]}""");
        Reference name = Reference.Parse("web:1");

        Assert.True(policy.Decide(name, [Manifest], [Sign(_key, name)]).Allowed);
    }

    private static ImageSignature.Cosign Sign(SigningKey key, Reference name)
    {
        byte[] payload = SimpleSigning.Write(Manifest, name, Now);
        return new ImageSignature.Cosign(payload, key.Sign(payload));
    }

    private TrustPolicy Parse(string text) => TrustPolicyFile.Parse(Encoding.UTF8.GetBytes(text), "policy.json", path => path switch
    {
        "/keys/a.pub" => _key.ExportPublicPem(),
        "/keys/b.pub" => _other.ExportPublicPem(),
        _ => throw new FileNotFoundException($"no such file: {path}"),
    });
}

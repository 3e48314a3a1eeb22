using System.Diagnostics;
using System.Text;

using Caisson.Errors;
using Caisson.Oci;

using Xunit;

namespace Caisson.Trust.Tests;

public sealed class SignatureTests : IDisposable
{
    private static readonly Digest Manifest = Digest.Of("manifest"u8);
    private static readonly Reference Name = Reference.Parse("registry.example/team/web:1");
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly SigningKey _key = SigningKey.Generate();

    public void Dispose() => _key.Dispose();

    [Fact]
    public void A_signature_is_verified_by_its_key_and_by_no_other()
    {
        using var other = SigningKey.Generate();
        byte[] payload = SimpleSigning.Write(Manifest, Name, Now, new Dictionary<string, string> { ["stage"] = "prod" });
        var signature = new ImageSignature.Cosign(payload, _key.Sign(payload));

        SignedClaim? claim = signature.Verify(Public(_key), out _);

        Assert.Equal([Manifest], claim!.Manifests);
        Assert.Equal("registry.example/team/web:1", claim.Reference);
        Assert.Equal("prod", claim.Annotations["stage"]);
        Assert.Null(signature.Verify(Public(other), out string why));
        Assert.Contains("not by the key", why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bundle_is_verified_by_its_key_and_by_no_other()
    {
        using var other = SigningKey.Generate();
        var signature = new ImageSignature.Bundle(SigstoreBundle.Write(Manifest, Name, null, _key));

        Assert.Equal([Manifest], signature.Verify(Public(_key), out _)!.Manifests);
        Assert.Null(signature.Verify(Public(other), out _));
    }

    [Fact]
    public void No_changed_byte_goes_unseen()
    {
        byte[] payload = SimpleSigning.Write(Manifest, Name, Now);
        byte[] bundle = SigstoreBundle.Write(Manifest, Name, null, _key);
        byte[] signature = _key.Sign(payload);
        VerificationKey key = Public(_key);

        for (int i = 0; i < payload.Length; i++)
        {
            byte[] changed = [.. payload];
            changed[i] ^= 1;
            Assert.Null(new ImageSignature.Cosign(changed, signature).Verify(key, out _));
        }
        for (int i = 0; i < signature.Length; i++)
        {
            byte[] changed = [.. signature];
            changed[i] ^= 1;
            Assert.Null(new ImageSignature.Cosign(payload, changed).Verify(key, out _));
        }
        for (int i = 0; i < bundle.Length; i++)
        {
            byte[] changed = [.. bundle];
            changed[i] ^= 1;
            SignedClaim? claim = new ImageSignature.Bundle(changed).Verify(key, out _);
            Assert.True(claim is null || (claim.Manifests.SequenceEqual([Manifest]) && claim.Reference == Name.ToString()), $"byte {i}");
        }
    }

    [Theory]
    [InlineData("""{"critical":{"identity":{"docker-reference":"a:1"},"image":{"docker-manifest-digest":"sha256:0"},"type":"cosign container image signature"},"optional":null}""")]
    [InlineData("""{"critical":{"identity":{"docker-reference":"a:1"},"type":"cosign container image signature"}}""")]
    [InlineData("""{"critical":{"image":{"docker-manifest-digest":"DIGEST"},"type":"something else"}}""")]
    [InlineData("""{"critical":{"image":{"docker-manifest-digest":"DIGEST"},"type":"cosign container image signature","new":1}}""")]
    [InlineData("""{"critical":{"image":{"docker-manifest-digest":"DIGEST"},"type":"cosign container image signature"},"critical":{}}""")]
    [InlineData("""{"optional":{}}""")]
    [InlineData("[]")]
    [InlineData("")]
    public void A_signed_document_that_is_not_understood_is_refused(string payload)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(payload.Replace("DIGEST", Manifest.ToString(), StringComparison.Ordinal));

        Assert.Null(new ImageSignature.Cosign(bytes, _key.Sign(bytes)).Verify(Public(_key), out string why));
        Assert.Contains("refused", why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_private_key_is_read_again_with_its_password_only()
    {
        string pem = _key.ExportPrivatePem("secret");
        byte[] payload = [1, 2, 3];

        using SigningKey again = SigningKey.Parse(pem, "secret", "key");

        Assert.Contains("BEGIN ENCRYPTED PRIVATE KEY", pem, StringComparison.Ordinal);
        Assert.True(Public(_key).Verify(payload, again.Sign(payload)));
        Assert.Equal(ErrorKind.PermissionDenied, Assert.Throws<CaissonException>(() => SigningKey.Parse(pem, "wrong", "key")).Kind);
        Assert.Equal(ErrorKind.PermissionDenied, Assert.Throws<CaissonException>(() => SigningKey.Parse(pem, null, "key")).Kind);
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => SigningKey.Parse("nonsense", null, "key")).Kind);
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => VerificationKey.Parse(pem, "key")).Kind);
    }

    [Fact]
    public void Openssl_verifies_what_is_signed_here_and_signs_what_is_verified_here()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed");
        string directory = Directory.CreateTempSubdirectory("caisson-trust-").FullName;
        try
        {
            byte[] payload = SimpleSigning.Write(Manifest, Name, Now);
            File.WriteAllBytes($"{directory}/payload", payload);
            File.WriteAllBytes($"{directory}/signature", _key.Sign(payload));
            File.WriteAllText($"{directory}/key.pub", _key.ExportPublicPem());
            File.WriteAllText($"{directory}/key", _key.ExportPrivatePem("secret"));

            Assert.Equal(0, Shell(directory, "openssl dgst -sha256 -verify key.pub -signature signature payload"));
            Assert.Equal(0, Shell(directory, "openssl pkey -in key -passin pass:secret -pubout | cmp - key.pub"));
            Assert.Equal(0, Shell(directory, "openssl ecparam -name prime256v1 -genkey -noout -out theirs && openssl ec -in theirs -pubout -out theirs.pub && openssl dgst -sha256 -sign theirs -out theirs.signature payload"));

            var key = VerificationKey.Parse(File.ReadAllText($"{directory}/theirs.pub"), "theirs.pub");
            Assert.NotNull(new ImageSignature.Cosign(payload, File.ReadAllBytes($"{directory}/theirs.signature")).Verify(key, out _));
            Assert.Null(new ImageSignature.Cosign(payload, File.ReadAllBytes($"{directory}/signature")).Verify(key, out _));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static VerificationKey Public(SigningKey key) => VerificationKey.Parse(key.ExportPublicPem(), "key.pub");

    private static int Shell(string directory, string script)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-ec", script])
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}

using System.Text;
using System.Text.Json;

using Caisson.Oci;
using Caisson.Trust;

using Xunit;

namespace Caisson.Cli.Tests.Commands;

/// <summary>Keys and signatures are made here; the engine is sent the signature only.</summary>
public sealed class TrustCommandTests : IDisposable
{
    private static readonly Digest Manifest = Digest.Of("manifest"u8);

    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-keys-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Keys_are_written_once_and_for_the_owner()
    {
        var command = new CommandRunner { ["CAISSON_KEY_PASSWORD"] = "secret" };

        int first = command.Run("image", "trust", "key", "generate", $"{_directory}/release");
        int second = command.Run("image", "trust", "key", "generate", $"{_directory}/release");

        Assert.Equal((0, 1), (first, second));
        Assert.Contains("never overwritten", command.Error, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode($"{_directory}/release.key"));
        using SigningKey key = SigningKey.Parse(File.ReadAllText($"{_directory}/release.key"), "secret", "key");
        Assert.Equal(File.ReadAllText($"{_directory}/release.pub"), key.ExportPublicPem());
    }

    [Fact]
    public void A_key_without_a_password_is_asked_for()
    {
        var command = new CommandRunner();

        Assert.Equal(1, command.Run("image", "trust", "key", "generate", $"{_directory}/release"));
        Assert.False(File.Exists($"{_directory}/release.key"));
        Assert.Equal(0, command.Run("image", "trust", "key", "--no-password", "generate", $"{_directory}/release"));
    }

    [Fact]
    public void The_engine_is_sent_the_signature_and_never_the_key()
    {
        var command = new CommandRunner();
        command.Run("image", "trust", "key", "--no-password", "generate", $"{_directory}/release");
        string answer = $$"""{"Manifest":"{{Manifest}}","Names":["docker.io/library/web:1"],"Signatures":[],"Id":"sha256:0"}""";
        using var server = new ScriptedServer(connection =>
        {
            if (connection.Receive().StartsWith("HEAD /_ping", StringComparison.Ordinal))
            {
                connection.Send("HTTP/1.1 200 OK\r\nApi-Version: 1.43\r\nContent-Length: 0\r\n\r\n");
                connection.Receive();
            }
            connection.Json(answer);
            connection.Receive();
            connection.Json(answer);
        });

        int exitCode = command.Run(server, "image", "sign", "--key", $"{_directory}/release.key", "-a", "stage=prod", "web:1");

        Assert.True(exitCode == 0, command.Error);
        Assert.Equal($"web:1@{Manifest}\n", command.Output);
        string request = server.Requests[^1];
        Assert.DoesNotContain("PRIVATE", request, StringComparison.Ordinal);
        using var body = JsonDocument.Parse(request[request.IndexOf('{', StringComparison.Ordinal)..]);
        var signature = new ImageSignature.Cosign(
            body.RootElement.GetProperty("Payload").GetBytesFromBase64(), body.RootElement.GetProperty("Signature").GetBytesFromBase64());
        SignedClaim? claim = signature.Verify(VerificationKey.Parse(File.ReadAllText($"{_directory}/release.pub"), "key"), out _);
        Assert.Equal("docker.io/library/web:1", claim!.Reference);
        Assert.Equal("prod", claim.Annotations["stage"]);
    }

    [Fact]
    public void Verification_needs_the_key_and_the_name()
    {
        using var key = SigningKey.Generate();
        using var other = SigningKey.Generate();
        File.WriteAllText($"{_directory}/a.pub", key.ExportPublicPem());
        File.WriteAllText($"{_directory}/b.pub", other.ExportPublicPem());
        byte[] payload = SimpleSigning.Write(Manifest, Reference.Parse("web:1"), DateTimeOffset.UnixEpoch);
        string answer = $$"""
            {"Manifest":"{{Manifest}}","Names":["docker.io/library/web:1","docker.io/library/web:2"],"Signatures":[{"Kind":"cosign","Payload":"{{Convert.ToBase64String(payload)}}","Signature":"{{Convert.ToBase64String(key.Sign(payload))}}"}]}
            """;
        var command = new CommandRunner();

        Assert.Equal(0, Verify("a.pub", "web:1"));
        Assert.Contains("is signed by", command.Output, StringComparison.Ordinal);
        Assert.Equal(1, Verify("b.pub", "web:1"));
        Assert.Contains("not by the key", command.Error, StringComparison.Ordinal);
        Assert.Equal(1, Verify("a.pub", "web:2"));

        int Verify(string file, string image)
        {
            using var server = OutputTests.Answering(answer.Trim());
            return command.Run(server, "image", "verify", "--key", $"{_directory}/{file}", image);
        }
    }

    [Fact]
    public void A_scan_is_a_table_and_a_gate()
    {
        using var server = OutputTests.Answering("""
            {"Report":{"image":"web:1","manifest":"sha256:0","packages":2,"system":{"id":"debian","prettyName":"Debian 12"},"findings":[{"id":"CVE-2025-1","package":"openssl","installed":"1","fixedIn":"2","severity":"High","summary":"bad \u001b[31mthing"}],"updates":[{"package":"bash","installed":"1","candidate":"2","suite":"stable"}],"sources":[{"kind":"index","name":"stable","date":"2025-09-06T10:00:00Z"}],"unknown":["1 packages of type npm: there is no data about such packages"],"problems":[]},"Refused":1}
            """.Trim());
        var command = new CommandRunner();

        int exitCode = command.Run(server, "image", "scan", "--db", "/data", "--fail-on", "high", "web:1");

        Assert.Equal(1, exitCode);
        GoldenFile.Match("image-scan.txt", command.Output);
        Assert.Contains("/images/web%3A1/scan?format=json&failOn=high&db=%2Fdata", server.Requests[^1], StringComparison.Ordinal);
        Assert.Equal(-1, Encoding.UTF8.GetBytes(command.Output).AsSpan().IndexOf((byte)0x1b));
    }
}

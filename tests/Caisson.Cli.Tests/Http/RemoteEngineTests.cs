using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

using Caisson.Client;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.Http;

/// <summary>An engine that is reached by TCP, with Docker's options and variables.</summary>
public sealed class RemoteEngineTests : IDisposable
{
    private const string Answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nConnection: close\r\n";

    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-remote-").FullName;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _authority;
    private readonly X509Certificate2 _server;

    public RemoteEngineTests()
    {
        _authority = Make("CN=authority", null);
        _server = Make("CN=engine", _authority);
        using X509Certificate2 client = Make("CN=client", _authority);
        File.WriteAllText($"{_directory}/ca.pem", _authority.ExportCertificatePem());
        File.WriteAllText($"{_directory}/cert.pem", client.ExportCertificatePem());
        File.WriteAllText($"{_directory}/key.pem", client.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        _listener.Start();
    }

    private string Address => $"tcp://{_listener.LocalEndpoint}";

    public void Dispose()
    {
        _listener.Dispose();
        _authority.Dispose();
        _server.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("tcp://engine.test", null, "engine.test", 2375)]
    [InlineData("tcp://engine.test:1234/", null, "engine.test", 1234)]
    [InlineData("tcp://[::1]:1234", null, "::1", 1234)]
    [InlineData("tcp://[::1]", "tls", "::1", 2376)]
    [InlineData("tcp://10.0.0.1", "tls", "10.0.0.1", 2376)]
    public void An_address_has_Dockers_ports(string text, string? tls, string host, int port)
    {
        RemoteAddress remote = EngineEndpoint.Parse(text, tls is null ? null : new TlsFiles(true, null, null, null)).Remote!;

        Assert.Equal((host, port), (remote.Host, remote.Port));
    }

    [Theory]
    [InlineData("tcp://")]
    [InlineData("tcp://:2375")]
    [InlineData("tcp://host:0")]
    [InlineData("tcp://host:65536")]
    [InlineData("tcp://host:x")]
    [InlineData("tcp://user@host:1")]
    [InlineData("tcp://host/path:1")]
    [InlineData("http://host:1")]
    public void What_is_no_address_is_told_so(string text) =>
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => EngineEndpoint.Parse(text)).Kind);

    [Fact]
    public async Task Both_sides_prove_who_they_are()
    {
        Task<string> served = ServeAsync(secure: true);
        var runner = new CommandRunner { ["DOCKER_HOST"] = Address, ["DOCKER_TLS_VERIFY"] = "1", ["DOCKER_CERT_PATH"] = _directory };

        int code = await Task.Run(() => runner.Run("ps", "-q"), TestContext.Current.CancellationToken);

        Assert.Equal((0, "", ""), (code, runner.Error, runner.Output));
        Assert.StartsWith("CN=client ", await served, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_stand_for_the_variables()
    {
        Task<string> served = ServeAsync(secure: true);
        var runner = new CommandRunner();

        int code = await Task.Run(
            () => runner.Run("-H", Address, "--tlsverify", $"--tlscacert={_directory}/ca.pem", "--tlscert", $"{_directory}/cert.pem", "--tlskey", $"{_directory}/key.pem", "ps", "-q"),
            TestContext.Current.CancellationToken);

        Assert.Equal((0, "", ""), (code, runner.Error, runner.Output));
        Assert.Contains($"Host: {_listener.LocalEndpoint}\r\n", await served, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_engine_of_another_authority_is_refused_before_anything_is_said()
    {
        using X509Certificate2 other = Make("CN=authority", null);
        File.WriteAllText($"{_directory}/ca.pem", other.ExportCertificatePem());
        Task<string> served = ServeAsync(secure: true);
        var runner = new CommandRunner { ["DOCKER_HOST"] = Address, ["DOCKER_TLS_VERIFY"] = "1", ["DOCKER_CERT_PATH"] = _directory };

        int code = await Task.Run(() => runner.Run("ps", "-q"), TestContext.Current.CancellationToken);

        Assert.NotEqual(0, code);
        Assert.Contains("check the certificates of both sides", runner.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("GET", await served, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_options_nothing_is_encrypted()
    {
        Task<string> served = ServeAsync(secure: false);
        var runner = new CommandRunner { ["CAISSON_HOST"] = Address };

        int code = await Task.Run(() => runner.Run("ps", "-q"), TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (code, runner.Error));
        Assert.Contains("GET /v1.51/containers/json", await served, StringComparison.Ordinal);
    }

    /// <summary>Answers each request as an engine without containers; gives back who asked, and what.</summary>
    private async Task<string> ServeAsync(bool secure)
    {
        string seen = "";
        for (int i = 0; i < 2; i++)
        {
            using Socket socket = await _listener.AcceptSocketAsync();
            await using Stream stream = new NetworkStream(socket);
            try
            {
                Stream link = stream;
                if (secure)
                {
                    var tls = new SslStream(stream);
                    await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
                    {
                        ServerCertificate = _server,
                        ClientCertificateRequired = true,
                        CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { _authority } },
                    });
                    seen += tls.RemoteCertificate!.Subject + " ";
                    link = tls;
                }
                byte[] buffer = new byte[8_192];
                int count = await link.ReadAsync(buffer);
                string request = Encoding.ASCII.GetString(buffer, 0, count);
                seen += request;
                string body = request.StartsWith("HEAD", StringComparison.Ordinal) ? "" : "[]";
                await link.WriteAsync(Encoding.ASCII.GetBytes($"{Answer}Content-Length: {body.Length}\r\n\r\n{body}"));
                if (body.Length > 0)
                {
                    return seen;
                }
            }
            catch (Exception error) when (error is AuthenticationException or IOException)
            {
                return seen;
            }
        }
        return seen;
    }

    private static X509Certificate2 Make(string name, X509Certificate2? authority)
    {
        using RSA key = RSA.Create(2_048);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(authority is null, false, 0, true));
        if (authority is null)
        {
            return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        }
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(8));
        return issued.CopyWithPrivateKey(key);
    }
}

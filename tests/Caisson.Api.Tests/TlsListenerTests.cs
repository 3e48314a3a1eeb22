using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

using Caisson.Api.Transport;
using Caisson.Control;
using Caisson.Control.Access;
using Caisson.Control.Model;
using Caisson.Control.Tests;
using Caisson.Control.Workloads;
using Caisson.Errors;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>A TCP address: who comes in, who does not, and that streams end one way at a time there, too.</summary>
public sealed class TlsListenerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-tls-").FullName;
    private readonly X509Certificate2 _authority = Authority("CN=clients");

    public TlsListenerTests()
    {
        using X509Certificate2 server = Issue(_authority, "CN=engine", serverAuth: true);
        File.WriteAllText($"{_directory}/ca.pem", _authority.ExportCertificatePem());
        File.WriteAllText($"{_directory}/cert.pem", server.ExportCertificatePem());
        File.WriteAllText($"{_directory}/key.pem", server.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    private CertificateFiles Files => new($"{_directory}/ca.pem", $"{_directory}/cert.pem", $"{_directory}/key.pem");

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_client_with_a_certificate_of_the_authority_comes_in()
    {
        await using Listening api = await ListenAsync();
        using X509Certificate2 certificate = Issue(_authority, "CN=client", serverAuth: false);

        string answer = await AskAsync(api, certificate, "GET /_ping HTTP/1.1\r\nHost: engine.test\r\nConnection: close\r\n\r\n");

        Assert.EndsWith("\r\n\r\nOK", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_with_a_users_name_has_that_users_rights_and_no_more()
    {
        await using Listening api = await ListenAsync();
        _ = api.Access.AddUser(new() { Name = "alice" });
        api.Access.Grant(new("alice", "viewer", ""), Caller.Owner);
        api.Access.Grant(new("group:builders", "developer", ""), Caller.Owner);
        using X509Certificate2 alice = Issue(_authority, "CN=alice, O=readers", serverAuth: false);
        using X509Certificate2 builder = Issue(_authority, "CN=ci, O=builders", serverAuth: false);
        using X509Certificate2 other = Issue(_authority, "CN=bob", serverAuth: false);

        string list = await AskAsync(api, alice, Request("GET", "/containers/json"));
        string create = ApiFixture.Plain(await AskAsync(api, alice, Request("POST", "/containers/create")));
        string whoami = await AskAsync(api, alice, Request("GET", "/caisson/access/whoami"));
        string built = await AskAsync(api, builder, Request("POST", "/containers/create"));
        string users = await AskAsync(api, builder, Request("GET", "/caisson/access/users"));
        string trusted = await AskAsync(api, other, Request("GET", "/caisson/access/users"));

        Assert.StartsWith("HTTP/1.1 200 ", list, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", create, StringComparison.Ordinal);
        Assert.Contains("alice (certificate) lacks the right 'create containers'", create, StringComparison.Ordinal);
        Assert.Contains("\"readers\"", whoami, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", built, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", users, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", trusted, StringComparison.Ordinal); // as before there were users

        static string Request(string method, string path) => $"{method} {path} HTTP/1.1\r\nHost: engine.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    }

    [Fact]
    public async Task Nobody_else_gets_an_answer()
    {
        await using Listening api = await ListenAsync();
        using X509Certificate2 stranger = Authority("CN=clients");
        using X509Certificate2 foreign = Issue(stranger, "CN=client", serverAuth: false);
        using X509Certificate2 server = Issue(_authority, "CN=engine", serverAuth: true);
        using X509Certificate2 expired = Issue(_authority, "CN=late", serverAuth: false, days: -1);
        using X509Certificate2 self = Authority("CN=client");

        foreach (X509Certificate2? certificate in (X509Certificate2?[])[null, foreign, server, expired, self])
        {
            string answer;
            try
            {
                answer = await AskAsync(api, certificate, "GET /_ping HTTP/1.1\r\nHost: engine.test\r\nConnection: close\r\n\r\n");
            }
            catch (Exception error) when (error is IOException or AuthenticationException)
            {
                answer = "";
            }
            Assert.Equal("", answer);
        }
        Assert.DoesNotContain("HTTP/1.1 200", await PlainAsync(api, "GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.test", "403")]
    [InlineData("docker", "403")]
    [InlineData("engine.test:2376", "200")]
    [InlineData("other.test", "200")]
    [InlineData("127.0.0.1", "200")]
    public async Task Names_beside_those_of_the_certificate_are_not_ours(string host, string status)
    {
        await using Listening api = await ListenAsync();
        using X509Certificate2 certificate = Issue(_authority, "CN=client", serverAuth: false);

        string answer = await AskAsync(api, certificate, $"GET /_ping HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_of_what_a_client_sends_is_not_the_end_of_what_it_reads(bool secure)
    {
        await using Listening api = await ListenAsync(secure);
        Workload workload = await api.Engine.CreateAsync(config: new ContainerCreate { OpenStdin = true, StdinOnce = true });
        using X509Certificate2 certificate = Issue(_authority, "CN=client", serverAuth: false);
        using Socket client = await api.ConnectAsync();
        await using Stream stream = secure ? await SecureAsync(client, certificate) : new NetworkStream(client);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /containers/{workload.Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"), TestContext.Current.CancellationToken);
        byte[] buffer = new byte[4_096];
        int head = await stream.ReadAsync(buffer, TestContext.Current.CancellationToken);
        Assert.StartsWith("HTTP/1.1 101 ", Encoding.ASCII.GetString(buffer, 0, head), StringComparison.Ordinal);
        api.Engine.Host.Born = process => _ = EchoAsync(process);
        await workload.StartAsync(TestContext.Current.CancellationToken);

        await stream.WriteAsync("hello"u8.ToArray(), TestContext.Current.CancellationToken);
        if (stream is SslStream tls)
        {
            await tls.ShutdownAsync();
        }
        client.Shutdown(SocketShutdown.Send);
        string output = "";
        int count;
        while ((count = await stream.ReadAsync(buffer, TestContext.Current.CancellationToken)) > 0)
        {
            output += Encoding.ASCII.GetString(buffer, 0, count);
        }

        Assert.Equal("\u0001\0\0\0\0\0\0\u0005hello", output);
    }

    [Theory]
    [InlineData("tcp://0.0.0.0:2375", true, "needs --tls-ca")]
    [InlineData("tcp://192.0.2.1:2375", true, "needs --tls-ca")]
    [InlineData("tcp://127.0.0.1:2375", false, "would be root here")]
    [InlineData("tcp://engine.test:2376", true, "write tcp://ADDRESS:PORT")]
    [InlineData("tcp://127.0.0.1", true, "write tcp://ADDRESS:PORT")]
    [InlineData("127.0.0.1:2376", true, "write tcp://ADDRESS:PORT")]
    [InlineData("tcp://127.0.0.1:65536", true, "write tcp://ADDRESS:PORT")]
    public void An_address_that_is_open_to_others_is_refused(string address, bool insecure, string message)
    {
        CaissonException error = Assert.Throws<CaissonException>(() => ListenAddress.Parse(address, null, insecure, []));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Certificates_that_do_not_fit_are_told_by_their_file()
    {
        File.WriteAllText($"{_directory}/none.pem", "nothing");
        using X509Certificate2 client = Issue(_authority, "CN=client", serverAuth: false);
        File.WriteAllText($"{_directory}/client.pem", client.ExportCertificatePem());
        File.WriteAllText($"{_directory}/client-key.pem", client.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());

        foreach ((CertificateFiles files, string named) in ((CertificateFiles, string)[])
        [
            (Files with { Authority = $"{_directory}/absent.pem" }, "absent.pem"),
            (Files with { Authority = $"{_directory}/none.pem" }, "none.pem"),
            (Files with { Key = $"{_directory}/none.pem" }, "none.pem"),
            (Files with { Key = $"{_directory}/client-key.pem" }, "client-key.pem"),
            (Files with { Certificate = $"{_directory}/client.pem", Key = $"{_directory}/client-key.pem" }, "client.pem"),
        ])
        {
            CaissonException error = Assert.Throws<CaissonException>(() => TcpAccess.Load(ListenAddress.Parse("tcp://127.0.0.1:2376", files, insecure: false, [])));
            Assert.Contains(named, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_full_listener_lets_the_next_in_when_one_leaves()
    {
        using var listening = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listening.Listen();
        var endpoint = (IPEndPoint)listening.LocalEndPoint!;
        await using var listener = new EngineListener(
            listening, endpoint, room: 1, (client, closed) => EngineConnection.Start(new TcpWire(client) { Closed = closed }, HostNames.OfAddress([])));
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(endpoint, TestContext.Current.CancellationToken);
        await second.ConnectAsync(endpoint, TestContext.Current.CancellationToken);

        var accepted = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        Task<Microsoft.AspNetCore.Connections.ConnectionContext?> next = listener.AcceptAsync(TestContext.Current.CancellationToken).AsTask();
        Assert.False(next.IsCompleted);
        await accepted!.DisposeAsync();

        await (await next)!.DisposeAsync();
    }

    private async Task<Listening> ListenAsync(bool secure = true)
    {
        EngineFixture engine = await EngineFixture.CreateAsync();
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)probe.LocalEndPoint!).Port;
        probe.Dispose();
        ListenAddress address = ListenAddress.Parse($"tcp://127.0.0.1:{port}", secure ? Files : null, insecure: !secure, ["other.test"]);
        var access = AccessControl.Open(engine.State, engine.Root, TimeProvider.System);
        return new Listening(engine, await ApiServer.StartAsync(engine.Engine, EngineIdentity.Load(engine.State), access, [], [address]), access, address.Address);
    }

    private static async Task<string> AskAsync(Listening api, X509Certificate2? certificate, string request)
    {
        using Socket client = await api.ConnectAsync();
        await using SslStream stream = await SecureAsync(client, certificate);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    private static async Task<string> PlainAsync(Listening api, string request)
    {
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(request));
        try
        {
            return await ApiFixture.ReadToEndAsync(client);
        }
        catch (SocketException)
        {
            return ""; // reset
        }
    }

    private static async Task<SslStream> SecureAsync(Socket client, X509Certificate2? certificate)
    {
        var stream = new SslStream(new NetworkStream(client));
#pragma warning disable CA5359 // who the engine is, is not what these tests ask
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "engine.test",
            ClientCertificates = certificate is null ? null : [certificate],
            LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
#pragma warning restore CA5359
        return stream;
    }

    private static async Task EchoAsync(FakeProcess process)
    {
        Socket stream = process.Streams[0];
        using var input = new MemoryStream();
        byte[] buffer = new byte[1_024];
        int count;
        while ((count = await stream.ReceiveAsync(buffer)) > 0)
        {
            input.Write(buffer, 0, count);
        }
        await stream.SendAsync((byte[])[1, 0, 0, 0, 0, 0, 0, (byte)input.Length, .. input.ToArray()]);
        process.End(0);
    }

    private static X509Certificate2 Authority(string name)
    {
        using RSA key = RSA.Create(2_048);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(2));
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string name, bool serverAuth, int days = 1)
    {
        using RSA key = RSA.Create(2_048);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(serverAuth ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2")], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("engine.test");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(
            authority, DateTimeOffset.UtcNow.AddDays(Math.Min(0, days) - 0.5), DateTimeOffset.UtcNow.AddDays(days), RandomNumberGenerator.GetBytes(8));
        return issued.CopyWithPrivateKey(key);
    }

    private sealed record Listening(EngineFixture Engine, ApiServer Server, AccessControl Access, IPEndPoint Address) : IAsyncDisposable
    {
        public async Task<Socket> ConnectAsync()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(Address);
            return socket;
        }

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            Access.Dispose();
            await Engine.DisposeAsync();
        }
    }
}

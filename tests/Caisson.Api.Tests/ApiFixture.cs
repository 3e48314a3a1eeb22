using System.Net.Sockets;
using System.Text;

using Caisson.Control;
using Caisson.Control.Access;
using Caisson.Control.Orchestration;
using Caisson.Control.Tests;

namespace Caisson.Api.Tests;

/// <summary>The whole API on a socket, over an engine with a fake host.</summary>
public sealed class ApiFixture : IAsyncDisposable
{
    private readonly Orchestrator? _orchestrator;

    private ApiFixture(EngineFixture engine, ApiServer server, AccessControl access, Orchestrator? orchestrator, string socket)
    {
        Engine = engine;
        Server = server;
        Access = access;
        _orchestrator = orchestrator;
        Socket = socket;
    }

    public AccessControl Access { get; }

    public ApiServer Server { get; }

    public EngineFixture Engine { get; }

    public FakeHost Host => Engine.Host;

    public string Socket { get; }

    public static async Task<ApiFixture> CreateAsync(bool withObjects = false)
    {
        EngineFixture engine = await EngineFixture.CreateAsync();
        string socket = $"{engine.Root}/docker.sock";
        var access = AccessControl.Open(engine.State, engine.Root, TimeProvider.System);
        Orchestrator? orchestrator = withObjects ? Orchestrator.Open(engine.Engine, engine.State, engine.Root) : null;
        ApiServer server = await ApiServer.StartAsync(engine.Engine, EngineIdentity.Load(engine.State), access, [socket], orchestrator: orchestrator);
        return new ApiFixture(engine, server, access, orchestrator, socket);
    }

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket));
        return socket;
    }

    /// <summary>One request on a connection of its own; the answer as it came.</summary>
    /// <param name="request">All of it.</param>
    /// <param name="finish">Say that nothing more comes, so that an answer is not waited for when the rest of a body is.</param>
    public async Task<string> RawAsync(string request, bool finish = false)
    {
        using Socket socket = await ConnectAsync();
        await socket.SendAsync(Encoding.UTF8.GetBytes(request));
        if (finish)
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        return await ReadToEndAsync(socket);
    }

    public Task<string> GetAsync(string path, string method = "GET") => RawAsync($"{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");

    public Task<string> SendAsync(string method, string path, string json) => RawAsync(
        $"{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}");

    public static async Task<string> ReadToEndAsync(Socket socket)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4_096];
        int count;
        while ((count = await socket.ReceiveAsync(buffer)) > 0)
        {
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        return text.ToString();
    }

    /// <summary>One request with a token; the answer's status.</summary>
    public async Task<int> StatusAsync(string method, string path, string token)
    {
        using Socket socket = await ConnectAsync();
        await socket.SendAsync(Encoding.UTF8.GetBytes($"{method} {path} HTTP/1.1\r\nHost: docker\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        string head = await ReadHeadAsync(socket);
        return head.Split(' ') is [_, var status, ..] ? int.Parse(status, System.Globalization.CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>One request with a token and perhaps a document; the whole answer.</summary>
    public async Task<string> AsAsync(string token, string method, string path, string json = "", string type = "application/json") => Plain(await RawAsync(
        $"{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}"));

    /// <summary>The same text with apostrophes as people write them; in JSON of ours they are escaped.</summary>
    public static string Plain(string json) => json.Replace("\\u0027", "'", StringComparison.Ordinal);

    /// <summary>A user with a role, and a token of it.</summary>
    public string TokenOf(string name, string role, string project = "")
    {
        if (Access.ListUsers().All(user => user.Name != name))
        {
            _ = Access.AddUser(new() { Name = name });
        }
        Access.Grant(new(name, role, project), Caller.Owner);
        return Access.MakeToken(name, null);
    }

    /// <summary>Reads until the end of an answer's head.</summary>
    public static async Task<string> ReadHeadAsync(Socket socket)
    {
        var text = new StringBuilder();
        byte[] one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await socket.ReceiveAsync(one) > 0)
        {
            text.Append((char)one[0]);
        }
        return text.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        if (_orchestrator is not null)
        {
            await _orchestrator.DisposeAsync();
        }
        await Server.DisposeAsync();
        Access.Dispose();
        await Engine.DisposeAsync();
    }
}

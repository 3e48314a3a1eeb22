using System.Net.Sockets;
using System.Text;

using Caisson.Control;
using Caisson.Control.Tests;

namespace Caisson.Api.Tests;

/// <summary>The whole API on a socket, over an engine with a fake host.</summary>
public sealed class ApiFixture : IAsyncDisposable
{
    private readonly ApiServer _server;

    private ApiFixture(EngineFixture engine, ApiServer server, string socket)
    {
        Engine = engine;
        _server = server;
        Socket = socket;
    }

    public EngineFixture Engine { get; }

    public FakeHost Host => Engine.Host;

    public string Socket { get; }

    public static async Task<ApiFixture> CreateAsync()
    {
        EngineFixture engine = await EngineFixture.CreateAsync();
        string socket = $"{engine.Root}/docker.sock";
        return new ApiFixture(engine, await ApiServer.StartAsync(engine.Engine, EngineIdentity.Load(engine.State), [socket]), socket);
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
        await _server.DisposeAsync();
        await Engine.DisposeAsync();
    }
}

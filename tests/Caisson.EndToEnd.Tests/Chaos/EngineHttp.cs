using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>What the engine answered; <see cref="Status"/> 0 when it did not: then nobody knows whether it was done.</summary>
internal readonly record struct Reply(int Status, byte[] Body)
{
    public bool IsUnknown => Status == 0;

    public bool IsDone => Status is >= 200 and < 300;

    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Body);
            return document.RootElement.Clone();
        }
    }

    public override string ToString() => IsUnknown ? "no answer" : $"{Status} {Text.Trim()}";
}

/// <summary>The Docker API by plain HTTP. Each call has a connection of its own, so that none is sent twice without being asked for.</summary>
internal sealed class EngineHttp(string socketPath) : IDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = new Uri("http://engine/"),
        Timeout = TimeSpan.FromSeconds(60),
    };

    public Task<Reply> Get(string path) => Call(HttpMethod.Get, path, null);

    public Task<Reply> Post(string path, object? body = null) =>
        Call(HttpMethod.Post, path, body is null ? null : new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json"));

    public Task<Reply> PostBytes(string path, byte[] body) => Call(HttpMethod.Post, path, new ByteArrayContent(body));

    public Task<Reply> Delete(string path) => Call(HttpMethod.Delete, path, null);

    public void Dispose() => _client.Dispose();

    private async Task<Reply> Call(HttpMethod method, string path, HttpContent? content)
    {
        using HttpRequestMessage request = new(method, path) { Content = content };
        request.Headers.ConnectionClose = true;
        try
        {
            using HttpResponseMessage response = await _client.SendAsync(request);
            return new Reply((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync());
        }
        catch (Exception error) when (error is HttpRequestException or IOException or SocketException)
        {
            return new Reply(0, []);
        }
        catch (TaskCanceledException error)
        {
            throw new TimeoutException($"{method} {path}: no answer within {_client.Timeout.TotalSeconds} s", error);
        }
    }
}

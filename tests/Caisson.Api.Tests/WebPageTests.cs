using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

using Caisson.Control.Model;
using Caisson.Control.Tests;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>Pages in a browser are kept out; websockets of programs come in.</summary>
public sealed class WebPageTests
{
    [Theory]
    [InlineData("Origin: http://evil.test\r\n")]
    [InlineData("Origin: null\r\n")]
    [InlineData("Origin: http://docker\r\n")]
    [InlineData("Sec-Fetch-Site: cross-site\r\n")]
    [InlineData("Sec-Fetch-Site: same-origin\r\n")]
    [InlineData("Sec-Fetch-Mode: no-cors\r\n")]
    [InlineData("Referer: http://evil.test/\r\n")]
    [InlineData("Origin: http://evil.test\r\nUpgrade: websocket\r\n")]
    public async Task A_request_of_a_page_is_refused_before_anything_happens(string headers)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync(
            $"POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n{headers}Content-Type: text/plain\r\nContent-Length: 16\r\n\r\n{{\"Image\":\"tiny\"}}");

        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
        Assert.Contains("requests from web pages are refused", answer, StringComparison.Ordinal);
        Assert.Empty(api.Engine.Engine.List());
    }

    [Theory]
    [InlineData("evil.test", "403")]
    [InlineData("evil.test:2375", "403")]
    [InlineData("127.0.0.1.evil.test", "403")]
    [InlineData("localhost.evil.test", "403")]
    [InlineData("docker", "200")]
    [InlineData("localhost:2375", "200")]
    [InlineData("api.moby.localhost", "200")]
    [InlineData("docker.example.com", "200")]
    [InlineData("127.0.0.1:2375", "200")]
    [InlineData("[::1]:2375", "200")]
    [InlineData("", "200")]
    public async Task A_name_that_was_pointed_here_is_not_ours(string host, string status)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync($"GET /_ping HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_type_that_forms_of_pages_send_is_no_document()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync(
            "POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\n{\"Image\":\"tiny\"}");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Empty(api.Engine.Engine.List());
    }

    [Theory]
    [InlineData("v1.51", WebSocketMessageType.Binary)]
    [InlineData("v1.27", WebSocketMessageType.Text)]
    public async Task A_websocket_carries_a_containers_streams(string version, WebSocketMessageType kind)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        api.Host.Born = process => _ = AnswerAsync(process);
        Workload workload = await api.Engine.StartAsync(config: new ContainerCreate { OpenStdin = true });
        using var handler = new SocketsHttpHandler { ConnectCallback = async (_, _) => new NetworkStream(await api.ConnectAsync(), ownsSocket: true) };
        using var invoker = new HttpMessageInvoker(handler);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(
            new Uri($"ws://docker/{version}/containers/{workload.Id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1"), invoker, TestContext.Current.CancellationToken);

        await socket.SendAsync("question"u8.ToArray(), WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);
        byte[] buffer = new byte[100];
        List<string> messages = [];
        WebSocketReceiveResult received;
        while ((received = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken)).MessageType != WebSocketMessageType.Close)
        {
            Assert.Equal(kind, received.MessageType);
            messages.Add(Encoding.ASCII.GetString(buffer, 0, received.Count));
        }

        Assert.Equal("question!", string.Concat(messages));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\n")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")]
    public async Task What_is_no_websocket_is_told_so(string headers)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync();

        string answer = await api.RawAsync($"GET /containers/{workload.Id}/attach/ws?stream=0 HTTP/1.1\r\nHost: docker\r\n{headers}\r\n", finish: true);

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("this is no websocket", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_library_that_names_the_address_as_origin_is_no_page()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync();

        string answer = await api.RawAsync(
            $"GET /containers/{workload.Id}/attach/ws HTTP/1.1\r\nHost: 127.0.0.1:2375\r\nOrigin: http://127.0.0.1:2375\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 101 ", answer, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answer, StringComparison.Ordinal); // the example of RFC 6455 §1.3
    }

    /// <summary>A program that gives back what it is told, and a mark in another frame, and ends.</summary>
    private static async Task AnswerAsync(FakeProcess process)
    {
        while (process.Streams.Count == 0)
        {
            await Task.Delay(5);
        }
        Socket stream = process.Streams[0];
        byte[] buffer = new byte[100];
        int count = await stream.ReceiveAsync(buffer);
        await stream.SendAsync((byte[])[1, 0, 0, 0, 0, 0, 0, (byte)count, .. buffer[..count], 2, 0, 0]);
        await stream.SendAsync((byte[])[0, 0, 0, 0, 1, (byte)'!']);
        process.End(0);
    }
}

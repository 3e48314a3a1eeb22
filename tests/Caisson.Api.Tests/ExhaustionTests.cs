using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

using Caisson.Control.Model;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>Clients that take their time, come in crowds, hide things behind a megabyte or go on talking after a takeover.</summary>
public sealed partial class ExhaustionTests
{
    [Theory]
    [InlineData("GET /_ping HTTP/1.1\r\nHost: dock")]
    [InlineData("POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"Image\"")]
    [InlineData("POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"Image\"")]
    [InlineData("POST /containers/create HTTP/1.1\r\nHost: docker\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n")]
    [InlineData("")]
    public async Task Two_hundred_clients_that_stop_in_the_middle_hold_up_nobody(string beginning)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        List<Socket> slow = [];
        for (int i = 0; i < 200; i++)
        {
            Socket client = await api.ConnectAsync();
            slow.Add(client);
            if (beginning.Length > 0)
            {
                await client.SendAsync(Encoding.ASCII.GetBytes(beginning));
            }
        }

        string answer = await api.GetAsync("/_ping");
        string made = await api.SendAsync("POST", "/containers/create", """{"Image":"tiny"}""");
        slow.ForEach(client => client.Dispose());

        Assert.EndsWith("OK", answer, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 201 ", made, StringComparison.Ordinal);
        Assert.Single(api.Engine.Engine.List());
    }

    /// <summary>CVE-2026-34040, CVE-2024-41110: who decides must have read all of it.</summary>
    [Theory]
    [InlineData(1 << 20)]
    [InlineData(3 << 20)]
    public async Task What_stands_behind_a_megabyte_counts(int length)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string padding = new('x', length);

        string good = await api.SendAsync("POST", "/containers/create?name=last", $$$"""{"Image":"tiny","Labels":{"a":"{{{padding}}}"},"HostConfig":{"ReadonlyRootfs":true}}""");
        string bad = await api.SendAsync("POST", "/containers/create?name=never", $$$"""{"Image":"tiny","Labels":{"a":"{{{padding}}}"},"HostConfig":{"CapAdd":["CAP_FLY"]}}""");

        Assert.StartsWith("HTTP/1.1 201 ", good, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", bad, StringComparison.Ordinal);
        Assert.True(Assert.Single(api.Engine.Engine.List()).Record.HostConfig.ReadonlyRootfs);
    }

    /// <summary>CVE-2018-1002105: what follows a takeover belongs to the stream, whatever it looks like.</summary>
    [Fact]
    public async Task A_request_that_follows_a_takeover_is_input_of_the_program()
    {
        const string Hidden = "POST /containers/create?name=hidden HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"Image\":\"tiny\"}";
        await using ApiFixture api = await ApiFixture.CreateAsync();
        var received = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        api.Host.Born = process => _ = Task.Run(async () =>
        {
            while (process.Streams.Count == 0)
            {
                await Task.Delay(5);
            }
            byte[] buffer = new byte[1_000];
            int count = 0;
            while (count < Hidden.Length)
            {
                count += await process.Streams[0].ReceiveAsync(buffer.AsMemory(count));
            }
            received.SetResult(Encoding.ASCII.GetString(buffer, 0, count));
            process.End(0);
        });
        Workload workload = await api.Engine.StartAsync(config: new ContainerCreate { OpenStdin = true });
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /containers/{workload.Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{Hidden}"));

        string answer = await ApiFixture.ReadToEndAsync(client);

        Assert.Equal(Hidden, await received.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.StartsWith("HTTP/1.1 101 ", answer, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(answer, "HTTP/1\\.1 "));
        Assert.Single(api.Engine.Engine.List());
    }

    /// <summary>CVE-2025-54289: an exec is a permission for one stream.</summary>
    [Fact]
    public async Task An_exec_is_started_once()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync();
        string created = await api.SendAsync("POST", $"/containers/{workload.Id}/exec", """{"Cmd":["true"]}""");
        string id = Id().Match(created).Groups[1].Value;
        api.Host.Born = process => process.End(0);

        string first = await api.SendAsync("POST", $"/exec/{id}/start", """{"Detach":true}""");
        string second = await api.SendAsync("POST", $"/exec/{id}/start", """{"Detach":true}""");
        string third = await api.RawAsync($"POST /exec/{id}/start HTTP/1.1\r\nHost: docker\r\nConnection: close, Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");

        Assert.StartsWith("HTTP/1.1 200 ", first, StringComparison.Ordinal);
        Assert.Matches("^HTTP/1.1 4", second);
        Assert.Matches("^HTTP/1.1 4", third);
        Assert.Single(api.Host.Calls, call => call.StartsWith("exec ", StringComparison.Ordinal));
    }

    /// <summary>CVE-2022-31030: clients that come, attach and go.</summary>
    [Fact]
    public async Task Five_hundred_clients_that_attach_and_go_leave_the_container_to_the_next()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync(config: new ContainerCreate { OpenStdin = true });
        for (int i = 0; i < 500; i++)
        {
            using Socket client = await api.ConnectAsync();
            await client.SendAsync(Encoding.ASCII.GetBytes(
                $"POST /containers/{workload.Id}/{(i % 2 == 0 ? "attach?stream=1&stdin=1&stdout=1" : "logs?stdout=1&follow=1")} HTTP/1.1\r\nHost: docker\r\n\r\n"));
        }
        using Socket last = await api.ConnectAsync();
        await last.SendAsync(Encoding.ASCII.GetBytes($"POST /containers/{workload.Id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));

        string head = await ApiFixture.ReadHeadAsync(last);

        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        Assert.EndsWith("OK", await api.GetAsync("/_ping"), StringComparison.Ordinal);
    }

    /// <summary>CVE-2019-11253: depth and size are refused before anything is made of them.</summary>
    [Theory]
    [InlineData("{\"Image\":\"tiny\",\"Labels\":@}", "[", "]")]
    [InlineData("{\"Image\":\"tiny\",\"Healthcheck\":@}", "{\"Test\":", "}")]
    [InlineData("@", "[", "]")]
    public async Task A_document_of_any_depth_is_refused_and_the_engine_goes_on(string document, string open, string close)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string deep = string.Concat(Enumerable.Repeat(open, 100_000)) + "1" + string.Concat(Enumerable.Repeat(close, 100_000));

        string answer = await api.SendAsync("POST", "/containers/create", document.Replace("@", deep, StringComparison.Ordinal));

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Empty(api.Engine.Engine.List());
        Assert.EndsWith("OK", await api.GetAsync("/_ping"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("GET / HTTP/9.9\r\nHost: docker\r\n\r\n")]
    [InlineData("GET\r\n\r\n")]
    [InlineData("GET /_ping\0 HTTP/1.1\r\nHost: docker\r\n\r\n")]
    [InlineData("GET /_ping HTTP/1.1\r\nHost: docker\r\n folded: x\r\n\r\n")]
    [InlineData("GET /_ping HTTP/1.1\r\nHost: docker\r\nX : y\r\n\r\n")]
    [InlineData("GET /_ping HTTP/1.1\r\nHost: docker\r\nHost: other\r\n\r\n")]
    [InlineData("GET /_ping HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://evil.test/_ping HTTP/1.1\r\nHost: docker\r\n\r\n")]
    [InlineData("CONNECT evil.test:80 HTTP/1.1\r\nHost: evil.test:80\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\0\u00a5\u0001\0\0\u00a1\u0003\u0003")]
    public async Task What_is_no_request_gets_an_error_or_nothing(string bytes)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync(bytes, finish: true);

        // Nothing, an error, or to who speaks HTTP/2 a frame that says HTTP_1_1_REQUIRED (RFC 9113 §7).
        Assert.Matches("^(HTTP/1.1 [45]|\0.*\r$|$)", answer);
        Assert.EndsWith("OK", await api.GetAsync("/_ping"), StringComparison.Ordinal);
    }

    /// <summary>CVE-2014-3499.</summary>
    [Fact]
    public async Task The_socket_is_for_its_owner_and_group()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, File.GetUnixFileMode(api.Socket));
    }

    [GeneratedRegex("\"Id\":\"([0-9a-f]+)\"")]
    private static partial Regex Id();
}

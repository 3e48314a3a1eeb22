using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

using Caisson.Control.Model;
using Caisson.Control.Tests;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests;

public sealed partial class ProtocolTests
{
    [Fact]
    public async Task A_ping_names_the_newest_version_and_needs_none()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string get = await api.GetAsync("/_ping");
        string head = await api.GetAsync("/_ping", "HEAD");

        Assert.StartsWith("HTTP/1.1 200 OK", get, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nOK", get, StringComparison.Ordinal);
        foreach (string header in (string[])["Api-Version: 1.51", "Ostype: linux", "Docker-Experimental: false", "Builder-Version: 1", "Swarm: inactive", "Cache-Control: no-cache"])
        {
            Assert.Contains(header, get, StringComparison.Ordinal);
            Assert.Contains(header, head, StringComparison.Ordinal);
        }
        Assert.EndsWith("\r\n\r\n", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1.23/info", "400", "client version 1.23 is too old. Minimum supported API version is 1.24")]
    [InlineData("/v1.52/info", "400", "client version 1.52 is too new. Maximum supported API version is 1.51")]
    [InlineData("/v1.24/containers/none/json", "404", "No such container: none")]
    [InlineData("/nothing", "404", "page not found")]
    [InlineData("/containers/json?filters={%22bogus%22:[%22x%22]}", "400", "invalid filter 'bogus'")]
    [InlineData("/containers/json?filters=nonsense", "400", "invalid filter")]
    [InlineData("/swarm", "503", "This node is not a swarm manager")]
    [InlineData("/images/search?term=x", "501", "no search")]
    [InlineData("/volumes/data", "404", "get data: no such volume")]
    [InlineData("/exec/none/json", "404", "No such exec instance: none")]
    public async Task An_error_has_dockers_status_and_shape(string path, string status, string message)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.GetAsync(path);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        string body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        Assert.StartsWith("{\"message\":\"", body, StringComparison.Ordinal);
        Assert.Contains(message, Regex.Unescape(body), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json", "the request's JSON at")]
    [InlineData("{\"Image\": 5}", "the request's JSON at $.Image")]
    [InlineData("", "the request has no body")]
    public async Task A_malformed_document_is_refused_and_nothing_is_made(string json, string message)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.SendAsync("POST", "/containers/create", json);

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains(message, Regex.Unescape(answer), StringComparison.Ordinal);
        Assert.Empty(api.Engine.Engine.List());
    }

    [Fact]
    public async Task A_document_with_nulls_and_odd_case_is_understood_as_Go_does()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.SendAsync("POST", "/v1.41/containers/create?name=web", """
            {"image":"tiny","Hostname":null,"Tty":null,"cmd":"/bin/serve","Env":null,"HostConfig":{"Memory":null,"NetworkMode":"none","AutoRemove":null}}
            """);

        Assert.StartsWith("HTTP/1.1 201 ", answer, StringComparison.Ordinal);
        Workload workload = api.Engine.Engine.Find("web");
        Assert.Equal(["/bin/serve"], workload.Record.Args);
        Assert.Equal("none", workload.Record.HostConfig.NetworkMode);
    }

    [Fact]
    public async Task A_web_page_is_refused()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync("POST /containers/create HTTP/1.1\r\nHost: docker\r\nOrigin: http://evil.test\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");

        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_attached_client_that_has_finished_sending_still_reads_all_output()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync(config: new ContainerCreate { OpenStdin = true, StdinOnce = true });
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /v1.51/containers/{workload.Id}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"));
        string head = await ApiFixture.ReadHeadAsync(client);
        api.Host.Born = process => _ = EchoAsync(process, 0);
        await workload.StartAsync(TestContext.Current.CancellationToken);

        await client.SendAsync("hello"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        string output = await ApiFixture.ReadToEndAsync(client);

        Assert.StartsWith("HTTP/1.1 101 UPGRADED\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/vnd.docker.multiplexed-stream", head, StringComparison.Ordinal);
        Assert.Equal("\u0001\0\0\0\0\0\0\u0005hello", output);
        Assert.Equal(0, (await workload.WaitAsync(WaitCondition.NotRunning, TestContext.Current.CancellationToken)).Code);
    }

    [Theory]
    [InlineData("Connection: Upgrade\r\nUpgrade: tcp\r\n", "HTTP/1.1 101 UPGRADED")]
    [InlineData("", "HTTP/1.1 200 OK")]
    public async Task An_exec_with_a_body_is_taken_over_with_half_close(string headers, string status)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync();
        string created = await api.SendAsync("POST", $"/containers/{workload.Id}/exec", """{"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Cmd":["cat"]}""");
        string id = Id().Match(created).Groups[1].Value;
        api.Host.Born = process => _ = EchoAsync(process, 3);

        for (int delayMs = 0; delayMs < 2; delayMs++)
        {
            if (delayMs == 1)
            {
                created = await api.SendAsync("POST", $"/containers/{workload.Id}/exec", """{"AttachStdin":true,"AttachStdout":true,"Cmd":["cat"]}""");
                id = Id().Match(created).Groups[1].Value;
            }
            const string Json = """{"Detach":false,"Tty":false}""";
            using Socket client = await api.ConnectAsync();
            await client.SendAsync(Encoding.ASCII.GetBytes(
                $"POST /v1.51/exec/{id}/start HTTP/1.1\r\nHost: docker\r\n{headers}Content-Type: application/json\r\nContent-Length: {Json.Length}\r\n\r\n{Json}"));
            string head = await ApiFixture.ReadHeadAsync(client);
            await client.SendAsync("abc"u8.ToArray());
            await Task.Delay(delayMs * 30, TestContext.Current.CancellationToken);
            client.Shutdown(SocketShutdown.Send);

            string output = await ApiFixture.ReadToEndAsync(client);

            Assert.StartsWith(status, head, StringComparison.Ordinal);
            Assert.Equal("\u0001\0\0\0\0\0\0\u0003abc", output);
            string inspected = await api.GetAsync($"/exec/{id}/json");
            Assert.Contains("\"ExitCode\":3", inspected, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_stream_may_follow_at_once_on_a_connection_that_was_just_answered()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync();
        api.Host.Born = process => _ = EchoAsync(process, 0);

        for (int i = 0; i < 200; i++)
        {
            using Socket client = await api.ConnectAsync();
            const string Json = """{"AttachStdin":true,"AttachStdout":true,"Cmd":["cat"]}""";
            client.Send(Encoding.ASCII.GetBytes(
                $"POST /containers/{workload.Id}/exec HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {Json.Length}\r\n\r\n{Json}"));
            byte[] answer = new byte[8 << 10];
            string id = Id().Match(Encoding.ASCII.GetString(answer, 0, client.Receive(answer))).Groups[1].Value;
            client.Send(Encoding.ASCII.GetBytes(
                $"POST /exec/{id}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}abc"));
            client.Shutdown(SocketShutdown.Send);

            string output = await ApiFixture.ReadToEndAsync(client);

            Assert.EndsWith("\r\n\r\n\u0001\0\0\0\0\0\0\u0003abc", output, StringComparison.Ordinal);
        }
    }

    /// <summary>docker-py and others read the head through a buffer that they throw away, with whatever came behind the head.</summary>
    [Fact]
    public async Task Output_waits_until_the_head_of_its_stream_has_been_read()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync();
        string created = await api.SendAsync("POST", $"/containers/{workload.Id}/exec", """{"AttachStdin":true,"AttachStdout":true,"Cmd":["cat"]}""");
        var ended = new TaskCompletionSource();
        api.Host.Born = async process =>
        {
            await EchoAsync(process, 0);
            ended.SetResult();
        };
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /exec/{Id().Match(created).Groups[1].Value}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}abc"));
        client.Shutdown(SocketShutdown.Send);
        await ended.Task.WaitAsync(TestContext.Current.CancellationToken);
        byte[] buffer = new byte[8 << 10];

        int count = await client.ReceiveAsync(buffer);
        string output = await ApiFixture.ReadToEndAsync(client);

        Assert.EndsWith("\r\n\r\n", Encoding.ASCII.GetString(buffer, 0, count), StringComparison.Ordinal);
        Assert.Equal("\u0001\0\0\0\0\0\0\u0003abc", output);
    }

    [Theory]
    [InlineData("Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 15\r\n\r\n{\"stream\":true}", "abc", "abc")]
    [InlineData("Content-Length: 15\r\n\r\n{\"stream\":true}", "abc", "abc")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "abc")]
    public async Task A_body_of_an_attach_is_no_input_unless_it_comes_in_chunks(string headers, string sent, string input)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync(config: new ContainerCreate { OpenStdin = true, StdinOnce = true });
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /containers/{workload.Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\n{headers}"));
        _ = await ApiFixture.ReadHeadAsync(client);
        api.Host.Born = process => _ = EchoAsync(process, 0);
        await workload.StartAsync(TestContext.Current.CancellationToken);

        await client.SendAsync(Encoding.ASCII.GetBytes(sent));
        client.Shutdown(SocketShutdown.Send);
        string output = await ApiFixture.ReadToEndAsync(client);

        Assert.Equal($"\u0001\0\0\0\0\0\0\u0003{input}", output);
    }

    [Theory]
    [InlineData(true, false, "\u0001\0\0\0\0\0\0\u000f")]
    [InlineData(true, true, "")]
    public async Task An_exec_is_framed_as_its_start_says(bool made, bool started, string frame)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync();
        string created = await api.SendAsync("POST", $"/containers/{workload.Id}/exec", $$"""{"AttachStdout":true,"Tty":{{(made ? "true" : "false")}},"Cmd":["x"]}""");
        api.Host.Born = process => _ = SayAsync(process);

        string answer = await api.SendAsync("POST", $"/exec/{Id().Match(created).Groups[1].Value}/start", $$"""{"Tty":{{(started ? "true" : "false")}}}""");

        Assert.EndsWith($"\r\n\r\n{frame}from a terminal", answer, StringComparison.Ordinal);

        static async Task SayAsync(FakeProcess process)
        {
            await process.Streams[0].SendAsync("from a terminal"u8.ToArray());
            process.End(0);
        }
    }

    [Theory]
    [InlineData("1.24", "/images/json", "VirtualSize", true)]
    [InlineData("1.44", "/images/json", "VirtualSize", false)]
    [InlineData("1.44", "/images/tiny/json", "Container", true)]
    [InlineData("1.45", "/images/tiny/json", "Container", false)]
    [InlineData("1.51", "/images/tiny/json", "ContainerConfig", true)]
    [InlineData("1.49", "/images/tiny/json", "AttachStdin", true)]
    [InlineData("1.50", "/images/tiny/json", "AttachStdin", false)]
    [InlineData("1.46", "/networks/bridge", "EnableIPv4", false)]
    [InlineData("1.47", "/networks/bridge", "EnableIPv4", true)]
    [InlineData("1.24", "/info", "ExecutionDriver", true)]
    [InlineData("1.25", "/info", "ExecutionDriver", false)]
    [InlineData("1.49", "/info", "BridgeNfIptables", true)]
    [InlineData("1.50", "/info", "BridgeNfIptables", false)]
    [InlineData("1.41", "/system/df", "BuilderSize", true)]
    [InlineData("1.42", "/system/df", "BuilderSize", false)]
    [InlineData("1.43", "/containers/web/json", "DNSNames", false)]
    [InlineData("1.44", "/containers/web/json", "DNSNames", true)]
    public async Task Members_are_there_in_the_versions_that_have_them(string version, string path, string member, bool there)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.CreateAsync(name: "web");

        string answer = await api.GetAsync($"/v{version}{path}");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Equal(there, answer.Contains($"\"{member}\":", StringComparison.Ordinal));
    }

    /// <summary><c>docker system prune --filter label=…</c> asks everything with the same filters.</summary>
    [Fact]
    public async Task Steps_of_builds_have_no_label_and_stay()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.GetAsync("/build/prune?filters={%22label%22:[%22x%22]}", "POST");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"SpaceReclaimed\":0", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/swarm/init", "501", "one machine")]
    [InlineData("POST", "/swarm/leave", "503", "not part of a swarm")]
    [InlineData("POST", "/services/create", "503", "not a swarm manager")]
    [InlineData("POST", "/plugins/x/enable", "404", "not found")]
    [InlineData("POST", "/build?version=2", "501", "caisson build")]
    [InlineData("POST", "/build?labels=nonsense", "400", "labels is no such JSON document")]
    [InlineData("POST", "/build?ulimits=null&labels=null&buildargs=null", "400", "Dockerfile")]
    [InlineData("POST", "/session", "501", "caisson build")]
    [InlineData("POST", "/grpc", "501", "caisson build")]
    [InlineData("POST", "/images/none/push?tag=1", "404", "does not exist locally")]
    [InlineData("GET", "/system/df?type=nonsense", "400", "unknown object type")]
    [InlineData("GET", "/containers/json?filters={%22exited%22:[%22x%22]}", "400", "exited=x")]
    [InlineData("POST", "/containers/none/resize?h=1&w=x", "400", "not a whole number")]
    public async Task What_is_not_here_is_told_in_Dockers_shape(string method, string path, string status, string message)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.GetAsync(path, method);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("{\"message\":", answer, StringComparison.Ordinal);
        Assert.Contains(message, Regex.Unescape(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_a_missing_image_is_not_found_when_a_container_is_made()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string image = await api.SendAsync("POST", "/containers/create", """{"Image":"absent"}""");
        string platform = await api.SendAsync("POST", "/containers/create?platform=linux/s390x", """{"Image":"tiny"}""");
        string network = await api.SendAsync("POST", "/containers/create", """{"Image":"tiny","HostConfig":{"NetworkMode":"absent"}}""");

        Assert.StartsWith("HTTP/1.1 404 ", image, StringComparison.Ordinal);
        Assert.Contains("No such image: absent", image, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 404 ", platform, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", network, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_keys_that_detach_leave_the_program_running()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync(config: new ContainerCreate { OpenStdin = true, Tty = true });
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /containers/{workload.Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
        string head = await ApiFixture.ReadHeadAsync(client);

        await client.SendAsync("ls\u0010\u0011"u8.ToArray());
        string output = await ApiFixture.ReadToEndAsync(client);

        Assert.Contains("application/vnd.docker.raw-stream", head, StringComparison.Ordinal);
        Assert.Equal("", output);
        Assert.Equal(ContainerPhase.Running, workload.Status.Phase);
        byte[] typed = new byte[16];
        int count = await Assert.Single(api.Host.Running[workload.Id].Streams).ReceiveAsync(typed);
        Assert.Equal("ls", Encoding.ASCII.GetString(typed, 0, count));
    }

    [Fact]
    public async Task A_wait_answers_its_head_before_the_container_is_started()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync();
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /containers/{workload.Id}/wait?condition=next-exit HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
        string head = await ApiFixture.ReadHeadAsync(client);

        await workload.StartAsync(TestContext.Current.CancellationToken);
        api.Host.Running[workload.Id].End(42);
        string body = await ApiFixture.ReadToEndAsync(client);

        Assert.StartsWith("HTTP/1.1 200 OK", head, StringComparison.Ordinal);
        Assert.Contains("{\"StatusCode\":42}", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_goes_away_is_noticed_while_it_waits()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.CreateAsync();
        using (Socket client = await api.ConnectAsync())
        {
            await client.SendAsync(Encoding.ASCII.GetBytes(
                $"POST /containers/{workload.Id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
            _ = await ApiFixture.ReadHeadAsync(client);
        }
        await Task.Delay(200, TestContext.Current.CancellationToken);

        await workload.StartAsync(TestContext.Current.CancellationToken);

        Assert.Empty(api.Host.Running[workload.Id].Streams);
    }

    [Fact]
    public async Task Events_are_told_as_they_happen()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        using Socket client = await api.ConnectAsync();
        await client.SendAsync("GET /events?filters={%22type%22:[%22container%22]} HTTP/1.1\r\nHost: docker\r\n\r\n"u8.ToArray());
        _ = await ApiFixture.ReadHeadAsync(client);

        Workload workload = await api.Engine.CreateAsync(name: "seen");
        byte[] buffer = new byte[8_192];
        string text = "";
        while (!text.Contains("\"Action\":\"create\"", StringComparison.Ordinal))
        {
            text += Encoding.UTF8.GetString(buffer, 0, await client.ReceiveAsync(buffer));
        }

        Assert.Contains($"\"id\":\"{workload.Id}\"", text, StringComparison.Ordinal);
        Assert.Contains("\"name\":\"seen\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_are_framed_and_followed_until_the_end()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync();
        await File.WriteAllTextAsync(workload.LogPath!, "2026-11-21T11:28:30.123456789Z stdout F one\n", TestContext.Current.CancellationToken);
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET /containers/{workload.Id}/logs?stdout=1&stderr=1&follow=1&timestamps=1 HTTP/1.0\r\nHost: docker\r\n\r\n"));
        string head = await ApiFixture.ReadHeadAsync(client);

        await File.AppendAllTextAsync(workload.LogPath!, "2026-11-21T11:28:31.000000000Z stderr F two\n", TestContext.Current.CancellationToken);
        api.Host.Running[workload.Id].End(0);
        string body = await ApiFixture.ReadToEndAsync(client);

        Assert.Contains("application/vnd.docker.multiplexed-stream", head, StringComparison.Ordinal);
        Assert.Equal(
            "\u0001\0\0\0\0\0\0#2026-11-21T11:28:30.123456700Z one\n\u0002\0\0\0\0\0\0#2026-11-21T11:28:31.000000000Z two\n", body);
    }

    [Fact]
    public async Task A_thousand_requests_share_one_connection()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, _) => new NetworkStream(await api.ConnectAsync(), ownsSocket: true),
        };
        using var client = new HttpClient(handler) { BaseAddress = new Uri("http://docker") };

        for (int i = 0; i < 1_000; i++)
        {
            Assert.Equal("OK", await client.GetStringAsync(new Uri("/_ping", UriKind.Relative), TestContext.Current.CancellationToken));
        }
    }

    /// <summary>Gives back what comes in as a frame of stdout, after the input has ended, and ends.</summary>
    private static async Task EchoAsync(FakeProcess process, int code)
    {
        Socket stream = process.Streams[0];
        using var input = new MemoryStream();
        byte[] buffer = new byte[1_024];
        int count;
        while ((count = await stream.ReceiveAsync(buffer)) > 0)
        {
            input.Write(buffer, 0, count);
        }
        await Task.Delay(30); // output that comes after the half-close was seen is what stock transports lose
        await stream.SendAsync((byte[])[1, 0, 0, 0, 0, 0, 0, (byte)input.Length, .. input.ToArray()]);
        process.End(code);
    }

    [GeneratedRegex("\"Id\":\"([0-9a-f]{64})\"")]
    private static partial Regex Id();
}

using System.Formats.Tar;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

using Caisson.Control.Model;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>Requests that lie about their size, hide a second request, or reach for what is not theirs.</summary>
public sealed class HostileClientTests
{
    private const string Create = """{"Image":"tiny"}""";

    [Theory]
    [InlineData("Content-Length: 0\r\n\r\n")]
    [InlineData("Content-Length: 16\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("Content-Length: 0\r\nContent-Length: 16\r\n\r\n")]
    [InlineData("Content-Length: -16\r\n\r\n")]
    [InlineData("Content-Length: 16, 0\r\n\r\n")]
    [InlineData("Content-Length: 99999999999999999999\r\n\r\n")]
    [InlineData("Content-Length: 0x10\r\n\r\n")]
    [InlineData("Content-Length: 17000000\r\n\r\n")]
    [InlineData("Transfer-Encoding: gzip\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n-10\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n10000000000000010\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0x10\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    public async Task A_size_that_is_none_or_that_contradicts_makes_no_container(string headers)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync(
            $"POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}{Create}\r\n0\r\n\r\n", finish: true);

        Assert.Matches("^(HTTP/1.1 [45]|$)", answer); // or nothing, when the body ends before its size
        Assert.Empty(api.Engine.Engine.List());
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_refused_whether_it_says_its_size_or_not()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string large = $$"""{"Image":"tiny","Env":["{{new string('x', 5 << 20)}}"]}""";

        string sized = await api.SendAsync("POST", "/containers/create", large);
        string chunked = await api.RawAsync(
            $"POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{large.Length:x}\r\n{large}\r\n0\r\n\r\n");

        Assert.Contains("larger than 4 MiB", sized, StringComparison.Ordinal);
        Assert.Contains("larger than 4 MiB", chunked, StringComparison.Ordinal);
        Assert.Empty(api.Engine.Engine.List());
    }

    [Theory]
    [InlineData("Content-Length: {0}\r\n\r\n{1}")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n{0:x}\r\n{1}\r\n0\r\n\r\n")]
    public async Task A_body_in_pieces_or_in_one_is_the_same(string form)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string body = string.Format(System.Globalization.CultureInfo.InvariantCulture, form, Create.Length, Create);

        string answer = await api.RawAsync($"POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\n{body}");

        Assert.StartsWith("HTTP/1.1 201 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_waits_for_leave_gets_it()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /containers/create HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: {Create.Length}\r\n\r\n"));

        string leave = await ApiFixture.ReadHeadAsync(client);
        await client.SendAsync(Encoding.ASCII.GetBytes(Create));
        string answer = await ApiFixture.ReadToEndAsync(client);

        Assert.StartsWith("HTTP/1.1 100 ", leave, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 201 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST /containers/none/attach?stream=1&stdin=1", "404")]
    [InlineData("POST /exec/none/start", "404")]
    [InlineData("POST /nothing", "404")]
    [InlineData("GET /containers/none/attach/ws", "404")]
    public async Task What_follows_a_refused_stream_is_its_body_and_no_request(string request, string status)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        const string Hidden = "POST /containers/create?name=hidden HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + Create;

        string answer = await api.RawAsync(
            $"{request} HTTP/1.1\r\nHost: docker\r\nConnection: close, Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: {Hidden.Length}\r\n\r\n{Hidden}");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(answer, "HTTP/1\\.1 "));
        Assert.Empty(api.Engine.Engine.List());
    }

    [Fact]
    public async Task Two_sizes_of_one_body_are_no_way_to_hide_a_request()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.RawAsync(
            "POST /containers/prune HTTP/1.1\r\nHost: docker\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            + $"POST /containers/create?name=hidden HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{Create}", finish: true);

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Empty(api.Engine.Engine.List());
    }

    [Theory]
    [InlineData(200, 10, "431")]
    [InlineData(10, 20_000, "431")]
    [InlineData(50, 100, "200")]
    public async Task Headers_have_a_limit(int count, int length, string status)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string headers = string.Concat(Enumerable.Range(0, count).Select(i => $"X-{i}: {new string('x', length)}\r\n"));

        string answer = await api.RawAsync($"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n{headers}\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_line_has_a_limit()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.GetAsync("/containers/json?filters=" + new string('x', 100_000));

        Assert.StartsWith("HTTP/1.1 414 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/containers/json")]
    [InlineData("/info")]
    [InlineData("/containers/none/json")]
    public async Task A_question_for_the_head_alone_gets_no_body(string path)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.GetAsync(path, "HEAD");

        Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(answer, "\r\n\r\n"));
    }

    [Theory]
    [InlineData("/v1.41/../../containers/json", "200")]
    [InlineData("/v1.41/../v1.23/info", "400")]
    [InlineData("/containers/..%2f..%2finfo/json", "404")]
    [InlineData("/containers/%2e%2e/json", "404")]
    [InlineData("/images/..%2f..%2fetc%2fpasswd/json", "404")]
    [InlineData("/volumes/..%2f..%2fetc", "404")]
    public async Task A_path_with_dots_names_nothing_else(string path, string status)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string answer = await api.GetAsync(path);

        Assert.Contains(answer.Split(' ')[1], (string[])[status, "400", "404"]);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/../../../../../../etc/passwd")]
    [InlineData("/etc/../../../../etc/passwd")]
    [InlineData("etc/passwd")]
    [InlineData("//etc//passwd")]
    public async Task Dots_in_a_path_of_a_container_end_at_its_root(string path)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.CreateAsync(name: "idle");

        string answer = await api.GetAsync($"/containers/idle/archive?path={Uri.EscapeDataString(path)}");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains("web:x:101:102:web:/srv:/bin/sh", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../../../../../../../tmp/")]
    [InlineData("/tmp/")]
    [InlineData("etc/../../../../../../../tmp/")]
    public async Task An_archive_writes_nothing_outside_the_container(string prefix)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.CreateAsync(name: "idle");
        string name = $"caisson-escape-{Guid.NewGuid():N}";

        string answer = await PutAsync(api, new PaxTarEntry(TarEntryType.RegularFile, prefix + name) { DataStream = new MemoryStream("x"u8.ToArray()) });

        Assert.Matches("^HTTP/1.1 (200|400) ", answer);
        Assert.False(File.Exists($"/tmp/{name}"));
    }

    [Fact]
    public async Task A_link_in_an_archive_leads_nowhere_on_the_host()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.CreateAsync(name: "idle");
        string outside = Directory.CreateTempSubdirectory("caisson-outside-").FullName;
        try
        {
            string answer = await PutAsync(
                api,
                new PaxTarEntry(TarEntryType.SymbolicLink, "way") { LinkName = outside },
                new PaxTarEntry(TarEntryType.RegularFile, "way/file") { DataStream = new MemoryStream("x"u8.ToArray()) });
            string read = await api.GetAsync($"/containers/idle/archive?path=/way/..{outside}");

            Assert.Matches("^HTTP/1.1 [245]", answer);
            Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
            Assert.Matches("^HTTP/1.1 (200|404)", read);
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
    }

    [Fact]
    public async Task Filters_that_are_no_filters_are_refused()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string deep = new string('[', 1_000);

        foreach (string filters in (string[])["[]", "1", "null", "{\"label\":1}", "{\"label\":[1]}", "{\"label\":{\"a\":{}}}" + "}", $"{{\"label\":{deep}", "\u0001"])
        {
            string answer = await api.GetAsync($"/containers/json?filters={Uri.EscapeDataString(filters)}");

            Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
            Assert.Contains("invalid filter", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_client_that_never_reads_holds_up_nobody()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload workload = await api.Engine.StartAsync(config: new ContainerCreate { OpenStdin = true });
        await File.WriteAllLinesAsync(
            workload.LogPath!, Enumerable.Repeat($"2026-11-21T11:28:30.123456789Z stdout F {new string('x', 1_000)}", 20_000), TestContext.Current.CancellationToken);
        List<Socket> idle = [];
        for (int i = 0; i < 50; i++)
        {
            Socket client = await api.ConnectAsync();
            await client.SendAsync(Encoding.ASCII.GetBytes($"GET /containers/{workload.Id}/logs?stdout=1 HTTP/1.1\r\nHost: docker\r\n\r\n"));
            idle.Add(client);
        }

        string answer = await api.GetAsync("/_ping");

        Assert.EndsWith("OK", answer, StringComparison.Ordinal);
        idle.ForEach(client => client.Dispose());
    }

    private static async Task<string> PutAsync(ApiFixture api, params TarEntry[] entries)
    {
        using var archive = new MemoryStream();
        await using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (TarEntry entry in entries)
            {
                await writer.WriteEntryAsync(entry);
            }
        }
        using Socket client = await api.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"PUT /containers/idle/archive?path=/ HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/x-tar\r\nContent-Length: {archive.Length}\r\n\r\n"));
        await client.SendAsync(archive.ToArray());
        return await ApiFixture.ReadToEndAsync(client);
    }
}

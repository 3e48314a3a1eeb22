using System.Diagnostics;
using System.Text.Json;

using Caisson.Control.Access;
using Caisson.Control.Model;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests.Access;

/// <summary>Who is known how, and what is said to who may not; each by a real request.</summary>
public sealed class AccessApiTests
{
    private const int Stranger = 65_534;

    [Fact]
    public async Task Without_users_nothing_changes_for_anybody()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string create = await api.SendAsync("POST", "/containers/create", """{"Image":"tiny","HostConfig":{"Privileged":true,"Binds":["/:/host"]}}""");
        string whoami = await api.GetAsync("/caisson/access/whoami");

        Assert.StartsWith("HTTP/1.1 201 ", create, StringComparison.Ordinal);
        Assert.Contains("\"Name\":\"root\"", whoami, StringComparison.Ordinal);
        Assert.Contains("server-admin", whoami, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_of_another_user_is_known_by_its_uid_and_has_what_was_granted()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        File.SetUnixFileMode(api.Engine.Root, (UnixFileMode)0x1C9);
        (_, string before) = await AsStrangerAsync(api, "GET", "/containers/json");
        _ = api.Access.AddUser(new() { Name = "nobody", UserId = Stranger });
        api.Access.Grant(new("nobody", "viewer", ""), Caller.Owner);

        (int code, string list) = await AsStrangerAsync(api, "GET", "/containers/json");
        (_, string create) = await AsStrangerAsync(api, "POST", "/containers/create");
        api.Access.RemoveUser("nobody");
        (_, string after) = await AsStrangerAsync(api, "GET", "/containers/json");

        Assert.Equal("000", before); // it cannot even connect
        Assert.Equal(0, code);
        Assert.EndsWith("200", list, StringComparison.Ordinal);
        Assert.EndsWith("403", create, StringComparison.Ordinal);
        Assert.Contains("nobody (uid 65534) lacks the right 'create containers'; the role developer has it", create, StringComparison.Ordinal);
        Assert.Equal("000", after);
    }

    [Fact]
    public async Task Whom_the_sockets_group_lets_in_may_everything_until_something_is_granted_to_it()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        File.SetUnixFileMode(api.Engine.Root, (UnixFileMode)0x1C9);

        (_, string trusted) = await AsStrangerAsync(api, "GET", "/caisson/access/users", groups: "0");
        api.Access.Grant(new("group:system:socket", "viewer", ""), Caller.Owner);
        (_, string viewer) = await AsStrangerAsync(api, "GET", "/caisson/access/users", groups: "0");
        (_, string list) = await AsStrangerAsync(api, "GET", "/containers/json", groups: "0");

        Assert.EndsWith("200", trusted, StringComparison.Ordinal);
        Assert.EndsWith("403", viewer, StringComparison.Ordinal);
        Assert.EndsWith("200", list, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_says_who_asks_and_only_its_hash_is_kept()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string token = api.TokenOf("ci", "viewer");

        Assert.Equal(200, await api.StatusAsync("GET", "/containers/json", token));
        Assert.Equal(403, await api.StatusAsync("POST", "/containers/create", token));
        Assert.Equal(401, await api.StatusAsync("GET", "/containers/json", token[..^1] + (token[^1] == '0' ? '1' : '0')));
        Assert.Equal(401, await api.StatusAsync("GET", "/containers/json", "nonsense"));
        Assert.DoesNotContain(token, await api.GetAsync("/caisson/access/users"), StringComparison.Ordinal);
        Assert.DoesNotContain(token[^64..], string.Join('\n', api.Engine.State.List("user").Select(record => System.Text.Encoding.UTF8.GetString(record.Value))), StringComparison.Ordinal);
        _ = api.Access.RemoveTokens("ci", "");
        Assert.Equal(401, await api.StatusAsync("GET", "/containers/json", token));
    }

    [Theory]
    [InlineData("""{"Binds":["/etc:/host"]}""", "use host/paths")]
    [InlineData("""{"Binds":["./etc:/host"]}""", "use host/paths")]
    [InlineData("""{"Mounts":[{"Type":"bind","Source":"/etc","Target":"/host"}]}""", "use host/paths")]
    [InlineData("""{"Mounts":[{"Type":"volume","Target":"/host","VolumeOptions":{"DriverConfig":{"Options":{"type":"none","o":"bind","device":"/"}}}}]}""", "use host/paths")]
    [InlineData("""{"Privileged":true}""", "use host/privileges")]
    [InlineData("""{"CapAdd":["SYS_ADMIN"]}""", "use host/privileges")]
    [InlineData("""{"SecurityOpt":["seccomp=unconfined"]}""", "use host/privileges")]
    [InlineData("""{"SecurityOpt":["profile=privileged"]}""", "use host/privileges")]
    [InlineData("""{"UsernsMode":"host"}""", "use host/privileges")]
    [InlineData("""{"Devices":[{"PathOnHost":"/dev/sda"}]}""", "use host/devices")]
    [InlineData("""{"NetworkMode":"host"}""", "use host/namespaces")]
    [InlineData("""{"PidMode":"host"}""", "use host/namespaces")]
    [InlineData("""{"Binds":["data:/srv"],"SecurityOpt":["no-new-privileges"],"Memory":67108864}""", "")]
    public async Task A_developer_makes_containers_that_do_not_reach_the_host(string host, string missing)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string token = api.TokenOf("dev", "developer");

        string answer = await api.AsAsync(token, "POST", "/containers/create", $$"""{"Image":"tiny","HostConfig":{{host}}}""");

        Assert.StartsWith(missing.Length > 0 ? "HTTP/1.1 403 " : "HTTP/1.1 201 ", answer, StringComparison.Ordinal);
        Assert.Contains(missing.Length > 0 ? $"lacks the right '{missing}'; the role server-admin has it" : "\"Id\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_enters_or_shares_what_reaches_the_host_without_that_right()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload host = await api.Engine.StartAsync(new HostConfig { Binds = ["/etc:/host:ro"] }, name: "host");
        Workload plain = await api.Engine.StartAsync(name: "plain");
        string token = api.TokenOf("dev", "developer");
        const string Exec = """{"Cmd":["/bin/sh"]}""";

        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", $"/containers/{host.Id}/exec", Exec), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 201 ", await api.AsAsync(token, "POST", $"/containers/{plain.Id}/exec", Exec), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", $"/containers/{plain.Id}/exec", """{"Cmd":["/bin/sh"],"Privileged":true}"""), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "GET", $"/containers/{host.Id}/archive?path=/host/shadow"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", "/containers/create", """{"Image":"tiny","HostConfig":{"VolumesFrom":["host:ro"]}}"""), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 403 ", await api.AsAsync(token, "POST", "/containers/create", """{"Image":"tiny","HostConfig":{"PidMode":"container:host"}}"""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_of_a_project_sees_its_containers_alone()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        Workload mine = await api.Engine.StartAsync(config: new ContainerCreate { Labels = new Dictionary<string, string> { ["caisson.project"] = "shop" } }, name: "mine");
        Workload other = await api.Engine.StartAsync(config: new ContainerCreate { Labels = new Dictionary<string, string> { ["caisson.project"] = "bank" } }, name: "other");
        Workload none = await api.Engine.StartAsync(name: "none");
        string token = api.TokenOf("eve", "operator", project: "shop");

        string list = await api.AsAsync(token, "GET", "/containers/json?all=1");

        Assert.Contains(mine.Id, list, StringComparison.Ordinal);
        Assert.DoesNotContain(other.Id, list, StringComparison.Ordinal);
        Assert.DoesNotContain(none.Id, list, StringComparison.Ordinal);
        Assert.Equal(200, await api.StatusAsync("GET", "/containers/mine/json", token));
        Assert.Equal(403, await api.StatusAsync("GET", "/containers/other/json", token));
        Assert.Equal(403, await api.StatusAsync("GET", "/containers/none/json", token));
        Assert.Equal(403, await api.StatusAsync("GET", "/containers/absent/json", token));
        Assert.Equal(403, await api.StatusAsync("POST", "/containers/other/kill", token));
        Assert.Equal(403, await api.StatusAsync("GET", "/images/json", token));
        Assert.Contains("lacks the right 'update containers' in project shop", await api.AsAsync(token, "POST", "/containers/mine/rename?name=x"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_gives_what_it_has_not()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string token = api.TokenOf("boss", "project-admin", project: "shop");
        _ = api.TokenOf("kid", "none");

        Assert.Equal(204, await api.StatusAsync("POST", "/caisson/access/grants?subject=kid&role=developer&project=shop", token));
        Assert.Equal(403, await api.StatusAsync("POST", "/caisson/access/grants?subject=kid&role=server-admin&project=shop", token));
        Assert.Equal(403, await api.StatusAsync("POST", "/caisson/access/grants?subject=kid&role=viewer&project=bank", token));
        Assert.Equal(403, await api.StatusAsync("POST", "/caisson/access/grants?subject=boss&role=viewer", token));
        Assert.Equal(404, await api.StatusAsync("POST", "/caisson/access/grants?subject=kid&role=viewr&project=shop", token));
    }

    [Fact]
    public async Task Changes_and_refusals_are_in_the_audit_log_and_looks_and_secrets_are_not()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        string token = api.TokenOf("ci", "viewer");
        _ = await api.GetAsync("/containers/json");
        _ = await api.SendAsync("POST", "/secrets/create", """{"Name":"password","Data":"c2VjcmV0LWNvbnRlbnQ="}""");
        _ = await api.AsAsync(token, "POST", "/containers/create?name=hidden", """{"Image":"tiny","Env":["PASSWORD=hunter2"]}""");
        _ = await api.AsAsync("wrong", "GET", "/containers/json");

        string[] lines = [.. api.Access.Audit.Read(null, 100)];
        string all = string.Join('\n', lines);
        JsonElement[] entries = [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];

        Assert.Equal(3, lines.Length);
        Assert.Equal(("root", "create secrets", 201), Read(entries[0]));
        Assert.Equal(("ci", "create containers", 403), Read(entries[1]));
        Assert.Equal(401, Read(entries[2]).Status);
        foreach (string secret in (string[])["hunter2", "c2VjcmV0", "hidden", token, "wrong"])
        {
            Assert.DoesNotContain(secret, all, StringComparison.Ordinal);
        }
        Assert.Null(api.Access.Audit.Verify().Broken);

        static (string Caller, string Right, int Status) Read(JsonElement entry) =>
            (entry.GetProperty("caller").GetString()!, entry.GetProperty("right").GetString()!, entry.GetProperty("status").GetInt32());
    }

    /// <summary>A request by a process with another uid; the answer's body with its status behind, or 000 when there was no connection.</summary>
    private static async Task<(int Code, string Answer)> AsStrangerAsync(ApiFixture api, string method, string path, string groups = "")
    {
        var start = new ProcessStartInfo("setpriv",
        [
            "--reuid", $"{Stranger}", "--regid", $"{Stranger}", .. groups.Length > 0 ? (string[])["--groups", groups] : ["--clear-groups"], "--",
            "curl", "--silent", "--unix-socket", api.Socket, "--request", method, "--write-out", "%{http_code}", $"http://docker{path}",
        ])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, ApiFixture.Plain(output));
    }
}

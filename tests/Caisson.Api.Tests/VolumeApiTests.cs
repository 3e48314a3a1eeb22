using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>Volumes in Docker's shapes and status codes. Source: Docker Engine API, "Volumes".</summary>
public sealed class VolumeApiTests
{
    [Fact]
    public async Task A_volume_lives_as_its_clients_expect()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string created = await api.SendAsync("POST", "/v1.47/volumes/create", """{"Name":"data","Driver":"local","DriverOpts":null,"Labels":{"tier":"db"}}""");
        string again = await api.SendAsync("POST", "/volumes/create", """{"Name":"data"}""");
        string other = await api.SendAsync("POST", "/volumes/create", """{"Name":"data","DriverOpts":{"size":"2m"}}""");
        string driver = await api.SendAsync("POST", "/volumes/create", """{"Name":"x1","Driver":"rexray"}""");
        string name = await api.SendAsync("POST", "/volumes/create", """{"Name":"a/b"}""");
        string nameless = await api.SendAsync("POST", "/volumes/create", "{}");
        Workload web = await api.Engine.CreateAsync(new HostConfig { Binds = ["data:/data:ro"], NetworkMode = "none" }, name: "web");
        using JsonDocument volume = Body(await api.GetAsync("/volumes/data?size=1"));
        using JsonDocument container = Body(await api.GetAsync("/containers/web/json"));
        using JsonDocument list = Body(await api.GetAsync("/volumes?filters={%22dangling%22:[%22false%22],%22label%22:[%22tier=db%22]}"));
        using JsonDocument usage = Body(await api.GetAsync("/system/df?type=volume"));
        string inUse = await api.GetAsync("/volumes/data?force=1", "DELETE");
        string removed = await api.GetAsync("/containers/web?v=1", "DELETE");
        string gone = await api.GetAsync("/volumes/data", "DELETE");
        string missing = await api.GetAsync("/volumes/data", "DELETE");
        string forced = await api.GetAsync("/volumes/data?force=true", "DELETE");
        string unknown = await api.GetAsync("/volumes?filters={%22colour%22:[%22red%22]}");

        Assert.Equal(
            ["201", "201", "409", "404", "400", "201", "409", "204", "204", "404", "204", "400"],
            ((string[])[created, again, other, driver, name, nameless, inUse, removed, gone, missing, forced, unknown]).Select(answer => answer.Split(' ')[1]));
        Assert.Contains(web.Id, inUse, StringComparison.Ordinal);
        Assert.Equal(64, Body(nameless).RootElement.GetProperty("Name").GetString()!.Length);
        Assert.Equal("", Body(nameless).RootElement.GetProperty("Labels").GetProperty("com.docker.volume.anonymous").GetString());
        JsonElement body = volume.RootElement;
        Assert.Equal(("data", "local", "local"), (body.GetProperty("Name").GetString(), body.GetProperty("Driver").GetString(), body.GetProperty("Scope").GetString()));
        Assert.Equal("db", body.GetProperty("Labels").GetProperty("tier").GetString());
        Assert.EndsWith("/volumes/data/_data", body.GetProperty("Mountpoint").GetString(), StringComparison.Ordinal);
        Assert.Equal((1, 0), (body.GetProperty("UsageData").GetProperty("RefCount").GetInt32(), body.GetProperty("UsageData").GetProperty("Size").GetInt32()));
        Assert.Equal("data", Assert.Single(list.RootElement.GetProperty("Volumes").EnumerateArray()).GetProperty("Name").GetString());
        Assert.Equal(2, usage.RootElement.GetProperty("Volumes").GetArrayLength());
        JsonElement mount = Assert.Single(container.RootElement.GetProperty("Mounts").EnumerateArray());
        Assert.Equal(
            """{"Type":"volume","Name":"data","Source":"ROOT/volumes/data/_data","Destination":"/data","Driver":"local","Mode":"ro","RW":false,"Propagation":""}""",
            mount.GetRawText().Replace(api.Engine.Root, "ROOT", StringComparison.Ordinal));
        Assert.Equal("data:/data:ro", container.RootElement.GetProperty("HostConfig").GetProperty("Binds")[0].GetString());
    }

    [Theory]
    [InlineData("v1.41", "", 2)]
    [InlineData("v1.42", "", 1)]
    [InlineData("v1.51", "?filters={%22all%22:[%221%22]}", 2)]
    [InlineData("v1.51", "?filters={%22label%22:[%22no%22]}", 0)]
    public async Task A_prune_takes_what_its_version_means(string version, string query, int removed)
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.SendAsync("POST", "/volumes/create", """{"Name":"named"}""");
        await api.SendAsync("POST", "/volumes/create", "{}");

        using JsonDocument pruned = Body(await api.GetAsync($"/{version}/volumes/prune{query}", "POST"));

        Assert.Equal(removed, pruned.RootElement.GetProperty("VolumesDeleted").GetArrayLength());
    }

    [Fact]
    public async Task Snapshots_clones_and_attachments_have_ways_of_their_own()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.SendAsync("POST", "/volumes/create", """{"Name":"data"}""");
        await api.Engine.StartAsync(new HostConfig { NetworkMode = "none" }, name: "web");

        string attached = await api.SendAsync("POST", "/caisson/containers/web/volumes/attach", """{"Volume":"data:/data"}""");
        string twice = await api.SendAsync("POST", "/caisson/containers/web/volumes/attach", """{"Volume":"data:/data"}""");
        string directory = await api.SendAsync("POST", "/caisson/containers/web/volumes/attach", """{"Volume":"/etc:/data"}""");
        string taken = await api.SendAsync("POST", "/caisson/volumes/data/snapshots", """{"Name":"monday"}""");
        string again = await api.SendAsync("POST", "/caisson/volumes/data/snapshots", """{"Name":"monday"}""");
        string hostile = await api.SendAsync("POST", "/caisson/volumes/data/snapshots", """{"Name":"../../up"}""");
        string restored = await api.SendAsync("POST", "/caisson/volumes/data/snapshots/monday/restore", "{}");
        string cloned = await api.SendAsync("POST", "/caisson/volumes/data/clone", """{"Name":"copy","Snapshot":"monday"}""");
        using JsonDocument snapshots = Body(await api.GetAsync("/caisson/volumes/data/snapshots"));
        string detached = await api.SendAsync("POST", "/caisson/containers/web/volumes/detach", """{"Volume":"data"}""");
        string nothing = await api.SendAsync("POST", "/caisson/containers/web/volumes/detach", """{"Volume":"data"}""");
        string removed = await api.GetAsync("/caisson/volumes/data/snapshots/monday", "DELETE");

        Assert.Equal(
            ["201", "409", "400", "201", "409", "400", "409", "201", "200", "404", "204"],
            ((string[])[attached, twice, directory, taken, again, hostile, restored, cloned, detached, nothing, removed]).Select(answer => answer.Split(' ')[1]));
        Assert.Equal("monday", Assert.Single(snapshots.RootElement.EnumerateArray()).GetProperty("Name").GetString());
        Assert.Contains("in use by running containers (web)", restored, StringComparison.Ordinal);
    }

    private static JsonDocument Body(string answer)
    {
        string body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        return JsonDocument.Parse(body[body.IndexOfAny(['{', '['])..(body.LastIndexOfAny(['}', ']']) + 1)]);
    }
}

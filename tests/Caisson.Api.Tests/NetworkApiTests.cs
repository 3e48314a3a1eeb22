using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Control.Workloads;

using Xunit;

namespace Caisson.Api.Tests;

/// <summary>Networks in Docker's shapes and status codes. Source: Docker Engine API, "Networks".</summary>
public sealed class NetworkApiTests
{
    [Fact]
    public async Task A_network_lives_as_its_clients_expect()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();

        string created = await api.SendAsync("POST", "/v1.47/networks/create", """
            {"Name":"front","Driver":null,"EnableIPv6":null,"IPAM":{"Driver":"default","Config":[{"Subnet":"10.8.0.0/24"}]},"Options":null,"Labels":{"tier":"web"}}
            """);
        string again = await api.SendAsync("POST", "/networks/create", """{"Name":"front"}""");
        Workload web = await api.Engine.StartAsync(name: "web");
        string connected = await api.SendAsync("POST", "/networks/front/connect", """{"Container":"web","EndpointConfig":{"Aliases":["site"]}}""");
        using JsonDocument network = Body(await api.GetAsync("/networks/front"));
        using JsonDocument container = Body(await api.GetAsync("/containers/web/json"));
        string inUse = await api.GetAsync("/networks/front", "DELETE");
        string disconnected = await api.SendAsync("POST", "/networks/front/disconnect", """{"Container":"web"}""");
        string removed = await api.GetAsync("/networks/front", "DELETE");
        string gone = await api.GetAsync("/networks/front");
        string predefined = await api.GetAsync("/networks/bridge", "DELETE");

        Assert.Equal(
            ["201", "409", "200", "403", "200", "204", "404", "403"],
            ((string[])[created, again, connected, inUse, disconnected, removed, gone, predefined]).Select(answer => answer.Split(' ')[1]));
        JsonElement pool = network.RootElement.GetProperty("IPAM").GetProperty("Config")[0];
        Assert.Equal(("10.8.0.0/24", "10.8.0.1"), (pool.GetProperty("Subnet").GetString(), pool.GetProperty("Gateway").GetString()));
        Assert.Equal("10.8.0.2/24", network.RootElement.GetProperty("Containers").GetProperty(web.Id).GetProperty("IPv4Address").GetString());
        JsonElement settings = container.RootElement.GetProperty("NetworkSettings");
        Assert.NotEqual("", settings.GetProperty("IPAddress").GetString()); // of the default network
        JsonElement place = settings.GetProperty("Networks").GetProperty("front");
        Assert.Equal(("10.8.0.2", 24, "10.8.0.1"), (place.GetProperty("IPAddress").GetString(), place.GetProperty("IPPrefixLen").GetInt32(), place.GetProperty("Gateway").GetString()));
        Assert.Equal("site", place.GetProperty("Aliases")[0].GetString());
    }

    [Fact]
    public async Task Published_ports_are_shown_where_clients_look()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.StartAsync(
            new HostConfig { PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?> { ["80/tcp"] = [new() { HostIp = "127.0.0.1", HostPort = "18200" }] } },
            new ContainerCreate { ExposedPorts = ["80/tcp", "53/udp"] },
            "web");

        using JsonDocument container = Body(await api.GetAsync("/containers/web/json"));
        using JsonDocument list = Body(await api.GetAsync("/containers/json"));

        JsonElement ports = container.RootElement.GetProperty("NetworkSettings").GetProperty("Ports");
        Assert.Equal("""[{"HostIp":"127.0.0.1","HostPort":"18200"}]""", ports.GetProperty("80/tcp").GetRawText());
        Assert.Equal(JsonValueKind.Null, ports.GetProperty("53/udp").ValueKind);
        Assert.Equal(
            """[{"IP":"127.0.0.1","PrivatePort":80,"PublicPort":18200,"Type":"tcp"},{"PrivatePort":53,"Type":"udp"}]""",
            list.RootElement[0].GetProperty("Ports").GetRawText());
    }

    [Fact]
    public async Task Ports_of_a_running_container_change_hands()
    {
        await using ApiFixture api = await ApiFixture.CreateAsync();
        await api.Engine.StartAsync(
            new HostConfig { PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?> { ["80/tcp"] = [new() { HostPort = "18210" }] } }, name: "blue");
        await api.Engine.StartAsync(name: "green");

        string taken = await api.SendAsync("POST", "/containers/green/update", """{"PortBindings":{"80/tcp":[{"HostPort":"18210"}]}}""");
        string lonely = await api.SendAsync("POST", "/containers/green/update", """{"PortTakeover":"blue"}""");
        string over = await api.SendAsync("POST", "/containers/green/update", """{"PortBindings":{"80/tcp":[{"HostPort":"18210"}]},"PortTakeover":"blue"}""");
        using JsonDocument blue = Body(await api.GetAsync("/containers/blue/json"));
        using JsonDocument green = Body(await api.GetAsync("/containers/green/json"));

        Assert.Equal(["409", "400", "200"], ((string[])[taken, lonely, over]).Select(answer => answer.Split(' ')[1]));
        Assert.Contains("already leads to container blue", taken, StringComparison.Ordinal);
        Assert.Equal("{}", blue.RootElement.GetProperty("HostConfig").GetProperty("PortBindings").GetRawText());
        Assert.Equal("""[{"HostIp":"0.0.0.0","HostPort":"18210"}]""", green.RootElement.GetProperty("NetworkSettings").GetProperty("Ports").GetProperty("80/tcp").GetRawText());
    }

    private static JsonDocument Body(string answer)
    {
        string body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        return JsonDocument.Parse(body[body.IndexOfAny(['{', '['])..(body.LastIndexOfAny(['}', ']']) + 1)]);
    }
}

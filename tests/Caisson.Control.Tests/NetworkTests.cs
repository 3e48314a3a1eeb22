using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;

using Xunit;

namespace Caisson.Control.Tests;

/// <summary>Containers in networks: the real plane, in a network namespace that takes the host's place.</summary>
public sealed class NetworkTests
{
    [Fact]
    public async Task A_container_that_names_no_network_is_in_the_default_one_while_it_runs()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload web = await fixture.StartAsync(name: "web");
        EndpointRecord endpoint = Assert.Single(web.Status.Endpoints);
        string hosts = await File.ReadAllTextAsync($"{fixture.Root}/containers/{web.Id}/hosts", TestContext.Current.CancellationToken);
        string resolver = await File.ReadAllTextAsync($"{fixture.Root}/containers/{web.Id}/resolv.conf", TestContext.Current.CancellationToken);
        await web.StopAsync(null, 0, CancellationToken.None);

        Assert.Equal("eth0", endpoint.Device);
        Assert.EndsWith(".0.2", endpoint.IPv4, StringComparison.Ordinal);
        Assert.Contains($"{endpoint.IPv4}\t{web.Id[..12]}\n", hosts, StringComparison.Ordinal);
        Assert.StartsWith("nameserver 127.0.0.11\n", resolver, StringComparison.Ordinal);
        Assert.Empty(web.Status.Endpoints);
        Assert.Empty(fixture.Services.Networks.EndpointsOf(endpoint.NetworkId));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("host")]
    public async Task Without_a_network_nothing_of_the_host_is_touched(string mode)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload web = await fixture.StartAsync(new HostConfig { NetworkMode = mode });

        Assert.Empty(web.Status.Endpoints);
        Assert.Equal(["lo"], Links(fixture));
    }

    [Fact]
    public async Task A_network_in_use_is_not_removed_and_the_last_one_leaves_nothing()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        NetworkRecord network = fixture.Services.Networks.Create(new NetworkCreate { Name = "front" });
        Workload web = await fixture.StartAsync(new HostConfig { NetworkMode = "front" });

        var refused = Assert.Throws<CaissonException>(() => fixture.Services.Networks.Remove("front"));
        await web.RemoveAsync(force: true, CancellationToken.None);
        fixture.Services.Networks.Remove(network.Id[..12]);

        Assert.Equal(ErrorKind.PermissionDenied, refused.Kind);
        Assert.Contains("has active endpoints", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["lo"], Links(fixture));
    }

    [Fact]
    public async Task A_running_container_is_connected_and_disconnected_and_a_stopped_one_at_its_start()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Networks.Create(new NetworkCreate { Name = "back", IPAM = new() { Config = [new() { Subnet = "10.9.0.0/24" }] } });
        Workload web = await fixture.StartAsync();

        await web.ConnectAsync("back", new EndpointSettings { Aliases = ["db"], IPAMConfig = new() { IPv4Address = "10.9.0.77" } }, CancellationToken.None);
        EndpointRecord connected = web.Status.Endpoints[^1];
        var twice = await Assert.ThrowsAsync<CaissonException>(() => web.ConnectAsync("back", null, CancellationToken.None));
        await web.DisconnectAsync("back", CancellationToken.None);
        int left = web.Status.Endpoints.Count;
        await web.StopAsync(null, 0, CancellationToken.None);
        await web.ConnectAsync("back", null, CancellationToken.None);
        int stopped = web.Status.Endpoints.Count;
        await web.StartAsync(CancellationToken.None);

        Assert.Equal(("10.9.0.77", "eth1"), (connected.IPv4, connected.Device));
        Assert.Contains("db", connected.Aliases);
        Assert.Equal(ErrorKind.PermissionDenied, twice.Kind);
        Assert.Equal((1, 0), (left, stopped));
        Assert.Equal(["eth0", "eth1"], web.Status.Endpoints.Select(endpoint => endpoint.Device));
    }

    [Fact]
    public async Task A_new_engine_finds_who_is_connected_and_frees_what_ended_meanwhile()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload lives = await fixture.StartAsync(Publishing("18080"), name: "lives");
        Workload ended = await fixture.StartAsync(Publishing("18081"), name: "ended");
        EndpointRecord before = Assert.Single(lives.Status.Endpoints);
        fixture.Host.Left[lives.Id] = fixture.Host.Running[lives.Id];
        fixture.Host.Running.Clear();

        await fixture.ReplaceEngineAsync();

        EndpointRecord after = Assert.Single(fixture.Engine.Find("lives").Status.Endpoints);
        Assert.Equal((before.Id, before.IPv4), (after.Id, after.IPv4));
        Assert.Equal(before.Id, Assert.Single(fixture.Services.Networks.EndpointsOf(before.NetworkId)).Id);
        Assert.Empty(fixture.Engine.Find(ended.Id).Status.Endpoints);
        var taken = await Assert.ThrowsAsync<CaissonException>(() => fixture.StartAsync(Publishing("18080")));
        Assert.Contains("18080", taken.Message, StringComparison.Ordinal);
        Workload freed = await fixture.StartAsync(Publishing("18081"));
        Assert.Equal(18081, Assert.Single(Assert.Single(freed.Status.Endpoints).Ports).HostPort);
    }

    [Fact]
    public async Task A_start_that_fails_leaves_no_address_and_no_port_taken()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload first = await fixture.StartAsync(Publishing("18090"));
        Workload second = await fixture.CreateAsync(Publishing("18090"));

        await Assert.ThrowsAsync<CaissonException>(() => second.StartAsync(CancellationToken.None));
        await first.StopAsync(null, 0, CancellationToken.None);
        await second.StartAsync(CancellationToken.None);

        Assert.Equal(18090, Assert.Single(Assert.Single(second.Status.Endpoints).Ports).HostPort);
    }

    [Fact]
    public async Task A_range_of_host_ports_gives_the_first_free_one()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        int[] ports =
        [
            .. (await Task.WhenAll(fixture.StartAsync(Publishing("18100-18102")), fixture.StartAsync(Publishing("18100-18102"))))
                .Select(workload => workload.Status.Endpoints[0].Ports[0].HostPort).Order(),
        ];

        Assert.Equal([18100, 18101], ports);
    }

    [Fact]
    public async Task Ports_of_a_running_container_are_replaced_and_the_next_engine_knows()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(Publishing(""), name: "web");
        int chosen = Assert.Single(Assert.Single(web.Status.Endpoints).Ports).HostPort;

        await web.UpdateAsync(
            new UpdateConfig { PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?> { ["80/tcp"] = [new()], ["443/tcp"] = [new() { HostIp = "127.0.0.1", HostPort = "18443" }] } },
            CancellationToken.None);
        fixture.Host.Left[web.Id] = fixture.Host.Running[web.Id];
        fixture.Host.Running.Clear();
        await fixture.ReplaceEngineAsync();
        web = fixture.Engine.Find("web");

        // What may be anywhere stays where it is.
        Assert.Equal([$":{chosen}", "127.0.0.1:18443"], Assert.Single(web.Status.Endpoints).Ports.Select(port => $"{port.HostAddress}:{port.HostPort}"));
        Assert.Equal(["443/tcp", "80/tcp"], web.Record.HostConfig.PortBindings!.Keys.Order(StringComparer.Ordinal));
        var taken = await Assert.ThrowsAsync<CaissonException>(() => fixture.StartAsync(Publishing("18443")));
        Assert.Contains("container web", taken.Message, StringComparison.Ordinal);
        await web.UpdateAsync(new UpdateConfig { PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?>() }, CancellationToken.None);
        Assert.Empty(Assert.Single(web.Status.Endpoints).Ports);
    }

    [Fact]
    public async Task Ports_stay_when_the_limits_of_the_same_update_are_refused()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(Publishing("18500"), name: "web");
        UpdateConfig change = new() { PortBindings = Publishing("18501").PortBindings };

        var wrong = await Assert.ThrowsAsync<ProblemsException>(() => web.UpdateAsync(change with { Memory = 1 }, CancellationToken.None));
        fixture.Host.RefuseUpdates = true;
        await Assert.ThrowsAsync<CaissonException>(() => web.UpdateAsync(change with { Memory = 64 << 20 }, CancellationToken.None));

        Assert.Contains("minimum memory limit", wrong.Message, StringComparison.Ordinal);
        Assert.Equal(18500, Assert.Single(Assert.Single(web.Status.Endpoints).Ports).HostPort);
        Assert.Equal(0, web.Record.HostConfig.Memory);
        Assert.Equal("18500", Assert.Single(web.Record.HostConfig.PortBindings!["80/tcp"]!).HostPort);
    }

    [Fact]
    public async Task Ports_go_over_from_another_container_which_does_not_ask_for_them_any_more()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload blue = await fixture.StartAsync(
            new HostConfig { PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?> { ["80/tcp"] = [new() { HostPort = "18300" }], ["81/tcp"] = [new() { HostPort = "18301" }] } },
            name: "blue");
        Workload green = await fixture.StartAsync(name: "green");
        Workload stopped = await fixture.CreateAsync(name: "stopped");
        var change = new UpdateConfig { PortBindings = Publishing("18300").PortBindings, PortTakeover = "blue" };

        var refused = await Assert.ThrowsAsync<CaissonException>(() => green.UpdateAsync(change with { PortTakeover = "" }, CancellationToken.None));
        var idle = await Assert.ThrowsAsync<CaissonException>(() => stopped.UpdateAsync(change, CancellationToken.None));
        await green.UpdateAsync(change, CancellationToken.None);

        Assert.Contains("already leads to container blue", refused.Message, StringComparison.Ordinal);
        Assert.Contains("not running", idle.Message, StringComparison.Ordinal);
        Assert.Equal(18300, Assert.Single(Assert.Single(green.Status.Endpoints).Ports).HostPort);
        Assert.Equal(18301, Assert.Single(Assert.Single(blue.Status.Endpoints).Ports).HostPort);
        Assert.Equal(["81/tcp"], blue.Record.HostConfig.PortBindings!.Keys);
        await blue.StopAsync(null, 0, CancellationToken.None);
        await blue.StartAsync(CancellationToken.None);
        Assert.Equal(18301, Assert.Single(Assert.Single(blue.Status.Endpoints).Ports).HostPort);
    }

    [Fact]
    public async Task A_name_that_changes_changes_in_networks_too()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(name: "before");

        await web.RenameAsync("after", CancellationToken.None);

        EndpointRecord endpoint = Assert.Single(web.Status.Endpoints);
        Assert.Equal("after", endpoint.Name);
        Assert.Equal("after", Assert.Single(fixture.Services.Networks.EndpointsOf(endpoint.NetworkId)).Name);
    }

    [Fact]
    public async Task A_link_is_kept_by_id_and_one_to_nobody_is_refused()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload db = await fixture.StartAsync(name: "postgres");

        Workload web = await fixture.StartAsync(new HostConfig { Links = ["postgres:db"] });
        var nobody = await Assert.ThrowsAsync<CaissonException>(() => fixture.CreateAsync(new HostConfig { Links = ["nobody:db"] }));
        var conflicting = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(new HostConfig { NetworkMode = "none", Links = ["postgres:db"] }));

        Assert.Equal(("db", db.Id[..12]), (Assert.Single(Assert.Single(web.Status.Endpoints).Links).Key, Assert.Single(Assert.Single(web.Status.Endpoints).Links).Value));
        Assert.Equal(ErrorKind.NotFound, nobody.Kind);
        Assert.Equal("/HostConfig/Links", Assert.Single(conflicting.Problems).Path);
    }

    [Fact]
    public async Task A_plan_shows_the_network_and_makes_nothing()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.CreateAsync(Publishing("18400"));

        string plan = await web.ExplainAsync(CancellationToken.None);

        Assert.Contains("network bridge: made by the engine", plan, StringComparison.Ordinal);
        Assert.Contains("type bridge", plan, StringComparison.Ordinal);
        Assert.Contains("ip -n CONTAINER addr add 172.17.0.2/16 dev eth0", plan, StringComparison.Ordinal);
        Assert.Contains("tcp . 18400 : 172.17.0.2 . 80", plan, StringComparison.Ordinal);
        Assert.Contains("table inet caisson_", plan, StringComparison.Ordinal);
        Assert.Equal(["lo"], Links(fixture));
    }

    [Fact]
    public async Task Another_containers_network_is_shared_while_that_one_runs()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload first = await fixture.CreateAsync(name: "first");
        Workload second = await fixture.CreateAsync(new HostConfig { NetworkMode = "container:first" });

        var early = await Assert.ThrowsAsync<CaissonException>(() => second.StartAsync(CancellationToken.None));

        Assert.Contains("non running container", early.Message, StringComparison.Ordinal);
        Assert.Equal("container:" + first.Id, second.Record.HostConfig.NetworkMode);
        Assert.Empty(second.Record.Networks);
    }

    [Theory]
    [InlineData("no-such-network", ErrorKind.NotFound)]
    [InlineData("container:nobody", ErrorKind.NotFound)]
    public async Task A_network_that_is_not_there_is_said_at_creation(string mode, ErrorKind expected)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        var error = await Assert.ThrowsAsync<CaissonException>(() => fixture.CreateAsync(new HostConfig { NetworkMode = mode }));

        Assert.Equal(expected, error.Kind);
    }

    [Fact]
    public async Task What_is_wrong_with_a_network_is_said_all_at_once()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        var error = Assert.Throws<ProblemsException>(() => fixture.Services.Networks.Create(new NetworkCreate
        {
            Name = "a b",
            Driver = "overlay",
            IPAM = new() { Config = [new() { Subnet = "10.1.2.3/99" }] },
            Options = new Dictionary<string, string> { ["com.docker.network.driver.mtu"] = "big" },
        }));

        Assert.Equal(["/Driver", "/Name", "/IPAM/Config/0/Subnet", "/Options/com.docker.network.driver.mtu"], error.Problems.Select(problem => problem.Path));
    }

    [Fact]
    public async Task Pruning_removes_only_networks_that_no_container_is_in()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Networks.Create(new NetworkCreate { Name = "used" });
        fixture.Services.Networks.Create(new NetworkCreate { Name = "unused" });
        await fixture.CreateAsync(new HostConfig { NetworkMode = "used" });
        var list = new NetworkList(fixture.Engine);

        IReadOnlyList<string> removed = list.Prune(FilterSet.None, null);

        Assert.Equal(["unused"], removed);
        Assert.Equal(["bridge", "host", "none", "used"], list.List(FilterSet.None).Select(network => network.Name));
    }

    private static HostConfig Publishing(string hostPort) => new()
    {
        PortBindings = new Dictionary<string, IReadOnlyList<PortBinding>?> { ["80/tcp"] = [new() { HostPort = hostPort }] },
    };

    private static string[] Links(EngineFixture fixture)
    {
        string[] names = [];
        fixture.Space.RunInside(() =>
        {
            using var route = RouteSocket.Open();
            names = [.. route.ListLinks().Select(link => link.Name)];
        });
        return names;
    }
}

using System.Text;

using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;

using Xunit;

namespace Caisson.Control.Tests;

/// <summary>What a container has of others, and of the engine: namespaces, a first process, secrets, an order.</summary>
public sealed class SharingTests
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sharing_processes_joins_the_others_ids_too()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(name: "web");

        Workload debug = await fixture.StartAsync(new HostConfig { PidMode = "container:web" }, name: "debug");

        Assert.Equal("container:" + web.Id, debug.Record.HostConfig.PidMode);
        Assert.Equal(web.Record.IdBlock, debug.Record.IdBlock);
        LinuxConfig linux = fixture.Host.LastLaunch!.Spec.Linux!;
        Assert.StartsWith("/proc/self/fd/", linux.Namespace(NamespaceType.Pid)!.Path, StringComparison.Ordinal);
        Assert.StartsWith("/proc/self/fd/", linux.Namespace(NamespaceType.User)!.Path, StringComparison.Ordinal);
        Assert.Null(linux.Namespace(NamespaceType.Ipc)!.Path);
        Assert.Contains(debug.Weaknesses, sentence => sentence.Contains("another container", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ids_that_are_shared_are_free_when_the_last_container_is_gone()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload web = await fixture.StartAsync(name: "web");
        Workload debug = await fixture.CreateAsync(new HostConfig { PidMode = "container:web" });

        await web.RemoveAsync(force: true, None);
        Workload other = await fixture.CreateAsync();
        Assert.NotEqual(debug.Record.IdBlock, other.Record.IdBlock);
        await debug.RemoveAsync(force: true, None);

        Assert.Equal(debug.Record.IdBlock, (await fixture.CreateAsync()).Record.IdBlock);
    }

    [Fact]
    public async Task What_does_not_run_or_does_not_share_cannot_be_joined()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await fixture.CreateAsync(name: "web");
        Workload debug = await fixture.CreateAsync(new HostConfig { UTSMode = "container:web" });

        CaissonException stopped = await Assert.ThrowsAsync<CaissonException>(() => debug.StartAsync(None));
        CaissonException closed = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(new HostConfig { IpcMode = "container:web" }));
        CaissonException missing = await Assert.ThrowsAsync<CaissonException>(() => fixture.CreateAsync(new HostConfig { PidMode = "container:nobody" }));

        Assert.Contains("cannot join UTS namespace of a non running container: web", stopped.Message, StringComparison.Ordinal);
        Assert.Contains("--ipc shareable", closed.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.NotFound, missing.Kind);
    }

    [Fact]
    public async Task An_init_is_put_beside_the_devices_and_runs_the_program()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload workload = await fixture.StartAsync(new HostConfig { Init = true });

        ContainerLaunch launch = fixture.Host.LastLaunch!;
        Assert.Equal(["/dev/init", "/bin/serve"], launch.Spec.Process!.Args);
        Mount mount = Assert.Single(launch.Spec.Mounts, mount => mount.Destination == "/dev/init");
        Assert.Contains("ro", mount.Options);
        Assert.Equal([0x7F, (byte)'E', (byte)'L', (byte)'F'], (await File.ReadAllBytesAsync(mount.Source!, None)).Take(4));
        Assert.Equal(["/bin/serve"], workload.Record.Args);
    }

    [Fact]
    public async Task A_secret_is_a_file_of_a_tmpfs_that_only_its_container_has()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        SecretRecord record = fixture.Services.Secrets.Create(isConfig: false, "token", null, "s3cret"u8);
        string? content = null;
        FileStatus status = default;
        fixture.Host.Launched = launch =>
        {
            using RootDirectory root = RootDirectory.From(launch.Mounts["/caisson:secrets"]);
            content = Encoding.ASCII.GetString(root.ReadFile("/api-token", 1_000));
            status = root.TryGetStatus("/api-token")!.Value;
        };

        Workload workload = await fixture.StartAsync(new HostConfig
        {
            Secrets = [new SecretMount { Source = "token", Target = "api-token", UID = "1000", Mode = 0x100 }],
        });

        Assert.Equal("s3cret", content);
        Assert.Equal((0x100, IdRange.OfBlock(workload.Record.IdBlock!.Value).First + 1_000), (status.Mode, status.UserId));
        Assert.Equal("/run/secrets", Assert.Single(fixture.Host.LastLaunch!.Spec.Mounts, mount => mount.Source == "/caisson:secrets").Destination);
        string stored = string.Concat(fixture.State.List("container").Concat(fixture.State.List("secret")).Select(one => Encoding.UTF8.GetString(one.Value)))
            + string.Concat(fixture.State.Events(1_000).Select(one => Encoding.UTF8.GetString(one.Value)));
        Assert.DoesNotContain("s3cret", stored, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String("s3cret"u8), stored, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode($"{fixture.Root}/secrets/{record.Id}"));
    }

    [Fact]
    public async Task A_secret_stays_while_a_container_has_it_and_survives_the_engine()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Secrets.Create(isConfig: false, "token", null, "x"u8);
        fixture.Services.Secrets.Create(isConfig: true, "token", new Dictionary<string, string> { ["a"] = "b" }, "y"u8);
        Workload workload = await fixture.CreateAsync(new HostConfig { Secrets = [new SecretMount { Source = "token" }] }, name: "web");

        await fixture.ReplaceEngineAsync();

        CaissonException used = Assert.Throws<CaissonException>(() => fixture.Engine.RemoveSecret(isConfig: false, "token"));
        Assert.Contains("in use by container web", used.Message, StringComparison.Ordinal);
        Assert.Throws<CaissonException>(() => fixture.Services.Secrets.Create(isConfig: false, "token", null, "z"u8));
        await fixture.Engine.Find(workload.Id).RemoveAsync(force: true, None);
        fixture.Engine.RemoveSecret(isConfig: false, "token");
        Assert.Empty(fixture.Services.Secrets.List(isConfig: false, FilterSet.None));
        Assert.Equal("y", Encoding.ASCII.GetString(fixture.Services.Secrets.Read(Assert.Single(fixture.Services.Secrets.List(isConfig: true, FilterSet.None)))));
    }

    [Theory]
    [InlineData("/etc/password", "", "is not a name below /run/secrets")]
    [InlineData("..", "", "is not a name below /run/secrets")]
    [InlineData("x", "web", "is not made of numbers")]
    public async Task A_secret_in_the_wrong_place_is_refused(string target, string user, string reason)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Secrets.Create(isConfig: false, "token", null, "x"u8);

        var error = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(
            new HostConfig { Secrets = [new SecretMount { Source = "token", Target = target, UID = user }] }));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_config_is_a_file_at_any_path()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        fixture.Services.Secrets.Create(isConfig: true, "site", null, "server {}"u8);

        await fixture.StartAsync(new HostConfig { Configs = [new SecretMount { Source = "site", Target = "/etc/site.conf" }] });

        Mount mount = Assert.Single(fixture.Host.LastLaunch!.Spec.Mounts, mount => mount.Destination == "/etc/site.conf");
        Assert.Equal("server {}", await File.ReadAllTextAsync(mount.Source!, None));
    }

    [Fact]
    public async Task Whom_others_need_is_taken_over_before_them()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload last = await fixture.CreateAsync(name: "last");
        Workload network = await fixture.StartAsync(name: "network");
        Workload guest = await fixture.CreateAsync(new HostConfig { NetworkMode = "container:network" }, name: "guest");
        await network.RestartAsync(null, 0, None);

        IReadOnlyList<Workload> sorted = RecoveryOrder.Sort([guest, network, last]);

        Assert.Equal(["last", "network", "guest"], sorted.Select(workload => workload.Record.Name));
    }

    [Fact]
    public async Task Events_go_on_after_a_number_and_a_gap_is_told()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        await fixture.CreateAsync(name: "one");
        long number = fixture.Services.Events.Listen(DateTimeOffset.MinValue) is { } all && ReadAll(all) is [.., var last] ? last.Sequence : 0;
        await fixture.CreateAsync(name: "two");

        using EventLog.Listener listener = fixture.Services.Events.ListenAfter(number);

        EngineEvent entry = Assert.Single(ReadAll(listener));
        Assert.Equal(("create", "two", number + 1), (entry.Action, entry.Attributes["name"], entry.Sequence));
        for (int i = 0; i < 2_100; i++)
        {
            fixture.Services.Events.Commit(State.Durability.Process, new State.StateChange(), entry);
        }
        Assert.Equal(ErrorKind.FailedPrecondition, Assert.Throws<CaissonException>(() => fixture.Services.Events.ListenAfter(number)).Kind);
    }

    private static List<EngineEvent> ReadAll(EventLog.Listener listener)
    {
        List<EngineEvent> events = [];
        while (listener.Reader.TryRead(out EngineEvent? entry))
        {
            events.Add(entry);
        }
        return events;
    }
}

using Caisson.Containers.Seccomp;
using Caisson.Control.Machines;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Agent;
using Caisson.Oci.Runtime;

using Xunit;

namespace Caisson.Control.Tests;

public sealed class MachineTests
{
    private const string Files = "/root/containers/ID";

    private static readonly SandboxCompiler.Sources Sources = new("/p/caisson-machine", "/k/vmlinux", "/k/initrd", "/i/x.erofs", "/d/data.img", "/d/machine", "/d/devices");

    private readonly List<Problem> _problems = [];

    [Fact]
    public async Task A_machine_cannot_have_a_part_of_the_host_and_says_which()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        var error = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(new HostConfig
        {
            Runtime = "vm",
            PidMode = "host",
            NetworkMode = "host",
            IpcMode = "host",
            UTSMode = "host",
            Binds = ["/tmp:/x:rshared"],
            StorageOpt = new Dictionary<string, string> { ["size"] = "little" },
        }));

        Assert.Equal(
            ["/HostConfig/IpcMode", "/HostConfig/Mounts", "/HostConfig/NetworkMode", "/HostConfig/PidMode", "/HostConfig/StorageOpt", "/HostConfig/UTSMode"],
            error.Problems.Select(problem => problem.Path).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("", KernelArchitecture.X64)]
    [InlineData("amd64", KernelArchitecture.X64)]
    [InlineData("386", KernelArchitecture.X64)]
    [InlineData("arm64", KernelArchitecture.Arm64)]
    [InlineData("riscv64", null)]
    [InlineData("arm", null)]
    public async Task A_machine_is_of_its_images_architecture_where_there_are_such_machines(string image, KernelArchitecture? expected)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        ContainerRecord record = (await fixture.CreateAsync(new HostConfig { Runtime = "vm", NetworkMode = "none" })).Record with { Architecture = image };

        MachineRules.Check(record, _problems);

        Assert.Equal(expected, MachineRules.ArchitectureOf(record));
        Assert.Equal(expected is null ? ["/Image"] : Array.Empty<string>(), _problems.Select(problem => problem.Path));
    }

    [Theory]
    [InlineData("20g", 20L << 30)]
    [InlineData("512M", 512L << 20)]
    [InlineData("1t", 1L << 40)]
    [InlineData("g", null)]
    [InlineData("-1g", null)]
    [InlineData("9999999999999999999g", null)]
    [InlineData("5x", null)]
    public void A_disks_size_is_a_number_with_a_unit(string text, long? bytes) =>
        Assert.Equal(bytes, MachineRules.DiskBytes(new HostConfig { StorageOpt = new Dictionary<string, string> { ["size"] = text } }));

    [Fact]
    public async Task A_machine_has_ids_of_its_own_whatever_its_profile()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload workload = await fixture.CreateAsync(new HostConfig { Runtime = "vm", NetworkMode = "none", UsernsMode = "host" });

        Assert.NotNull(workload.Record.IdBlock);
    }

    [Fact]
    public async Task The_sandbox_is_a_closed_container()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.CreateAsync(new HostConfig { Runtime = "vm", NetworkMode = "none", Privileged = true, CapAdd = ["SYS_ADMIN"] });

        RuntimeSpec spec = SandboxCompiler.Compile(workload.Record, Sources, 512 << 20, hasKvm: false);
        RuntimeSpecRules.Check(spec with { Root = spec.Root! with { Path = "/rootfs" } }, _problems);

        Assert.Empty(_problems);
        Assert.True(spec.Root!.Readonly);
        Assert.True(spec.Process!.NoNewPrivileges);
        Assert.Equal(["CAP_KILL", "CAP_NET_ADMIN", "CAP_SETGID", "CAP_SETUID"], spec.Process.Capabilities!.Bounding);
        Assert.NotEmpty(spec.Linux!.UidMappings);
        Assert.All(
            (NamespaceType[])[NamespaceType.Mount, NamespaceType.User, NamespaceType.Pid, NamespaceType.Network, NamespaceType.Ipc, NamespaceType.Uts, NamespaceType.Cgroup],
            type => Assert.NotNull(spec.Linux.Namespace(type)));
        Assert.Equal((512L + 384) << 20, spec.Linux.Resources!.Memory!.Limit);
        Assert.Equal(["/disks/data", "/dev/net/tun"], spec.Mounts.Where(mount => mount.Type == "bind" && !mount.Options.Contains("ro")).Select(mount => mount.Destination).OrderDescending());
        Assert.DoesNotContain(spec.Mounts, mount => mount.Destination == "/dev/kvm");
    }

    [Fact]
    public async Task Inside_is_the_containers_own_configuration_without_what_is_the_machines()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.CreateAsync(new HostConfig { Runtime = "vm", NetworkMode = "none", Memory = 256 << 20 });
        RuntimeSpec spec = SpecCompiler.Compile(workload.Record with { IdBlock = null }, new SpecCompiler.Facts
        {
            Profile = Caisson.Containers.Profiles.SecurityProfiles.Default,
            User = new Caisson.Images.Users.ResolvedUser(0, 0, [], "/root", "root"),
            FilesDirectory = Files,
        });

        RuntimeSpec inside = GuestCompiler.Inside(spec, Files, [], _problems);
        GuestLaunch launch = new GuestCompiler(new SeccompPlans(new SeccompFilterCache($"{fixture.Root}/seccomp"))).First("id", inside, [], null, _problems).Launch;

        Assert.Empty(_problems);
        Assert.Null(inside.Linux!.Namespace(NamespaceType.Network));
        Assert.Null(inside.Linux.Resources);
        Assert.Equal(["hostname", "hosts", "resolv.conf"], GuestCompiler.Files(inside).Order(StringComparer.Ordinal));
        Assert.Equal(spec.Process!.Capabilities!.Bounding, inside.Process!.Capabilities!.Bounding);
        Assert.Contains(launch.Inputs, input => input.Kind == GuestInputKind.Root);
        Assert.All((string[])["hosts", "hostname", "resolv.conf"], name => Assert.Contains(launch.WorldSteps, step => step.Contains($"{MachineSettings.FilesDirectory}/{name}", StringComparison.Ordinal)));
        Assert.Equal(launch.Inputs, GuestLaunch.Decode(launch.Encode()).Inputs);
    }

    [Fact]
    public async Task What_of_the_host_a_machine_sees_is_mounted_in_its_sandbox_and_bound_from_a_server_inside()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        string shared = Directory.CreateDirectory($"{fixture.Root}/shared").FullName;
        Workload workload = await fixture.CreateAsync(new HostConfig { Runtime = "vm", NetworkMode = "none", Binds = [$"{shared}:/data:ro", "/dev/null:/device"] });
        SpecCompiler.Facts facts = new()
        {
            Profile = Caisson.Containers.Profiles.SecurityProfiles.Default,
            User = new Caisson.Images.Users.ResolvedUser(0, 0, [], "/root", "root"),
            FilesDirectory = Files,
        };

        RuntimeSpec outside = SpecCompiler.Compile(workload.Record, facts);
        var shares = MachineShare.Of(outside, Files, mount => mount.Source == shared ? FileKind.Directory : FileKind.CharacterDevice, _problems);
        RuntimeSpec sandbox = SandboxCompiler.Compile(workload.Record, Sources with { Shares = shares }, 512 << 20, hasKvm: false);
        RuntimeSpec inside = GuestCompiler.Inside(SpecCompiler.Compile(workload.Record with { IdBlock = null }, facts), Files, shares, new List<Problem>());

        Assert.Contains("/device", Assert.Single(_problems).Message, StringComparison.Ordinal);
        Mount outer = Assert.Single(sandbox.Mounts, mount => mount.Source == shared);
        Assert.Equal("/files/share/0", outer.Destination);
        Assert.Contains("idmap", outer.Options);
        Assert.Contains("ro", outer.Options);
        Mount inner = Assert.Single(inside.Mounts, mount => mount.Destination == "/data");
        Assert.Equal("/run/caisson/shares/0", inner.Source);
        Assert.DoesNotContain("idmap", inner.Options);
        Assert.Contains("ro", inner.Options);
        Assert.Contains("CAP_SYS_CHROOT", sandbox.Process!.Capabilities!.Bounding);
        using MountTree tree = SandboxCompiler.MakeRoot(shares);
        using RootDirectory root = RootDirectory.From(tree);
        Assert.Equal(FileKind.Directory, root.TryGetStatus("/files/share/0")?.Kind);
    }

    [Fact]
    public void The_sandboxs_root_has_places_for_mounts_and_nothing_else()
    {
        using MountTree tree = SandboxCompiler.MakeRoot();

        using RootDirectory root = RootDirectory.From(tree);

        Assert.Equal(FileKind.Directory, root.TryGetStatus("/machine")?.Kind);
        Assert.Equal(0, root.TryGetStatus("/caisson-machine")?.Size);
        Assert.Null(root.TryGetStatus("/etc/passwd"));
    }
}

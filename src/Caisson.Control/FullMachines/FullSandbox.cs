using System.Collections.Immutable;

using Caisson.Containers.Profiles;
using Caisson.Control.Machines;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Linux;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Full;
using Caisson.Oci.Runtime;

namespace Caisson.Control.FullMachines;

/// <summary>
/// Writes the configuration of the container around a full machine, whose first and only process is QEMU: no capabilities, ids of its own, the machine's network,
/// and of the host's files only its own directory, templates it stands on, and programs. Descriptors for everything else are given to it by the engine.
/// </summary>
/// <remarks>Pure, but for <see cref="MakeRoot"/>.</remarks>
internal static class FullSandbox
{
    /// <summary>Who QEMU is in there.</summary>
    public const uint User = 1_000;

    private const uint MiscellaneousMajor = 10;
    private const uint KvmMinor = 232;

    /// <summary>What QEMU itself, the translated code and the pages of disks take, beside the machine's memory.</summary>
    private const long OverheadBytes = 1L << 30;

    private const long TpmBytes = 64L << 20;

    /// <summary>That of a machine whose memory comes from elsewhere: QEMU may wait for pages, where the kernel lets such a process do so (vm.unprivileged_userfaultfd).</summary>
    public static SeccompPolicy ArrivingFilter { get; } = SandboxCompiler.Filter with { Rules = [new SeccompRule(SeccompAction.Allow, "userfaultfd"), .. SandboxCompiler.Filter.Rules] };

    /// <summary>The configuration of the sandbox of <paramref name="machine"/>.</summary>
    /// <param name="machine">What runs.</param>
    /// <param name="directory">The machine's directory on the host.</param>
    /// <param name="bases">Directories with disks of templates, by id.</param>
    /// <param name="program">The program and its arguments.</param>
    /// <param name="hasKvm">Whether it gets the host's KVM.</param>
    public static RuntimeSpec Compile(FullMachineRecord machine, string directory, IReadOnlyDictionary<string, string> bases, ImmutableArray<string> program, bool hasKvm)
    {
        SecurityProfile profile = SecurityProfiles.Default;
        ImmutableArray<IdMapping> map = [new IdMapping(0, IdRange.OfBlock(machine.IdBlock).First, IdRange.Size)];
        FullMachineConfig config = machine.Config;
        return new RuntimeSpec
        {
            OciVersion = "1.2.0",
            Root = new Root { Path = "rootfs", Readonly = true },
            Hostname = "sandbox",
            Process = new Process
            {
                User = new User { Uid = User, Gid = User },
                Args = program,
                Env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
                Cwd = "/",
                Capabilities = new Capabilities(),
                NoNewPrivileges = true,
            },
            Mounts =
            [
                new Mount { Destination = "/proc", Type = "proc", Source = "proc", Options = ["nosuid", "noexec", "nodev"] },
                new Mount { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "strictatime", "mode=755", "size=65536k"] },
                new Mount { Destination = "/dev/shm", Type = "tmpfs", Source = "shm", Options = ["nosuid", "noexec", "nodev", "mode=1777"] },
                new Mount { Destination = "/tmp", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "nodev", "noexec", "mode=1777", "size=64m"] },
                Bind("/usr", "/usr", "rbind", "ro", "nosuid", "nodev"),
                Bind($"{directory}/disks", FullMachinePlan.DisksDirectory, "bind", "nosuid", "nodev", "noexec"),
                Bind($"{directory}/run", FullMachinePlan.RunDirectory, "bind", "nosuid", "nodev", "noexec"),
                .. config.HasKernel ? [Bind($"{directory}/boot", FullMachinePlan.BootDirectory, "bind", "ro", "nosuid", "nodev", "noexec")] : Array.Empty<Mount>(),
                .. bases.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => Bind(one.Value, $"{FullMachinePlan.BasesDirectory}/{one.Key}", "bind", "ro", "nosuid", "nodev", "noexec")),
                .. hasKvm ? [Bind($"{directory}/devices/kvm", "/dev/kvm", "bind", "nosuid", "noexec")] : Array.Empty<Mount>(),
            ],
            Linux = new LinuxConfig
            {
                Namespaces =
                [
                    new LinuxNamespace(NamespaceType.Mount),
                    new LinuxNamespace(NamespaceType.User),
                    new LinuxNamespace(NamespaceType.Pid),
                    new LinuxNamespace(NamespaceType.Network),
                    new LinuxNamespace(NamespaceType.Ipc),
                    new LinuxNamespace(NamespaceType.Uts),
                    new LinuxNamespace(NamespaceType.Cgroup),
                ],
                UidMappings = map,
                GidMappings = map,
                CgroupsPath = "caisson/" + machine.Id,
                Resources = new LinuxResources
                {
                    Memory = new LinuxMemory { Limit = Math.Max(config.MemoryBytes, config.MemoryMaxBytes) + OverheadBytes },
                    PidsLimit = profile.PidsMax,
                    Devices =
                    [
                        new LinuxDeviceCgroup { Allow = false, Access = "rwm" },
                        .. profile.Devices.Select(device => Allow(device.Major, device.Minor)),
                        .. hasKvm ? [Allow(MiscellaneousMajor, KvmMinor)] : Array.Empty<LinuxDeviceCgroup>(),
                    ],
                },
                MaskedPaths = profile.MaskedPaths,
                ReadonlyPaths = profile.ReadOnlyPaths,
                // The machine has the addresses: its sandbox answers for its own one alone.
                Sysctl = new Dictionary<string, string> { ["net.ipv4.conf.all.arp_ignore"] = "1" },
            },
        };

        static LinuxDeviceCgroup Allow(long major, long? minor) => new() { Allow = true, Type = "c", Major = major, Minor = minor, Access = "rw" };

        static Mount Bind(string source, string target, params string[] options) =>
            new() { Destination = target, Type = "bind", Source = source, Options = [.. options, "rprivate"] };
    }

    /// <summary>The configuration of the sandbox of the TPM of <paramref name="machine"/>: another program in the same directory, without a network.</summary>
    /// <param name="machine">Whose it is.</param>
    /// <param name="id">The sandbox's id.</param>
    /// <param name="directory">The machine's directory on the host.</param>
    /// <param name="program">The TPM's program.</param>
    public static RuntimeSpec CompileTpm(FullMachineRecord machine, string id, string directory, string program)
    {
        RuntimeSpec spec = Compile(
            machine with { Config = machine.Config with { HasKernel = false } }, directory, new Dictionary<string, string>(),
            [program, "socket", "--tpm2", "--tpmstate", "dir=/machine/disks", "--ctrl", $"type=unixio,path={FullMachinePlan.RunDirectory}/tpm.sock,mode=0600", "--terminate"], hasKvm: false);
        return spec with
        {
            Mounts = [.. spec.Mounts.Select(mount => mount.Destination == FullMachinePlan.DisksDirectory ? mount with { Source = $"{directory}/tpm" } : mount)],
            Linux = spec.Linux! with { CgroupsPath = "caisson/" + id, Resources = spec.Linux.Resources! with { Memory = new LinuxMemory { Limit = TpmBytes } } },
        };
    }

    /// <summary>An empty root for the sandbox: places for mounts, and nothing else.</summary>
    public static MountTree MakeRoot(IEnumerable<string> bases) => SandboxCompiler.MakeRoot(
        ["dev", "proc", "sys", "tmp", "usr", "var", "etc", "run", "machine", "machine/disks", "machine/run", "machine/boot", "machine/bases", .. bases.Select(one => $"machine/bases/{one}")], []);

    /// <summary>Makes the node of the host's KVM that belongs to the sandbox's user.</summary>
    public static void MakeDevices(string directory, uint user)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using DirectoryDescriptor devices = HostFiles.OpenDirectory(directory);
        devices.Unlink("kvm");
        devices.CreateNode("kvm", FileKind.CharacterDevice, 0x180, new DeviceNumber(MiscellaneousMajor, KvmMinor));
        using FileDescriptor node = devices.TryOpenPath("kvm")!;
        node.ChangeOwner(user, user);
    }
}

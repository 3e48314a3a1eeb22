using System.Collections.Immutable;

using Caisson.Containers.Profiles;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Linux;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Files;
using Caisson.Machines.Plan;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Machines;

/// <summary>
/// Writes the configuration of the container around a machine: QEMU and the process beside it, confined as any container is, with the machine's
/// network, its limits and a few files. So whatever a container can do from outside, a machine can.
/// </summary>
/// <remarks>Pure, but for <see cref="MakeRoot(IReadOnlyCollection{MachineShare})"/>.</remarks>
internal static class SandboxCompiler
{
    /// <summary>Who QEMU is in there.</summary>
    public const int QemuUser = 1_000;

    public const string KernelPath = "/boot/vmlinux";
    public const string InitrdPath = "/boot/initrd";
    public const string ImagePath = "/disks/image";
    public const string DataPath = "/disks/data";
    public const string MemoryPath = $"{MachineLaunch.TemplateDirectory}/{MachineLaunch.MemoryName}";
    public const string TemplateDiskPath = $"{MachineLaunch.TemplateDirectory}/{MachineLaunch.DiskName}";

    private const string ProgramPath = "/caisson-machine";
    private const string TunName = "tun";
    private const string KvmName = "kvm";
    private const uint MiscellaneousMajor = 10;
    private const uint TunMinor = 200;
    private const uint KvmMinor = 232;

    /// <summary>What the server of files has open at most, and a few more.</summary>
    private const ulong OpenFilesMax = 32_768;

    /// <summary>What QEMU itself and the pages of disks take, beside the machine's memory.</summary>
    private const long OverheadBytes = 384L << 20;

    /// <summary>
    /// The default profile's, the one call that starts QEMU, and the one that shuts the server of files in; QEMU's own filter takes away all calls that make processes.
    /// </summary>
    public static SeccompPolicy Filter { get; } = SecurityProfiles.Default.Seccomp!.Policy with
    {
        Rules = [new SeccompRule(SeccompAction.Allow, "clone3"), new SeccompRule(SeccompAction.Allow, "chroot"), .. SecurityProfiles.Default.Seccomp.Policy.Rules],
    };

    private static readonly string[] Directories = ["boot", "dev", "disks", "etc", "machine", "proc", "run", "sys", "template", "tmp", "usr", "var"];
    private static readonly string[] Files = [ProgramPath, KernelPath, InitrdPath, ImagePath, DataPath];
    private static readonly string[] Links = ["bin", "sbin", "lib", "lib32", "lib64"];

    /// <summary>The host's paths of what is in the sandbox.</summary>
    /// <param name="Program"><c>caisson-machine</c>.</param>
    /// <param name="Kernel">The kernel.</param>
    /// <param name="Initrd">Its first file system.</param>
    /// <param name="Image">The image's disk; null where a template is made.</param>
    /// <param name="Data">The disk for changes; null for none.</param>
    /// <param name="Launches">The directory with launches.</param>
    /// <param name="Devices">The directory with nodes of devices that belong to the sandbox's root.</param>
    /// <param name="Template">The directory of the template that the machine goes on from, or, without an image, that is made; null when it boots.</param>
    internal sealed record Sources(string Program, string Kernel, string Initrd, string? Image, string? Data, string Launches, string Devices, string? Template = null)
    {
        /// <summary>What of the host is served to the machine.</summary>
        public ImmutableArray<MachineShare> Shares { get; init; } = [];

        /// <summary>The most files that may be open in the sandbox of a machine to which something is served.</summary>
        public ulong OpenFilesMax { get; init; } = ulong.MaxValue;
    }

    /// <summary>The configuration of the sandbox of <paramref name="container"/>.</summary>
    /// <param name="container">What runs.</param>
    /// <param name="sources">What is in it.</param>
    /// <param name="memoryBytes">The machine's memory.</param>
    /// <param name="hasKvm">Whether QEMU gets the host's KVM.</param>
    /// <param name="task">What <c>caisson-machine</c> does.</param>
    public static RuntimeSpec Compile(ContainerRecord container, Sources sources, long memoryBytes, bool hasKvm, string task = "run")
    {
        HostConfig host = container.HostConfig;
        SecurityProfile profile = SecurityProfiles.Default;
        IdRange? ids = container.IdBlock is { } block ? IdRange.OfBlock(block) : null;
        ImmutableArray<IdMapping> map = ids is { } range ? [new IdMapping(0, range.First, IdRange.Size)] : [];
        LinuxResources limits = SpecCompiler.Resources(host, []);
        return new RuntimeSpec
        {
            OciVersion = "1.2.0",
            Root = new Root { Path = "rootfs", Readonly = true },
            Hostname = "sandbox",
            Process = Program([task], sources) with { Terminal = container.Config.Tty, ConsoleSize = ConsoleOf(host) },
            Mounts =
            [
                new Mount { Destination = "/proc", Type = "proc", Source = "proc", Options = ["nosuid", "noexec", "nodev"] },
                new Mount { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "strictatime", "mode=755", "size=65536k"] },
                new Mount { Destination = "/dev/pts", Type = "devpts", Source = "devpts", Options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
                new Mount { Destination = "/dev/shm", Type = "tmpfs", Source = "shm", Options = ["nosuid", "noexec", "nodev", "mode=1777"] },
                new Mount { Destination = "/run", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "nodev", "noexec", "mode=700", "size=1m"] },
                new Mount { Destination = "/tmp", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "nodev", "noexec", "mode=1777", "size=1m"] },
                Bind("/usr", "/usr", "rbind", "ro", "nosuid", "nodev"),
                Bind(sources.Launches, MachineLaunch.Directory, "bind", "ro", "nosuid", "nodev", "noexec"),
                Bind(sources.Program, ProgramPath, "bind", "ro", "nosuid", "nodev"),
                Bind(sources.Kernel, KernelPath, "bind", "ro", "nosuid", "nodev", "noexec"),
                Bind(sources.Initrd, InitrdPath, "bind", "ro", "nosuid", "nodev", "noexec"),
                .. sources.Image is { } image ? [Bind(image, ImagePath, "bind", "ro", "nosuid", "nodev", "noexec")] : Array.Empty<Mount>(),
                .. sources.Template is { } template
                    ? [Bind(template, MachineLaunch.TemplateDirectory, "bind", sources.Image is null ? "rw" : "ro", "nosuid", "nodev", "noexec")] : Array.Empty<Mount>(),
                Bind($"{sources.Devices}/{TunName}", "/dev/net/tun", "bind", "nosuid", "noexec"),
                .. hasKvm ? [Bind($"{sources.Devices}/{KvmName}", "/dev/kvm", "bind", "nosuid", "noexec")] : Array.Empty<Mount>(),
                .. sources.Data is { } data ? [Bind(data, DataPath, "bind", "nosuid", "nodev", "noexec")] : Array.Empty<Mount>(),
                .. sources.Shares.Length > 0
                    ? [new Mount { Destination = $"{FileServerProcess.RootPath}/proc", Type = "proc", Source = "proc", Options = ["nosuid", "noexec", "nodev"] }] : Array.Empty<Mount>(),
                .. sources.Shares.Select(share => share.InSandbox),
            ],
            Linux = new LinuxConfig
            {
                Namespaces =
                [
                    new LinuxNamespace(NamespaceType.Mount),
                    .. ids is null ? Array.Empty<LinuxNamespace>() : [new LinuxNamespace(NamespaceType.User)],
                    new LinuxNamespace(NamespaceType.Pid),
                    new LinuxNamespace(NamespaceType.Network),
                    new LinuxNamespace(NamespaceType.Ipc),
                    new LinuxNamespace(NamespaceType.Uts),
                    new LinuxNamespace(NamespaceType.Cgroup),
                ],
                UidMappings = map,
                GidMappings = map,
                CgroupsPath = (host.CgroupParent.Length > 0 ? host.CgroupParent.TrimEnd('/') : "caisson") + "/" + container.Id,
                Resources = limits with
                {
                    // The machine's own kernel keeps its programs within its memory; this is for QEMU.
                    Memory = new LinuxMemory { Limit = memoryBytes + OverheadBytes },
                    PidsLimit = profile.PidsMax,
                    Devices =
                    [
                        new LinuxDeviceCgroup { Allow = false, Access = "rwm" },
                        .. profile.Devices.Select(device => Allow(device.Major, device.Minor)),
                        Allow(5, 1), Allow(5, 2), Allow(136, null), Allow(10, TunMinor),
                        .. hasKvm ? [Allow(10, KvmMinor)] : Array.Empty<LinuxDeviceCgroup>(),
                    ],
                },
                MaskedPaths = profile.MaskedPaths,
                ReadonlyPaths = profile.ReadOnlyPaths,
                // The machine has the addresses; its sandbox does not answer for them.
                Sysctl = new Dictionary<string, string> { ["net.ipv4.conf.all.arp_ignore"] = "8" },
            },
        };

        static LinuxDeviceCgroup Allow(long major, long? minor) => new() { Allow = true, Type = "c", Major = major, Minor = minor, Access = "rw" };

        static Mount Bind(string source, string target, params string[] options) =>
            new() { Destination = target, Type = "bind", Source = source, Options = [.. options, "rprivate"] };
    }

    /// <summary>The process that stands, in the sandbox, for a further program in the machine.</summary>
    public static Process Exec(string launchName, bool terminal, ConsoleSize? size) =>
        Program(["exec", $"{MachineLaunch.Directory}/{launchName}"], null) with { Terminal = terminal, ConsoleSize = size };

    /// <summary>Makes the nodes of the sandbox's devices: the host's own belong to the host's root, who is nobody in there.</summary>
    /// <param name="directory">Gets them; made when it is missing.</param>
    /// <param name="owner">Root of the sandbox, in the host's numbers.</param>
    /// <param name="qemu">QEMU's user, in the host's numbers.</param>
    public static void MakeDevices(string directory, uint owner, uint qemu)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using DirectoryDescriptor devices = HostFiles.OpenDirectory(directory);
        Make(TunName, TunMinor, owner);
        Make(KvmName, KvmMinor, qemu);

        void Make(string name, uint minor, uint user)
        {
            devices.Unlink(name);
            devices.CreateNode(name, FileKind.CharacterDevice, 0x180, new DeviceNumber(MiscellaneousMajor, minor));
            File.SetUnixFileMode($"{directory}/{name}", UnixFileMode.UserRead | UnixFileMode.UserWrite);
            using FileDescriptor node = devices.TryOpenPath(name)!;
            node.ChangeOwner(user, user);
        }
    }

    /// <summary>An empty root for the sandbox: places for mounts, and nothing else.</summary>
    /// <param name="shares">What of the host is served to the machine.</param>
    public static MountTree MakeRoot(IReadOnlyCollection<MachineShare>? shares = null) => shares is not { Count: > 0 } ? MakeRoot(Directories, Files) : MakeRoot(
        [
            .. Directories, FileServerProcess.RootPath[1..], $"{FileServerProcess.RootPath[1..]}/proc", $"{FileServerProcess.RootPath[1..]}{FileServerProcess.SharesPath}",
            .. shares.Where(share => share.Kind == FileKind.Directory).Select(share => share.SandboxPath[1..]),
        ],
        [.. Files, .. shares.Where(share => share.Kind != FileKind.Directory).Select(share => share.SandboxPath)]);

    /// <summary>An empty root for a sandbox.</summary>
    /// <param name="directories">Its directories, those above others first.</param>
    /// <param name="files">Its files, absolute, in those directories.</param>
    public static MountTree MakeRoot(IEnumerable<string> directories, IEnumerable<string> files)
    {
        using FilesystemContext context = FilesystemContext.Open("tmpfs");
        MountTree tree = context.Set("mode", "755").Set("size", "256k").Mount(MountAttributes.NoSetuid | MountAttributes.NoDevices);
        try
        {
            using DirectoryDescriptor root = tree.OpenRoot();
            foreach (string name in directories)
            {
                using DirectoryDescriptor directory = OpenParent(root, name);
                directory.CreateDirectory(Path.GetFileName(name), 0x1ed).Dispose();
            }
            foreach (string file in files)
            {
                using DirectoryDescriptor directory = OpenParent(root, file[1..]);
                directory.CreateFile(Path.GetFileName(file), 0x1a4).Dispose();
            }
            foreach (string link in Links.Where(link => new FileInfo("/" + link).LinkTarget is not null))
            {
                root.CreateSymlink(link, "usr/" + link);
            }
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    private static DirectoryDescriptor OpenParent(DirectoryDescriptor root, string path)
    {
        DirectoryDescriptor current = root.Duplicate();
        foreach (string part in path.Split('/')[..^1])
        {
            using DirectoryDescriptor above = current;
            current = above.OpenDirectory(part);
        }
        return current;
    }

    private static Process Program(ImmutableArray<string> arguments, Sources? sources)
    {
        bool serves = sources is { Shares.Length: > 0 };
        ImmutableArray<string> capabilities = ["CAP_KILL", "CAP_NET_ADMIN", "CAP_SETGID", "CAP_SETUID", .. serves ? FileServerProcess.Capabilities : []];
        return new Process
        {
            User = new User(),
            Args = [ProgramPath, .. arguments],
            Env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            Cwd = "/",
            Capabilities = new Capabilities { Bounding = capabilities, Effective = capabilities, Permitted = capabilities },
            Rlimits = serves ? [new Rlimit(RlimitType.Nofile, Math.Min(sources!.OpenFilesMax, OpenFilesMax), Math.Min(sources.OpenFilesMax, OpenFilesMax))] : [],
            NoNewPrivileges = true,
        };
    }

    private static ConsoleSize? ConsoleOf(HostConfig host) =>
        host.ConsoleSize is [> 0 and <= ushort.MaxValue and var rows, > 0 and <= ushort.MaxValue and var columns] ? new ConsoleSize((ushort)rows, (ushort)columns) : null;
}

using System.Collections.Immutable;
using System.Globalization;

using Caisson.Containers.Profiles;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Images.Users;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Workloads;

/// <summary>Writes the OCI runtime configuration of a container. Touches nothing: what it must know of the host comes in <see cref="Facts"/>.</summary>
/// <remarks>Source: runtime-spec 1.2 config.md and config-linux.md; the defaults are the profile's and Docker's.</remarks>
internal static class SpecCompiler
{
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private const ulong CpuPeriodUs = 100_000;

    /// <summary>Where the first process is found that runs the program; in the container's own tmpfs, so that its image stays as it is.</summary>
    private const string InitPath = "/dev/init";

    /// <summary>What stands for the source of a mount that the engine makes itself: see <c>ContainerLaunch.Mounts</c>.</summary>
    internal const string SecretsSource = "/caisson:secrets";

    /// <summary>As <see cref="SecretsSource"/>, for the files of an image; the path inside comes behind it.</summary>
    internal const string ImageSource = "/caisson:image";

    /// <summary>As <see cref="SecretsSource"/>, for the shared memory of another container.</summary>
    internal const string SharedMemorySource = "/caisson:shm";

    /// <summary>Terminals of the container's own devpts, which every profile has: console, ptmx, pts.</summary>
    private static readonly (long Major, long? Minor)[] OwnTerminals = [(5, 1), (5, 2), (136, null)];

    /// <summary>A device node of the host.</summary>
    /// <param name="Path">Where it is.</param>
    /// <param name="Type"><c>c</c> or <c>b</c>.</param>
    /// <param name="Major">Its major number.</param>
    /// <param name="Minor">Its minor number.</param>
    internal sealed record DeviceNode(string Path, string Type, long Major, long Minor);

    /// <summary>What the compiler must know beside the record.</summary>
    internal sealed record Facts
    {
        /// <summary>The profile of the record.</summary>
        public required SecurityProfile Profile { get; init; }

        /// <summary>Who the program is.</summary>
        public required ResolvedUser User { get; init; }

        /// <summary>The host's directory with the container's <c>hosts</c>, <c>hostname</c> and <c>resolv.conf</c>.</summary>
        public required string FilesDirectory { get; init; }

        /// <summary>Where the files of a volume are, by its name.</summary>
        public Func<string, string> VolumePath { get; init; } = name => $"/volumes/{name}";

        /// <summary>The most open files this process may allow.</summary>
        public ulong OpenFilesMax { get; init; } = ulong.MaxValue;

        /// <summary>Nodes of the devices that the record names, and all of the host's for a privileged container.</summary>
        public IReadOnlyList<DeviceNode> Devices { get; init; } = [];

        /// <summary>The network namespace that is joined; null for one of its own.</summary>
        public string? NetworkPath { get; init; }

        /// <summary>The user namespace that is joined; null for one of its own or none.</summary>
        public string? UserPath { get; init; }

        /// <summary>The process namespace that is joined; null for one of its own or the host's.</summary>
        public string? PidPath { get; init; }

        /// <summary>The IPC namespace that is joined; null for one of its own or the host's.</summary>
        public string? IpcPath { get; init; }

        /// <summary>The host name's namespace that is joined; null for one of its own or the host's.</summary>
        public string? UtsPath { get; init; }

        /// <summary>The directory with <c>hosts</c> and <c>resolv.conf</c> of the container whose network is shared; null for its own.</summary>
        public string? NetworkFilesDirectory { get; init; }
    }

    /// <summary>The configuration of <paramref name="container"/>.</summary>
    public static RuntimeSpec Compile(ContainerRecord container, Facts facts)
    {
        HostConfig host = container.HostConfig;
        IdRange? ids = container.IdBlock is { } block ? IdRange.OfBlock(block) : null;
        bool ownUts = host.UTSMode.Length == 0 && host.NetworkMode != "host";
        return new RuntimeSpec
        {
            OciVersion = "1.2.0",
            Root = new Root { Path = "rootfs", Readonly = host.ReadonlyRootfs || facts.Profile.ReadOnlyRoot },
            Process = Process(container, facts),
            Hostname = ownUts && container.Config.Hostname.Length > 0 ? container.Config.Hostname : null,
            Domainname = ownUts && container.Config.Domainname.Length > 0 ? container.Config.Domainname : null,
            Mounts = Mounts(container, facts, ids),
            Annotations = host.Annotations ?? new Dictionary<string, string>(),
            Linux = new LinuxConfig
            {
                Namespaces = Namespaces(host, ids, ownUts, facts),
                UidMappings = Mapping(ids),
                GidMappings = Mapping(ids),
                Devices = Devices(host, facts, ids),
                CgroupsPath = (host.CgroupParent.Length > 0 ? host.CgroupParent.TrimEnd('/') : "caisson") + "/" + container.Id,
                Resources = Resources(host, facts.Devices) with
                {
                    Devices = DeviceRules(host, facts),
                    Unified = container.Unified ?? new Dictionary<string, string>(),
                    HugepageLimits = [.. (container.Hugepages ?? new Dictionary<string, ulong>()).Select(limit => new LinuxHugepageLimit(limit.Key, limit.Value))],
                    PidsLimit = host.PidsLimit is not (null or 0) ? host.PidsLimit : facts.Profile.PidsMax > 0 ? facts.Profile.PidsMax : null,
                },
                RootfsPropagation = Propagation(container.AllMounts),
                Seccomp = SecurityOptions.Read(host, new List<Problem>()).Seccomp,
                MaskedPaths = host.Privileged ? [] : host.MaskedPaths is { } masked ? [.. masked] : facts.Profile.MaskedPaths,
                ReadonlyPaths = host.Privileged ? [] : host.ReadonlyPaths is { } readOnly ? [.. readOnly] : facts.Profile.ReadOnlyPaths,
                Sysctl = Sysctls(host, facts.Profile, ids is not null),
            },
        };
    }

    /// <summary>The process of an exec in <paramref name="container"/>.</summary>
    public static Process Exec(ContainerRecord container, ExecConfig exec, Facts facts) => Process(container, facts) with
    {
        Terminal = exec.Tty,
        ConsoleSize = Console(exec.ConsoleSize),
        Args = [.. exec.Cmd ?? []],
        Env = Environment([.. container.Config.Env ?? [], .. exec.Env ?? []], container.Config.Hostname, facts.User.Home, exec.Tty),
        Cwd = exec.WorkingDir.Length > 0 ? exec.WorkingDir : container.Config.WorkingDir.Length > 0 ? container.Config.WorkingDir : "/",
        Capabilities = exec.Privileged ? All([.. Capabilities.Known]) : ProcessCapabilities(container.HostConfig, facts),
        OomScoreAdj = null,
    };

    /// <summary>The limits alone, as an update sends them.</summary>
    public static LinuxResources Resources(ResourceConfig limits, IReadOnlyList<DeviceNode> devices) => new()
    {
        Memory = new LinuxMemory
        {
            Limit = Positive(limits.Memory),
            Reservation = Positive(limits.MemoryReservation),
            // Docker's rule: a memory limit alone also allows that much swap.
            Swap = limits.MemorySwap != 0 ? limits.MemorySwap : limits.Memory > 0 ? limits.Memory * 2 : null,
            Swappiness = limits.MemorySwappiness is >= 0 and { } swappiness ? (ulong)swappiness : null,
            DisableOomKiller = limits.OomKillDisable == true ? true : null,
        },
        Cpu = new LinuxCpu
        {
            Shares = limits.CpuShares > 0 ? (ulong)limits.CpuShares : null,
            Quota = limits.NanoCpus > 0 ? limits.NanoCpus * (long)CpuPeriodUs / 1_000_000_000 : limits.CpuQuota != 0 ? limits.CpuQuota : null,
            Period = limits.NanoCpus > 0 ? CpuPeriodUs : limits.CpuPeriod > 0 ? (ulong)limits.CpuPeriod : null,
            RealtimeRuntime = limits.CpuRealtimeRuntime != 0 ? limits.CpuRealtimeRuntime : null,
            RealtimePeriod = limits.CpuRealtimePeriod > 0 ? (ulong)limits.CpuRealtimePeriod : null,
            Cpus = limits.CpusetCpus.Length > 0 ? limits.CpusetCpus : null,
            Mems = limits.CpusetMems.Length > 0 ? limits.CpusetMems : null,
        },
        PidsLimit = limits.PidsLimit is 0 ? -1 : limits.PidsLimit,
        BlockIo = BlockIo(limits, devices),
    };

    private static Process Process(ContainerRecord container, Facts facts)
    {
        ContainerConfig config = container.Config;
        SecurityOptions security = SecurityOptions.Read(container.HostConfig, new List<Problem>());
        return new Process
        {
            Terminal = config.Tty,
            ConsoleSize = config.Tty ? Console(container.HostConfig.ConsoleSize) : null,
            User = new User { Uid = facts.User.Uid, Gid = facts.User.Gid, AdditionalGids = [.. facts.User.AdditionalGids] },
            Args = container.HostConfig.Init == true ? [InitPath, .. container.Args] : [.. container.Args],
            Env = Environment(config.Env ?? [], config.Hostname, facts.User.Home, config.Tty),
            Cwd = config.WorkingDir.Length > 0 ? config.WorkingDir : "/",
            Capabilities = ProcessCapabilities(container.HostConfig, facts),
            Rlimits = Rlimits(container.HostConfig, facts),
            NoNewPrivileges = security.NoNewPrivileges ?? facts.Profile.NoNewPrivileges,
            ApparmorProfile = security.AppArmor is null or "unconfined" ? null : security.AppArmor,
            OomScoreAdj = container.HostConfig.OomScoreAdj != 0 ? container.HostConfig.OomScoreAdj : null,
        };
    }

    private static ConsoleSize? Console(IReadOnlyList<int>? size) =>
        size is [> 0 and <= ushort.MaxValue and var rows, > 0 and <= ushort.MaxValue and var columns]
            ? new ConsoleSize((ushort)rows, (ushort)columns)
            : null;

    private static ImmutableArray<string> Environment(IReadOnlyList<string> asked, string hostname, string home, bool terminal)
    {
        List<string> variables = [];
        foreach (string entry in asked)
        {
            int equals = entry.IndexOf('=');
            string name = equals < 0 ? entry + "=" : entry[..(equals + 1)];
            variables.RemoveAll(other => other.StartsWith(name, StringComparison.Ordinal));
            if (equals >= 0)
            {
                variables.Add(entry);
            }
        }
        Default(DefaultPath);
        if (hostname.Length > 0)
        {
            Default($"HOSTNAME={hostname}");
        }
        if (terminal)
        {
            Default("TERM=xterm");
        }
        Default($"HOME={home}");
        return [.. variables];

        void Default(string entry)
        {
            string name = entry[..(entry.IndexOf('=') + 1)];
            if (!variables.Any(other => other.StartsWith(name, StringComparison.Ordinal)))
            {
                variables.Add(entry);
            }
        }
    }

    /// <summary>A program that is not root holds only what was asked for by name.</summary>
    private static Capabilities ProcessCapabilities(HostConfig host, Facts facts)
    {
        if (facts.User.Uid == 0)
        {
            if (facts.Profile.RequiresNonRoot)
            {
                throw new CaissonException(
                    ErrorKind.PermissionDenied, $"the profile {facts.Profile.Name} does not run programs as root; give another user (--user) or another profile");
            }
            return All(CapabilitySet.Apply(facts.Profile.Capabilities, host.CapAdd, host.CapDrop));
        }
        ImmutableArray<string> asked = CapabilitySet.Apply([], host.CapAdd, host.CapDrop);
        return new Capabilities
        {
            Bounding = CapabilitySet.Apply(facts.Profile.NonRootCapabilities, host.CapAdd, host.CapDrop),
            Effective = asked,
            Permitted = asked,
            Inheritable = asked,
            Ambient = asked,
        };
    }

    private static Capabilities All(ImmutableArray<string> names) => new() { Bounding = names, Effective = names, Permitted = names };

    private static ImmutableArray<Rlimit> Rlimits(HostConfig host, Facts facts)
    {
        Dictionary<RlimitType, Rlimit> limits = [];
        foreach (ProfileLimit limit in facts.Profile.Limits)
        {
            RlimitType type = Enum.Parse<RlimitType>(limit.Name["RLIMIT_".Length..], ignoreCase: true);
            ulong max = type == RlimitType.Nofile ? facts.OpenFilesMax : ulong.MaxValue;
            limits[type] = new(type, Math.Min(limit.Soft, max), Math.Min(limit.Hard, max));
        }
        foreach (Ulimit limit in host.Ulimits ?? [])
        {
            if (!Enum.TryParse(limit.Name, ignoreCase: true, out RlimitType type) || !char.IsAsciiLetter(limit.Name.FirstOrDefault()))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"invalid ulimit type: {limit.Name}");
            }
            limits[type] = new(type, Limit(limit.Soft), Limit(limit.Hard));
        }
        return [.. limits.Values.OrderBy(limit => limit.Type)];

        static ulong Limit(long value) => value < 0 ? ulong.MaxValue : (ulong)value;
    }

    private static ImmutableArray<LinuxNamespace> Namespaces(HostConfig host, IdRange? ids, bool ownUts, Facts facts)
    {
        List<LinuxNamespace> namespaces = [new(NamespaceType.Mount)];
        Add(ids is not null, NamespaceType.User, facts.UserPath);
        Add(host.PidMode != "host", NamespaceType.Pid, facts.PidPath);
        Add(host.NetworkMode != "host", NamespaceType.Network, facts.NetworkPath);
        Add(host.IpcMode != "host", NamespaceType.Ipc, facts.IpcPath);
        Add(ownUts || facts.UtsPath is not null, NamespaceType.Uts, facts.UtsPath);
        Add(host.CgroupnsMode != "host", NamespaceType.Cgroup, null);
        return [.. namespaces];

        void Add(bool own, NamespaceType type, string? path)
        {
            if (own)
            {
                namespaces.Add(new(type, path));
            }
        }
    }

    private static ImmutableArray<IdMapping> Mapping(IdRange? ids) => ids is { } range ? [new(0, range.First, IdRange.Size)] : [];

    private static ImmutableArray<Mount> Mounts(ContainerRecord container, Facts facts, IdRange? ids)
    {
        HostConfig host = container.HostConfig;
        List<Mount> mounts =
        [
            // Of a process namespace or a network namespace that is not its own, a user namespace may not mount a new view: the host's is bound.
            host.PidMode == "host" && ids is not null
                ? new Mount { Destination = "/proc", Type = "bind", Source = "/proc", Options = ["rbind", "nosuid", "noexec", "nodev"] }
                : new Mount { Destination = "/proc", Type = "proc", Source = "proc", Options = ["nosuid", "noexec", "nodev"] },
            new Mount { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            new Mount { Destination = "/dev/pts", Type = "devpts", Source = "devpts", Options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            !NetworkChoice.IsOwn(host) && ids is not null
                ? new Mount { Destination = "/sys", Type = "bind", Source = "/sys", Options = ["rbind", "nosuid", "noexec", "nodev", "ro"] }
                : new Mount { Destination = "/sys", Type = "sysfs", Source = "sysfs", Options = ["nosuid", "noexec", "nodev", facts.Profile.WritableSysfs ? "rw" : "ro"] },
            new Mount { Destination = "/sys/fs/cgroup", Type = "cgroup", Source = "cgroup", Options = ["nosuid", "noexec", "nodev", facts.Profile.WritableCgroup ? "rw" : "ro"] },
        ];
        if (host.IpcMode == "host")
        {
            mounts.Add(new Mount { Destination = "/dev/shm", Type = "bind", Source = "/dev/shm", Options = ["bind", "nosuid", "noexec", "nodev"] });
        }
        else
        {
            mounts.Add(new Mount { Destination = "/dev/mqueue", Type = "mqueue", Source = "mqueue", Options = ["nosuid", "noexec", "nodev"] });
            if (facts.IpcPath is not null)
            {
                mounts.Add(new Mount { Destination = "/dev/shm", Type = "bind", Source = SharedMemorySource, Options = ["bind", "nosuid", "noexec", "nodev"] });
            }
            else if (host.IpcMode != "none")
            {
                mounts.Add(new Mount
                {
                    Destination = "/dev/shm",
                    Type = "tmpfs",
                    Source = "shm",
                    Options = ["nosuid", "noexec", "nodev", "mode=1777", string.Create(CultureInfo.InvariantCulture, $"size={host.ShmSize}")],
                });
            }
        }

        IReadOnlyList<ContainerMount> asked = container.AllMounts;
        foreach (string name in (string[])["resolv.conf", "hostname", "hosts"])
        {
            if (!asked.Any(mount => mount.Target == "/etc/" + name))
            {
                mounts.Add(Bind(new ContainerMount { Type = "bind", Source = $"{(name == "hostname" ? facts.FilesDirectory : facts.NetworkFilesDirectory ?? facts.FilesDirectory)}/{name}", Target = "/etc/" + name }, facts.Profile, ids));
            }
        }
        foreach ((DeviceNode node, string inside) in NamedDevices(host, facts).Where(device => IsBound(device, ids)))
        {
            mounts.Add(new Mount { Destination = inside, Type = "bind", Source = node.Path, Options = ["bind", "nosuid", "noexec"] });
        }
        if (host.Init == true)
        {
            mounts.Add(Bind(new ContainerMount { Type = "bind", Source = $"{facts.FilesDirectory}/init", Target = InitPath, ReadOnly = true }, null, ids));
        }
        foreach (ProfileTmpfs tmpfs in facts.Profile.Tmpfs)
        {
            mounts.Add(new Mount { Destination = tmpfs.Path, Type = "tmpfs", Source = "tmpfs", Options = tmpfs.Options });
        }
        foreach (ContainerMount mount in asked)
        {
            mounts.RemoveAll(other => other.Destination == mount.Target);
            mounts.Add(mount.Type switch
            {
                "tmpfs" => Tmpfs(mount),
                "image" => new Mount { Destination = mount.Target, Type = "bind", Source = ImageSource + mount.Target, Options = ["bind", "ro", "nosuid", "nodev", "noexec"] },
                "volume" => Bind(mount with { Source = facts.VolumePath(mount.Volume), NonRecursive = true }, facts.Profile, ids),
                _ => Bind(mount, facts.Profile, ids),
            });
        }
        foreach (SecretMount config in host.Configs ?? [])
        {
            mounts.Add(Bind(new ContainerMount { Type = "bind", Source = $"{facts.FilesDirectory}/configs/{config.Id}", Target = config.Target, ReadOnly = true }, null, ids));
        }
        if (host.Secrets is { Count: > 0 })
        {
            mounts.Add(new Mount { Destination = SecretMount.Directory, Type = "bind", Source = SecretsSource, Options = ["bind", "ro", "nosuid", "nodev", "noexec"] });
        }
        return [.. mounts];
    }

    private static Mount Tmpfs(ContainerMount mount) => new()
    {
        Destination = mount.Target,
        Type = "tmpfs",
        Source = "tmpfs",
        Options = [.. (string[])["noexec", "nosuid", "nodev"], mount.ReadOnly ? "ro" : "rw", .. mount.Options.Where(option => option is not ("ro" or "rw"))],
    };

    /// <summary>
    /// A bind shows the host's owners as they are: root of the host is root of the container there, through an idmapped mount.
    /// </summary>
    /// <param name="mount">What is bound.</param>
    /// <param name="profile">Says what else holds for mounts of the user; null for a file of ours.</param>
    /// <param name="ids">The container's ids; null for the host's.</param>
    private static Mount Bind(ContainerMount mount, SecurityProfile? profile, IdRange? ids)
    {
        // The kernel maps no ids on its own file systems.
        bool mapped = ids is not null && !IsBelow(mount.Source, "/proc") && !IsBelow(mount.Source, "/sys") && !IsBelow(mount.Source, "/dev");
        List<string> options =
        [
            mount.NonRecursive ? "bind" : "rbind", mount.Propagation.Length > 0 ? mount.Propagation : "rprivate",
            .. mount.ReadOnly ? (string[])["ro"] : [], // never the reverse: what the host mounts read-only stays so
            .. profile?.VolumeMountOptions ?? ["nosuid", "nodev"],
        ];
        if (mount is { ReadOnly: true, NonRecursive: false, ReadOnlyNonRecursive: false })
        {
            options.Add("rro"); // what is mounted below cannot be written either
        }
        var asked = mount.IdMap.Length > 0 && MountIdMap.TryParse(mount.IdMap, out MountIdMap? own) ? own : null;
        mapped |= asked is not null;
        if (mapped)
        {
            options.Add("idmap");
        }
        return new Mount
        {
            Destination = mount.Target,
            Type = "bind",
            Source = mount.Source,
            Options = [.. options],
            UidMappings = asked is not null ? MountIdMap.Shift(asked.Users, ids) : mapped ? Mapping(ids) : [],
            GidMappings = asked is not null ? MountIdMap.Shift(asked.Groups, ids) : mapped ? Mapping(ids) : [],
        };
    }

    private static bool IsBelow(string path, string directory) =>
        path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal);

    private static string? Propagation(IReadOnlyList<ContainerMount> mounts)
    {
        return mounts.Any(mount => mount.Propagation is "shared" or "rshared") ? "shared"
            : mounts.Any(mount => mount.Propagation is "slave" or "rslave") ? "rslave"
            : null;
    }

    private static ImmutableArray<LinuxDevice> Devices(HostConfig host, Facts facts, IdRange? ids)
    {
        IEnumerable<(DeviceNode Node, string Inside)> wanted = facts.Profile.AllDevices
            ? facts.Devices.Select(node => (node, node.Path))
            : NamedDevices(host, facts);
        return
        [
            .. wanted.Where(pair => !IsBound(pair, ids)).Select(pair => new LinuxDevice { Path = pair.Inside, Type = pair.Node.Type, Major = pair.Node.Major, Minor = pair.Node.Minor, FileMode = 0x1B6 }),
        ];
    }

    private static IEnumerable<(DeviceNode Node, string Inside)> NamedDevices(HostConfig host, Facts facts) =>
        (host.Devices ?? []).SelectMany(mapping => facts.Devices
            .Where(node => node.Path == mapping.PathOnHost)
            .Select(node => (node, mapping.PathInContainer.Length > 0 ? mapping.PathInContainer : mapping.PathOnHost)));

    /// <summary>Where a user namespace may make no node, the host's is bound at its own path; at another path that is a mount of its own.</summary>
    private static bool IsBound((DeviceNode Node, string Inside) device, IdRange? ids) => ids is not null && device.Inside != device.Node.Path;

    private static ImmutableArray<LinuxDeviceCgroup> DeviceRules(HostConfig host, Facts facts)
    {
        if (facts.Profile.AllDevices)
        {
            return [new LinuxDeviceCgroup { Allow = true, Access = "rwm" }];
        }
        List<LinuxDeviceCgroup> rules = [new LinuxDeviceCgroup { Allow = false, Access = "rwm" }];
        rules.AddRange(facts.Profile.Devices.Select(device =>
            new LinuxDeviceCgroup { Allow = true, Type = "c", Major = device.Major, Minor = device.Minor, Access = device.Access }));
        rules.AddRange(OwnTerminals.Select(device =>
            new LinuxDeviceCgroup { Allow = true, Type = "c", Major = device.Major, Minor = device.Minor, Access = "rw" }));
        foreach (DeviceMapping mapping in host.Devices ?? [])
        {
            rules.AddRange(facts.Devices.Where(node => node.Path == mapping.PathOnHost).Select(node => new LinuxDeviceCgroup
            {
                Allow = true,
                Type = node.Type,
                Major = node.Major,
                Minor = node.Minor,
                Access = mapping.CgroupPermissions.Length > 0 ? mapping.CgroupPermissions : "rw",
            }));
        }
        rules.AddRange((host.DeviceCgroupRules ?? []).Select(DeviceRule));
        return [.. rules];
    }

    /// <summary>Reads <c>c 13:* rwm</c>.</summary>
    private static LinuxDeviceCgroup DeviceRule(string text)
    {
        string[] parts = text.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 4 && parts[0] is "a" or "b" or "c" && Number(parts[1], out long? major) && Number(parts[2], out long? minor)
            && parts[3].Length is > 0 and <= 3 && parts[3].All(c => c is 'r' or 'w' or 'm'))
        {
            return new LinuxDeviceCgroup { Allow = true, Type = parts[0], Major = major, Minor = minor, Access = parts[3] };
        }
        throw new CaissonException(ErrorKind.InvalidArgument, $"invalid device cgroup rule format: '{text}'");

        static bool Number(string part, out long? number)
        {
            bool valid = long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long value);
            number = valid ? value : null;
            return valid || part == "*";
        }
    }

    private static LinuxBlockIo? BlockIo(ResourceConfig limits, IReadOnlyList<DeviceNode> devices)
    {
        if (limits.BlkioWeight == 0 && limits.BlkioWeightDevice is null or { Count: 0 } && limits.BlkioDeviceReadBps is null or { Count: 0 }
            && limits.BlkioDeviceWriteBps is null or { Count: 0 } && limits.BlkioDeviceReadIOps is null or { Count: 0 }
            && limits.BlkioDeviceWriteIOps is null or { Count: 0 })
        {
            return null;
        }
        return new LinuxBlockIo
        {
            Weight = limits.BlkioWeight > 0 ? (ushort)limits.BlkioWeight : null,
            WeightDevice = [.. (limits.BlkioWeightDevice ?? []).Select(device => Weight(device, Node(device.Path)))],
            ThrottleReadBpsDevice = Throttle(limits.BlkioDeviceReadBps),
            ThrottleWriteBpsDevice = Throttle(limits.BlkioDeviceWriteBps),
            ThrottleReadIopsDevice = Throttle(limits.BlkioDeviceReadIOps),
            ThrottleWriteIopsDevice = Throttle(limits.BlkioDeviceWriteIOps),
        };

        LinuxWeightDevice Weight(WeightDevice device, DeviceNode node) => new(node.Major, node.Minor, (ushort)device.Weight, null);

        ImmutableArray<LinuxThrottleDevice> Throttle(IReadOnlyList<ThrottleDevice>? asked) =>
            [.. (asked ?? []).Select(device => (device, node: Node(device.Path))).Select(pair => new LinuxThrottleDevice(pair.node.Major, pair.node.Minor, (ulong)pair.device.Rate))];

        DeviceNode Node(string path) => devices.FirstOrDefault(node => node.Path == path)
            ?? throw new CaissonException(ErrorKind.InvalidArgument, $"{path} is not a device of the host");
    }

    /// <summary>The profile's, and over them what was asked for; those of the network only in a network of its own.</summary>
    private static Dictionary<string, string> Sysctls(HostConfig host, SecurityProfile profile, bool hasOwnIds)
    {
        Dictionary<string, string> parameters = [];
        foreach ((string key, string value) in profile.Sysctls)
        {
            // In the host's process namespace a user namespace may not mount the procfs that parameters are written through.
            if ((NetworkChoice.IsOwn(host) || !key.StartsWith("net.", StringComparison.Ordinal)) && (host.PidMode != "host" || !hasOwnIds))
            {
                parameters[key] = value;
            }
        }
        foreach ((string key, string value) in host.Sysctls ?? new Dictionary<string, string>())
        {
            parameters[key] = value;
        }
        return parameters;
    }

    private static long? Positive(long value) => value > 0 ? value : null;
}

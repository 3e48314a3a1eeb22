using System.Collections.Immutable;
using System.Globalization;

using Caisson.Control.Hosting;
using Caisson.Control.Machines;
using Caisson.Control.Model;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Images.Snapshots;
using Caisson.Images.Users;
using Caisson.Linux;
using Caisson.Machines.Agent;
using Caisson.Machines.Disks;
using Caisson.Machines.Kernels;
using Caisson.Machines.Plan;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    internal const long MachineMemoryBytes = 512L << 20;
    internal const int MachineProcessorsMax = 2;
    private const long Megabyte = 1 << 20;

    /// <summary>The template that the machine which runs was to go on from; null when it booted.</summary>
    private string? _template;

    private bool IsMachine => MachineRules.IsMachine(_record);

    /// <summary>Whether its files can be read while it is paused: a machine's are read by its own kernel, which stands still then.</summary>
    public bool IsReadWhilePaused => !IsMachine;

    /// <summary>The directory that the machine's sandbox sees its launches in.</summary>
    private string LaunchesDirectory => $"{_services.DirectoryOf(Id)}/machine";

    /// <summary>The disk that what is written goes to; there from the first start on. Until then, files that were copied in wait where a container's are.</summary>
    private string DiskPath => $"{_services.DirectoryOf(Id)}/data.img";

    private string DevicesDirectory => $"{_services.DirectoryOf(Id)}/devices";

    private GuestCompiler Guest => new(Machines.Seccomp, Architecture);

    /// <summary>Whether the machine is led from outside, since nothing of ours runs inside.</summary>
    private bool IsForeign => Architecture != KernelArchitectures.Own;

    /// <summary>What the machine is, which was settled when it was made.</summary>
    private KernelArchitecture Architecture => MachineRules.ArchitectureOf(_record)
        ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"there are no machines for linux/{_record.Architecture}");

    private MachineServices Machines => _services.Machines
        ?? throw new CaissonException(ErrorKind.Unimplemented, "this engine does not run machines");

    /// <summary>A machine's start: what a container's start is, with the machine's sandbox in its place.</summary>
    private async Task<IMonitoredProcess> LaunchMachineUnlockedAsync(CancellationToken cancellationToken)
    {
        MachineKernel kernel = Machines.Kernels.RequireDefault(Architecture);
        RequireProgram();
        Snapshot snapshot = RequireSnapshot();
        string image = await Machines.Images.EnsureAsync(KeyOf(snapshot.Record.Layers), snapshot.OpenImageView, cancellationToken);
        string data = DiskPath;
        if (Directory.Exists(LaunchesDirectory))
        {
            Directory.Delete(LaunchesDirectory, recursive: true);
        }
        const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        Directory.CreateDirectory(LaunchesDirectory, Readable);

        string initrd = Machines.Kernels.RequireInitrd(kernel);
        string? template = FindTemplate(kernel);
        bool isUsed = !await MakeDataDiskAsync(data, template, snapshot.HasChanges ? snapshot.UpperDirectory : null, cancellationToken);
        using var parts = new MountParts(_services.Volumes, _record.AllMounts);
        using Joined joined = JoinUnlocked();
        ImmutableArray<MachineShare> shares = SharesUnlocked(parts, joined);
        if (shares.Length > 0 && kernel.FilesModules is null)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"kernel {kernel.Release} was installed without what volumes need; install it again with: caisson kernel install");
        }
        using MountTree root = SandboxCompiler.MakeRoot(shares);
        var sources = new SandboxCompiler.Sources(
            Machines.ProgramPath, Machines.Kernels.KernelPath(kernel), initrd, image, data, LaunchesDirectory, DevicesDirectory, template)
        {
            Note = template is null ? null : NoteUseOf(template),
            Shares = shares,
            OpenFilesMax = _services.Facts.OpenFilesMax,
        };
        SandboxCompiler.MakeDevices(DevicesDirectory, SandboxUser(0), SandboxUser(SandboxCompiler.QemuUser));
        return await _services.Host.StartAsync(
            SandboxUnlocked(sources) with
            {
                RootMount = root,
                Mounts = joined.Mounts,
                Binds = BindsOf(shares, parts),
                OpenStdin = _record.Config.OpenStdin,
                Log = LogUnlocked(),
                BeforeRun = async (started, cancellation) =>
                {
                    ConnectUnlocked();
                    (GuestLaunch program, _) = CompileGuest(shares);
                    MachinePlan plan = CompileMachine(_status.Endpoints, shares);
                    MachinePlan? restore = template is null ? null : CompileMachine(_status.Endpoints, shares, MachineStart.Restore, isUsed);
                    await File.WriteAllBytesAsync($"{LaunchesDirectory}/{MachineLaunch.FileName}", LaunchOf(kernel, plan, restore, program, shares, isUsed).Encode(), cancellation);
                    await ConnectAttachmentsUnlockedAsync(started, cancellation);
                },
            },
            cancellationToken);
    }

    /// <summary>Makes the disk for changes, unless it is there; with what was copied in before, at <paramref name="changes"/>.</summary>
    /// <returns>Whether it is as the template at <paramref name="template"/> has it mounted; no other disk can be in that one's place.</returns>
    private async Task<bool> MakeDataDiskAsync(string path, string? template, string? changes, CancellationToken cancellation)
    {
        uint owner = SandboxUser(SandboxCompiler.QemuUser);
        if (template is null || changes is not null || DiskBytes() != DataDisk.DefaultBytes || File.Exists(path))
        {
            await DataDisk.EnsureAsync(path, DiskBytes(), owner, changes, cancellation);
            return false;
        }
        DataDisk.Copy(Path.Join(template, MachineLaunch.DiskName), path, owner, cancellation);
        return true;
    }

    private string ExplainMachineUnlocked()
    {
        using var parts = new MountParts(_services.Volumes, _record.AllMounts);
        using Joined joined = JoinUnlocked();
        ImmutableArray<MachineShare> shares = SharesUnlocked(parts, joined);
        (_, Containers.Launch.LaunchPlan inside) = CompileGuest(shares);
        MachineKernel booted = Machines.Kernels.RequireDefault(Architecture);
        string kernel = Machines.Kernels.KernelPath(booted);
        var sources = new SandboxCompiler.Sources(
            Machines.ProgramPath, kernel, Path.Join(Path.GetDirectoryName(kernel), "initrd"), Machines.Images.PathOf(KeyOf(RequireSnapshot().Record.Layers)), DiskPath, LaunchesDirectory, DevicesDirectory)
        {
            Shares = shares,
            OpenFilesMax = _services.Facts.OpenFilesMax,
        };
        ContainerLaunch sandbox = SandboxUnlocked(sources) with { Mounts = joined.Mounts, Binds = BindsOf(shares, parts) };
        MachineStart start = FindTemplate(booted, makes: false) is null ? MachineStart.Boot : MachineStart.Restore;
        return $"{CompileMachine(_status.Endpoints, shares, start).Explain()}\ninside the machine:\n{inside.Explain()}\naround the machine:\n{_services.Host.Explain(sandbox)}";
    }

    /// <summary>A further program in the machine: a process in its sandbox that stands for it.</summary>
    private async Task<IMonitoredProcess> LaunchMachineExecAsync(string id, ExecConfig config, bool openStdin, Func<IMonitoredProcess, CancellationToken, Task> beforeRun, CancellationToken cancellationToken)
    {
        ContainerRecord inside = _record with { IdBlock = null };
        SpecCompiler.Facts facts = FactsOf(ResolveExecUser(config.User));
        RuntimeSpec spec = GuestCompiler.Inside(SpecCompiler.Compile(inside, facts), _services.DirectoryOf(Id), [], new List<Problem>());
        Process process = SpecCompiler.Exec(inside, config, facts);
        GuestLaunch launch = Guest.Further(Id, spec, process, config.Privileged ? null : Filter());
        return await LaunchInMachineAsync(id, launch, process.Terminal, process.ConsoleSize, openStdin, beforeRun, cancellationToken);
    }

    /// <summary>Has the machine's agent run <paramref name="launch"/>, with a process in the sandbox that stands for it.</summary>
    private async Task<IMonitoredProcess> LaunchInMachineAsync(
        string id, GuestLaunch launch, bool terminal, ConsoleSize? size, bool openStdin, Func<IMonitoredProcess, CancellationToken, Task> beforeRun, CancellationToken cancellationToken)
    {
        string name = $"exec-{id}";
        string path = $"{LaunchesDirectory}/{name}";
        await File.WriteAllBytesAsync(path, launch.EncodeWhole(), cancellationToken);
        try
        {
            var none = new SandboxCompiler.Sources("/", "/", "/", null, null, LaunchesDirectory, DevicesDirectory);
            IMonitoredProcess started = await _services.Host.ExecAsync(
                new ExecLaunch
                {
                    Id = id,
                    ContainerId = Id,
                    Spec = SandboxCompiler.Compile(_record, none, MemoryBytes(), hasKvm: false),
                    Process = SandboxCompiler.Exec(name, terminal, size),
                    Seccomp = SandboxCompiler.Filter,
                    OpenStdin = openStdin,
                    BeforeRun = beforeRun,
                },
                cancellationToken);
            _ = DeleteAtEndAsync(started, path);
            return started;
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    private static async Task DeleteAtEndAsync(IMonitoredProcess process, string path)
    {
        await process.Exited;
        File.Delete(path);
    }

    private ContainerLaunch SandboxUnlocked(SandboxCompiler.Sources sources) => new()
    {
        Id = Id,
        Spec = SandboxCompiler.Compile(_record, sources, MemoryBytes(), MachineHostFacts.HasKvmFor(Architecture)),
        Seccomp = SandboxCompiler.Filter,
    };

    /// <summary>What of the host the machine sees: what a container would have as binds.</summary>
    private ImmutableArray<MachineShare> SharesUnlocked(MountParts parts, Joined joined)
    {
        List<Problem> problems = [];
        RuntimeSpec outside = SpecCompiler.Compile(_record, FactsOf(ReadImage(Who)));
        ImmutableArray<MachineShare> shares = MachineShare.Of(outside, _services.DirectoryOf(Id), KindOf, problems);
        ProblemsException.ThrowIfAny($"machine {_record.Name}", problems);
        return shares;

        FileKind KindOf(Mount mount)
        {
            if (joined.Mounts.ContainsKey(mount.Source!))
            {
                return FileKind.Directory;
            }
            if (parts.ByTarget.TryGetValue(mount.Destination, out FileDescriptor? part))
            {
                return part.Status.Kind;
            }
            using FileDescriptor source = HostFiles.OpenPath(mount.Source!);
            return source.Status.Kind;
        }
    }

    private static Dictionary<string, FileDescriptor> BindsOf(ImmutableArray<MachineShare> shares, MountParts parts) => shares
        .Where(share => parts.ByTarget.ContainsKey(share.Mount.Destination))
        .ToDictionary(share => share.SandboxPath, share => parts.ByTarget[share.Mount.Destination]);

    private (GuestLaunch Launch, Containers.Launch.LaunchPlan Plan) CompileGuest(ImmutableArray<MachineShare> shares)
    {
        List<Problem> problems = [];
        ResolvedUser user = ReadImage(Who);
        RuntimeSpec spec = SpecCompiler.Compile(_record with { IdBlock = null }, FactsOf(user));
        RuntimeSpec inside = GuestCompiler.Inside(spec, _services.DirectoryOf(Id), shares, problems);
        ProblemsException.ThrowIfAny($"machine {_record.Name}", problems);
        return Guest.First(Id, inside, shares, Filter(), problems);
    }

    /// <summary>The directory of the template that machines of this shape go on from; while there is none, they boot and it is made.</summary>
    private string? FindTemplate(MachineKernel kernel, bool makes = true)
    {
        MachineConfig config = MachineOf([], [], MachineStart.Template);
        MachineFacts facts = ReadMachineFacts();
        if (IsForeign)
        {
            return null; // what leads it is outside, and in no template
        }
        string key = _engine.Templates.KeyOf(kernel, config, facts);
        if (MachineRules.Boots(_record))
        {
            return null;
        }
        _engine.Templates.Judge(key);
        if (Machines.Templates.Find(key) is not null)
        {
            return Machines.Templates.DirectoryOf(key);
        }
        if (makes)
        {
            _engine.Templates.MakeSoon(key, kernel, config, facts);
        }
        return null;
    }

    /// <summary>An empty file that the machine's sandbox may write to, and the engine looks at before it uses the template again.</summary>
    private string NoteUseOf(string template)
    {
        string path = $"{_services.DirectoryOf(Id)}/note";
        using (FileDescriptor note = HostFiles.OpenOrCreate(path, 0x180))
        {
            note.SetSize(0);
            note.ChangeOwner(SandboxUser(0), SandboxUser(0));
        }
        _template = Path.GetFileName(template);
        _engine.Templates.Use(_template, path);
        return path;
    }

    /// <summary>While the note is there: a machine that is removed at its end takes it with it.</summary>
    private void JudgeTemplate()
    {
        if (_template is { } key)
        {
            _engine.Templates.Judge(key);
            _template = null;
        }
    }

    private MachineFacts ReadMachineFacts() => MachineHostFacts.Read(_services.Facts.Processors, _services.Facts.MemoryBytes, Architecture);

    private MachinePlan CompileMachine(IReadOnlyList<EndpointRecord> endpoints, ImmutableArray<MachineShare> shares, MachineStart start = MachineStart.Boot, bool isUsed = false)
    {
        List<Problem> problems = [];
        MachinePlan plan = MachinePlan.Compile(MachineOf(endpoints, shares, start, isUsed), ReadMachineFacts(), problems);
        ProblemsException.ThrowIfAny($"machine {_record.Name}", problems);
        return plan;
    }

    private MachineConfig MachineOf(IReadOnlyList<EndpointRecord> endpoints, ImmutableArray<MachineShare> shares, MachineStart start, bool isUsed = false) => new()
    {
        Name = $"caisson-{Id[..12]}",
        Architecture = Architecture,
        Start = start,
        MemoryPath = SandboxCompiler.MemoryPath,
        MemoryBytes = MemoryBytes(),
        Processors = Processors(),
        KernelPath = SandboxCompiler.KernelPath,
        InitrdPath = SandboxCompiler.InitrdPath,
        ImagePath = SandboxCompiler.ImagePath,
        DataPath = SandboxCompiler.DataPath,
        DataIsUsed = isUsed,
        HasShares = shares.Length > 0,
        Interfaces = [.. endpoints.Select(endpoint => endpoint.HardwareAddress)],
    };

    private MachineLaunch LaunchOf(MachineKernel kernel, MachinePlan plan, MachinePlan? restore, GuestLaunch program, ImmutableArray<MachineShare> shares, bool isUsed)
    {
        string directory = _services.DirectoryOf(Id);
        const string first = "init";
        string[] files = ["hosts", "hostname", "resolv.conf", first];
        return new MachineLaunch
        {
            Qemu = plan.Arguments,
            Restore = restore?.Arguments ?? [],
            QemuUser = SandboxCompiler.QemuUser,
            Program = program,
            Devices = [.. _status.Endpoints.Select(endpoint => endpoint.Device)],
            BootModules = IsForeign ? [.. kernel.BootModules] : [],
            NetworkModules = IsForeign ? [.. kernel.NetworkModules] : [],
            FilesModules = IsForeign ? [.. kernel.FilesModules ?? []] : [],
            Settings = new MachineSettings
            {
                Hostname = _record.Config.Hostname.Length > 0 ? _record.Config.Hostname : "machine",
                HasDataDisk = true,
                DataIsUsed = isUsed,
                HasShares = shares.Length > 0,
                ProcessesMax = _record.HostConfig.PidsLimit is { } asked and not 0 ? asked : Profiles.Find(_record.Profile).PidsMax,
                Files = [.. files.Where(name => File.Exists($"{directory}/{name}")).Select(name => new GuestFile(name, File.ReadAllBytes($"{directory}/{name}"), name == first))],
                Links = [.. _status.Endpoints.Select(LinkOf)],
            },
        };
    }

    private GuestLink LinkOf(EndpointRecord endpoint)
    {
        NetworkRecord network = _services.Networks.Find(endpoint.NetworkId);
        var addresses = ImmutableArray.CreateBuilder<string>();
        var gateways = ImmutableArray.CreateBuilder<string>();
        foreach (string address in (string[])[endpoint.IPv4, endpoint.IPv6])
        {
            if (!InternetAddress.TryParse(address.Split('/')[0], out InternetAddress own))
            {
                continue;
            }
            NetworkSubnet? subnet = network.Subnets.FirstOrDefault(one => Subnet.TryParse(one.Subnet, out Subnet range) && range.Contains(own));
            addresses.Add(subnet is null ? own.ToString() : string.Create(CultureInfo.InvariantCulture, $"{own}/{Subnet.Parse(subnet.Subnet).PrefixLength}"));
            if (subnet is { Gateway.Length: > 0 } && !network.Internal)
            {
                gateways.Add(subnet.Gateway);
            }
        }
        byte[] hardware = HardwareAddress.TryParse(endpoint.HardwareAddress, out HardwareAddress hardwareAddress) ? hardwareAddress.ToBytes() : [];
        return new GuestLink(hardware, endpoint.Device, 0, addresses.ToImmutable(), gateways.ToImmutable());
    }

    /// <summary>A machine's files are its own: what is known of them here is the image.</summary>
    private T ReadImage<T>(Func<RootDirectory, T> body)
    {
        using MountTree mount = File.Exists(DiskPath) ? RequireSnapshot().OpenImageView() : RequireSnapshot().OpenView();
        using RootDirectory root = RootDirectory.From(mount);
        return body(root);
    }

    /// <summary>Refuses what needs the files on this host.</summary>
    private void RequireReachable()
    {
        if (IsMachine && File.Exists(DiskPath))
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"the files of machine {_record.Name} are on its own disk, which its own kernel alone reads: start it first");
        }
    }

    /// <summary>What the machine's disk takes on this host.</summary>
    private SnapshotUsage MeasureDisk()
    {
        string path = DiskPath;
        if (!File.Exists(path))
        {
            return default;
        }
        using FileDescriptor disk = HostFiles.OpenPath(path);
        return new SnapshotUsage(disk.Status.Blocks * 512, 1);
    }

    /// <summary>What a machine has from its start: its kernel was booted with it. Time on the processors and rates of disks are the sandbox's, and change at once.</summary>
    private void RequireMachineChangeable(UpdateConfig change)
    {
        List<Problem> problems = [];
        const string remedy = "stop it, update it, and start it again";
        if ((change.Memory != 0 && change.Memory != _record.HostConfig.Memory) || change.MemorySwap != 0 || change.MemoryReservation != 0)
        {
            problems.Add(new Problem("/Memory", $"the memory of a machine that runs is what it was started with, {MemoryBytes() / Megabyte}m; {remedy}"));
        }
        if (change.NanoCpus > Processors() * 1_000_000_000L)
        {
            problems.Add(new Problem("/NanoCpus", $"the machine was started with {Processors()} processors, and more of their time cannot be had; {remedy}"));
        }
        if (change.PidsLimit is not null)
        {
            problems.Add(new Problem("/PidsLimit", $"the processes of a machine that runs are counted by its own kernel, which has its limit from its start; {remedy}"));
        }
        ProblemsException.ThrowIfAny($"update machine {_record.Name}", problems);
    }

    private long MemoryBytes() => _record.HostConfig.Memory > 0 ? (_record.HostConfig.Memory + Megabyte - 1) / Megabyte * Megabyte : MachineMemoryBytes;

    private int Processors() => _record.HostConfig.NanoCpus > 0
        ? (int)((_record.HostConfig.NanoCpus + 999_999_999) / 1_000_000_000)
        : IsForeign ? 1 // a second one that is emulated makes the boot longer by half
        : Math.Min(MachineProcessorsMax, _services.Facts.Processors);

    private long DiskBytes() => MachineRules.DiskBytes(_record.HostConfig) ?? DataDisk.DefaultBytes;

    private uint SandboxUser(uint id) => Ids is { } range ? range.First + id : id;

    /// <summary>What the disk of an image is called: the id of its whole chain of layers.</summary>
    internal static string KeyOf(IReadOnlyList<Oci.Digest> layers) => layers.Count > 0 ? layers[^1].Hex : "0";

    private void RequireProgram()
    {
        if (!File.Exists(Machines.ProgramPath))
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"machines need {Machines.ProgramPath}, which belongs beside the engine and is not there");
        }
    }
}

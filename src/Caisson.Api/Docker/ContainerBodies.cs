using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Containers.Profiles;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images.Snapshots;

namespace Caisson.Api.Docker;

internal sealed record CreatedBody(string Id, IReadOnlyList<string> Warnings);

internal sealed record WarningsBody(IReadOnlyList<string> Warnings);

internal sealed record IdBody(string Id);

internal sealed record ContainerSummaryBody
{
    public required string Id { get; init; }
    public required IReadOnlyList<string> Names { get; init; }
    public required string Image { get; init; }
    public required string ImageID { get; init; }
    public required string Command { get; init; }
    public long Created { get; init; }
    public IReadOnlyList<PortBody> Ports { get; init; } = [];

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeRw { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeRootFs { get; init; }

    public required IReadOnlyDictionary<string, string> Labels { get; init; }
    public required string State { get; init; }
    public required string Status { get; init; }
    public required SummaryHostConfigBody HostConfig { get; init; }
    public required SummaryNetworksBody NetworkSettings { get; init; }
    public required IReadOnlyList<MountPointBody> Mounts { get; init; }
}

internal sealed record PortBody
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IP { get; init; }

    public required int PrivatePort { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? PublicPort { get; init; }

    public required string Type { get; init; }
}

internal sealed record SummaryHostConfigBody(string NetworkMode);

internal sealed record SummaryNetworksBody(IReadOnlyDictionary<string, EndpointSettings> Networks);

internal sealed record MountPointBody
{
    public required string Type { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    public string Source { get; init; } = "";
    public required string Destination { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Driver { get; init; }

    /// <summary>The part of the volume; of this engine alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Subpath { get; init; }

    public string Mode { get; init; } = "";
    public bool RW { get; init; }
    public string Propagation { get; init; } = "";
}

internal sealed record ContainerBody
{
    public required string Id { get; init; }
    public required string Created { get; init; }
    public required string Path { get; init; }
    public required IReadOnlyList<string> Args { get; init; }
    public required StateBody State { get; init; }
    public required string Image { get; init; }
    public required string ResolvConfPath { get; init; }
    public required string HostnamePath { get; init; }
    public required string HostsPath { get; init; }
    public required string LogPath { get; init; }
    public required string Name { get; init; }
    public int RestartCount { get; init; }
    public string Driver { get; init; } = "overlay";
    public string Platform { get; init; } = "linux";
    public string MountLabel { get; init; } = "";
    public string ProcessLabel { get; init; } = "";
    public string AppArmorProfile { get; init; } = "";
    public required string SecurityProfile { get; init; }

    /// <summary>What the profile and the user's flags give up of the default profile, a sentence each.</summary>
    public required IReadOnlyList<string> SecurityWeaknesses { get; init; }

    public IReadOnlyList<string>? ExecIDs { get; init; }
    public required HostConfig HostConfig { get; init; }
    public GraphDriverBody GraphDriver { get; init; } = new();

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeRw { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SizeRootFs { get; init; }

    public required IReadOnlyList<MountPointBody> Mounts { get; init; }
    public required ContainerConfig Config { get; init; }
    public required NetworkSettingsBody NetworkSettings { get; init; }
}

internal sealed record StateBody
{
    public required string Status { get; init; }
    public bool Running { get; init; }
    public bool Paused { get; init; }
    public bool Restarting { get; init; }
    public bool OOMKilled { get; init; }
    public bool Dead { get; init; }
    public int Pid { get; init; }
    public int ExitCode { get; init; }
    public required string Error { get; init; }
    public required string StartedAt { get; init; }
    public required string FinishedAt { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public HealthBody? Health { get; init; }
}

internal sealed record HealthBody(string Status, int FailingStreak, IReadOnlyList<HealthResultBody> Log);

internal sealed record HealthResultBody(string Start, string End, int ExitCode, string Output);

internal sealed record GraphDriverBody
{
    public IReadOnlyDictionary<string, string>? Data { get; init; }
    public string Name { get; init; } = "overlay";
}

internal sealed record NetworkSettingsBody
{
    public string Bridge { get; init; } = "";
    public string SandboxID { get; init; } = "";
    public string SandboxKey { get; init; } = "";
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?> Ports { get; init; } = new Dictionary<string, IReadOnlyList<PortBinding>?>();
    public bool HairpinMode { get; init; }
    public string LinkLocalIPv6Address { get; init; } = "";
    public int LinkLocalIPv6PrefixLen { get; init; }
    public string EndpointID { get; init; } = "";
    public string Gateway { get; init; } = "";
    public string GlobalIPv6Address { get; init; } = "";
    public int GlobalIPv6PrefixLen { get; init; }
    public string IPAddress { get; init; } = "";
    public int IPPrefixLen { get; init; }
    public string IPv6Gateway { get; init; } = "";
    public string MacAddress { get; init; } = "";
    public IReadOnlyList<string>? SecondaryIPAddresses { get; init; }
    public IReadOnlyList<string>? SecondaryIPv6Addresses { get; init; }
    public required IReadOnlyDictionary<string, EndpointSettings> Networks { get; init; }
}

internal sealed record WaitBody
{
    public int StatusCode { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WaitErrorBody? Error { get; init; }
}

internal sealed record WaitErrorBody(string Message);

internal sealed record TopBody(IReadOnlyList<string> Titles, IReadOnlyList<IReadOnlyList<string>> Processes);

internal sealed record ChangeBody(string Path, int Kind);

internal sealed record ContainersPrunedBody(IReadOnlyList<string> ContainersDeleted, long SpaceReclaimed);

internal sealed record ExecBody
{
    public required string ID { get; init; }
    public bool Running { get; init; }
    public int? ExitCode { get; init; }
    public required ProcessConfigBody ProcessConfig { get; init; }
    public bool OpenStdin { get; init; }
    public bool OpenStderr { get; init; }
    public bool OpenStdout { get; init; }
    public bool CanRemove { get; init; }
    public required string ContainerID { get; init; }
    public string DetachKeys { get; init; } = "";
    public int Pid { get; init; }
}

internal sealed record ProcessConfigBody
{
    [JsonPropertyName("tty")]
    public bool Tty { get; init; }

    [JsonPropertyName("entrypoint")]
    public string Entrypoint { get; init; } = "";

    [JsonPropertyName("arguments")]
    public IReadOnlyList<string> Arguments { get; init; } = [];

    [JsonPropertyName("privileged")]
    public bool Privileged { get; init; }

    [JsonPropertyName("user")]
    public string User { get; init; } = "";
}

internal sealed record ExecStartBody
{
    public bool Detach { get; init; }
    public bool Tty { get; init; }
    public IReadOnlyList<int>? ConsoleSize { get; init; }
}

/// <summary>Containers in Docker's words.</summary>
internal static class ContainerBodies
{
    /// <summary>A line of <c>docker ps</c>.</summary>
    public static ContainerSummaryBody Summary(Workload workload, EngineServices services, bool withSize, ApiVersion version)
    {
        ContainerRecord record = workload.Record;
        ContainerStatus status = workload.Status;
        (long? written, long? root) = withSize ? Sizes(workload, services) : (null, null);
        return new ContainerSummaryBody
        {
            Id = record.Id,
            Names = ["/" + record.Name],
            Image = record.Config.Image,
            ImageID = record.ImageId,
            Command = Command(record.Args),
            Created = record.Created.ToUnixTimeSeconds(),
            Ports = EndpointBodies.List(record, status),
            SizeRw = written,
            SizeRootFs = root,
            Labels = record.Config.Labels ?? new Dictionary<string, string>(),
            State = ContainerList.StateOf(status),
            Status = HumanTime.StatusText(status, services.Time.GetUtcNow()),
            HostConfig = new(record.HostConfig.NetworkMode),
            NetworkSettings = new(EndpointBodies.Networks(record, status, services.Networks, version)),
            Mounts = Mounts(record, services),
        };
    }

    /// <summary>Everything about one container.</summary>
    public static ContainerBody Full(Workload workload, EngineServices services, bool withSize, ApiVersion version)
    {
        ContainerRecord record = workload.Record;
        ContainerStatus status = workload.Status;
        string directory = services.DirectoryOf(record.Id);
        IReadOnlyList<string> execs = workload.ExecIds;
        (long? written, long? root) = withSize ? Sizes(workload, services) : (null, null);
        return new ContainerBody
        {
            Id = record.Id,
            Created = Times.Text(record.Created),
            Path = record.Args[0],
            Args = [.. record.Args.Skip(1)],
            State = new StateBody
            {
                Status = ContainerList.StateOf(status),
                Running = status.IsActive,
                Paused = status.Phase == ContainerPhase.Paused,
                Restarting = status.Phase == ContainerPhase.Restarting,
                OOMKilled = status.OomKilled,
                Pid = status.Pid,
                ExitCode = status.ExitCode,
                Error = status.Error,
                StartedAt = Times.Text(status.StartedAt),
                FinishedAt = Times.Text(status.FinishedAt),
                Health = Health(status.Health),
            },
            Image = record.ImageId,
            ResolvConfPath = $"{directory}/resolv.conf",
            HostnamePath = $"{directory}/hostname",
            HostsPath = $"{directory}/hosts",
            LogPath = workload.LogPath ?? "",
            Name = "/" + record.Name,
            RestartCount = status.RestartCount,
            SecurityProfile = record.Profile,
            SecurityWeaknesses = workload.Weaknesses,
            ExecIDs = execs.Count > 0 ? execs : null,
            HostConfig = Effective(record),
            SizeRw = written,
            SizeRootFs = root,
            Mounts = Mounts(record, services),
            Config = record.Config,
            NetworkSettings = EndpointBodies.Settings(record, status, services.Networks, version),
        };
    }

    /// <summary>What was asked for, with what the profile adds where nothing was.</summary>
    private static HostConfig Effective(ContainerRecord record)
    {
        HostConfig host = record.HostConfig;
        SecurityProfile? profile = SecurityProfiles.All.FirstOrDefault(profile => profile.Name == record.Profile);
        return host with
        {
            MaskedPaths = host.Privileged ? null : host.MaskedPaths ?? profile?.MaskedPaths,
            ReadonlyPaths = host.Privileged ? null : host.ReadonlyPaths ?? profile?.ReadOnlyPaths,
            PidsLimit = host.PidsLimit is 0 ? null : host.PidsLimit,
            MemorySwappiness = host.MemorySwappiness is -1 ? null : host.MemorySwappiness,
        };
    }

    private static HealthBody? Health(HealthState? health) => health is null ? null : new HealthBody(
        health.Word,
        health.FailingStreak,
        [.. health.Log.Select(result => new HealthResultBody(Times.Text(result.Start), Times.Text(result.End), result.ExitCode, result.Output))]);

    private static (long? Written, long? Root) Sizes(Workload workload, EngineServices services)
    {
        try
        {
            long written = workload.Measure().Bytes;
            long image = services.Images.TryResolve(workload.Record.ImageId)?.UnpackedBytes ?? 0;
            return (written, written + image);
        }
        catch (CaissonException)
        {
            return (0, 0); // removed while it was measured
        }
    }

    private static string Command(IReadOnlyList<string> args) =>
        string.Join(' ', args.Select(arg => arg.Contains(' ', StringComparison.Ordinal) || arg.Length == 0 ? $"'{arg}'" : arg));

    private static List<MountPointBody> Mounts(ContainerRecord record, EngineServices services) => [.. record.AllMounts.Select(mount => Mount(mount, services))];

    /// <summary>A mount of a container.</summary>
    public static MountPointBody Mount(ContainerMount mount, EngineServices services) => new()
    {
        Type = mount.Type,
        Name = mount.Type == "volume" ? mount.Volume : null,
        Source = mount.Type == "volume" ? services.Volumes.DataPath(mount.Volume) : mount.Source,
        Destination = mount.Target,
        Driver = mount.Type == "volume" ? ContainerVolumes.Driver : null,
        Mode = mount.Mode,
        RW = !mount.ReadOnly,
        Propagation = mount.Type != "bind" ? "" : mount.Propagation.Length > 0 ? mount.Propagation : "rprivate",
        Subpath = mount.Subpath.Length > 0 ? mount.Subpath : null,
    };

    /// <summary>Docker's number of a change.</summary>
    public static int KindOf(ChangeKind kind) => kind switch
    {
        ChangeKind.Added => 1,
        ChangeKind.Deleted => 2,
        _ => 0,
    };
}

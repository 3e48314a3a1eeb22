using System.Text.Json;
using System.Text.Json.Serialization;

namespace Caisson.Api.Docker;

internal sealed record VersionBody
{
    public required NameBody Platform { get; init; }
    public required IReadOnlyList<ComponentBody> Components { get; init; }
    public required string Version { get; init; }
    public required string ApiVersion { get; init; }
    public required string MinAPIVersion { get; init; }
    public string GitCommit { get; init; } = "";
    public string GoVersion { get; init; } = "";
    public string Os { get; init; } = "linux";
    public required string Arch { get; init; }
    public required string KernelVersion { get; init; }
    public string BuildTime { get; init; } = "";
}

internal sealed record NameBody(string Name);

internal sealed record ComponentBody(string Name, string Version, IReadOnlyDictionary<string, string> Details);

internal sealed record InfoBody
{
    public required string ID { get; init; }
    public int Containers { get; init; }
    public int ContainersRunning { get; init; }
    public int ContainersPaused { get; init; }
    public int ContainersStopped { get; init; }
    public int Images { get; init; }
    public string Driver { get; init; } = "overlay";
    public IReadOnlyList<IReadOnlyList<string>> DriverStatus { get; init; } = [["Mounts", "detached, idmapped"]];
    public PluginsBody Plugins { get; init; } = new();
    public bool MemoryLimit { get; init; } = true;
    public bool SwapLimit { get; init; } = true;
    public bool CpuCfsPeriod { get; init; } = true;
    public bool CpuCfsQuota { get; init; } = true;
    public bool CPUShares { get; init; } = true;
    public bool CPUSet { get; init; } = true;
    public bool PidsLimit { get; init; } = true;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? KernelMemory { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? BridgeNfIptables { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? BridgeNfIp6tables { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ExecutionDriver { get; init; }

    public bool IPv4Forwarding { get; init; } = true;
    public bool OomKillDisable { get; init; }
    public bool Debug { get; init; }
    public int NFd { get; init; }
    public int NGoroutines { get; init; }
    public required string SystemTime { get; init; }
    public string LoggingDriver { get; init; } = "json-file";
    public string CgroupDriver { get; init; } = "cgroupfs";
    public required string CgroupVersion { get; init; }
    public int NEventsListener { get; init; }
    public required string KernelVersion { get; init; }
    public required string OperatingSystem { get; init; }
    public required string OSVersion { get; init; }
    public string OSType { get; init; } = "linux";
    public required string Architecture { get; init; }
    public string IndexServerAddress { get; init; } = "https://index.docker.io/v1/";
    public RegistryConfigBody RegistryConfig { get; init; } = new();
    public int NCPU { get; init; }
    public long MemTotal { get; init; }
    public IReadOnlyList<string>? GenericResources { get; init; }
    public required string DockerRootDir { get; init; }
    public string HttpProxy { get; init; } = "";
    public string HttpsProxy { get; init; } = "";
    public string NoProxy { get; init; } = "";
    public required string Name { get; init; }
    public IReadOnlyList<string> Labels { get; init; } = [];
    public bool ExperimentalBuild { get; init; }
    public required string ServerVersion { get; init; }
    public IReadOnlyDictionary<string, RuntimeBody> Runtimes { get; init; } = new Dictionary<string, RuntimeBody> { ["caisson"] = new("caisson-runtime"), ["vm"] = new("caisson-machine") };
    public string DefaultRuntime { get; init; } = "caisson";
    public SwarmInfoBody Swarm { get; init; } = new();
    public bool LiveRestoreEnabled { get; init; } = true;
    public string Isolation { get; init; } = "";
    public string InitBinary { get; init; } = "";
    public CommitBody ContainerdCommit { get; init; } = new();
    public CommitBody RuncCommit { get; init; } = new();
    public CommitBody InitCommit { get; init; } = new();
    public IReadOnlyList<string> SecurityOptions { get; init; } = [];
    public IReadOnlyList<string> Profiles { get; init; } = [];
    public IReadOnlyList<string> Warnings { get; init; } = [];
    public IReadOnlyList<string> CDISpecDirs { get; init; } = [];
}

internal sealed record PluginsBody
{
    public IReadOnlyList<string> Volume { get; init; } = ["local"];
    public IReadOnlyList<string> Network { get; init; } = ["bridge", "host", "macvlan", "null"];
    public IReadOnlyList<string>? Authorization { get; init; }
    public IReadOnlyList<string> Log { get; init; } = ["json-file", "local", "none"];
}

internal sealed record RegistryConfigBody
{
    public IReadOnlyList<string> InsecureRegistryCIDRs { get; init; } = [];
    public IReadOnlyDictionary<string, NameBody> IndexConfigs { get; init; } = new Dictionary<string, NameBody>();
    public IReadOnlyList<string> Mirrors { get; init; } = [];
}

internal sealed record RuntimeBody([property: JsonPropertyName("path")] string Path);

internal sealed record SwarmInfoBody
{
    public string NodeID { get; init; } = "";
    public string NodeAddr { get; init; } = "";
    public string LocalNodeState { get; init; } = "inactive";
    public bool ControlAvailable { get; init; }
    public string Error { get; init; } = "";
    public IReadOnlyList<string>? RemoteManagers { get; init; }
}

internal sealed record CommitBody
{
    public string ID { get; init; } = "";
}

internal sealed record EventBody
{
    [JsonPropertyName("status")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Status { get; init; }

    [JsonPropertyName("id")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; init; }

    [JsonPropertyName("from")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? From { get; init; }

    public required string Type { get; init; }
    public required string Action { get; init; }
    public required ActorBody Actor { get; init; }

    [JsonPropertyName("scope")]
    public string Scope { get; init; } = "local";

    [JsonPropertyName("sequence")]
    public long Sequence { get; init; }

    [JsonPropertyName("time")]
    public long Time { get; init; }

    [JsonPropertyName("timeNano")]
    public long TimeNano { get; init; }
}

internal sealed record ActorBody(string ID, IReadOnlyDictionary<string, string> Attributes);

internal sealed record DiskUsageBody
{
    public long LayersSize { get; init; }
    public IReadOnlyList<ImageSummaryBody>? Images { get; init; }
    public IReadOnlyList<ContainerSummaryBody>? Containers { get; init; }
    public IReadOnlyList<VolumeBody>? Volumes { get; init; }
    public IReadOnlyList<JsonElement>? BuildCache { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? BuilderSize { get; init; }
}

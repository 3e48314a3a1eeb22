using System.Text.Json.Serialization;

namespace Caisson.Control.Model;

/// <summary>What the host gives a container, in the words of the Docker Engine API, "HostConfig".</summary>
public record HostConfig : ResourceConfig
{
    /// <summary>Directories of the host and volumes: <c>source:target[:options]</c>.</summary>
    public IReadOnlyList<string>? Binds { get; init; }

    /// <summary>Where the client wrote the id; told back only.</summary>
    public string ContainerIDFile { get => field ?? ""; init; } = "";

    /// <summary>How output is kept.</summary>
    public LogConfig? LogConfig { get; init; }

    /// <summary><c>default</c>, <c>none</c>, <c>host</c> or <c>container:ID</c>.</summary>
    public string NetworkMode { get => field ?? ""; init; } = "";

    /// <summary>Ports of the host by port of the container.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?>? PortBindings { get; init; }

    /// <summary>What to do when the program ends.</summary>
    public RestartPolicy? RestartPolicy { get; init; }

    /// <summary>Ends and starts it again when its checks say that it is unhealthy; Caisson's own.</summary>
    public bool RestartUnhealthy { get; init; }

    /// <summary>Remove the container when its program has ended.</summary>
    public bool AutoRemove { get; init; }

    /// <summary>The driver of volumes made for this container.</summary>
    public string VolumeDriver { get => field ?? ""; init; } = "";

    /// <summary>Containers whose volumes are mounted too.</summary>
    public IReadOnlyList<string>? VolumesFrom { get; init; }

    /// <summary>The terminal's first size: rows, columns.</summary>
    public IReadOnlyList<int>? ConsoleSize { get; init; }

    /// <summary>Metadata that goes to the runtime's configuration; data, never behaviour.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>Mounts in the long form.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<MountRequest>? Mounts { get; init; }

    /// <summary>Capabilities on top of the profile's; <c>ALL</c> is every one.</summary>
    public IReadOnlyList<string>? CapAdd { get; init; }

    /// <summary>Capabilities taken away; <c>ALL</c> is every one.</summary>
    public IReadOnlyList<string>? CapDrop { get; init; }

    /// <summary><c>private</c> or <c>host</c>; empty is private.</summary>
    public string CgroupnsMode { get => field ?? ""; init; } = "";

    /// <summary>Name servers.</summary>
    public IReadOnlyList<string>? Dns { get; init; }

    /// <summary>Resolver options.</summary>
    public IReadOnlyList<string>? DnsOptions { get; init; }

    /// <summary>Search domains.</summary>
    public IReadOnlyList<string>? DnsSearch { get; init; }

    /// <summary>Lines of /etc/hosts: <c>name:address</c>.</summary>
    public IReadOnlyList<string>? ExtraHosts { get; init; }

    /// <summary>Further groups of the program, by name or id.</summary>
    public IReadOnlyList<string>? GroupAdd { get; init; }

    /// <summary><c>private</c>, <c>shareable</c>, <c>none</c>, <c>host</c> or <c>container:ID</c>.</summary>
    public string IpcMode { get => field ?? ""; init; } = "";

    /// <summary>The cgroup of another container; not supported.</summary>
    public string Cgroup { get => field ?? ""; init; } = "";

    /// <summary>Names for other containers of the first network, for this one alone: <c>container:alias</c>.</summary>
    public IReadOnlyList<string>? Links { get; init; }

    /// <summary>-1000 to 1000.</summary>
    public int OomScoreAdj { get; init; }

    /// <summary>Empty, <c>host</c> or <c>container:ID</c>.</summary>
    public string PidMode { get => field ?? ""; init; } = "";

    /// <summary>No isolation of privilege: all capabilities, all devices, no filter.</summary>
    public bool Privileged { get; init; }

    /// <summary>Publish every exposed port.</summary>
    public bool PublishAllPorts { get; init; }

    /// <summary>The root filesystem cannot be written.</summary>
    public bool ReadonlyRootfs { get; init; }

    /// <summary>Security settings: <c>no-new-privileges[=BOOL]</c>, <c>seccomp=…</c>, <c>profile=NAME</c>, <c>label=…</c>, <c>apparmor=…</c>.</summary>
    public IReadOnlyList<string>? SecurityOpt { get; init; }

    /// <summary>Options of the storage driver; not supported.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? StorageOpt { get; init; }

    /// <summary>Mount options of a tmpfs by path.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Tmpfs { get; init; }

    /// <summary>Empty, <c>host</c> or <c>container:ID</c>.</summary>
    public string UTSMode { get => field ?? ""; init; } = "";

    /// <summary>Empty (own ids) or <c>host</c>.</summary>
    public string UsernsMode { get => field ?? ""; init; } = "";

    /// <summary>Bytes of /dev/shm; 0 for 64 MiB.</summary>
    public long ShmSize { get; init; }

    /// <summary>Kernel parameters of the container's namespaces.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Sysctls { get; init; }

    /// <summary>The runtime; empty is ours.</summary>
    public string Runtime { get => field ?? ""; init; } = "";

    /// <summary>Kind of isolation; empty and <c>default</c> are namespaces.</summary>
    public string Isolation { get => field ?? ""; init; } = "";

    /// <summary>Paths that cannot be read; null for the profile's.</summary>
    public IReadOnlyList<string>? MaskedPaths { get; init; }

    /// <summary>Paths that cannot be written; null for the profile's.</summary>
    public IReadOnlyList<string>? ReadonlyPaths { get; init; }

    /// <summary>Secrets, each a file of a tmpfs; Caisson's own.</summary>
    public IReadOnlyList<SecretMount>? Secrets { get; init; }

    /// <summary>Configs, each a file; Caisson's own.</summary>
    public IReadOnlyList<SecretMount>? Configs { get; init; }

    /// <summary>A first process that reaps and passes signals on; null for no.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Init { get; init; }
}

/// <summary>A port of the host.</summary>
public sealed record PortBinding
{
    /// <summary>The address; empty for the default.</summary>
    public string HostIp { get => field ?? ""; init; } = "";

    /// <summary>The port or a range; empty for any.</summary>
    public string HostPort { get => field ?? ""; init; } = "";
}

/// <summary>How output is kept.</summary>
public sealed record LogConfig
{
    /// <summary>The driver: <c>json-file</c>, <c>local</c>, or <c>none</c>, which keeps nothing.</summary>
    public string Type { get => field ?? ""; init; } = "";

    /// <summary>The driver's options.</summary>
    public IReadOnlyDictionary<string, string>? Config { get; init; }
}

/// <summary>A mount in the long form. Source: Docker Engine API, "Mount".</summary>
public sealed record MountRequest
{
    /// <summary><c>bind</c>, <c>tmpfs</c>, <c>volume</c>, …</summary>
    public string Type { get => field ?? ""; init; } = "";

    /// <summary>The path on the host, or a volume's name.</summary>
    public string Source { get => field ?? ""; init; } = "";

    /// <summary>The path inside.</summary>
    public string Target { get => field ?? ""; init; } = "";

    /// <summary>Cannot be written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Told back only.</summary>
    public string Consistency { get => field ?? ""; init; } = "";

    /// <summary>Settings of a bind.</summary>
    public BindOptions? BindOptions { get; init; }

    /// <summary>Settings of a volume.</summary>
    public VolumeOptions? VolumeOptions { get; init; }

    /// <summary>Settings of a tmpfs.</summary>
    public TmpfsOptions? TmpfsOptions { get; init; }

    /// <summary>Settings of an image's files.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImageMountOptions? ImageOptions { get; init; }
}

/// <summary>Settings of an image's files.</summary>
public sealed record ImageMountOptions
{
    /// <summary>The directory of the image that is mounted; not supported.</summary>
    public string Subpath { get => field ?? ""; init; } = "";
}

/// <summary>Settings of a bind.</summary>
public sealed record BindOptions
{
    /// <summary>Propagation, such as <c>rslave</c>.</summary>
    public string Propagation { get => field ?? ""; init; } = "";

    /// <summary>Without the mounts below.</summary>
    public bool NonRecursive { get; init; }

    /// <summary>Make the directory on the host when it is not there.</summary>
    public bool CreateMountpoint { get; init; }

    /// <summary>Mounts below stay writable when the bind is read-only.</summary>
    public bool ReadOnlyNonRecursive { get; init; }

    /// <summary>Fail when mounts below cannot be made read-only; as they always can be here, this is the default.</summary>
    public bool ReadOnlyForceRecursive { get; init; }

    /// <summary>
    /// Whose files the container sees: empty for the container's own ids, else <c>uids=DISK-INSIDE-COUNT[#…];gids=DISK-INSIDE-COUNT[#…]</c>. An
    /// extension of this engine.
    /// </summary>
    public string IdMap { get => field ?? ""; init; } = "";
}

/// <summary>Settings of a volume.</summary>
public sealed record VolumeOptions
{
    /// <summary>A new volume stays empty: what the image has at the path is not copied.</summary>
    public bool NoCopy { get; init; }

    /// <summary>Labels of a volume that is made.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The driver of a volume that is made.</summary>
    public VolumeDriverConfig? DriverConfig { get; init; }

    /// <summary>The part of the volume that is mounted: a path inside it, which must be there.</summary>
    public string Subpath { get => field ?? ""; init; } = "";
}

/// <summary>A volume's driver.</summary>
public sealed record VolumeDriverConfig
{
    /// <summary><c>local</c> or empty.</summary>
    public string Name { get => field ?? ""; init; } = "";

    /// <summary>Its settings by name.</summary>
    public IReadOnlyDictionary<string, string>? Options { get; init; }
}

/// <summary>Settings of a tmpfs.</summary>
public sealed record TmpfsOptions
{
    /// <summary>Bytes; 0 for half of the memory.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Permission bits of its root; 0 for 1777 octal.</summary>
    public int Mode { get; init; }

    /// <summary>Further options, name and value each.</summary>
    public IReadOnlyList<IReadOnlyList<string>>? Options { get; init; }
}

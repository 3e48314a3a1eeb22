using System.Text.Json;

using Caisson.Client.Secrets;

namespace Caisson.Client.Containers;

/// <summary>What of a container depends on this host: mounts, limits, isolation.</summary>
/// <remarks>Names and meanings as in the Docker Engine API, <c>HostConfig</c>. What is not set is not sent.</remarks>
public sealed class HostConfig
{
    /// <summary><c>source:target[:options]</c> of binds and named volumes.</summary>
    public List<string> Binds { get; } = [];

    /// <summary>Mounts in the long form.</summary>
    public List<MountConfig> Mounts { get; } = [];

    /// <summary>Mount options of temporary file systems by their path.</summary>
    public SortedDictionary<string, string> Tmpfs { get; } = new(StringComparer.Ordinal);

    /// <summary>Containers whose volumes are used.</summary>
    public List<string> VolumesFrom { get; } = [];

    /// <summary>Driver of named volumes; empty: local.</summary>
    public string VolumeDriver { get; set; } = "";

    /// <summary>File of the host that the id was written to; only recorded.</summary>
    public string ContainerIDFile { get; set; } = "";

    /// <summary>Log driver; empty: the engine's.</summary>
    public string LogDriver { get; set; } = "";

    /// <summary>Options of the log driver.</summary>
    public SortedDictionary<string, string> LogOptions { get; } = new(StringComparer.Ordinal);

    /// <summary><c>none</c>, <c>host</c>, <c>container:ID</c> or a network's name; empty: default.</summary>
    public string NetworkMode { get; set; } = "";

    /// <summary>Published ports by <c>80/tcp</c>.</summary>
    public SortedDictionary<string, List<PortBinding>> PortBindings { get; } = new(StringComparer.Ordinal);

    /// <summary>Publish every exposed port at a free port.</summary>
    public bool PublishAllPorts { get; set; }

    /// <summary><c>no</c>, <c>always</c>, <c>unless-stopped</c>, <c>on-failure</c>; empty: no.</summary>
    public string RestartPolicy { get; set; } = "";

    /// <summary>With <c>on-failure</c>: tries at most; 0: without end.</summary>
    public int RestartRetriesMax { get; set; }

    /// <summary>End and start it again when it is unhealthy; an extension of Caisson.</summary>
    public bool RestartUnhealthy { get; set; }

    /// <summary>Remove the container when it ends.</summary>
    public bool AutoRemove { get; set; }

    /// <summary>Height and width of the client's terminal in characters; null without one.</summary>
    public (int Height, int Width)? ConsoleSize { get; set; }

    /// <summary>Capabilities to add.</summary>
    public List<string> CapAdd { get; } = [];

    /// <summary>Capabilities to drop.</summary>
    public List<string> CapDrop { get; } = [];

    /// <summary>Secrets as files; an extension of Caisson.</summary>
    public List<SecretFile> Secrets { get; } = [];

    /// <summary>Configs as files; an extension of Caisson.</summary>
    public List<SecretFile> Configs { get; } = [];

    /// <summary>Every capability, every device, no filters.</summary>
    public bool Privileged { get; set; }

    /// <summary>Root file system read-only.</summary>
    public bool ReadonlyRootfs { get; set; }

    /// <summary>Security options; <c>profile=NAME</c> names a Caisson profile.</summary>
    public List<string> SecurityOpt { get; } = [];

    /// <summary>Cgroup namespace: <c>host</c>, <c>private</c>; empty: the engine's default.</summary>
    public string CgroupnsMode { get; set; } = "";

    /// <summary>IPC namespace.</summary>
    public string IpcMode { get; set; } = "";

    /// <summary>PID namespace.</summary>
    public string PidMode { get; set; } = "";

    /// <summary>UTS namespace.</summary>
    public string UTSMode { get; set; } = "";

    /// <summary>User namespace.</summary>
    public string UsernsMode { get; set; } = "";

    /// <summary>Name servers.</summary>
    public List<string> Dns { get; } = [];

    /// <summary>Resolver options.</summary>
    public List<string> DnsOptions { get; } = [];

    /// <summary>Search domains.</summary>
    public List<string> DnsSearch { get; } = [];

    /// <summary><c>name:address</c> for <c>/etc/hosts</c>.</summary>
    public List<string> ExtraHosts { get; } = [];

    /// <summary>Supplementary groups.</summary>
    public List<string> GroupAdd { get; } = [];

    /// <summary>Links to other containers.</summary>
    public List<string> Links { get; } = [];

    /// <summary>Size of <c>/dev/shm</c> in bytes; 0: default.</summary>
    public long ShmSizeBytes { get; set; }

    /// <summary>Kernel parameters of the container's namespaces.</summary>
    public SortedDictionary<string, string> Sysctls { get; } = new(StringComparer.Ordinal);

    /// <summary>Options of the storage driver.</summary>
    public SortedDictionary<string, string> StorageOptions { get; } = new(StringComparer.Ordinal);

    /// <summary>OCI annotations.</summary>
    public SortedDictionary<string, string> Annotations { get; } = new(StringComparer.Ordinal);

    /// <summary>OCI runtime; empty: the engine's default.</summary>
    public string Runtime { get; set; } = "";

    /// <summary>Isolation technology; empty: default.</summary>
    public string Isolation { get; set; } = "";

    /// <summary>Small init as the first process; null: the engine's default.</summary>
    public bool? Init { get; set; }

    /// <summary>Hard memory limit in bytes; 0: none.</summary>
    public long MemoryBytes { get; set; }

    /// <summary>Soft memory limit in bytes; 0: none.</summary>
    public long MemoryReservationBytes { get; set; }

    /// <summary>Memory and swap together in bytes; -1: unlimited swap; 0: default.</summary>
    public long MemorySwapBytes { get; set; }

    /// <summary>0 to 100; null: the kernel's.</summary>
    public long? MemorySwappiness { get; set; }

    /// <summary>Processors in units of 10⁻⁹; 0: no limit.</summary>
    public long NanoCpus { get; set; }

    /// <summary>Relative weight; 0: default.</summary>
    public long CpuShares { get; set; }

    /// <summary>CFS period in microseconds.</summary>
    public long CpuPeriod { get; set; }

    /// <summary>CFS quota in microseconds.</summary>
    public long CpuQuota { get; set; }

    /// <summary>CPUs as a list of ranges.</summary>
    public string CpusetCpus { get; set; } = "";

    /// <summary>Memory nodes as a list of ranges.</summary>
    public string CpusetMems { get; set; } = "";

    /// <summary>Processes at most; -1: unlimited; null: default.</summary>
    public long? PidsLimit { get; set; }

    /// <summary>10 to 1000; 0: default.</summary>
    public int BlkioWeight { get; set; }

    /// <summary>Added to the badness of the OOM killer, -1000 to 1000.</summary>
    public int OomScoreAdj { get; set; }

    /// <summary>Do not kill on memory shortage.</summary>
    public bool OomKillDisable { get; set; }

    /// <summary>Parent cgroup; empty: the engine's.</summary>
    public string CgroupParent { get; set; } = "";

    /// <summary>Resource limits of the process.</summary>
    public List<UlimitConfig> Ulimits { get; } = [];

    /// <summary>Devices of the host to show.</summary>
    public List<DeviceConfig> Devices { get; } = [];

    /// <summary>Rules for the device cgroup.</summary>
    public List<string> DeviceCgroupRules { get; } = [];

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject("HostConfig");
        WriteMounts(json);
        WriteNetwork(json);
        WriteIsolation(json);
        WriteSecrets(json, nameof(Secrets), Secrets);
        WriteSecrets(json, nameof(Configs), Configs);
        WriteResources(json);
        json.Flag(nameof(AutoRemove), AutoRemove);
        json.Flag(nameof(RestartUnhealthy), RestartUnhealthy);
        WriteRestartPolicy(json);
        json.Text(nameof(ContainerIDFile), ContainerIDFile);
        if (LogDriver.Length > 0 || LogOptions.Count > 0)
        {
            json.WriteStartObject("LogConfig");
            json.WriteString("Type", LogDriver);
            json.TextMap("Config", LogOptions);
            json.WriteEndObject();
        }
        if (ConsoleSize is { } size)
        {
            json.WriteStartArray(nameof(ConsoleSize));
            json.WriteNumberValue(size.Height);
            json.WriteNumberValue(size.Width);
            json.WriteEndArray();
        }
        json.TextMap("StorageOpt", StorageOptions);
        json.TextMap(nameof(Annotations), Annotations);
        json.WriteEndObject();
    }

    /// <summary>The members that <c>POST /containers/{id}/update</c> takes.</summary>
    internal void WriteUpdateTo(Utf8JsonWriter json)
    {
        WriteLimits(json);
        WriteRestartPolicy(json);
    }

    private void WriteMounts(Utf8JsonWriter json)
    {
        Some(json, nameof(Binds), Binds);
        json.TextMap(nameof(Tmpfs), Tmpfs);
        Some(json, nameof(VolumesFrom), VolumesFrom);
        json.Text(nameof(VolumeDriver), VolumeDriver);
        if (Mounts.Count > 0)
        {
            json.WriteStartArray(nameof(Mounts));
            Mounts.ForEach(mount => mount.WriteTo(json));
            json.WriteEndArray();
        }
    }

    private void WriteNetwork(Utf8JsonWriter json)
    {
        json.WriteString(nameof(NetworkMode), NetworkMode.Length == 0 ? "default" : NetworkMode);
        json.Flag(nameof(PublishAllPorts), PublishAllPorts);
        Some(json, nameof(Dns), Dns);
        Some(json, nameof(DnsOptions), DnsOptions);
        Some(json, nameof(DnsSearch), DnsSearch);
        Some(json, nameof(ExtraHosts), ExtraHosts);
        Some(json, nameof(Links), Links);
        if (PortBindings.Count > 0)
        {
            WritePorts(json, PortBindings);
        }
    }

    internal static void WritePorts(Utf8JsonWriter json, IReadOnlyDictionary<string, List<PortBinding>> ports)
    {
        json.WriteStartObject(nameof(PortBindings));
        foreach (var (port, bindings) in ports)
        {
            json.WriteStartArray(port);
            foreach (var binding in bindings)
            {
                json.WriteStartObject();
                json.WriteString("HostIp", binding.HostIp);
                json.WriteString("HostPort", binding.HostPort);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private void WriteIsolation(Utf8JsonWriter json)
    {
        Some(json, nameof(CapAdd), CapAdd);
        Some(json, nameof(CapDrop), CapDrop);
        json.Flag(nameof(Privileged), Privileged);
        json.Flag(nameof(ReadonlyRootfs), ReadonlyRootfs);
        Some(json, nameof(SecurityOpt), SecurityOpt);
        json.Text(nameof(CgroupnsMode), CgroupnsMode);
        json.Text(nameof(IpcMode), IpcMode);
        json.Text(nameof(PidMode), PidMode);
        json.Text(nameof(UTSMode), UTSMode);
        json.Text(nameof(UsernsMode), UsernsMode);
        Some(json, nameof(GroupAdd), GroupAdd);
        json.Number("ShmSize", ShmSizeBytes);
        json.TextMap(nameof(Sysctls), Sysctls);
        json.Text(nameof(Runtime), Runtime);
        json.Text(nameof(Isolation), Isolation);
        if (Init is { } init)
        {
            json.WriteBoolean(nameof(Init), init);
        }
    }

    private static void WriteSecrets(Utf8JsonWriter json, string name, List<SecretFile> files)
    {
        if (files.Count == 0)
        {
            return;
        }
        json.WriteStartArray(name);
        foreach (var file in files)
        {
            json.WriteStartObject();
            json.WriteString("Source", file.Source);
            json.Text("Target", file.Target);
            json.Text("UID", file.User);
            json.Text("GID", file.Group);
            if (file.Mode is { } mode)
            {
                json.WriteNumber("Mode", mode);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private void WriteResources(Utf8JsonWriter json)
    {
        WriteLimits(json);
        json.Number(nameof(MemorySwappiness), MemorySwappiness);
        json.Number(nameof(OomScoreAdj), OomScoreAdj);
        json.Flag(nameof(OomKillDisable), OomKillDisable);
        json.Text(nameof(CgroupParent), CgroupParent);
        Some(json, nameof(DeviceCgroupRules), DeviceCgroupRules);
        if (Ulimits.Count > 0)
        {
            json.WriteStartArray(nameof(Ulimits));
            foreach (var limit in Ulimits)
            {
                json.WriteStartObject();
                json.WriteString("Name", limit.Name);
                json.WriteNumber("Soft", limit.Soft);
                json.WriteNumber("Hard", limit.Hard);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (Devices.Count > 0)
        {
            json.WriteStartArray(nameof(Devices));
            foreach (var device in Devices)
            {
                json.WriteStartObject();
                json.WriteString("PathOnHost", device.PathOnHost);
                json.WriteString("PathInContainer", device.PathInContainer);
                json.WriteString("CgroupPermissions", device.CgroupPermissions);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
    }

    private void WriteLimits(Utf8JsonWriter json)
    {
        json.Number("Memory", MemoryBytes);
        json.Number("MemoryReservation", MemoryReservationBytes);
        json.Number("MemorySwap", MemorySwapBytes);
        json.Number(nameof(NanoCpus), NanoCpus);
        json.Number(nameof(CpuShares), CpuShares);
        json.Number(nameof(CpuPeriod), CpuPeriod);
        json.Number(nameof(CpuQuota), CpuQuota);
        json.Text(nameof(CpusetCpus), CpusetCpus);
        json.Text(nameof(CpusetMems), CpusetMems);
        json.Number(nameof(PidsLimit), PidsLimit);
        json.Number(nameof(BlkioWeight), BlkioWeight);
    }

    private void WriteRestartPolicy(Utf8JsonWriter json)
    {
        if (RestartPolicy.Length > 0)
        {
            json.WriteStartObject(nameof(RestartPolicy));
            json.WriteString("Name", RestartPolicy);
            json.WriteNumber("MaximumRetryCount", RestartRetriesMax);
            json.WriteEndObject();
        }
    }

    private static void Some(Utf8JsonWriter json, string name, List<string> values)
    {
        if (values.Count > 0)
        {
            json.Texts(name, values);
        }
    }
}

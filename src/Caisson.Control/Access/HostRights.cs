using Caisson.Control.Builds;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Kubernetes.Objects;

namespace Caisson.Control.Access;

/// <summary>What reaches for the host: the rights that single fields of documents need beside the right of their route.</summary>
/// <remarks>
/// Each table names every field of its document, those that need nothing as well: a test compares them with the documents, so that a field that is
/// added without a decision fails the build. Pure.
/// </remarks>
public static class HostRights
{
    private static readonly string[] FreeProfiles = ["sealed", "restricted", "default"];

    /// <summary>Directories, files and sockets of the host.</summary>
    public static Right Paths { get; } = new("use", "host/paths");

    /// <summary>Devices of the host, network interfaces among them.</summary>
    public static Right Devices { get; } = new("use", "host/devices");

    /// <summary>Namespaces of the host: its network, its processes.</summary>
    public static Right Namespaces { get; } = new("use", "host/namespaces");

    /// <summary>Privileges beyond those of the profile.</summary>
    public static Right Privileges { get; } = new("use", "host/privileges");

    /// <summary>Limits.</summary>
    public static FieldTable<ResourceConfig> Resources { get; } = new FieldTable<ResourceConfig>()
        .Free(
            nameof(ResourceConfig.CpuShares), nameof(ResourceConfig.Memory), nameof(ResourceConfig.NanoCpus), nameof(ResourceConfig.BlkioWeight), nameof(ResourceConfig.BlkioWeightDevice),
            nameof(ResourceConfig.BlkioDeviceReadBps), nameof(ResourceConfig.BlkioDeviceWriteBps), nameof(ResourceConfig.BlkioDeviceReadIOps), nameof(ResourceConfig.BlkioDeviceWriteIOps),
            nameof(ResourceConfig.CpuPeriod), nameof(ResourceConfig.CpuQuota), nameof(ResourceConfig.CpusetCpus), nameof(ResourceConfig.CpusetMems), nameof(ResourceConfig.MemoryReservation),
            nameof(ResourceConfig.MemorySwap), nameof(ResourceConfig.MemorySwappiness), nameof(ResourceConfig.OomKillDisable), nameof(ResourceConfig.PidsLimit), nameof(ResourceConfig.Ulimits))
        .Needs(nameof(ResourceConfig.CgroupParent), Privileges, config => config.CgroupParent.Length > 0)
        .Needs(nameof(ResourceConfig.CpuRealtimePeriod), Privileges, config => config.CpuRealtimePeriod != 0)
        .Needs(nameof(ResourceConfig.CpuRealtimeRuntime), Privileges, config => config.CpuRealtimeRuntime != 0)
        .Needs(nameof(ResourceConfig.Devices), Devices, config => config.Devices is { Count: > 0 })
        .Needs(nameof(ResourceConfig.DeviceCgroupRules), Devices, config => config.DeviceCgroupRules is { Count: > 0 })
        .Needs(nameof(ResourceConfig.DeviceRequests), Devices, config => config.DeviceRequests is { Count: > 0 });

    /// <summary>What the host gives a container.</summary>
    public static FieldTable<HostConfig> Host { get; } = new FieldTable<HostConfig>()
        .All(Resources)
        .Free(
            nameof(HostConfig.ContainerIDFile), nameof(HostConfig.LogConfig), nameof(HostConfig.PortBindings), nameof(HostConfig.RestartPolicy), nameof(HostConfig.RestartUnhealthy),
            nameof(HostConfig.AutoRemove), nameof(HostConfig.VolumeDriver), nameof(HostConfig.VolumesFrom), nameof(HostConfig.ConsoleSize), nameof(HostConfig.Annotations),
            nameof(HostConfig.CapDrop), nameof(HostConfig.Dns), nameof(HostConfig.DnsOptions), nameof(HostConfig.DnsSearch), nameof(HostConfig.ExtraHosts), nameof(HostConfig.GroupAdd),
            nameof(HostConfig.Cgroup), nameof(HostConfig.Links), nameof(HostConfig.PublishAllPorts), nameof(HostConfig.ReadonlyRootfs), nameof(HostConfig.StorageOpt),
            nameof(HostConfig.Tmpfs), nameof(HostConfig.ShmSize), nameof(HostConfig.Sysctls), nameof(HostConfig.Runtime), nameof(HostConfig.Isolation),
            nameof(HostConfig.Secrets), nameof(HostConfig.Configs), nameof(HostConfig.Init))
        .Needs(nameof(HostConfig.Binds), Paths, config => config.Binds?.Any(bind => !IsVolume(bind)) == true)
        .Needs(nameof(HostConfig.Mounts), Paths, config => config.Mounts?.Any(ReachesPaths) == true)
        .Needs(nameof(HostConfig.NetworkMode), Namespaces, config => config.NetworkMode == "host")
        .Needs(nameof(HostConfig.PidMode), Namespaces, config => config.PidMode == "host")
        .Needs(nameof(HostConfig.IpcMode), Namespaces, config => config.IpcMode == "host")
        .Needs(nameof(HostConfig.UTSMode), Namespaces, config => config.UTSMode == "host")
        .Needs(nameof(HostConfig.CgroupnsMode), Namespaces, config => config.CgroupnsMode == "host")
        .Needs(nameof(HostConfig.UsernsMode), Privileges, config => config.UsernsMode == "host")
        .Needs(nameof(HostConfig.CapAdd), Privileges, config => config.CapAdd is { Count: > 0 })
        .Needs(nameof(HostConfig.OomScoreAdj), Privileges, config => config.OomScoreAdj < 0)
        .Needs(nameof(HostConfig.Privileged), Privileges, config => config.Privileged)
        .Needs(nameof(HostConfig.SecurityOpt), Privileges, config => config.SecurityOpt?.Any(option => !IsFree(option)) == true)
        .Needs(nameof(HostConfig.MaskedPaths), Privileges, config => config.MaskedPaths is not null)
        .Needs(nameof(HostConfig.ReadonlyPaths), Privileges, config => config.ReadonlyPaths is not null);

    /// <summary>A new container.</summary>
    public static FieldTable<ContainerCreate> Create { get; } = new FieldTable<ContainerCreate>()
        .Free(
            nameof(ContainerCreate.Hostname), nameof(ContainerCreate.Domainname), nameof(ContainerCreate.User), nameof(ContainerCreate.AttachStdin), nameof(ContainerCreate.AttachStdout),
            nameof(ContainerCreate.AttachStderr), nameof(ContainerCreate.ExposedPorts), nameof(ContainerCreate.Tty), nameof(ContainerCreate.OpenStdin), nameof(ContainerCreate.StdinOnce),
            nameof(ContainerCreate.Env), nameof(ContainerCreate.Cmd), nameof(ContainerCreate.Healthcheck), nameof(ContainerCreate.Image), nameof(ContainerCreate.Volumes),
            nameof(ContainerCreate.WorkingDir), nameof(ContainerCreate.Entrypoint), nameof(ContainerCreate.NetworkDisabled), nameof(ContainerCreate.OnBuild), nameof(ContainerCreate.Labels),
            nameof(ContainerCreate.StopSignal), nameof(ContainerCreate.StopTimeout), nameof(ContainerCreate.Shell), nameof(ContainerCreate.MacAddress))
        .Within(nameof(ContainerCreate.HostConfig), create => create.HostConfig is { } host ? Host.Of(host) : [])
        .Needs(nameof(ContainerCreate.NetworkingConfig), Namespaces, create => create.NetworkingConfig?.EndpointsConfig?.ContainsKey("host") == true);

    /// <summary>A change of a container.</summary>
    public static FieldTable<UpdateConfig> Update { get; } = new FieldTable<UpdateConfig>()
        .All(Resources)
        .Free(nameof(UpdateConfig.RestartPolicy), nameof(UpdateConfig.PortBindings), nameof(UpdateConfig.PortTakeover));

    /// <summary>A further process.</summary>
    public static FieldTable<ExecConfig> Exec { get; } = new FieldTable<ExecConfig>()
        .Free(
            nameof(ExecConfig.User), nameof(ExecConfig.Tty), nameof(ExecConfig.ConsoleSize), nameof(ExecConfig.AttachStdin), nameof(ExecConfig.AttachStdout), nameof(ExecConfig.AttachStderr),
            nameof(ExecConfig.DetachKeys), nameof(ExecConfig.Env), nameof(ExecConfig.WorkingDir), nameof(ExecConfig.Cmd))
        .Needs(nameof(ExecConfig.Privileged), Privileges, config => config.Privileged);

    /// <summary>A new volume.</summary>
    public static FieldTable<VolumeCreate> Volume { get; } = new FieldTable<VolumeCreate>()
        .Free(nameof(VolumeCreate.Name), nameof(VolumeCreate.Driver), nameof(VolumeCreate.Labels))
        .Needs(nameof(VolumeCreate.DriverOpts), Paths, create => ReachesPaths(create.DriverOpts));

    /// <summary>A new network.</summary>
    public static FieldTable<NetworkCreate> Network { get; } = new FieldTable<NetworkCreate>()
        .Free(
            nameof(NetworkCreate.Name), nameof(NetworkCreate.Scope), nameof(NetworkCreate.Internal), nameof(NetworkCreate.Attachable), nameof(NetworkCreate.Ingress),
            nameof(NetworkCreate.ConfigOnly), nameof(NetworkCreate.EnableIPv4), nameof(NetworkCreate.EnableIPv6), nameof(NetworkCreate.IPAM), nameof(NetworkCreate.Labels))
        .Needs(nameof(NetworkCreate.Driver), Devices, create => create.Driver is not ("" or "bridge"))
        .Needs(nameof(NetworkCreate.Options), Namespaces, create => create.Options?.Any(option => option.Key is "caisson.host_access" or "caisson.metadata_access" or "caisson.routed") == true);

    /// <summary>A new machine.</summary>
    public static FieldTable<FullMachineCreate> Machine { get; } = new FieldTable<FullMachineCreate>()
        .Free(
            nameof(FullMachineCreate.Name), nameof(FullMachineCreate.Memory), nameof(FullMachineCreate.MemoryMax), nameof(FullMachineCreate.Processors), nameof(FullMachineCreate.ProcessorsMax),
            nameof(FullMachineCreate.CpuModel), nameof(FullMachineCreate.Firmware), nameof(FullMachineCreate.SecureBoot), nameof(FullMachineCreate.Tpm), nameof(FullMachineCreate.CommandLine),
            nameof(FullMachineCreate.Encrypt), nameof(FullMachineCreate.Passphrase), nameof(FullMachineCreate.Networks), nameof(FullMachineCreate.Ports), nameof(FullMachineCreate.Boot),
            nameof(FullMachineCreate.Seed), nameof(FullMachineCreate.Autostart), nameof(FullMachineCreate.StartOrder), nameof(FullMachineCreate.StartDelaySeconds),
            nameof(FullMachineCreate.RestartPolicy), nameof(FullMachineCreate.Description))
        .Needs(nameof(FullMachineCreate.Kernel), Paths, create => create.Kernel.Length > 0)
        .Needs(nameof(FullMachineCreate.Initrd), Paths, create => create.Initrd.Length > 0)
        .Needs(nameof(FullMachineCreate.Cdroms), Paths, create => create.Cdroms.Any(path => path.Length > 0))
        .Within(nameof(FullMachineCreate.Disks), create => create.Disks.SelectMany(Disk!.Of));

    /// <summary>A disk of a machine.</summary>
    public static FieldTable<MachineDiskRequest> Disk { get; } = new FieldTable<MachineDiskRequest>()
        .Free(
            nameof(MachineDiskRequest.Name), nameof(MachineDiskRequest.Format), nameof(MachineDiskRequest.Bytes), nameof(MachineDiskRequest.Bus), nameof(MachineDiskRequest.Cache),
            nameof(MachineDiskRequest.Rate))
        .Needs(nameof(MachineDiskRequest.Source), Paths, disk => disk.Source.Length > 0);

    /// <summary>A change of a machine.</summary>
    public static FieldTable<FullMachineChange> MachineChange { get; } = new FieldTable<FullMachineChange>()
        .Free(
            nameof(FullMachineChange.Memory), nameof(FullMachineChange.MemoryMax), nameof(FullMachineChange.Processors), nameof(FullMachineChange.ProcessorsMax),
            nameof(FullMachineChange.CpuModel), nameof(FullMachineChange.Boot), nameof(FullMachineChange.CommandLine), nameof(FullMachineChange.Encrypt), nameof(FullMachineChange.Passphrase),
            nameof(FullMachineChange.Autostart), nameof(FullMachineChange.StartOrder), nameof(FullMachineChange.StartDelaySeconds), nameof(FullMachineChange.RestartPolicy),
            nameof(FullMachineChange.Description), nameof(FullMachineChange.Schedules), nameof(FullMachineChange.DiskRates), nameof(FullMachineChange.DiskSizes))
        .Needs(nameof(FullMachineChange.Media), Paths, change => change.Media?.Values.Any(path => path.Length > 0) == true);

    /// <summary>The pod of an object that has or makes one, by the names of its own fields.</summary>
    public static FieldTable<DocumentNode> Pod { get; } = new FieldTable<DocumentNode>()
        .Free(
            "terminationGracePeriodSeconds", "activeDeadlineSeconds", "restartPolicy", "dnsPolicy", "dnsConfig", "nodeSelector", "serviceAccountName", "serviceAccount",
            "automountServiceAccountToken", "nodeName", "shareProcessNamespace", "imagePullSecrets", "hostname", "subdomain", "affinity", "schedulerName", "tolerations", "hostAliases",
            "priorityClassName", "priority", "readinessGates", "runtimeClassName", "enableServiceLinks", "preemptionPolicy", "overhead", "topologySpreadConstraints", "setHostnameAsFQDN", "os",
            "schedulingGates", "resourceClaims", "resources")
        .Within("containers", pod => pod.Field("containers").Items().SelectMany(PodContainer!.Of))
        .Within("initContainers", pod => pod.Field("initContainers").Items().SelectMany(PodContainer!.Of))
        .Within("ephemeralContainers", pod => pod.Field("ephemeralContainers").Items().SelectMany(PodContainer!.Of))
        .Within("securityContext", pod => pod.Field("securityContext") is { } security ? PodSecurity!.Of(security) : [])
        .Within("volumes", pod => pod.Field("volumes").Items().SelectMany(PodVolume!.Of))
        .Needs("hostNetwork", Namespaces, pod => pod.Flag("hostNetwork"))
        .Needs("hostPID", Namespaces, pod => pod.Flag("hostPID"))
        .Needs("hostIPC", Namespaces, pod => pod.Flag("hostIPC"))
        .Needs("hostUsers", Privileges, pod => pod.Flag("hostUsers"));

    /// <summary>A volume of a pod.</summary>
    public static FieldTable<DocumentNode> PodVolume { get; } = new FieldTable<DocumentNode>()
        .Free("name", "emptyDir", "configMap", "secret", "persistentVolumeClaim", "downwardAPI", "projected")
        .Needs("hostPath", Paths, volume => volume.Field("hostPath") is not null);

    /// <summary>A container of a pod.</summary>
    public static FieldTable<DocumentNode> PodContainer { get; } = new FieldTable<DocumentNode>()
        .Free(
            "name", "image", "command", "args", "workingDir", "ports", "env", "envFrom", "resources", "volumeMounts", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle",
            "imagePullPolicy", "stdin", "stdinOnce", "tty", "terminationMessagePath", "terminationMessagePolicy", "restartPolicy", "resizePolicy", "targetContainerName")
        .Needs("volumeDevices", Devices, container => container.Field("volumeDevices").Items().Any())
        .Within("securityContext", container => container.Field("securityContext") is { } security ? PodSecurity!.Of(security) : []);

    /// <summary>The security of a pod or of a container of one.</summary>
    public static FieldTable<DocumentNode> PodSecurity { get; } = new FieldTable<DocumentNode>()
        .Free(
            "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "seLinuxOptions", "windowsOptions", "fsGroup", "fsGroupChangePolicy",
            "supplementalGroups", "supplementalGroupsPolicy", "sysctls", "seLinuxChangePolicy")
        .Needs("privileged", Privileges, security => security.Flag("privileged"))
        .Needs("capabilities", Privileges, security => security.At("capabilities", "add").Items().Any())
        .Needs("procMount", Privileges, security => security.Text("procMount") is not ("" or "Default"))
        .Needs("seccompProfile", Privileges, security => security.Field("seccompProfile").Text("type") is not ("" or "RuntimeDefault"))
        .Needs("appArmorProfile", Privileges, security => security.Field("appArmorProfile").Text("type") is not ("" or "RuntimeDefault"));

    /// <summary>What a container has of the host: whoever enters it has it, too.</summary>
    public static IReadOnlyList<Right> Of(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        return [.. Host.Of(workload.Record.HostConfig).Distinct()];
    }

    /// <summary>What a Kubernetes object has or makes of the host.</summary>
    public static IReadOnlyList<Right> Of(KubernetesObject one)
    {
        ArgumentNullException.ThrowIfNull(one);
        DocumentNode? pod = one.Kind.Kind switch
        {
            "Pod" => one.Spec,
            "CronJob" => one.Spec.At("jobTemplate", "spec", "template", "spec"),
            _ => one.Spec.At("template", "spec"),
        };
        return pod is null ? [] : [.. Pod.Of(pod).Distinct()];
    }

    /// <summary>What a build reads and writes of the host.</summary>
    public static IReadOnlyList<Right> Of(BuildRequest build)
    {
        ArgumentNullException.ThrowIfNull(build);
        List<Right> rights = [.. Host.Of(build.Host)];
        if (build.Directory is not null || build.Agents.Count > 0 || build.CacheFrom.Concat(build.CacheTo).Any(cache => cache.Directory is not null))
        {
            rights.Add(Paths);
        }
        if (build.Network == "host")
        {
            rights.Add(Namespaces);
        }
        return [.. rights.Distinct()];
    }

    /// <summary>A mount whose source is the name of a volume, or that has none.</summary>
    private static bool IsVolume(string bind)
    {
        int colon = bind.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 || (colon > 0 && char.IsAsciiLetterOrDigit(bind[0]) && !bind.AsSpan(0, colon).Contains('/'));
    }

    private static bool ReachesPaths(MountRequest mount) => mount.Type switch
    {
        "tmpfs" or "image" => false,
        "volume" => ReachesPaths(mount.VolumeOptions?.DriverConfig?.Options),
        _ => true,
    };

    private static bool ReachesPaths(IReadOnlyDictionary<string, string>? options) =>
        options is not null && options.GetValueOrDefault("type", "") != "tmpfs" && options.Any(option => option.Key != "size");

    private static bool IsFree(string option)
    {
        int split = option.IndexOfAny(['=', ':']);
        string value = split < 0 ? "" : option[(split + 1)..];
        return (split < 0 ? option : option[..split]) switch
        {
            "no-new-privileges" => value is "" or "true",
            "seccomp" => value == "builtin",
            "profile" => FreeProfiles.Contains(value),
            "label" => true,
            _ => false,
        };
    }
}

/// <summary>The fields of a document, each with the right that it needs when it says something that needs one.</summary>
/// <typeparam name="T">The document.</typeparam>
public sealed class FieldTable<T>
{
    private readonly Dictionary<string, Func<T, IEnumerable<Right>>?> _fields = [];

    /// <summary>The names of all fields.</summary>
    public IReadOnlyCollection<string> Fields => _fields.Keys;

    /// <summary>What <paramref name="document"/> needs, field by field.</summary>
    public IEnumerable<Right> Of(T document) => _fields.Values.OfType<Func<T, IEnumerable<Right>>>().SelectMany(rights => rights(document));

    /// <summary>Fields that need nothing whatever they say.</summary>
    public FieldTable<T> Free(params ReadOnlySpan<string> fields)
    {
        foreach (string field in fields)
        {
            _fields.Add(field, null);
        }
        return this;
    }

    /// <summary>A field that needs <paramref name="right"/> when <paramref name="when"/> holds.</summary>
    public FieldTable<T> Needs(string field, Right right, Func<T, bool> when)
    {
        _fields.Add(field, document => when(document) ? [right] : []);
        return this;
    }

    /// <summary>A field whose content has fields of its own.</summary>
    public FieldTable<T> Within(string field, Func<T, IEnumerable<Right>> rights)
    {
        _fields.Add(field, rights);
        return this;
    }

    /// <summary>All fields of the part that documents of this kind have in common with others.</summary>
    /// <typeparam name="TBase">The part.</typeparam>
    public FieldTable<T> All<TBase>(FieldTable<TBase> other)
        where TBase : class
    {
        ArgumentNullException.ThrowIfNull(other);
        foreach ((string field, Func<TBase, IEnumerable<Right>>? rights) in other._fields)
        {
            _fields.Add(field, rights is null ? null : document => rights((document as TBase)!));
        }
        return this;
    }
}

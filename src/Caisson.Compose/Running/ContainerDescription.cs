using System.Globalization;

using Caisson.Client.Containers;
using Caisson.Client.Networks;
using Caisson.Client.Secrets;
using Caisson.Documents;
using Caisson.Compose.Loading;
using Caisson.Compose.Model;

namespace Caisson.Compose.Running;

/// <summary>What a container of a service is, besides what its service says.</summary>
/// <param name="Number">Among those of its service, from 1.</param>
/// <param name="Name">Of the container.</param>
public sealed record ContainerIdentity(int Number, string Name)
{
    /// <summary>Made by <c>run</c>: not one of those that <c>up</c> cares for.</summary>
    public bool IsOneOff { get; init; }

    /// <summary>It has the names of its service in its networks.</summary>
    public bool HasNames { get; init; } = true;

    /// <summary>Its ports are published.</summary>
    public bool HasPorts { get; init; } = true;

    /// <summary>Digest of its image; empty when it is not known.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>Name of the container it takes the place of; empty: none.</summary>
    public string Replaces { get; init; } = "";

    /// <summary>Volumes it takes over, by their path inside.</summary>
    public IReadOnlyDictionary<string, string> Volumes { get; init; } = new Dictionary<string, string>();

    /// <summary>Gives the id of a container of a service, for namespaces and volumes that are shared.</summary>
    public Func<string, string> IdOf { get; init; } = service => throw new InvalidOperationException($"no container of service {service} is known");
}

/// <summary>Says a service in the words of the engine's API.</summary>
/// <remarks>Pure. Source: Compose Specification, "Services"; Docker Engine API, "Create a container".</remarks>
public static class ContainerDescription
{
    /// <summary>The body that creates a container of <paramref name="service"/>.</summary>
    public static ContainerCreation Describe(ComposeProject project, ComposeService service, ContainerIdentity identity)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(identity);
        var definition = service.Definition;
        var config = new ContainerConfig
        {
            Image = service.Image,
            Hostname = definition.Text("hostname"),
            Domainname = definition.Text("domainname"),
            User = definition.Text("user"),
            WorkingDir = definition.Text("working_dir"),
            Tty = definition.Flag("tty"),
            OpenStdin = definition.Flag("stdin_open"),
            Cmd = definition["command"] is null ? null : definition.Texts("command"),
            Entrypoint = definition["entrypoint"] is null ? null : definition.Texts("entrypoint") is { Count: > 0 } entrypoint ? entrypoint : [""],
            StopSignal = definition.Text("stop_signal"),
            StopTimeout = service.StopGraceSeconds,
            Healthcheck = Healthcheck(definition["healthcheck"]),
        };
        config.Env.AddRange(definition.Pairs("environment").Select(pair => $"{pair.Key}={pair.Value}"));
        foreach (var (label, value) in Labels(project, service, identity))
        {
            config.Labels[label] = value;
        }
        foreach (string port in definition.Texts("expose"))
        {
            config.ExposedPorts.Add(port.Contains('/', StringComparison.Ordinal) ? port : port + "/tcp");
        }
        foreach (var port in definition["ports"].Items())
        {
            config.ExposedPorts.Add($"{port.Text("target")}/{port.Text("protocol")}");
        }
        var host = new HostConfig();
        AddIsolation(host, service, identity);
        AddResources(host, definition);
        AddMounts(host, project, service, identity);
        AddNames(host, definition);
        if (identity.HasPorts)
        {
            foreach (var (port, bindings) in Ports(service))
            {
                host.PortBindings[port] = bindings;
            }
        }
        (host.NetworkMode, var first, var further) = Networks(project, service, identity);
        return new(config, host) { Place = first, FurtherPlaces = further };
    }

    /// <summary>What a service publishes, as the engine takes it.</summary>
    public static SortedDictionary<string, List<PortBinding>> Ports(ComposeService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        var ports = new SortedDictionary<string, List<PortBinding>>(StringComparer.Ordinal);
        foreach (var port in service.Definition["ports"].Items())
        {
            string key = $"{port.Text("target")}/{port.Text("protocol")}";
            if (!ports.TryGetValue(key, out var bindings))
            {
                ports[key] = bindings = [];
            }
            bindings.Add(new(port.Text("host_ip"), port.Text("published")));
        }
        return ports;
    }

    /// <summary>What a container of a service asks for in one of its networks.</summary>
    /// <param name="project">Of the service.</param>
    /// <param name="service">The service.</param>
    /// <param name="network">One of its networks.</param>
    /// <param name="named">With the names of the service.</param>
    public static NetworkPlace Place(ComposeProject project, ComposeService service, ServiceNetwork network, bool named)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(network);
        string mac = network.Definition.Text("mac_address");
        return new()
        {
            Aliases = named ? [.. network.Definition.Texts("aliases").Prepend(service.Name).Distinct()] : [],
            Links = [.. Links(project, service)],
            IPv4Address = network.Definition.Text("ipv4_address"),
            IPv6Address = network.Definition.Text("ipv6_address"),
            MacAddress = mac.Length > 0 ? mac : network == service.Networks[0] ? service.Definition.Text("mac_address") : "",
        };
    }

    /// <summary>Names of one's own for other services; by the service's name each is found without.</summary>
    private static IEnumerable<string> Links(ComposeProject project, ComposeService service)
    {
        foreach (string[] link in service.Definition.Texts("links").Select(link => link.Split(':')).Where(link => link.Length == 2 && link[1] != link[0]))
        {
            string name = project.Services.TryGetValue(link[0], out var other) && other.ContainerName.Length > 0 ? other.ContainerName : $"{project.Name}-{link[0]}-1";
            yield return $"{name}:{link[1]}";
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Labels(ComposeProject project, ComposeService service, ContainerIdentity identity)
    {
        foreach (var label in service.Definition.Pairs("labels"))
        {
            yield return label;
        }
        yield return new(ComposeLabels.Project, project.Name);
        yield return new(ComposeLabels.Service, service.Name);
        yield return new(ComposeLabels.OneOff, identity.IsOneOff ? "True" : "False");
        yield return new(ComposeLabels.Number, identity.Number.ToString(CultureInfo.InvariantCulture));
        yield return new(ComposeLabels.ConfigHash, service.Hash());
        yield return new(ComposeLabels.WorkingDirectory, project.Directory);
        yield return new(ComposeLabels.ConfigFiles, string.Join(',', project.Files));
        yield return new(ComposeLabels.DependsOn, string.Join(',', service.DependsOn.Select(dependency =>
            $"{dependency.Service}:{ConditionName(dependency.Condition)}:{(dependency.Restart ? "true" : "false")}")));
        if (identity.ImageId.Length > 0)
        {
            yield return new(ComposeLabels.Image, identity.ImageId);
        }
        if (project.EnvironmentFiles.Length > 0)
        {
            yield return new(ComposeLabels.EnvironmentFile, string.Join(',', project.EnvironmentFiles));
        }
        if (identity.Replaces.Length > 0)
        {
            yield return new(ComposeLabels.Replace, identity.Replaces);
        }
        if (identity.IsOneOff)
        {
            yield return new(ComposeLabels.Slug, identity.Name);
        }
    }

    private static string ConditionName(DependencyCondition condition) => condition switch
    {
        DependencyCondition.Healthy => "service_healthy",
        DependencyCondition.CompletedSuccessfully => "service_completed_successfully",
        _ => "service_started",
    };

    private static HealthcheckConfig? Healthcheck(DocumentNode? check)
    {
        if (check is null)
        {
            return null;
        }
        return new()
        {
            Test = check.Flag("disable") ? ["NONE"] : check.Texts("test"),
            IntervalNanoseconds = Nanoseconds("interval"),
            TimeoutNanoseconds = Nanoseconds("timeout"),
            StartPeriodNanoseconds = Nanoseconds("start_period"),
            StartIntervalNanoseconds = Nanoseconds("start_interval"),
            Retries = check.Whole("retries") ?? 0,
        };

        long Nanoseconds(string name) => Quantities.Nanoseconds(check.Text(name)) ?? 0;
    }

    private static void AddIsolation(HostConfig host, ComposeService service, ContainerIdentity identity)
    {
        var definition = service.Definition;
        host.CapAdd.AddRange(definition.Texts("cap_add"));
        host.CapDrop.AddRange(definition.Texts("cap_drop"));
        host.Privileged = definition.Flag("privileged");
        host.ReadonlyRootfs = definition.Flag("read_only");
        host.SecurityOpt.AddRange(definition.Texts("security_opt"));
        host.GroupAdd.AddRange(definition.Texts("group_add"));
        host.IpcMode = Shared(definition.Text("ipc"), identity);
        host.PidMode = Shared(definition.Text("pid"), identity);
        host.UTSMode = definition.Text("uts");
        host.UsernsMode = definition.Text("userns_mode");
        host.CgroupnsMode = definition.Text("cgroup");
        host.CgroupParent = definition.Text("cgroup_parent");
        host.Runtime = definition.Text("runtime");
        host.Isolation = definition.Text("isolation");
        host.Init = definition.TryFlag("init");
        Copy(definition, "sysctls", host.Sysctls);
        Copy(definition, "annotations", host.Annotations);
        Copy(definition, "storage_opt", host.StorageOptions);
        host.LogDriver = definition["logging"].Text("driver");
        foreach (var (name, value) in definition["logging"].Pairs("options"))
        {
            host.LogOptions[name] = value;
        }
        (host.RestartPolicy, host.RestartRetriesMax) = Restart(definition);
    }

    private static (string Policy, int RetriesMax) Restart(MappingNode definition)
    {
        string restart = definition.Text("restart");
        if (restart.Length > 0)
        {
            string[] parts = restart.Split(':');
            return (parts[0] == "false" ? "no" : parts[0], parts.Length == 2 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0);
        }
        var policy = definition["deploy"].Field("restart_policy");
        return policy is null ? ("", 0) : policy.Text("condition") switch
        {
            "none" => ("no", 0),
            "on-failure" => ("on-failure", (int)(policy.Whole("max_attempts") ?? 0)),
            "unless-stopped" => ("unless-stopped", 0),
            _ => ("always", 0),
        };
    }

    private static void AddResources(HostConfig host, MappingNode definition)
    {
        var limits = definition["deploy"].Field("resources").Field("limits");
        var reservations = definition["deploy"].Field("resources").Field("reservations");
        host.MemoryBytes = definition.Whole("mem_limit") ?? limits.Whole("memory") ?? 0;
        host.MemoryReservationBytes = definition.Whole("mem_reservation") ?? reservations.Whole("memory") ?? 0;
        host.MemorySwapBytes = definition.Whole("memswap_limit") ?? 0;
        host.MemorySwappiness = definition.Whole("mem_swappiness");
        host.NanoCpus = (long)((definition.Number("cpus") ?? limits.Number("cpus") ?? 0) * 1_000_000_000m);
        host.CpuShares = definition.Whole("cpu_shares") ?? 0;
        host.CpuPeriod = definition.Whole("cpu_period") ?? 0;
        host.CpuQuota = definition.Whole("cpu_quota") ?? 0;
        host.CpusetCpus = definition.Text("cpuset");
        host.PidsLimit = definition.Whole("pids_limit") ?? limits.Whole("pids");
        host.BlkioWeight = (int)(definition["blkio_config"].Whole("weight") ?? 0);
        host.OomScoreAdj = (int)(definition.Whole("oom_score_adj") ?? 0);
        host.OomKillDisable = definition.Flag("oom_kill_disable");
        host.ShmSizeBytes = definition.Whole("shm_size") ?? 0;
        host.DeviceCgroupRules.AddRange(definition.Texts("device_cgroup_rules"));
        host.Devices.AddRange(definition["devices"].Items().Select(device => new DeviceConfig(device.Text("source"), device.Text("target"), device.Text("permissions"))));
        foreach (var limit in definition["ulimits"].Entries())
        {
            long single = long.TryParse(limit.Value.AsText(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : 0;
            host.Ulimits.Add(new(limit.Key, limit.Value.Whole("soft") ?? single, limit.Value.Whole("hard") ?? single));
        }
    }

    private static void AddMounts(HostConfig host, ComposeProject project, ComposeService service, ContainerIdentity identity)
    {
        var targets = new HashSet<string>(StringComparer.Ordinal);
        foreach (var mount in service.Definition["volumes"].Items())
        {
            var described = Mount(mount, project);
            if (described is { Type: "volume", Source.Length: 0 } && identity.Volumes.TryGetValue(described.Target, out string? kept))
            {
                described.Source = kept;
            }
            targets.Add(described.Target);
            host.Mounts.Add(described);
        }
        // Volumes that the image asks for go over from the container before, too.
        foreach (var (target, volume) in identity.Volumes.Where(volume => targets.Add(volume.Key)))
        {
            host.Mounts.Add(new() { Type = "volume", Source = volume, Target = target });
        }
        foreach (var (kind, resources) in ((string, IReadOnlyDictionary<string, ComposeResource>)[])[("secrets", project.Secrets), ("configs", project.Configs)])
        {
            foreach (var reference in service.Definition[kind].Items())
            {
                if (!resources.TryGetValue(reference.Text("source"), out var resource))
                {
                    continue;
                }
                if (resource.IsExternal)
                {
                    (kind == "secrets" ? host.Secrets : host.Configs).Add(Stored(resource, reference));
                }
                else if (resource.Definition.Text("file") is { Length: > 0 } file)
                {
                    host.Mounts.Add(new() { Type = "bind", Source = file, Target = reference.Text("target"), ReadOnly = true });
                }
            }
        }
        foreach (string tmpfs in service.Definition.Texts("tmpfs"))
        {
            int colon = tmpfs.IndexOf(':', StringComparison.Ordinal);
            host.Tmpfs[colon < 0 ? tmpfs : tmpfs[..colon]] = colon < 0 ? "" : tmpfs[(colon + 1)..];
        }
        host.VolumesFrom.AddRange(service.Definition.Texts("volumes_from").Select(from =>
        {
            string[] parts = from.Split(':');
            bool other = parts[0] == "container";
            string id = other ? parts[1] : identity.IdOf(parts[0]);
            string mode = parts.Length > (other ? 2 : 1) ? ":" + parts[^1] : "";
            return id + mode;
        }));
    }

    /// <summary>A secret or config of the engine's own store.</summary>
    private static SecretFile Stored(ComposeResource resource, DocumentNode reference)
    {
        const string SecretDirectory = "/run/secrets/";
        string target = reference.Text("target");
        return new(
            resource.Name,
            target.StartsWith(SecretDirectory, StringComparison.Ordinal) ? target[SecretDirectory.Length..] : target,
            reference.Text("uid"),
            reference.Text("gid"),
            reference.Text("mode") is { Length: > 0 } mode ? Convert.ToInt32(mode, 8) : null);
    }

    private static MountConfig Mount(DocumentNode mount, ComposeProject project)
    {
        string source = mount.Text("source");
        string type = mount.Text("type");
        var described = new MountConfig
        {
            Type = type,
            Source = type == "volume" && project.Volumes.TryGetValue(source, out var volume) ? volume.Name : source,
            Target = mount.Text("target"),
            ReadOnly = mount.Flag("read_only"),
            Propagation = mount.Field("bind").Text("propagation"),
            NonRecursive = mount.Field("bind").Text("recursive") == "disabled",
            CreateMountpoint = type == "bind" && mount.Field("bind").TryFlag("create_host_path") != false,
            NoCopy = mount.Field("volume").Flag("nocopy"),
            TmpfsSizeBytes = mount.Field("tmpfs").Whole("size") ?? 0,
            Subpath = mount.Field(type).Text("subpath"),
            TmpfsMode = mount.Field("tmpfs").Text("mode") is { Length: > 0 } mode ? Convert.ToInt32(mode, 8) : 0,
        };
        foreach (var (label, value) in mount.Field("volume").Pairs("labels"))
        {
            described.VolumeLabels[label] = value;
        }
        return described;
    }

    private static void AddNames(HostConfig host, MappingNode definition)
    {
        host.Dns.AddRange(definition.Texts("dns"));
        host.DnsOptions.AddRange(definition.Texts("dns_opt"));
        host.DnsSearch.AddRange(definition.Texts("dns_search"));
        host.ExtraHosts.AddRange(definition.Texts("extra_hosts").Select(entry =>
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            return $"{entry[..equals]}:{entry[(equals + 1)..]}";
        }));
    }

    private static (string Mode, NetworkPlace First, Dictionary<string, NetworkPlace> Further) Networks(
        ComposeProject project, ComposeService service, ContainerIdentity identity)
    {
        if (service.Networks.Length == 0)
        {
            return (Shared(service.Definition.Text("network_mode"), identity), new(), []);
        }
        var further = new Dictionary<string, NetworkPlace>(StringComparer.Ordinal);
        foreach (var network in service.Networks.Skip(1))
        {
            further[project.Networks[network.Key].Name] = Place(project, service, network, identity.HasNames);
        }
        return (project.Networks[service.Networks[0].Key].Name, Place(project, service, service.Networks[0], identity.HasNames), further);
    }

    /// <summary>A mode of a namespace; that of another service is that of its container.</summary>
    private static string Shared(string mode, ContainerIdentity identity) =>
        mode.StartsWith("service:", StringComparison.Ordinal) ? "container:" + identity.IdOf(mode[8..]) : mode;

    private static void Copy(MappingNode definition, string key, SortedDictionary<string, string> target)
    {
        foreach (var (name, value) in definition.Pairs(key))
        {
            target[name] = value;
        }
    }
}

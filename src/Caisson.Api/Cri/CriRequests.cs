using Caisson.Control.Model;
using Caisson.Control.Sandboxes;
using Caisson.Errors;
using Caisson.Images.Registry;

using Google.Protobuf;
using Google.Protobuf.Collections;

namespace Caisson.Api.Cri;

/// <summary>What the interface asks for, in the words of the engine. Source: the Container Runtime Interface, v1; each field of it is taken, or refused by its name.</summary>
internal static class CriRequests
{
    private const string LocalProfile = "localhost/";

    /// <summary>A sandbox.</summary>
    public static SandboxRequest Sandbox(V1.PodSandboxConfig? config, string handler)
    {
        if (config?.Metadata is not { } metadata)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a pod sandbox has a config with metadata");
        }
        if (config.Windows is not null)
        {
            throw new CaissonException(ErrorKind.Unimplemented, "config.windows: this runtime runs Linux");
        }
        V1.LinuxSandboxSecurityContext? security = config.Linux?.SecurityContext;
        V1.NamespaceOption? namespaces = security?.NamespaceOptions;
        V1.UserNamespace? users = namespaces?.UsernsOptions;
        return new SandboxRequest
        {
            Identity = new SandboxIdentity(metadata.Name, metadata.Namespace, metadata.Uid, metadata.Attempt),
            Labels = Pairs(config.Labels),
            Annotations = Pairs(config.Annotations),
            Handler = handler,
            Hostname = config.Hostname,
            LogDirectory = config.LogDirectory,
            CgroupParent = config.Linux?.CgroupParent ?? "",
            Network = Scope(namespaces?.Network, "network"),
            Pid = Scope(namespaces?.Pid, "pid"),
            Ipc = Scope(namespaces?.Ipc, "ipc"),
            HasHostIds = users?.Mode == V1.NamespaceMode.Node,
            FirstId = users is { Mode: V1.NamespaceMode.Pod } && users.Uids.Count + users.Gids.Count > 0 ? FirstId(users) : null,
            Privileged = security?.Privileged == true,
            Ports = [.. config.PortMappings.Select(port => new SandboxPort(Protocol(port.Protocol), Port(port.ContainerPort), Port(port.HostPort), port.HostIp))],
            DnsServers = [.. config.DnsConfig?.Servers ?? []],
            DnsSearches = [.. config.DnsConfig?.Searches ?? []],
            DnsOptions = [.. config.DnsConfig?.Options ?? []],
            Sysctls = config.Linux is { } linux ? Pairs(linux.Sysctls) : new Dictionary<string, string>(),
            Document = config.ToByteArray(),
        };
    }

    /// <summary>A container.</summary>
    public static SandboxContainerRequest Container(V1.ContainerConfig? config)
    {
        if (config?.Metadata is not { Name.Length: > 0 } metadata)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a container has a config with metadata, which has a name");
        }
        if (config.Windows is not null)
        {
            throw new CaissonException(ErrorKind.Unimplemented, "config.windows: this runtime runs Linux");
        }
        if (config.CDIDevices.Count > 0)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"config.CDI_devices: {config.CDIDevices[0].Name}: the engine reads no descriptions of devices; name the device files in config.devices");
        }
        V1.LinuxContainerSecurityContext? security = config.Linux?.SecurityContext;
        V1.NamespaceOption? namespaces = security?.NamespaceOptions;
        bool privileged = security?.Privileged == true;
        if (security?.RunAsUser is not null && security.RunAsUsername.Length > 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "security_context: run_as_user and run_as_username exclude each other");
        }
        if (security is { RunAsGroup: not null, RunAsUser: null, RunAsUsername.Length: 0 })
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "security_context: run_as_group needs run_as_user or run_as_username");
        }
        var host = new HostConfig
        {
            Mounts = [.. config.Mounts.Select(Mount)],
            Privileged = privileged,
            ReadonlyRootfs = security?.ReadonlyRootfs == true,
            CapAdd = privileged ? null : [.. security?.Capabilities?.AddCapabilities ?? [], .. security?.Capabilities?.AddAmbientCapabilities ?? []],
            CapDrop = privileged ? null : [.. security?.Capabilities?.DropCapabilities ?? []],
            SecurityOpt = SecurityOptions(security),
            MaskedPaths = security is null || privileged ? null : [.. security.MaskedPaths],
            ReadonlyPaths = security is null || privileged ? null : [.. security.ReadonlyPaths],
            Devices = config.Devices.Count == 0 ? null
                : [.. config.Devices.Select(device => new DeviceMapping { PathOnHost = device.HostPath, PathInContainer = device.ContainerPath, CgroupPermissions = device.Permissions })],
            OomScoreAdj = (int)Math.Clamp(config.Linux?.Resources?.OomScoreAdj ?? 0, -1_000, 1_000),
        };
        return new SandboxContainerRequest
        {
            Name = metadata.Name,
            Attempt = metadata.Attempt,
            Labels = Pairs(config.Labels),
            Annotations = Pairs(config.Annotations),
            LogPath = config.LogPath,
            Pid = Scope(namespaces?.Pid, "pid"),
            TargetId = namespaces?.TargetId ?? "",
            Seccomp = Seccomp(security),
            User = security?.RunAsUser is { } user ? Id(user.Value, "run_as_user").ToString(System.Globalization.CultureInfo.InvariantCulture) : security?.RunAsUsername ?? "",
            Group = security?.RunAsGroup is { } group ? Id(group.Value, "run_as_group") : null,
            Groups = [.. (security?.SupplementalGroups ?? []).Select(one => Id(one, "supplemental_groups"))],
            OnlyThoseGroups = security?.SupplementalGroupsPolicy == V1.SupplementalGroupsPolicy.Strict,
            Unified = config.Linux?.Resources is { } resources ? Pairs(resources.Unified) : new Dictionary<string, string>(),
            Hugepages = (config.Linux?.Resources?.HugepageLimits ?? []).Where(limit => limit.Limit > 0).ToDictionary(limit => limit.PageSize, limit => limit.Limit),
            Create = new ContainerCreate
            {
                Image = config.Image?.Image ?? "",
                Entrypoint = config.Command.Count > 0 ? [.. config.Command] : null,
                Cmd = config.Args.Count > 0 ? [.. config.Args] : null,
                Env = [.. config.Envs.Select(variable => $"{variable.Key}={variable.Value.ToStringUtf8()}")],
                WorkingDir = config.WorkingDir,
                Tty = config.Tty,
                OpenStdin = config.Stdin,
                StdinOnce = config.StdinOnce,
                StopSignal = config.StopSignal == V1.Signal.RuntimeDefault ? null : SignalName(config.StopSignal),
                HostConfig = Limits(config.Linux?.Resources, host),
            },
            Document = config.ToByteArray(),
        };
    }

    /// <summary>Limits to change; what is 0 and empty stays.</summary>
    public static UpdateConfig Update(V1.LinuxContainerResources resources)
    {
        if (resources.Unified.Count > 0 && resources.Unified.Keys.FirstOrDefault(key => key != "memory.oom.group") is { } key)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"linux.unified: {key} is set when a container is made, and stays");
        }
        var none = new HostConfig();
        HostConfig limits = Limits(resources, none);
        return new UpdateConfig
        {
            CpuPeriod = limits.CpuPeriod,
            CpuQuota = limits.CpuQuota,
            CpuShares = limits.CpuShares,
            CpusetCpus = limits.CpusetCpus,
            CpusetMems = limits.CpusetMems,
            Memory = limits.Memory,
            MemorySwap = limits.MemorySwap,
        };
    }

    /// <summary>Who asks a registry; null for anybody.</summary>
    /// <param name="auth">As kubelet found it.</param>
    /// <param name="domain">The registry that is asked: what is for another one is not sent to it.</param>
    public static RegistryCredentials? Credentials(V1.AuthConfig? auth, string domain)
    {
        if (auth is null)
        {
            return null;
        }
        RegistryCredentials credentials = Docker.RegistryAuth.Of(new Docker.AuthBody
        {
            Username = auth.Username,
            Password = auth.Password,
            Auth = auth.Auth,
            ServerAddress = auth.ServerAddress,
            IdentityToken = auth.IdentityToken,
            RegistryToken = auth.RegistryToken,
        });
        return (credentials with { Domain = credentials.Domain ?? domain }).For(domain);
    }

    private static HostConfig Limits(V1.LinuxContainerResources? resources, HostConfig host) => resources is null ? host : host with
    {
        CpuPeriod = resources.CpuPeriod,
        CpuQuota = resources.CpuQuota,
        CpuShares = (int)Math.Min(resources.CpuShares, int.MaxValue),
        CpusetCpus = resources.CpusetCpus,
        CpusetMems = resources.CpusetMems,
        Memory = resources.MemoryLimitInBytes,
        // Kubernetes' pods have no swap unless it says so.
        MemorySwap = resources.MemorySwapLimitInBytes != 0 ? resources.MemorySwapLimitInBytes : Math.Max(0, resources.MemoryLimitInBytes),
    };

    private static MountRequest Mount(V1.Mount mount)
    {
        if (mount.Image is { Image.Length: > 0 } image)
        {
            return new MountRequest
            {
                Type = "image",
                Source = image.Image,
                Target = mount.ContainerPath,
                ReadOnly = true,
                ImageOptions = mount.ImageSubPath.Length > 0 ? new ImageMountOptions { Subpath = mount.ImageSubPath } : null,
            };
        }
        if (mount.RecursiveReadOnly && (!mount.Readonly || mount.Propagation != V1.MountPropagation.PropagationPrivate))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"mount {mount.ContainerPath}: recursive_read_only needs readonly, and private propagation");
        }
        return new MountRequest
        {
            Type = "bind",
            Source = mount.HostPath,
            Target = mount.ContainerPath,
            ReadOnly = mount.Readonly,
            BindOptions = new BindOptions
            {
                Propagation = mount.Propagation switch
                {
                    V1.MountPropagation.PropagationHostToContainer => "rslave",
                    V1.MountPropagation.PropagationBidirectional => "rshared",
                    _ => "rprivate",
                },
                ReadOnlyNonRecursive = mount.Readonly && !mount.RecursiveReadOnly,
                ReadOnlyForceRecursive = mount.RecursiveReadOnly,
            },
        };
    }

    private static List<string> SecurityOptions(V1.LinuxContainerSecurityContext? security)
    {
        List<string> options = [];
        if (security is null)
        {
            return options;
        }
        options.Add($"no-new-privileges={(security.NoNewPrivs ? "true" : "false")}");
        string apparmor = security.Apparmor is { ProfileType: V1.SecurityProfile.Types.ProfileType.Localhost } local ? local.LocalhostRef
#pragma warning disable CS0612 // older clients say it there
            : security.Apparmor is null && security.ApparmorProfile.StartsWith(LocalProfile, StringComparison.Ordinal) ? security.ApparmorProfile[LocalProfile.Length..] : "";
#pragma warning restore CS0612
        if (apparmor.Length > 0)
        {
            options.Add($"apparmor={apparmor}");
        }
        return options;
    }

    private static SeccompChoice Seccomp(V1.LinuxContainerSecurityContext? security)
    {
        if (security?.Seccomp is { } seccomp)
        {
            return seccomp.ProfileType switch
            {
                V1.SecurityProfile.Types.ProfileType.RuntimeDefault => SeccompChoice.Default,
                V1.SecurityProfile.Types.ProfileType.Localhost => Local(seccomp.LocalhostRef),
                _ => new SeccompChoice(Unconfined: true, ""),
            };
        }
#pragma warning disable CS0612 // older clients say it there
        string path = security?.SeccompProfilePath ?? "";
#pragma warning restore CS0612
        return path is "runtime/default" or "docker/default" ? SeccompChoice.Default
            : path.StartsWith(LocalProfile, StringComparison.Ordinal) ? Local(path[LocalProfile.Length..])
            : path is "" or "unconfined" ? new SeccompChoice(Unconfined: true, "")
            : throw new CaissonException(ErrorKind.InvalidArgument, $"security_context: there is no seccomp profile '{path}'; there are runtime/default, unconfined and localhost/PATH");

        static SeccompChoice Local(string path) => path.StartsWith('/') ? new SeccompChoice(Unconfined: false, path)
            : throw new CaissonException(ErrorKind.InvalidArgument, $"security_context: the seccomp profile '{path}' is not an absolute path");
    }

    private static uint FirstId(V1.UserNamespace users)
    {
        if (users.Uids.Count != 1 || users.Gids.Count != 1 || !users.Uids[0].Equals(users.Gids[0]) || users.Uids[0] is not { ContainerId: 0, Length: 65_536 })
        {
            throw new CaissonException(ErrorKind.Unimplemented, "userns_options: one range of 65,536 ids that begins at 0 inside is supported, the same for uids and gids");
        }
        return users.Uids[0].HostId;
    }

    private static NamespaceScope Scope(V1.NamespaceMode? mode, string name) => mode switch
    {
        null or V1.NamespaceMode.Pod => NamespaceScope.Pod,
        V1.NamespaceMode.Container => NamespaceScope.Container,
        V1.NamespaceMode.Node => NamespaceScope.Node,
        V1.NamespaceMode.Target => NamespaceScope.Target,
        var other => throw new CaissonException(ErrorKind.InvalidArgument, $"namespace_options.{name}: there is no mode {other}"),
    };

    private static string Protocol(V1.Protocol protocol) => protocol switch
    {
        V1.Protocol.Udp => "udp",
        V1.Protocol.Sctp => "sctp",
        _ => "tcp",
    };

    private static int Port(int port) => port is >= 0 and <= 65_535 ? port
        : throw new CaissonException(ErrorKind.InvalidArgument, $"port_mappings: {port} is not a port");

    private static uint Id(long id, string field) => id is >= 0 and < uint.MaxValue ? (uint)id
        : throw new CaissonException(ErrorKind.InvalidArgument, $"security_context.{field}: {id} is not an id, which is 0 to 4294967294");

    private static string SignalName(V1.Signal signal) =>
        signal.ToString().ToUpperInvariant().Replace("PLUS", "+", StringComparison.Ordinal).Replace("MINUS", "-", StringComparison.Ordinal);

    private static Dictionary<string, string> Pairs(MapField<string, string> pairs) => new(pairs);
}

using Caisson.Control.Health;
using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Control.Workloads;

/// <summary>Makes a container's record of what a user asked for and what the image says. Touches nothing.</summary>
internal static class ContainerPlan
{
    /// <summary>The label that says what <see cref="HostConfig.RestartUnhealthy"/> says, for clients that do not know that.</summary>
    private const string RestartUnhealthyLabel = "caisson.restart-unhealthy";

    private const long MemoryBytesMin = 6 << 20;

    private static readonly string[] RestartPolicies = ["", "no", "always", "unless-stopped", "on-failure"];
    private static readonly string[] Runtimes = ["", "caisson", "runc", "io.containerd.runc.v2", Machines.MachineRules.Runtime];

    /// <summary>What the plan must know of the host and of the request beside its document.</summary>
    /// <param name="Id">The new container's id.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Now">Its birth.</param>
    /// <param name="Processors">How many the machine has.</param>
    /// <param name="MountsOf">The mounts of another container, by its id or name.</param>
    /// <param name="LogDefault">How output is kept where the document does not say.</param>
    internal sealed record Facts(
        string Id, string Name, DateTimeOffset Now, int Processors, Func<string, IReadOnlyList<ContainerMount>> MountsOf, LogConfig LogDefault);

    /// <summary>Checks <paramref name="asked"/> and merges <paramref name="image"/> into it.</summary>
    /// <param name="asked">The client's document.</param>
    /// <param name="image">The image it names.</param>
    /// <param name="facts">The rest.</param>
    /// <param name="problems">Receives everything that is wrong; the record means nothing then.</param>
    /// <param name="warnings">Receives what will not be as asked.</param>
    /// <returns>The record without its block of ids.</returns>
    public static ContainerRecord Compile(
        ContainerCreate asked, Image image, Facts facts, List<Problem> problems, List<string> warnings)
    {
        HostConfig host = asked.HostConfig ?? new HostConfig();
        ContainerConfig config = Merge(asked, image.Execution, facts);
        List<string> args = [.. config.Entrypoint ?? [], .. config.Cmd ?? []];
        if (args.Count == 0)
        {
            problems.Add(new("/Cmd", "no command specified, neither here nor in the image"));
        }
        CheckConfig(config, problems);
        CheckHost(host, problems, warnings);
        CheckResources(host, facts.Processors, "/HostConfig", problems);
        _ = PortRequest.Read(host, config.ExposedPorts, problems);
        SecurityOptions security = SecurityOptions.Read(host, problems);
        if (HealthCheck.Read(config.Healthcheck, config.Shell, problems) is null && host.RestartUnhealthy && problems.Count == 0)
        {
            problems.Add(new("/HostConfig/RestartUnhealthy", "nothing checks the health of this container; give a health check, such as --health-http"));
        }

        return new ContainerRecord
        {
            Id = facts.Id,
            Name = facts.Name,
            Created = facts.Now,
            ImageId = image.Id.ToString(),
            Architecture = image.Config.Architecture,
            Config = config,
            HostConfig = Complete(host, security, asked.Labels, facts.LogDefault), // the image's labels tell, they decide nothing
            Mounts = MountRequests.Read(host, problems, config.Volumes, facts.MountsOf),
            Args = args,
            Profile = host.Privileged ? "privileged" : security.Profile ?? "default",
        };
    }

    /// <summary>Checks limits; used by update too.</summary>
    /// <param name="limits">The limits.</param>
    /// <param name="processors">How many the machine has.</param>
    /// <param name="path">Where they stand in the document.</param>
    /// <param name="problems">Receives what is wrong.</param>
    public static void CheckResources(ResourceConfig limits, int processors, string path, List<Problem> problems)
    {
        Check(limits.Memory is 0 or >= MemoryBytesMin, "Memory", "minimum memory limit allowed is 6MB");
        Check(limits.MemorySwap is 0 or -1 || limits.Memory > 0, "MemorySwap", "you should always set the memory limit when using the memory and swap limit");
        Check(limits.MemorySwap is 0 or -1 || limits.MemorySwap >= limits.Memory, "MemorySwap", "minimum memory and swap limit should be larger than the memory limit");
        Check(limits.MemorySwappiness is null or (>= -1 and <= 100), "MemorySwappiness", "valid memory swappiness is 0 to 100");
        Check(limits.MemoryReservation is 0 or >= MemoryBytesMin, "MemoryReservation", "minimum memory reservation allowed is 6MB");
        Check(limits.Memory == 0 || limits.MemoryReservation <= limits.Memory, "MemoryReservation", "minimum memory limit can not be less than memory reservation limit");
        Check(limits.NanoCpus == 0 || (limits.CpuPeriod == 0 && limits.CpuQuota == 0), "NanoCpus", "nano CPUs exclude CPU period and CPU quota");
        Check(limits.NanoCpus >= 0 && limits.NanoCpus <= processors * 1_000_000_000L, "NanoCpus", $"range of CPUs is from 0.01 to {processors}.00, as there are only {processors} CPUs available");
        Check(limits.CpuPeriod is 0 or (>= 1_000 and <= 1_000_000), "CpuPeriod", "a CPU period is between 1ms and 1s (1000 to 1000000)");
        Check(limits.CpuQuota is 0 or -1 or >= 1_000, "CpuQuota", "a CPU quota can not be less than 1ms (1000)");
        Check(limits.CpuShares >= 0, "CpuShares", "shares are not negative");
        Check(limits.BlkioWeight is 0 or (>= 10 and <= 1_000), "BlkioWeight", "range of the weight is from 10 to 1000");
        Check(limits.PidsLimit is null or >= -1, "PidsLimit", "a number of processes, or -1 for no limit");
        Check(CpuSet.IsValid(limits.CpusetCpus), "CpusetCpus", $"invalid value {limits.CpusetCpus} for cpuset cpus; it is a list such as 0-3,7");
        Check(CpuSet.IsValid(limits.CpusetMems), "CpusetMems", $"invalid value {limits.CpusetMems} for cpuset mems; it is a list such as 0,1");
        Check(limits.DeviceRequests is null or { Count: 0 }, "DeviceRequests", "could not select a device driver: there are none");
        Check(!limits.CgroupParent.Split('/').Contains(".."), "CgroupParent", "a cgroup's path has no '..'");
        for (int i = 0; i < limits.Ulimits?.Count; i++)
        {
            Ulimit limit = limits.Ulimits[i];
            Check(limit.Hard == -1 || (limit.Soft != -1 && limit.Soft <= limit.Hard), $"Ulimits/{i}", "the soft limit must be less than or equal to the hard limit");
        }

        void Check(bool holds, string member, string message)
        {
            if (!holds)
            {
                problems.Add(new($"{path}/{member}", message));
            }
        }
    }

    /// <summary>Checks a restart policy; used by update too.</summary>
    public static void CheckRestartPolicy(RestartPolicy policy, string path, ICollection<Problem> problems)
    {
        if (!RestartPolicies.Contains(policy.Name))
        {
            problems.Add(new($"{path}/Name", $"invalid restart policy: unknown policy '{policy.Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"));
        }
        if (policy.MaximumRetryCount < 0 || (policy.MaximumRetryCount > 0 && policy.Name != "on-failure"))
        {
            problems.Add(new($"{path}/MaximumRetryCount", "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative"));
        }
    }

    private static ContainerConfig Merge(ContainerCreate asked, ExecutionConfig image, Facts facts)
    {
        // An entry point given here stands alone: the image's arguments were meant for the image's entry point.
        bool ownEntrypoint = asked.Entrypoint is { Count: > 0 };
        IReadOnlyList<string>? entrypoint = ownEntrypoint ? asked.Entrypoint : image.Entrypoint;
        Dictionary<string, string> labels = Labels(asked.Labels, image.Labels);
        IReadOnlyList<string>? cmd = asked.Cmd is { Count: > 0 } ? asked.Cmd : ownEntrypoint ? null : image.Cmd;
        return new ContainerConfig
        {
            Hostname = asked.Hostname is { Length: > 0 } hostname ? hostname
                : asked.HostConfig is { NetworkMode: "host" } or { UTSMode: "host" } ? "" : facts.Id[..12],
            Domainname = asked.Domainname,
            User = asked.User is { Length: > 0 } user ? user : image.User ?? "",
            AttachStdin = asked.AttachStdin,
            AttachStdout = asked.AttachStdout,
            AttachStderr = asked.AttachStderr,
            ExposedPorts = Union(asked.ExposedPorts, image.ExposedPorts),
            Tty = asked.Tty,
            OpenStdin = asked.OpenStdin,
            StdinOnce = asked.StdinOnce,
            Env = Environment(asked.Env, image.Env),
            Cmd = cmd,
            Healthcheck = HealthCheck.Merge(asked.Healthcheck, image.Healthcheck, labels),
            Image = asked.Image,
            Volumes = Union(asked.Volumes, image.Volumes),
            WorkingDir = asked.WorkingDir is { Length: > 0 } directory ? directory : image.WorkingDir ?? "",
            Entrypoint = entrypoint is [""] ? null : entrypoint,
            NetworkDisabled = asked.NetworkDisabled,
            OnBuild = null,
            Labels = labels,
            StopSignal = asked.StopSignal is { Length: > 0 } signal ? signal : image.StopSignal,
            StopTimeout = asked.StopTimeout,
            Shell = asked.Shell ?? image.Shell,
        };
    }

    /// <summary>The image's variables, then those asked for; of one name the last counts; a name alone takes it away, and is kept to say so.</summary>
    private static List<string> Environment(IReadOnlyList<string>? asked, IReadOnlyList<string>? image)
    {
        List<string> merged = [.. image ?? []];
        foreach (string entry in asked ?? [])
        {
            int equals = entry.IndexOf('=');
            string name = equals < 0 ? entry : entry[..equals];
            merged.RemoveAll(other => other.StartsWith(name, StringComparison.Ordinal) && other.Length > name.Length && other[name.Length] == '=');
            merged.Add(entry);
        }
        return merged;
    }

    private static List<string>? Union(IReadOnlyList<string>? one, IReadOnlyList<string>? other) =>
        one is null && other is null ? null : [.. (one ?? []).Union(other ?? [], StringComparer.Ordinal)];

    private static Dictionary<string, string> Labels(IReadOnlyDictionary<string, string>? asked, IReadOnlyDictionary<string, string>? image)
    {
        Dictionary<string, string> labels = new(image ?? new Dictionary<string, string>());
        foreach ((string key, string value) in asked ?? new Dictionary<string, string>())
        {
            labels[key] = value;
        }
        return labels;
    }

    private static void CheckConfig(ContainerConfig config, List<Problem> problems)
    {
        if (config.WorkingDir.Length > 0 && !config.WorkingDir.StartsWith('/'))
        {
            problems.Add(new("/WorkingDir", $"the working directory '{config.WorkingDir}' is invalid, it needs to be an absolute path"));
        }
        if (config.StopSignal is { } signal && !SignalNames.TryParse(signal, out _))
        {
            problems.Add(new("/StopSignal", $"invalid signal: {signal}"));
        }
        if (config.StopTimeout < -1)
        {
            problems.Add(new("/StopTimeout", "a number of seconds, or -1 for no limit"));
        }
        if (config.Hostname.Length > 64 || config.Hostname.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_')))
        {
            problems.Add(new("/Hostname", $"invalid hostname format: {config.Hostname}"));
        }
        if (config.Domainname.Length > 253 || config.Domainname.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_')))
        {
            problems.Add(new("/Domainname", $"invalid domain name: {config.Domainname}")); // it becomes a word of a line of /etc/hosts
        }
        for (int i = 0; i < config.Env?.Count; i++)
        {
            if (config.Env[i].StartsWith('=') || config.Env[i].Contains('\0'))
            {
                problems.Add(new($"/Env/{i}", $"invalid environment variable: {config.Env[i]}"));
            }
        }
    }

    private static void CheckHost(HostConfig host, List<Problem> problems, List<string> warnings)
    {
        if (host.RestartPolicy is { } policy)
        {
            CheckRestartPolicy(policy, "/HostConfig/RestartPolicy", problems);
            Check(!host.AutoRemove || policy.Name is "" or "no", "AutoRemove", "can't create 'AutoRemove' container with restart policy");
        }
        _ = LogPlan.Read(host.LogConfig, null, problems);
        Check(Runtimes.Contains(host.Runtime), "Runtime", $"unknown or invalid runtime name: {host.Runtime}; caisson runs containers, vm machines");
        Check(host.Isolation is "" or "default" or "process", "Isolation", $"isolation '{host.Isolation}' is not supported yet; containers share the host's kernel");
        Check(host.StorageOpt is null or { Count: 0 } || host.Runtime == Machines.MachineRules.Runtime, "StorageOpt", "the storage of containers has no options; that of machines has: --runtime vm --storage-opt size=20g");
        Check(host.Cgroup.Length == 0, "Cgroup", "sharing another container's cgroup is not supported");
        Check(SharedNamespaces.IsKnown(host.PidMode, "host", "private"), "PidMode", $"invalid PID mode: {host.PidMode}; own (empty), host and container:NAME are known");
        Check(SharedNamespaces.IsKnown(host.UTSMode, "host", "private"), "UTSMode", $"invalid UTS mode: {host.UTSMode}; own (empty), host and container:NAME are known");
        Check(host.UsernsMode is "" or "private" or "host", "UsernsMode", $"invalid user namespace mode: {host.UsernsMode}");
        Check(SharedNamespaces.IsKnown(host.IpcMode, "private", "shareable", "none", "host"), "IpcMode", $"invalid IPC mode: {host.IpcMode}; private, shareable, none, host and container:NAME are known");
        Check(host.CgroupnsMode is "" or "private" or "host", "CgroupnsMode", $"invalid cgroup namespace mode: {host.CgroupnsMode}");
        Check(host.OomScoreAdj is >= -1_000 and <= 1_000, "OomScoreAdj", $"invalid value {host.OomScoreAdj}, range for oom score adj is [-1000, 1000]");
        Check(host.ShmSize >= 0, "ShmSize", "SHM size can not be less than 0");
        CheckCapabilities(host.CapAdd, "CapAdd", problems);
        CheckCapabilities(host.CapDrop, "CapDrop", problems);
        foreach (string key in host.Sysctls?.Keys ?? [])
        {
            Check(IsOfNamespace(key, host), "Sysctls", $"sysctl '{key}' is not of a namespace that this container has for itself");
        }
        for (int i = 0; i < host.ExtraHosts?.Count; i++)
        {
            Check(HostsFile.TryReadExtra(host.ExtraHosts[i], out _, out _), $"ExtraHosts/{i}", $"invalid entry '{host.ExtraHosts[i]}'; it is name:address, or name:host-gateway");
        }

        for (int i = 0; i < host.Dns?.Count; i++)
        {
            Check(System.Net.IPAddress.TryParse(host.Dns[i], out _), $"Dns/{i}", $"{host.Dns[i]} is not an IP address");
        }
        void Check(bool holds, string member, string message)
        {
            if (!holds)
            {
                problems.Add(new($"/HostConfig/{member}", message));
            }
        }
    }

    private static void CheckCapabilities(IReadOnlyList<string>? names, string member, List<Problem> problems)
    {
        for (int i = 0; i < names?.Count; i++)
        {
            if (CapabilitySet.Normalize(names[i]) is null)
            {
                problems.Add(new($"/HostConfig/{member}/{i}", $"invalid {member}: unknown capability: \"{names[i]}\""));
            }
        }
    }

    /// <summary>Only parameters that belong to a namespace of the container; others would change the host. Source: namespaces(7), ipc_namespaces(7).</summary>
    private static bool IsOfNamespace(string key, HostConfig host)
    {
        if (key.Contains("..", StringComparison.Ordinal) || key.Contains("//", StringComparison.Ordinal))
        {
            return false;
        }
        string dotted = key.Replace('/', '.');
        return dotted.StartsWith("net.", StringComparison.Ordinal) ? NetworkChoice.IsOwn(host)
            : dotted is "kernel.msgmax" or "kernel.msgmnb" or "kernel.msgmni" or "kernel.sem" or "kernel.shmall" or "kernel.shmmax"
                or "kernel.shmmni" or "kernel.shm_rmid_forced" || dotted.StartsWith("fs.mqueue.", StringComparison.Ordinal)
                ? host.IpcMode != "host"
            : dotted is "kernel.domainname" or "kernel.hostname" && host.UTSMode != "host";
    }

    /// <summary>Without a driver the default's options hold too, and those that are given go over them.</summary>
    private static LogConfig LogOf(LogConfig? asked, LogConfig otherwise)
    {
        if (asked?.Type is { Length: > 0 } type && type != otherwise.Type)
        {
            return new LogConfig { Type = type, Config = asked.Config ?? new Dictionary<string, string>() };
        }
        Dictionary<string, string> options = new(otherwise.Config ?? new Dictionary<string, string>());
        foreach ((string name, string value) in asked?.Config ?? new Dictionary<string, string>())
        {
            options[name] = value;
        }
        return new LogConfig { Type = otherwise.Type, Config = options };
    }

    private static HostConfig Complete(HostConfig host, SecurityOptions security, IReadOnlyDictionary<string, string>? labels, LogConfig log) => host with
    {
        RestartUnhealthy = host.RestartUnhealthy || labels?.GetValueOrDefault(RestartUnhealthyLabel) is "true" or "1",
        PidMode = host.PidMode == "private" ? "" : host.PidMode,
        UTSMode = host.UTSMode == "private" ? "" : host.UTSMode,
        NetworkMode = host.NetworkMode.Length > 0 ? host.NetworkMode : "default",
        IpcMode = host.IpcMode.Length > 0 ? host.IpcMode : "private",
        CgroupnsMode = host.CgroupnsMode.Length > 0 ? host.CgroupnsMode : "private",
        ShmSize = host.ShmSize > 0 ? host.ShmSize : 64 << 20,
        Runtime = host.Runtime.Length > 0 ? host.Runtime : "caisson",
        LogConfig = LogOf(host.LogConfig, log),
        RestartPolicy = new RestartPolicy { Name = host.RestartPolicy?.Name is { Length: > 0 } name ? name : "no", MaximumRetryCount = host.RestartPolicy?.MaximumRetryCount ?? 0 },
        MaskedPaths = security.SystemPathsUnconfined ? [] : host.MaskedPaths,
        ReadonlyPaths = security.SystemPathsUnconfined ? [] : host.ReadonlyPaths,
    };
}

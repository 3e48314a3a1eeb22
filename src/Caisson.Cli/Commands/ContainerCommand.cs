using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Client.Networks;
using Caisson.Client.Secrets;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary>What <c>run</c>, <c>create</c> and <c>explain run</c> share: the description of a container.</summary>
internal abstract class ContainerCommand : Command
{
    private readonly ListOption<string> _attach, _env, _envFile, _label, _labelFile, _groupAdd;
    private readonly SwitchOption _interactive, _tty, _readOnly, _privileged, _init, _publishAll, _oomKillDisable, _noHealthcheck, _restartUnhealthy, _remove;
    private readonly ValueOption<string> _workdir, _user, _entrypoint, _hostname, _domainname, _stopSignal, _name, _platform, _pull;
    private readonly ValueOption<string> _profile, _pid, _ipc, _uts, _userns, _cgroupns, _cgroupParent, _runtime, _isolation;
    private readonly ValueOption<string> _cpuset, _cpusetMems, _ip, _ip6, _macAddress, _healthCommand, _healthHttp, _healthTcp, _volumeDriver, _logDriver, _cidfile;
    private readonly ListOption<string> _volume, _tmpfs, _volumesFrom, _capAdd, _capDrop, _securityOpt, _deviceRule;
    private readonly ListOption<string> _dns, _dnsOption, _dnsSearch, _extraHost, _publish, _expose, _link, _network, _networkAlias;
    private readonly ListOption<MountConfig> _mount;
    private readonly ListOption<SecretFile> _secret, _config;
    private readonly ValueOption<string> _gpus;
    private readonly ListOption<KeyValuePair<string, string>> _sysctl, _annotation, _storageOption, _logOption;
    private readonly ListOption<UlimitConfig> _ulimit;
    private readonly ListOption<DeviceConfig> _device;
    private readonly ValueOption<int?> _stopTimeout;
    private readonly ValueOption<long> _memory, _memorySwap, _memoryReservation, _shmSize, _cpus, _cpuShares, _cpuPeriod, _cpuQuota;
    private readonly ValueOption<long> _swappiness, _pidsLimit, _blkioWeight, _oomScore, _healthRetries;
    private readonly ValueOption<long> _healthInterval, _healthTimeout, _healthStart, _healthStartInterval;
    private readonly ValueOption<(string Name, int RetriesMax)> _restart;

    protected ContainerCommand()
    {
        _name = Text("name", "Assign a name to the container");
        _pull = Text("pull", "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")", absent: "missing");
        _platform = Text("platform", "Set platform if server is multi-platform capable");
        Quiet = Switch("quiet", "Suppress the pull output", 'q');
        _cidfile = Text("cidfile", "Write the container ID to the file");
        _label = List("label", "Set meta data on a container", 'l');
        _labelFile = List("label-file", "Read in a line delimited file of labels");
        _annotation = Values("annotation", "map", "Add an annotation (passed through to the OCI runtime)", ContainerOptions.Pair);

        Heading("Process");
        _env = List("env", "Set environment variables", 'e');
        _envFile = List("env-file", "Read in a file of environment variables");
        _workdir = Text("workdir", "Working directory inside the container", 'w');
        _user = Text("user", "Username or UID (format: <name|uid>[:<group|gid>])", 'u');
        _groupAdd = List("group-add", "Add additional groups to join");
        _entrypoint = Text("entrypoint", "Overwrite the default ENTRYPOINT of the image");
        _init = Switch("init", "Run an init inside the container that forwards signals and reaps processes");
        _stopSignal = Text("stop-signal", "Signal to stop the container");
        _stopTimeout = Seconds("stop-timeout", "Timeout (in seconds) to stop a container");
        _restart = Value("restart", "string", "Restart policy to apply when a container exits (default \"no\")", ContainerOptions.RestartPolicy, ("", 0));
        _remove = Switch("rm", "Automatically remove the container and its associated anonymous volumes when it exits");

        Heading("Terminal and streams");
        _attach = Values("attach", "list", "Attach to STDIN, STDOUT or STDERR", AttachStream, 'a');
        _interactive = Switch("interactive", "Keep STDIN open even if not attached", 'i');
        _tty = Switch("tty", "Allocate a pseudo-TTY", 't');
        _logDriver = Text("log-driver", "Logging driver for the container");
        _logOption = Values("log-opt", "list", "Log driver options", ContainerOptions.FullPair);

        Heading("Files");
        _volume = List("volume", "Bind mount a volume", 'v');
        _mount = Values("mount", "mount", "Attach a filesystem mount to the container", MountSpec.Parse);
        _tmpfs = List("tmpfs", "Mount a tmpfs directory");
        _secret = Values("secret", "secret", "Give the container a secret as a file below /run/secrets (NAME[,target=,uid=,gid=,mode=])", SecretSpec.Parse);
        _config = Values("config", "config", "Give the container a config as a file (NAME[,target=PATH,uid=,gid=,mode=])", SecretSpec.Parse);
        _readOnly = Switch("read-only", "Mount the container's root filesystem as read only");
        _volumesFrom = List("volumes-from", "Mount volumes from the specified container(s)");
        _volumeDriver = Text("volume-driver", "Optional volume driver for the container");
        _storageOption = Values("storage-opt", "list", "Storage driver options for the container", ContainerOptions.FullPair);
        _shmSize = Value("shm-size", "bytes", "Size of /dev/shm", ByteSize.Parse, 0L);

        Heading("Limits");
        _memory = Value("memory", "bytes", "Memory limit", ByteSize.Parse, 0L, 'm');
        _memorySwap = Value("memory-swap", "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", ByteSize.ParseOrUnlimited, 0L);
        _memoryReservation = Value("memory-reservation", "bytes", "Memory soft limit", ByteSize.Parse, 0L);
        _swappiness = Number("memory-swappiness", "Tune container memory swappiness (0 to 100) (default -1)", absent: -1);
        _oomScore = Number("oom-score-adj", "Tune host's OOM preferences (-1000 to 1000)");
        _oomKillDisable = Switch("oom-kill-disable", "Disable OOM Killer");
        _cpus = Value("cpus", "decimal", "Number of CPUs", ProcessorCount.Parse, 0L);
        _cpuShares = Number("cpu-shares", "CPU shares (relative weight)", 'c');
        _cpuPeriod = Number("cpu-period", "Limit CPU CFS (Completely Fair Scheduler) period");
        _cpuQuota = Number("cpu-quota", "Limit CPU CFS (Completely Fair Scheduler) quota");
        _cpuset = Text("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)");
        _cpusetMems = Text("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)");
        _pidsLimit = Number("pids-limit", "Tune container pids limit (set -1 for unlimited)");
        _blkioWeight = Number("blkio-weight", "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)");
        _ulimit = Values("ulimit", "ulimit", "Ulimit options", ContainerOptions.Ulimit);

        Heading("Isolation");
        _profile = Text("profile", "Security profile: default, compat-docker, restricted, sealed, system, build, privileged");
        _capAdd = List("cap-add", "Add Linux capabilities");
        _capDrop = List("cap-drop", "Drop Linux capabilities");
        _securityOpt = List("security-opt", "Security Options");
        _privileged = Switch("privileged", "Give extended privileges to this container");
        _pid = Text("pid", "PID namespace to use");
        _ipc = Text("ipc", "IPC mode to use");
        _uts = Text("uts", "UTS namespace to use");
        _userns = Text("userns", "User namespace to use");
        _cgroupns = Text("cgroupns", "Cgroup namespace to use (host|private)");
        _cgroupParent = Text("cgroup-parent", "Optional parent cgroup for the container");
        _device = Values("device", "list", "Add a host device to the container", ContainerOptions.Device);
        _deviceRule = List("device-cgroup-rule", "Add a rule to the cgroup allowed devices list");
        _gpus = Text("gpus", "GPU devices to add to the container; there is no driver for them, so give the devices with --device");
        _sysctl = Values("sysctl", "map", "Sysctl options", ContainerOptions.Pair);
        _runtime = Text("runtime", "Runtime to use for this container");
        _isolation = Text("isolation", "Container isolation technology");

        Heading("Network");
        _network = List("network", "Connect a container to a network: none, host, container:NAME or a name (default bridge)", kind: "network");
        _hostname = Text("hostname", "Container host name", 'h');
        _domainname = Text("domainname", "Container NIS domain name");
        _publish = List("publish", "Publish a container's port(s) to the host", 'p');
        _publishAll = Switch("publish-all", "Publish all exposed ports to random ports", 'P');
        _expose = List("expose", "Expose a port or a range of ports");
        _dns = List("dns", "Set custom DNS servers");
        _dnsOption = List("dns-option", "Set DNS options");
        _dnsSearch = List("dns-search", "Set custom DNS search domains");
        _extraHost = Values("add-host", "list", "Add a custom host-to-IP mapping (host:ip)", ContainerOptions.ExtraHost);
        _link = List("link", "Add link to another container");
        _networkAlias = List("network-alias", "Add network-scoped alias for the container");
        _ip = Text("ip", "IPv4 address (e.g., 172.30.100.104)");
        _ip6 = Text("ip6", "IPv6 address (e.g., 2001:db8::33)");
        _macAddress = Text("mac-address", "Container MAC address (e.g., 92:d0:c6:0a:29:33)");

        Heading("Health");
        _healthCommand = Text("health-cmd", "Command to run to check health");
        _healthHttp = Text("health-http", "Address to GET from within the container's network to check health (e.g. http://:8080/healthz)");
        _healthTcp = Text("health-tcp", "Port to connect to from within the container's network to check health");
        _healthInterval = Value("health-interval", "duration", "Time between running the check (ms|s|m|h) (default 0s)", Durations.Parse, 0L);
        _healthTimeout = Value("health-timeout", "duration", "Maximum time to allow one check to run (ms|s|m|h) (default 0s)", Durations.Parse, 0L);
        _healthStart = Value("health-start-period", "duration", "Time to initialize before counting failures (ms|s|m|h) (default 0s)", Durations.Parse, 0L);
        _healthStartInterval = Value("health-start-interval", "duration", "Time between checks during the start period (ms|s|m|h) (default 0s)", Durations.Parse, 0L);
        _healthRetries = Number("health-retries", "Consecutive failures needed to report unhealthy");
        _noHealthcheck = Switch("no-healthcheck", "Disable any container-specified HEALTHCHECK");
        _restartUnhealthy = Switch("restart-unhealthy", "End and start the container again when it is unhealthy");
        Heading("");
    }

    public override string Usage => "[OPTIONS] IMAGE [COMMAND] [ARG...]";

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override bool StopsAtFirstArgument => true;

    public override CompletionKind Completes => CompletionKind.Images;

    public string Name => _name.Value;

    public string Platform => _platform.Value;

    public string PullPolicy => _pull.Value;

    public string IdFile => _cidfile.Value;

    public SwitchOption Quiet { get; }

    /// <summary>The container that options and arguments describe.</summary>
    /// <param name="session">Gives environment variables and the terminal's size.</param>
    /// <param name="detached">Nobody will be attached.</param>
    /// <exception cref="UsageException">Values contradict each other or cannot be read.</exception>
    public ContainerCreation Describe(Session session, bool detached)
    {
        try
        {
            CheckConflicts(detached);
            var config = DescribeProcess(session, detached);
            var host = new HostConfig();
            DescribeFiles(config, host);
            DescribeNetwork(config, host);
            DescribeLimits(host);
            DescribeIsolation(host);
            if (_tty.Value && TerminalDevice.Size(StandardDescriptor.Output) is { } size)
            {
                host.ConsoleSize = size;
            }
            return new ContainerCreation(config, host)
            {
                Place = new NetworkPlace
                {
                    Aliases = _networkAlias.Values,
                    IPv4Address = _ip.Value,
                    IPv6Address = _ip6.Value,
                    MacAddress = _macAddress.Value,
                },
                FurtherNetworks = [.. _network.Values.Skip(1).Distinct().Where(name => name != host.NetworkMode)],
            };
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new UsageException(e.Message);
        }
    }

    private static string AttachStream(string text) => text.ToUpperInvariant() is "STDIN" or "STDOUT" or "STDERR"
        ? text.ToUpperInvariant()
        : throw new FormatException("valid streams are STDIN, STDOUT and STDERR");

    private void CheckConflicts(bool detached)
    {
        if (detached && _attach.Values.Count > 0)
        {
            throw new FormatException("conflicting options: cannot specify both --attach and --detach");
        }
        if (_remove.Value && _restart.Value.Name is not ("" or "no"))
        {
            throw new FormatException("conflicting options: cannot specify both --restart and --rm");
        }
        if (_gpus.IsSet)
        {
            throw new FormatException("--gpus needs a driver for GPUs, and there is none; give the device nodes, such as --device /dev/dri/renderD128 or --device /dev/nvidia0");
        }
        if (PullPolicy is not ("always" or "missing" or "never"))
        {
            throw new FormatException($"invalid pull option: '{PullPolicy}': must be one of \"always\", \"missing\" or \"never\"");
        }
        if (_swappiness.IsSet && _swappiness.Value is < -1 or > 100)
        {
            throw new FormatException($"invalid value: {_swappiness.Value}: valid memory swappiness range is 0-100");
        }
    }

    private ContainerConfig DescribeProcess(Session session, bool detached)
    {
        bool all = _attach.Values.Count == 0 && !detached;
        var config = new ContainerConfig
        {
            Image = Arguments[0],
            Cmd = Arguments.Count > 1 ? Arguments[1..] : null,
            Entrypoint = _entrypoint.IsSet ? [_entrypoint.Value] : null,
            Hostname = _hostname.Value,
            Domainname = _domainname.Value,
            User = _user.Value,
            WorkingDir = _workdir.Value,
            Tty = _tty.Value,
            OpenStdin = _interactive.Value,
            AttachStdin = _attach.Values.Contains("STDIN") || (all && _interactive.Value),
            AttachStdout = all || _attach.Values.Contains("STDOUT"),
            AttachStderr = all || _attach.Values.Contains("STDERR"),
            StopSignal = _stopSignal.Value,
            StopTimeout = _stopTimeout.Value,
            Healthcheck = DescribeHealthcheck(),
        };
        config.StdinOnce = config.OpenStdin && config.AttachStdin && !detached;
        config.Env.AddRange(EnvironmentFile.Gather(_envFile.Values, _env.Values, session.Variable));
        foreach (string text in _labelFile.Values.SelectMany(EnvironmentFile.ReadLines).Concat(_label.Values))
        {
            var (name, value) = ContainerOptions.Pair(text);
            config.Labels[name] = value;
        }
        return config;
    }

    private HealthcheckConfig? DescribeHealthcheck()
    {
        List<string[]> tests = [];
        Add(_healthCommand, "CMD-SHELL");
        Add(_healthHttp, "HTTP");
        Add(_healthTcp, "TCP");
        bool any = tests.Count > 0 || _healthInterval.IsSet || _healthTimeout.IsSet || _healthStart.IsSet
            || _healthStartInterval.IsSet || _healthRetries.IsSet;
        if (_noHealthcheck.Value)
        {
            return any
                ? throw new FormatException("--no-healthcheck conflicts with --health-* options")
                : new HealthcheckConfig { Test = ["NONE"] };
        }
        if (tests.Count > 1)
        {
            throw new FormatException("conflicting options: give one of --health-cmd, --health-http and --health-tcp");
        }
        return !any ? null : new HealthcheckConfig
        {
            Test = tests.FirstOrDefault() ?? [],
            IntervalNanoseconds = _healthInterval.Value,
            TimeoutNanoseconds = _healthTimeout.Value,
            StartPeriodNanoseconds = _healthStart.Value,
            StartIntervalNanoseconds = _healthStartInterval.Value,
            Retries = _healthRetries.Value,
        };

        void Add(ValueOption<string> option, string kind)
        {
            if (option.IsSet)
            {
                tests.Add([kind, option.Value]);
            }
        }
    }

    private void DescribeFiles(ContainerConfig config, HostConfig host)
    {
        foreach (string volume in _volume.Values)
        {
            VolumeSpec.Apply(volume, config.Volumes, host.Binds);
        }
        foreach (string tmpfs in _tmpfs.Values)
        {
            string[] parts = tmpfs.Split(':', 2);
            host.Tmpfs[parts[0]] = parts.Length == 2 ? parts[1] : "";
        }
        host.Mounts.AddRange(_mount.Values);
        host.Secrets.AddRange(_secret.Values);
        host.Configs.AddRange(_config.Values);
        host.VolumesFrom.AddRange(_volumesFrom.Values);
        host.VolumeDriver = _volumeDriver.Value;
        host.ReadonlyRootfs = _readOnly.Value;
        host.ShmSizeBytes = _shmSize.Value;
        host.LogDriver = _logDriver.Value;
        host.ContainerIDFile = IdFile;
        Fill(host.LogOptions, _logOption);
        Fill(host.StorageOptions, _storageOption);
        Fill(host.Annotations, _annotation);
    }

    private void DescribeNetwork(ContainerConfig config, HostConfig host)
    {
        host.NetworkMode = _network.Values.FirstOrDefault() ?? "";
        host.PublishAllPorts = _publishAll.Value;
        foreach (string port in _publish.Values)
        {
            PortSpec.Publish(port, config.ExposedPorts, host.PortBindings);
        }
        config.ExposedPorts.UnionWith(_expose.Values.SelectMany(PortSpec.Expose));
        host.Dns.AddRange(_dns.Values);
        host.DnsOptions.AddRange(_dnsOption.Values);
        host.DnsSearch.AddRange(_dnsSearch.Values);
        host.ExtraHosts.AddRange(_extraHost.Values);
        host.Links.AddRange(_link.Values);
    }

    private void DescribeLimits(HostConfig host)
    {
        host.MemoryBytes = _memory.Value;
        host.MemorySwapBytes = _memorySwap.Value;
        host.MemoryReservationBytes = _memoryReservation.Value;
        host.MemorySwappiness = _swappiness.Value >= 0 ? _swappiness.Value : null;
        host.OomScoreAdj = (int)Math.Clamp(_oomScore.Value, -1000, 1000);
        host.OomKillDisable = _oomKillDisable.Value;
        host.NanoCpus = _cpus.Value;
        host.CpuShares = _cpuShares.Value;
        host.CpuPeriod = _cpuPeriod.Value;
        host.CpuQuota = _cpuQuota.Value;
        host.CpusetCpus = _cpuset.Value;
        host.CpusetMems = _cpusetMems.Value;
        host.PidsLimit = _pidsLimit.IsSet ? _pidsLimit.Value : null;
        host.BlkioWeight = (int)Math.Clamp(_blkioWeight.Value, 0, 1000);
        host.Ulimits.AddRange(_ulimit.Values);
        (host.RestartPolicy, host.RestartRetriesMax) = _restart.Value;
        host.AutoRemove = _remove.Value;
        host.RestartUnhealthy = _restartUnhealthy.Value;
    }

    private void DescribeIsolation(HostConfig host)
    {
        host.CapAdd.AddRange(_capAdd.Values);
        host.CapDrop.AddRange(_capDrop.Values);
        host.SecurityOpt.AddRange(_securityOpt.Values.Select(SecurityOption.Resolve));
        if (_profile.Value.Length > 0)
        {
            host.SecurityOpt.Add("profile=" + _profile.Value);
        }
        host.Privileged = _privileged.Value;
        host.PidMode = _pid.Value;
        host.IpcMode = _ipc.Value;
        host.UTSMode = _uts.Value;
        host.UsernsMode = _userns.Value;
        host.CgroupnsMode = _cgroupns.Value;
        host.CgroupParent = _cgroupParent.Value;
        host.Devices.AddRange(_device.Values);
        host.DeviceCgroupRules.AddRange(_deviceRule.Values);
        host.GroupAdd.AddRange(_groupAdd.Values);
        host.Runtime = _runtime.Value;
        host.Isolation = _isolation.Value;
        host.Init = _init.IsSet ? _init.Value : null;
        Fill(host.Sysctls, _sysctl);
    }

    private static void Fill(SortedDictionary<string, string> target, ListOption<KeyValuePair<string, string>> option)
    {
        foreach (var (name, value) in option.Values)
        {
            target[name] = value;
        }
    }
}

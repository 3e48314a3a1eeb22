using System.Globalization;
using System.Text;

using Caisson.Control.Events;
using Caisson.Control.Health;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Images.Snapshots;
using Caisson.Images.Users;
using Caisson.Linux;
using Caisson.Linux.Seccomp;
using Caisson.Oci.Runtime;

using ContainerStatus = Caisson.Control.Model.ContainerStatus;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    private CancellationTokenSource? _delayedStart;
    private TimeSpan _lastDelay;

    /// <summary>Runs the container's program.</summary>
    /// <returns>False when it runs already.</returns>
    /// <exception cref="CaissonException">It cannot run; the reason is also in <see cref="ContainerStatus.Error"/>.</exception>
    public async Task<bool> StartAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            if (_status.Phase == ContainerPhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, "cannot start a paused container, try unpause instead");
            }
            if (_status.IsActive)
            {
                return false;
            }
            _lastDelay = TimeSpan.Zero;
            try
            {
                // A client that leaves now must not leave half a container behind: from here on the start is completed or undone.
                await LaunchUnlockedAsync(restartCount: 0);
                return true;
            }
            catch (CaissonException)
            {
                AbandonAttachmentsUnlocked();
                if (!_record.HostConfig.AutoRemove)
                {
                    throw;
                }
                await RemoveUnlockedAsync(volumes: true);
                throw;
            }
        }
    }

    /// <summary>The launch plan as text.</summary>
    public async Task<string> ExplainAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (IsMachine)
            {
                return ExplainMachineUnlocked() + _services.Networks.Explain(_record, PortsFor);
            }
            using var parts = new MountParts(_services.Volumes, _record.AllMounts);
            using Joined joined = JoinUnlocked();
            string launch = _services.Host.Explain(new ContainerLaunch
            {
                Id = Id,
                Spec = CompileUnlocked(WhoUnlocked(), RequireShared(), joined),
                Mounts = joined.Mounts,
                Seccomp = Filter(),
                Binds = parts.ByTarget,
                OpenStdin = _record.Config.OpenStdin,
            });
            return launch + _services.Networks.Explain(_record, PortsFor);
        }
    }

    private async Task LaunchUnlockedAsync(int restartCount)
    {
        ContainerStatus before = _status;
        try
        {
            await RequireUsableUnlockedAsync();
            WriteFilesUnlocked();
            _services.Volumes.Enter(Id, _record.AllMounts);
            IMonitoredProcess process = IsMachine
                ? await LaunchMachineUnlockedAsync(CancellationToken.None)
                : await LaunchContainerUnlockedAsync(CancellationToken.None);
            await ConnectAttachmentsUnlockedAsync(process, CancellationToken.None);
            // Whether it is to run after a power loss matters only when somebody promised to restart it.
            Durability durability = restartCount == 0 && _record.HostConfig.RestartPolicy?.Name is not (null or "" or "no")
                ? Durability.Power : Durability.Process;
            SetUnlocked(StartedUnlocked(process, _services.Time.GetUtcNow(), restartCount), durability, (EngineEvent[])[.. VolumeEvents("mount"), Event("start")]);
            Watch(process);
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            await GiveBackUnlockedAsync(); // what runs without a record would be nobody's
            EngineEvent[] left = DisconnectUnlocked();
            SetUnlocked(
                before with
                {
                    Phase = before.Phase == ContainerPhase.Created ? ContainerPhase.Created : ContainerPhase.Exited,
                    Pid = 0,
                    Error = error.Message,
                    ExitCode = CodeOf(error),
                    RestartCount = restartCount,
                    Endpoints = [],
                },
                Durability.Process,
                left);
            throw error as CaissonException ?? new CaissonException(ErrorKind.Internal, $"start container {Id}: {error.Message}", error);
        }
    }

    private async Task<IMonitoredProcess> LaunchContainerUnlockedAsync(CancellationToken cancellationToken)
    {
        using var parts = new MountParts(_services.Volumes, _record.AllMounts);
        string? shared = RequireShared();
        using Namespace? network = shared is null ? null : _services.Host.OpenNetwork(shared);
        using Joined joined = JoinUnlocked();
        using UserNamespace? owners = Owners();
        using MountTree root = RequireSnapshot().OpenMount(owners, RootAttributes());
        using RootDirectory directory = RootDirectory.From(root);
        var launch = new ContainerLaunch
        {
            Id = Id,
            Spec = CompileUnlocked(Who(directory), shared, joined),
            Mounts = joined.Mounts,
            Seccomp = Filter(),
            RootMount = root,
            Owners = owners,
            Binds = parts.ByTarget,
            OpenStdin = _record.Config.OpenStdin,
            Log = LogUnlocked(),
            BeforeRun = (started, cancellation) =>
            {
                RequireSharedUnlocked(network);
                ConnectUnlocked();
                return ConnectAttachmentsUnlockedAsync(started, cancellation);
            },
        };
        return await _services.Host.StartAsync(launch, cancellationToken);
    }

    private ContainerStatus StartedUnlocked(IMonitoredProcess process, DateTimeOffset at, int restartCount) => new()
    {
        Phase = ContainerPhase.Running,
        Pid = process.Pid,
        StartedAt = at,
        FinishedAt = _status.FinishedAt,
        RestartCount = restartCount,
        Endpoints = _status.Endpoints,
        Health = FirstHealth(),
        StartOrder = _engine.NextStartOrder(),
    };

    /// <summary>The codes of a shell: 127 for a program that is not there, 126 for one that cannot be run.</summary>
    private static int CodeOf(Exception error) => (error as CaissonException)?.Kind switch
    {
        ErrorKind.NotFound => 127,
        ErrorKind.PermissionDenied => 126,
        _ => 128,
    };

    private IdRange? Ids => _record.IdBlock is { } block ? IdRange.OfBlock(block) : null;

    /// <param name="user">Who the program is.</param>
    /// <param name="shared">The container whose network it joins; null for one of its own.</param>
    /// <param name="joined">What else it joins.</param>
    private RuntimeSpec CompileUnlocked(ResolvedUser user, string? shared, Joined joined) => SpecCompiler.Compile(_record, FactsOf(user) with
    {
        UserPath = joined.Users?.ProcPath,
        PidPath = joined.Processes?.ProcPath,
        IpcPath = joined.Ipc?.ProcPath,
        UtsPath = joined.Uts?.ProcPath,
        NetworkPath = shared is null ? null : string.Create(CultureInfo.InvariantCulture, $"/proc/{_engine.Find(shared).Status.Pid}/ns/net"),
        NetworkFilesDirectory = shared is null ? null : _services.DirectoryOf(shared),
    });

    /// <summary>The profile's system call filter, unless the user gave another or none.</summary>
    private SeccompPolicy? Filter()
    {
        SecurityOptions options = SecurityOptions.Read(_record.HostConfig, new List<Problem>());
        return options.SeccompUnconfined || !options.Seccomp.IsEmpty ? null : Profiles.Find(_record.Profile).Seccomp?.Policy;
    }

    private Snapshot RequireSnapshot() => _services.Images.Snapshots.Find(Id)
        ?? throw new CaissonException(ErrorKind.Internal, $"container {Id} has lost its root filesystem");

    /// <summary>The policies may have changed since the container was made; they hold for every start.</summary>
    private async Task RequireUsableUnlockedAsync()
    {
        if (_services.Images.TryFind(RequireSnapshot().Record.Manifest) is { } image)
        {
            await _engine.RequireUsableAsync(_record.Config.Image.Length > 0 ? _record.Config.Image : _record.ImageId, image, CancellationToken.None);
        }
    }

    private UserNamespace? Owners()
    {
        if (Ids is not { } range)
        {
            return null;
        }
        IdMap[] map = [new IdMap(0, range.First, IdRange.Size)];
        return UserNamespace.Create(map, map);
    }

    private MountAttributes RootAttributes()
    {
        MountAttributes attributes = 0;
        foreach (string option in Profiles.Find(_record.Profile).RootMountOptions)
        {
            attributes |= option switch
            {
                "nosuid" => MountAttributes.NoSetuid,
                "nodev" => MountAttributes.NoDevices,
                "noexec" => MountAttributes.NoExecute,
                _ => throw new System.Diagnostics.UnreachableException($"a profile mounts its root with '{option}'"),
            };
        }
        return attributes;
    }

    private SpecCompiler.Facts FactsOf(ResolvedUser user) => new()
    {
        Profile = Profiles.Find(_record.Profile),
        User = user,
        FilesDirectory = _services.DirectoryOf(Id),
        VolumePath = _services.Volumes.DataPath,
        OpenFilesMax = _services.Facts.OpenFilesMax,
        Devices = DeviceNodes.Read(_record.HostConfig),
    };

    /// <summary>Who the program is, read from the running container's root or from a mount of it.</summary>
    private ResolvedUser WhoUnlocked() => WithRootUnlocked(Who);

    private ResolvedUser Who(RootDirectory root) => new UserDatabase(root).Resolve(_record.Config.User, _record.HostConfig.GroupAdd);

    /// <summary>
    /// Runs <paramref name="body"/> on the root filesystem: as the first process sees it while there is one (an overlay must not be
    /// mounted twice), else on a mount of its own.
    /// </summary>
    private T WithRootUnlocked<T>(Func<RootDirectory, T> body)
    {
        if (IsMachine)
        {
            return ReadImage(body);
        }
        if (_status.HasProcess)
        {
            using RootDirectory live = OpenLiveRoot();
            return body(live);
        }
        using MountTree mount = RequireSnapshot().OpenView();
        using RootDirectory root = RootDirectory.From(mount);
        return body(root);
    }

    /// <summary>The root as the first process sees it, never that of another process which got its pid.</summary>
    private RootDirectory OpenLiveRoot()
    {
        var gone = new CaissonException(ErrorKind.Unavailable, $"container {_record.Name} ended in this moment; try again");
        try
        {
            RootDirectory root = RootDirectory.Open(string.Create(CultureInfo.InvariantCulture, $"/proc/{_status.Pid}/root"));
            if (_run is { } run && !run.Process.Exited.IsCompleted)
            {
                return root;
            }
            root.Dispose();
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            // Told below.
        }
        throw gone;
    }

    private void WriteFilesUnlocked()
    {
        string directory = _services.DirectoryOf(Id);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        WriteJoinedUnlocked(directory);
        Write("hosts", HostsFile.Hosts(_record, [], []));
        Write("hostname", _record.Config.Hostname + "\n");
        string hostText = HostFiles.TryReadText("/etc/resolv.conf") ?? "";
        Write("resolv.conf", _record.Networks.Count > 0 ? HostsFile.NetworkResolver(_record.HostConfig, hostText) : HostsFile.Resolver(_record.HostConfig, hostText));
        foreach (ContainerMount mount in _record.AllMounts)
        {
            if (mount.Type != "bind" || Path.Exists(mount.Source))
            {
                continue;
            }
            if (!mount.CreateSource)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"invalid mount config for type \"bind\": bind source path does not exist: {mount.Source}");
            }
            Directory.CreateDirectory(mount.Source);
        }

        void Write(string name, string text)
        {
            string path = $"{directory}/{name}";
            if (File.Exists(path))
            {
                File.WriteAllText(path, text);
            }
            else
            {
                // Without the truncation of .NET's, after which ext4 writes to the disk when the file is closed.
                using FileDescriptor file = HostFiles.OpenOrCreate(path, 0x1A4);
                file.Write(Encoding.UTF8.GetBytes(text));
            }
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
    }

    private void Watch(IMonitoredProcess process)
    {
        var run = new Run(process);
        _run = run;
        _ = WatchAsync(run);
        WatchHealth(run);
    }

    private async Task WatchAsync(Run run)
    {
        ProcessExit exit = await run.Process.Exited;
        if (_engine.IsStopping)
        {
            run.Leave();
            return; // the next engine finds the exit record
        }
        try
        {
            using (await EnterAsync())
            {
                await EndUnlockedAsync(run, exit);
            }
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            _services.Log.Warn($"container {Id}: record its end: {error.Message}");
        }
        finally
        {
            run.Recorded.TrySetResult();
        }
    }

    /// <summary>Records the end of a run and decides what comes next.</summary>
    private async Task EndUnlockedAsync(Run run, ProcessExit exit)
    {
        if (_run != run)
        {
            return;
        }
        ContainerStatus ended = _status with
        {
            Phase = ContainerPhase.Exited,
            Pid = 0,
            ExitCode = exit.Code,
            FinishedAt = exit.At,
            OomKilled = exit.OomKilled,
            Error = exit.Error ?? "",
            Endpoints = [],
            Health = _status.Health is { } health ? health with { Status = HealthStatus.Unhealthy } : null,
        };
        run.Leave();
        JudgeTemplate();
        TimeSpan ran = ended.FinishedAt - ended.StartedAt ?? TimeSpan.Zero;
        TimeSpan? delay = _restartingByUser || _engine.IsStopping ? null
            : run.EndsUnhealthy && !ended.StoppedByUser ? HealthDecision.RestartDelay(_status.Health ?? new HealthState(), _lastDelay)
            : RestartDecision.AfterExit(_record.HostConfig.RestartPolicy, ended, _lastDelay);
        if (delay is not null)
        {
            ended = ended with { Phase = ContainerPhase.Restarting };
        }
        var died = Event(
            "die",
            ("exitCode", exit.Code.ToString(CultureInfo.InvariantCulture)),
            ("execDuration", ((long)Math.Max(0, ran.TotalSeconds)).ToString(CultureInfo.InvariantCulture)));
        EngineEvent[] left = DisconnectUnlocked();
        EngineEvent[] told = [.. exit.OomKilled ? [Event("oom")] : Array.Empty<EngineEvent>(), died, .. left, .. VolumeEvents("unmount")];
        SetUnlocked(ended, Durability.Process, told);
        _run = null;
        await run.Process.DisposeAsync();
        ForgetExecs();
        await GiveBackUnlockedAsync();
        CompleteExitWaiters(new WaitResult(exit.Code, exit.Error));
        if (delay is { } wait)
        {
            StartLater(wait);
        }
        else if (_record.HostConfig.AutoRemove && !_restartingByUser)
        {
            await RemoveUnlockedAsync(volumes: true);
        }
    }

    /// <summary>What the host still holds for a run is released; a failure is told, not fatal: removal tries again.</summary>
    private async Task GiveBackUnlockedAsync()
    {
        try
        {
            await _services.Host.RemoveAsync(Id, CancellationToken.None);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {Id}: release what its run held: {error.Message}");
        }
        _services.Volumes.Leave(Id);
    }

    private void StartLater(TimeSpan delay)
    {
        _lastDelay = delay;
        var cancellation = new CancellationTokenSource();
        _delayedStart = cancellation;
        _ = StartLaterAsync(delay, cancellation);
    }

    private async Task StartLaterAsync(TimeSpan delay, CancellationTokenSource cancellation)
    {
        try
        {
            await Task.Delay(delay, _services.Time, cancellation.Token);
            using (await EnterAsync(cancellation.Token))
            {
                if (_delayedStart != cancellation || _status.Phase != ContainerPhase.Restarting || _engine.IsStopping)
                {
                    return;
                }
                _delayedStart = null;
                await RestartUnlockedAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // A user stopped or removed it meanwhile.
        }
        finally
        {
            cancellation.Dispose();
        }
    }

    private async Task RestartUnlockedAsync()
    {
        try
        {
            await LaunchUnlockedAsync(_status.RestartCount + 1);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {Id}: restart: {error.Message}");
            // A start that failed counts as a run that failed at once, so the policy goes on with longer delays.
            ContainerStatus failed = _status with { FinishedAt = _services.Time.GetUtcNow(), StartedAt = _services.Time.GetUtcNow() };
            if (RestartDecision.AfterExit(_record.HostConfig.RestartPolicy, failed, _lastDelay) is { } delay)
            {
                SetUnlocked(_status with { Phase = ContainerPhase.Restarting }, Durability.Process);
                StartLater(delay);
            }
            else
            {
                CompleteExitWaiters(new WaitResult(_status.ExitCode, error.Message));
            }
        }
    }

    private void CancelDelayedStart()
    {
        _delayedStart?.Cancel();
        _delayedStart = null;
    }
}

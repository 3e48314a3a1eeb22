using System.Text;

using Caisson.Containers.Logs;
using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Logs;
using Caisson.Control.Machines;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;
using Caisson.Qmp;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const string LogName = "console";
    private const long LogBytesMax = 1 << 20;
    private const int LogFilesMax = 4;

    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(30);

    /// <summary>A run of this length counts as a success, after which delays of restarts begin anew.</summary>
    private static readonly TimeSpan SoundRun = TimeSpan.FromSeconds(30);

    /// <summary>Whether it is to run with the engine, and does not.</summary>
    internal bool StartsWithEngine => _record.Autostart && !_record.IsTemplate && !_status.HasProcess && !_status.StoppedByUser;

    /// <summary>The file to which its console goes, full ones beside it.</summary>
    public string ConsolePath => $"{DirectoryPath}/{LogName}";

    /// <summary>Starts the machine; returns when its processors run.</summary>
    /// <returns>False when it runs already.</returns>
    /// <exception cref="CaissonException">It cannot run; says why. Nothing is left of the attempt.</exception>
    public async Task<bool> StartAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("start");
            if (_status.Phase == MachinePhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} is paused; resume it (caisson machine resume {_record.Name})");
            }
            if (_status.Phase == MachinePhase.Running)
            {
                return false;
            }
            await LaunchUnlockedAsync(null, 0);
            return true;
        }
    }

    /// <summary>What QEMU would be told, and how it is confined, as text.</summary>
    public string Explain()
    {
        FullMachinePlan plan = CompileUnlocked();
        IReadOnlyDictionary<string, string> bases = BasesUnlocked();
        return $"{plan.Explain()}around the machine:\n{_services.Host.Explain(new ContainerLaunch
        {
            Id = Id,
            Spec = FullSandbox.Compile(_record, DirectoryPath, bases, plan.Arguments, plan.Accelerator == "kvm"),
            Seccomp = SandboxCompiler.Filter,
        })}";
    }

    private FullMachinePlan CompileUnlocked()
    {
        List<Problem> problems = [];
        FullMachinePlan plan = FullMachinePlan.Compile(Id, _record.Name, _record.Config, _engine.ReadFacts(), problems);
        ProblemsException.ThrowIfAny($"machine {_record.Name}", problems);
        return plan;
    }

    /// <summary>Directories with the disks it stands on, by id.</summary>
    private Dictionary<string, string> BasesUnlocked() => _record.Config.Disks
        .SelectMany(disk => disk.Backing)
        .Select(below => below.Split('/')[0])
        .Distinct()
        .ToDictionary(id => id, id => $"{_engine.DirectoryOf(id)}/disks");

    /// <summary>Starts it, needs the gate.</summary>
    /// <param name="snapshot">The tag of the snapshot whose memory it goes on with; null to boot.</param>
    /// <param name="restarts">Restarts by the policy so far.</param>
    /// <param name="paused">It stays where it is.</param>
    /// <param name="arrive">Its memory comes from elsewhere: waits until it runs; null to begin here.</param>
    private async Task LaunchUnlockedAsync(string? snapshot, int restarts, bool paused = false, Func<MachineMonitor, Task>? arrive = null)
    {
        FullMachineStatus before = _status;
        MachineMonitor? monitor = null;
        IMonitoredProcess? process = null;
        try
        {
            RequireLease();
            FullMachinePlan plan = CompileUnlocked();
            plan = arrive is null ? plan : plan.Arriving();
            PrepareUnlocked(plan);
            using PassphrasePipe? passphrase = PassphrasePipe.Make(_engine.Keys.Open(_record), $"{DirectoryPath}/run", User);
            Dictionary<string, string> bases = BasesUnlocked();
            await StartTpmUnlockedAsync();
            using MountTree root = FullSandbox.MakeRoot(bases.Keys);
            process = await _services.Host.StartAsync(
                new ContainerLaunch
                {
                    Id = Id,
                    Spec = FullSandbox.Compile(_record, DirectoryPath, bases, plan.Arguments, plan.Accelerator == "kvm"),
                    Seccomp = arrive is null ? SandboxCompiler.Filter : FullSandbox.ArrivingFilter,
                    RootMount = root,
                    OpenStdin = true,
                    Log = new ContainerLog(
                        DirectoryPath,
                        new LogSettings { Format = LogFormat.Local, Name = LogName, BytesMaxOfFile = LogBytesMax, FilesMax = LogFilesMax, NextNumber = new LogFiles(ConsolePath).NextNumber },
                        () => { }),
                    BeforeRun = (_, _) =>
                    {
                        ConnectUnlocked();
                        return Task.CompletedTask;
                    },
                },
                CancellationToken.None);
            if (passphrase is not null)
            {
                await passphrase.HandAsync(process.Exited, OpenLimit);
            }
            monitor = await MachineMonitor.OpenAsync($"{DirectoryPath}/run/qmp.sock", User, process.Exited, OpenLimit);
            PlugInterfacesUnlocked(monitor);
            InsertMediaUnlocked(monitor);
            var run = new Run(process, monitor);
            if (snapshot is not null)
            {
                await LoadUnlockedAsync(run, snapshot);
            }
            if (arrive is not null)
            {
                await arrive(monitor);
            }
            foreach (QmpStep step in plan.Conversation)
            {
                if (step.Command switch { "cont" => !paused, "system_reset" => snapshot is null, _ => true })
                {
                    monitor.Execute(step);
                }
            }
            SetUnlocked(
                _status with
                {
                    Phase = paused ? MachinePhase.Paused : MachinePhase.Running,
                    Pid = process.Pid,
                    Error = "",
                    StartedAt = _services.Time.GetUtcNow(),
                    RestartCount = restarts,
                    StoppedByUser = false,
                    MemoryBytes = 0,
                    Running = _record.Config,
                    Restoring = "",
                    RestoringPaused = false,
                    MigratingTo = "",
                },
                _record.Autostart ? Durability.Power : Durability.Process,
                Event("start"));
            WatchUnlocked(run);
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            bool hasEnded = error.Message.Contains("qemu ended", StringComparison.Ordinal);
            string words = await ReadLastErrorsAsync(hasEnded ? process?.Exited : null);
            monitor?.Dispose();
            await GiveBackUnlockedAsync();
            EngineEvent[] left = DisconnectUnlocked();
            string message = hasEnded && words.Length > 0 ? $"QEMU refuses the machine: {words}" : error.Message;
            SetUnlocked(before with { Phase = before.Phase == MachinePhase.Crashed ? MachinePhase.Crashed : MachinePhase.Stopped, Pid = 0, Error = message, Endpoints = [], Running = null }, Durability.Process, left);
            throw new CaissonException((error as CaissonException)?.Kind is { } kind and not ErrorKind.Unavailable ? kind : ErrorKind.FailedPrecondition, $"start machine {_record.Name}: {message}", error);
        }
    }

    private void PrepareUnlocked(FullMachinePlan plan)
    {
        foreach (FullDisk disk in _record.Config.Disks)
        {
            if (!File.Exists(FullMachineDisks.PathOf(DisksPath, disk.Name)))
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"its disk {disk.Name} is gone ({FullMachineDisks.PathOf(DisksPath, disk.Name)})");
            }
        }
        foreach (string socket in Directory.GetFileSystemEntries($"{DirectoryPath}/run"))
        {
            File.Delete(socket); // of a run that has ended
        }
        _runStart = new LogMark(_services.Time.GetUtcNow());
        if (plan.Accelerator == "kvm")
        {
            FullSandbox.MakeDevices($"{DirectoryPath}/devices", User);
        }
    }

    private void InsertMediaUnlocked(MachineMonitor monitor)
    {
        foreach (FullDrive drive in _record.Config.Drives.Where(drive => drive.Path.Length > 0))
        {
            InsertUnlocked(monitor, drive);
        }
    }

    private static void InsertUnlocked(MachineMonitor monitor, FullDrive drive)
    {
        using FileDescriptor medium = OpenMedium(drive.Path);
        monitor.Execute(FullMachinePlan.Insert(drive, monitor.GiveFile(medium)));
    }

    private static FileDescriptor OpenMedium(string path)
    {
        try
        {
            using FileDescriptor place = HostFiles.OpenPath(path);
            return place.ReopenRegular(path);
        }
        catch (LinuxException error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"open the medium {path}: {LinuxException.Describe(error.Errno)}", error);
        }
    }

    private void WatchUnlocked(Run run)
    {
        _run = run;
        _ = FollowEventsAsync(run);
        _ = WatchAsync(run);
    }

    /// <summary>Waits for QEMU's end, and decides what follows.</summary>
    private async Task WatchAsync(Run run)
    {
        ProcessExit exit = await run.Process.Exited;
        if (_engine.IsStopping)
        {
            return; // the next engine records it
        }
        await _gate.WaitAsync();
        try
        {
            if (_run == run && !_gone)
            {
                await EndUnlockedAsync(run, exit);
            }
        }
        catch (Exception error) when (error is CaissonException or IOException)
        {
            _services.Log.Warn($"machine {_record.Name}: record its end: {error.Message}");
        }
        finally
        {
            _gate.Release();
            run.Recorded.TrySetResult();
        }
    }

    private async Task EndUnlockedAsync(Run run, ProcessExit exit)
    {
        bool clean = exit.Code == 0 && !run.HasPanicked;
        bool crashed = !clean && !run.IsAsked;
        string error = !crashed ? "" : run.HasPanicked ? $"its operating system gave up; the last it said: {LastWords()}" : Describe(exit);
        _run = null;
        run.Monitor.Dispose();
        await GiveBackUnlockedAsync();
        EngineEvent[] left = DisconnectUnlocked();
        SetUnlocked(
            _status with { Phase = crashed ? MachinePhase.Crashed : MachinePhase.Stopped, Pid = 0, Error = error, FinishedAt = exit.At, Endpoints = [], MemoryBytes = 0, Running = null, Restoring = "", RestoringPaused = false, MigratingTo = "" },
            Durability.Process,
            (EngineEvent[])[Event(crashed ? "crash" : "stop"), .. left]);
        bool again = !run.IsAsked && !_engine.IsStopping && (_record.RestartPolicy == "always" || (crashed && _record.RestartPolicy == "on-failure"));
        if (again)
        {
            int restarts = _status.FinishedAt - _status.StartedAt > SoundRun ? 0 : _status.RestartCount;
            _ = RestartLaterAsync(_status, restarts + 1);
        }
    }

    /// <summary>Starts it again after a pause that doubles, unless somebody has decided otherwise meanwhile.</summary>
    private async Task RestartLaterAsync(FullMachineStatus ended, int restarts)
    {
        await Task.Delay(TimeSpan.FromSeconds(Math.Min(60, 1 << Math.Min(restarts - 1, 6))), _services.Time);
        try
        {
            using (await EnterAsync())
            {
                if (ReferenceEquals(_status, ended) && !_engine.IsStopping)
                {
                    await LaunchUnlockedAsync(null, restarts);
                }
            }
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"machine {_record.Name}: restart it: {error.Message}");
        }
    }

    private string Describe(ProcessExit exit)
    {
        string how = exit.OomKilled ? "the host ended it for lack of memory"
            : exit.Code > 128 ? $"its QEMU was killed ({SignalNames.NameOf((Signal)(exit.Code - 128))})"
            : $"its QEMU ended with code {exit.Code}";
        string words = LastErrors();
        return words.Length > 0 ? $"{how}: {words}" : how;
    }

    /// <summary>What happens in it is followed as long as it runs.</summary>
    private async Task FollowEventsAsync(Run run)
    {
        await foreach (QmpEvent told in run.Monitor.Events.ReadAllAsync())
        {
            switch (told.Name)
            {
                case "GUEST_PANICKED":
                case "SHUTDOWN" when told.Text("reason") == "guest-panic":
                    run.HasPanicked = true;
                    break;
                case "SHUTDOWN" when told.IsTrue("guest"):
                    _services.Events.Commit(Durability.Process, new StateChange(), Event("shutdown"));
                    break;
                case "RESET" when told.IsTrue("guest"):
                    _services.Events.Commit(Durability.Process, new StateChange(), Event("reset"));
                    break;
                case "BLOCK_IO_ERROR" when told.Text("action") == "stop":
                    await HoldAsync(run, $"disk {told.Text("device")}{told.Text("node-name")}: {told.Text("reason")}; make room on the host and resume it");
                    break;
                case "STOP" or "RESUME":
                    await HoldAsync(run, null);
                    break;
            }
        }
    }

    /// <summary>Sees whether its processors run, after somebody else than the user may have changed it.</summary>
    private async Task HoldAsync(Run run, string? why)
    {
        try
        {
            using (await EnterAsync())
            {
                if (_run == run)
                {
                    RefreshUnlocked(run, why);
                }
            }
        }
        catch (Exception error) when (error is CaissonException or ObjectDisposedException)
        {
            // It has ended meanwhile, which is recorded where its end is seen.
        }
    }

    private void RefreshUnlocked(Run run, string? why)
    {
        bool runs = run.Monitor.ReadStatus() == "running";
        MachinePhase phase = runs ? MachinePhase.Running : MachinePhase.Paused;
        if (phase != _status.Phase || (why is not null && !runs))
        {
            SetUnlocked(_status with { Phase = phase, Error = runs ? "" : why ?? _status.Error }, Durability.Process, Event(runs ? "resume" : "pause"));
        }
    }

    private async Task GiveBackUnlockedAsync()
    {
        try
        {
            await _services.Host.RemoveAsync(Id, CancellationToken.None);
            await StopTpmUnlockedAsync();
        }
        catch (Exception error) when (error is CaissonException or TimeoutException)
        {
            _services.Log.Warn($"machine {_record.Name}: give back what its run had: {error.Message}");
        }
    }

    private sealed record LogMark(DateTimeOffset Since);

    private LogMark? _runStart;

    /// <summary>What it said last, of a QEMU that did not come to run: all of it is there when its end is known.</summary>
    private async Task<string> ReadLastErrorsAsync(Task? ended)
    {
        if (ended is not null)
        {
            await ended.WaitAsync(QuitPatience, _services.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return LastErrors();
    }

    /// <summary>What QEMU itself has complained about in this run, in one line.</summary>
    private string LastErrors() => ReadLog(new LogQuery { Stdout = false, Since = _runStart?.Since }, 5);

    /// <summary>The last lines of the console, in one line.</summary>
    private string LastWords() => ReadLog(new LogQuery { Stderr = false }, 5) is { Length: > 0 } words ? words : "nothing";

    private string ReadLog(LogQuery query, int lines)
    {
        using LogReader? reader = LogReader.TryOpen(ConsolePath);
        StringBuilder text = new();
        while (reader is not null && (reader.TryRead(out LogEntry entry) || reader.TryReadUnended(out entry)))
        {
            if (query.Accepts(entry))
            {
                text.Append(Encoding.UTF8.GetString(entry.Text.Span));
            }
        }
        return string.Join("; ", text.ToString().Split('\n')
            .Select(line => string.Concat(line.Where(c => !char.IsControl(c))).Trim())
            .Where(line => line.Length > 0)
            .TakeLast(lines));
    }
}

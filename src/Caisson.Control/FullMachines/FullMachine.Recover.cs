using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private static readonly TimeSpan ReopenLimit = TimeSpan.FromSeconds(10);

    /// <summary>Takes the machine over from an earlier engine: it ran on, or ended while nobody looked.</summary>
    internal async Task RecoverAsync()
    {
        using (await EnterAsync())
        {
            if (_status.Phase is MachinePhase.Deleting or MachinePhase.Arriving)
            {
                await DeleteUnlockedAsync();
                return;
            }
            IMonitoredProcess? process = await _services.Host.ReopenAsync(Id, () => { }, CancellationToken.None);
            if (process is not null && _status.HasProcess && await TryAdoptUnlockedAsync(process))
            {
                return;
            }
            // A start that was not completed, or an end that left nothing to tell.
            ForgetCopies(null);
            CompleteRewriteUnlocked();
            bool ran = _status.HasProcess;
            if (process is not null)
            {
                await process.DisposeAsync();
            }
            await GiveBackUnlockedAsync();
            EngineEvent[] left = DisconnectUnlocked();
            if (ran)
            {
                SetUnlocked(
                    _status with
                    {
                        Phase = MachinePhase.Crashed,
                        Pid = 0,
                        Endpoints = [],
                        MemoryBytes = 0,
                        Running = null,
                        Restoring = "",
                        RestoringPaused = false,
                        MigratingTo = "",
                        FinishedAt = _services.Time.GetUtcNow(),
                        Error = "its end was not seen: the host or the monitor was stopped",
                    },
                    Durability.Process,
                    (EngineEvent[])[Event("crash"), .. left]);
            }
            else if (_status.Endpoints.Count > 0)
            {
                SetUnlocked(_status with { Endpoints = [] }, Durability.Process, left);
            }
        }
    }

    private async Task<bool> TryAdoptUnlockedAsync(IMonitoredProcess process)
    {
        if (process.Exited.IsCompleted)
        {
            return await RecordEndUnlockedAsync(process);
        }
        try
        {
            MachineMonitor monitor = await MachineMonitor.OpenAsync($"{DirectoryPath}/run/qmp.sock", User, process.Exited, ReopenLimit);
            var run = new Run(process, monitor);
            WatchUnlocked(run);
            await monitor.AbandonJobsAsync(ReopenLimit);
            ForgetCopies(monitor);
            if (_status.MigratingTo.Length > 0 && !await SettleMigrationUnlockedAsync(run))
            {
                return true;
            }
            if (_record.Snapshots.FirstOrDefault(one => one.Name == _status.Restoring) is { } snapshot)
            {
                await GoBackUnlockedAsync(run, snapshot, _status.RestoringPaused);
                SetUnlocked(_record with { CurrentSnapshot = snapshot.Name }, Event("restore", ("snapshot", snapshot.Name)));
            }
            ServeAllUnlocked();
            RefreshUnlocked(run, null);
            return true;
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Unavailable)
        {
            if (process.Exited.IsCompleted)
            {
                return await RecordEndUnlockedAsync(process);
            }
            _services.Log.Warn($"machine {_record.Name}: its QEMU does not answer and is ended: {error.Message}");
            return false;
        }
    }

    /// <summary>Copies of disks that an engine was killed over.</summary>
    private void ForgetCopies(MachineMonitor? monitor)
    {
        foreach (string path in Directory.Exists(DisksPath) ? Directory.GetFiles(DisksPath, $"{CopyPrefix}*") : [])
        {
            if (monitor is not null)
            {
                TryForget(monitor, Path.GetFileNameWithoutExtension(path));
            }
            File.Delete(path);
        }
    }

    /// <summary>It ended while no engine was there: by its own shutdown with code 0, or by a crash.</summary>
    private async Task<bool> RecordEndUnlockedAsync(IMonitoredProcess process)
    {
        ProcessExit exit = await process.Exited;
        bool crashed = exit.Code != 0 && !_status.StoppedByUser;
        string error = crashed ? Describe(exit) : "";
        await GiveBackUnlockedAsync();
        EngineEvent[] left = DisconnectUnlocked();
        SetUnlocked(
            _status with { Phase = crashed ? MachinePhase.Crashed : MachinePhase.Stopped, Pid = 0, Error = error, FinishedAt = exit.At, Endpoints = [], MemoryBytes = 0, Running = null, Restoring = "", RestoringPaused = false, MigratingTo = "" },
            Durability.Process,
            (EngineEvent[])[Event(crashed ? "crash" : "stop"), .. left]);
        if (!_status.StoppedByUser && (_record.RestartPolicy == "always" || (crashed && _record.RestartPolicy == "on-failure")))
        {
            _ = RestartLaterAsync(_status, _status.RestartCount + 1);
        }
        return true;
    }
}

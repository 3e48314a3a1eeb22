using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>What a run counts as whose end nobody saw: its monitor and its exit record are gone, as after a reboot.</summary>
    private const int UnknownExitCode = 255;

    /// <summary>Takes the container over from an earlier engine.</summary>
    internal async Task RecoverAsync()
    {
        using (await EnterAsync())
        {
            if (_status.Phase == ContainerPhase.Removing)
            {
                await RemoveUnlockedAsync(_status.RemovesVolumes);
                return;
            }

            // Asked of every container: the engine may have died between a start and its record.
            IMonitoredProcess? process = await _services.Host.ReopenAsync(Id, OnLogRotated, CancellationToken.None);
            if (process is not null && await IsNewsUnlockedAsync(process))
            {
                await AdoptUnlockedAsync(process);
                return;
            }
            if (process is not null)
            {
                await process.DisposeAsync();
            }
            await GiveBackUnlockedAsync();
            EngineEvent[] left = DisconnectUnlocked();

            if (_status.HasProcess)
            {
                SetUnlocked(
                    _status with
                    {
                        Phase = ContainerPhase.Exited,
                        Pid = 0,
                        ExitCode = UnknownExitCode,
                        FinishedAt = _services.Time.GetUtcNow(),
                        Error = "its end was not seen: the machine or the monitor was stopped",
                        Endpoints = [],
                    },
                    Durability.Process,
                    (EngineEvent[])[Event("die", ("exitCode", "255")), .. left]);
            }
            else if (left.Length > 0)
            {
                SetUnlocked(_status with { Endpoints = [] }, Durability.Process, left);
            }
            if (_status.Phase == ContainerPhase.Restarting || RestartDecision.AtEngineStart(_record.HostConfig.RestartPolicy, _status))
            {
                SetUnlocked(_status with { Phase = ContainerPhase.Restarting, StoppedByUser = false }, Durability.Process);
                await RestartUnlockedAsync();
            }
            else if (_record.HostConfig.AutoRemove && _status.Phase == ContainerPhase.Exited)
            {
                await RemoveUnlockedAsync(volumes: true);
            }
        }
    }

    /// <summary>Whether the run is more than what an engine recorded before it died, which came only not to remove its traces.</summary>
    private async Task<bool> IsNewsUnlockedAsync(IMonitoredProcess process) =>
        _status.HasProcess || !process.Exited.IsCompleted || (await process.Exited).At != _status.FinishedAt;

    private async Task AdoptUnlockedAsync(IMonitoredProcess process)
    {
        if (!_status.HasProcess)
        {
            // The engine died between the start and its record.
            DateTimeOffset started = process.Exited.IsCompleted ? (await process.Exited).At : _services.Time.GetUtcNow();
            int restarts = _status.Phase == ContainerPhase.Restarting ? _status.RestartCount + 1 : 0;
            SetUnlocked(StartedUnlocked(process, started, restarts), Durability.Process, Event("start"));
        }
        OnLogRotated(); // a file may have become full while no engine was there
        if (!process.Exited.IsCompleted)
        {
            TakeOverVolumesUnlocked();
            Watch(process);
            CompleteUpdateUnlocked();
            return;
        }
        // It ended while no engine was there: the same road as an end that is seen.
        var run = new Run(process);
        _run = run;
        await EndUnlockedAsync(run, await process.Exited);
        run.Recorded.TrySetResult();
    }

    /// <summary>An update that an engine had recorded when it died is carried out; what is in force already stays so.</summary>
    private void CompleteUpdateUnlocked()
    {
        if (!_status.LimitsPending)
        {
            return;
        }
        try
        {
            _services.Host.Update(Id, LimitsOf(_record), LimitsOf(_record));
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {Id}: complete the update that a crash interrupted: {error.Message}");
        }
        SetUnlocked(_status with { LimitsPending = false }, Durability.Process);
    }
}

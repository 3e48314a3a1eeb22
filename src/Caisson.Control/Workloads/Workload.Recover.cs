using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;

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
                await RemoveUnlockedAsync();
                return;
            }

            // Asked of every container: the engine may have died between a start and its record.
            IMonitoredProcess? process = await _services.Host.ReopenAsync(Id, CancellationToken.None);
            if (process is not null && (_status.HasProcess || !process.Exited.IsCompleted))
            {
                await AdoptUnlockedAsync(process);
                return;
            }
            if (process is not null)
            {
                await process.DisposeAsync();
                await GiveBackUnlockedAsync();
            }

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
                    },
                    Durability.Process,
                    Event("die", ("exitCode", "255")));
                await GiveBackUnlockedAsync();
            }
            if (_status.Phase == ContainerPhase.Restarting || RestartDecision.AtEngineStart(_record.HostConfig.RestartPolicy, _status))
            {
                SetUnlocked(_status with { Phase = ContainerPhase.Restarting, StoppedByUser = false }, Durability.Process);
                await RestartUnlockedAsync();
            }
            else if (_record.HostConfig.AutoRemove && _status.Phase == ContainerPhase.Exited)
            {
                await RemoveUnlockedAsync();
            }
        }
    }

    private async Task AdoptUnlockedAsync(IMonitoredProcess process)
    {
        if (!_status.HasProcess)
        {
            SetUnlocked(
                _status with { Phase = ContainerPhase.Running, Pid = process.Pid, StartedAt = _services.Time.GetUtcNow(), StartOrder = _engine.NextStartOrder() },
                Durability.Process,
                Event("start"));
        }
        if (!process.Exited.IsCompleted)
        {
            Watch(process);
            return;
        }
        // It ended while no engine was there: the same road as an end that is seen.
        var run = new Run(process);
        _run = run;
        await EndUnlockedAsync(run, await process.Exited);
        run.Recorded.TrySetResult();
    }
}

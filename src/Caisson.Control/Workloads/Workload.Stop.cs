using System.Globalization;

using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    private const int StopTimeoutSeconds = 10;

    /// <summary>How long a process may take to vanish after SIGKILL before that is reported: it hangs in the kernel then.</summary>
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    /// <summary>Asks the program to end, and ends it when it does not.</summary>
    /// <param name="signal">The signal that asks; null for the container's.</param>
    /// <param name="timeoutSeconds">How long to wait before SIGKILL; null for the container's, -1 for ever.</param>
    /// <param name="cancellationToken">Gives up waiting; what was sent is sent.</param>
    /// <returns>False when it did not run.</returns>
    public async Task<bool> StopAsync(string? signal, int? timeoutSeconds, CancellationToken cancellationToken)
    {
        Signal ask = ParseSignal(signal ?? _record.Config.StopSignal ?? "SIGTERM");
        int seconds = timeoutSeconds ?? _record.Config.StopTimeout ?? StopTimeoutSeconds;
        Run run;
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            if (_status.Phase == ContainerPhase.Restarting)
            {
                CancelDelayedStart();
                SetUnlocked(_status with { Phase = ContainerPhase.Exited, StoppedByUser = true }, Durability.Power, Event("stop"));
                CompleteExitWaiters(new WaitResult(_status.ExitCode, null));
                return true;
            }
            if (_run is null || !_status.HasProcess)
            {
                return false;
            }
            run = _run;
            SetUnlocked(_status with { StoppedByUser = true }, Durability.Power);
            if (_status.Phase == ContainerPhase.Paused)
            {
                await ResumeUnlockedAsync(cancellationToken);
            }
            SendUnlocked(ask);
        }

        if (!await EndsWithinAsync(run, seconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds), cancellationToken))
        {
            await KillAndWaitAsync(run, cancellationToken);
        }
        _services.Events.Commit(Durability.Process, new StateChange(), Event("stop"));
        return true;
    }

    /// <summary>Sends a signal; after SIGKILL also waits for the end.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: it does not run.</exception>
    public async Task KillAsync(string? signal, CancellationToken cancellationToken)
    {
        Signal send = ParseSignal(signal ?? "SIGKILL");
        Run run;
        using (await EnterAsync(cancellationToken))
        {
            if (_status.Phase == ContainerPhase.Restarting && send == Signal.KILL)
            {
                CancelDelayedStart();
                SetUnlocked(_status with { Phase = ContainerPhase.Exited, StoppedByUser = true }, Durability.Power);
                CompleteExitWaiters(new WaitResult(_status.ExitCode, null));
                return;
            }
            run = RequireRun();
            if (send == Signal.KILL || send == ParseSignal(_record.Config.StopSignal ?? "SIGTERM"))
            {
                SetUnlocked(_status with { StoppedByUser = true }, Durability.Power);
                if (_status.Phase == ContainerPhase.Paused)
                {
                    await ResumeUnlockedAsync(cancellationToken);
                }
            }
            if (!SendUnlocked(send))
            {
                throw NotRunning();
            }
        }
        if (send == Signal.KILL)
        {
            await KillAndWaitAsync(run, cancellationToken);
        }
    }

    /// <summary>Stops the container when it runs, and starts it.</summary>
    public async Task RestartAsync(string? signal, int? timeoutSeconds, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            _restartingByUser = true; // neither the restart policy nor removal at the end may come between
        }
        try
        {
            _ = await StopAsync(signal, timeoutSeconds, cancellationToken);
        }
        finally
        {
            _restartingByUser = false;
        }
        _ = await StartAsync(CancellationToken.None);
        _services.Events.Commit(Durability.Process, new StateChange(), Event("restart"));
    }

    /// <summary>Stops every process where it is.</summary>
    public async Task PauseAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (_status.Phase == ContainerPhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, $"container {Id} is already paused");
            }
            _ = RequireRun();
            await _services.Host.PauseAsync(Id, cancellationToken);
            SetUnlocked(_status with { Phase = ContainerPhase.Paused }, Durability.Process, Event("pause"));
        }
    }

    /// <summary>Lets the processes go on.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (_status.Phase != ContainerPhase.Paused)
            {
                throw _status.HasProcess ? new CaissonException(ErrorKind.Conflict, $"container {Id} is not paused") : NotRunning();
            }
            await ResumeUnlockedAsync(cancellationToken);
        }
    }

    private async Task ResumeUnlockedAsync(CancellationToken cancellationToken)
    {
        await _services.Host.ResumeAsync(Id, cancellationToken);
        SetUnlocked(_status with { Phase = ContainerPhase.Running }, Durability.Process, Event("unpause"));
    }

    /// <summary>Ends a run whose checks failed; its end then decides when it runs again.</summary>
    private async Task EndUnhealthyAsync(Run run)
    {
        Signal ask = ParseSignal(_record.Config.StopSignal ?? "SIGTERM");
        int seconds = _record.Config.StopTimeout ?? StopTimeoutSeconds;
        using (await EnterAsync())
        {
            if (_run != run || _status.Phase != ContainerPhase.Running || _status.StoppedByUser)
            {
                return;
            }
            run.EndsUnhealthy = true;
            SendUnlocked(ask);
        }
        if (!await EndsWithinAsync(run, seconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds), CancellationToken.None))
        {
            await KillAndWaitAsync(run, CancellationToken.None);
        }
    }

    private bool SendUnlocked(Signal signal)
    {
        bool sent = _services.Host.TrySignal(Id, (int)signal);
        if (sent)
        {
            _services.Events.Commit(
                Durability.Process, new StateChange(), Event("kill", ("signal", ((int)signal).ToString(CultureInfo.InvariantCulture))));
        }
        return sent;
    }

    private async Task KillAndWaitAsync(Run run, CancellationToken cancellationToken)
    {
        _ = _services.Host.TrySignal(Id, (int)Signal.KILL);
        if (!await EndsWithinAsync(run, KillPatience, cancellationToken))
        {
            throw new CaissonException(
                ErrorKind.Unavailable, $"container {Id}: its first process (pid {run.Process.Pid}) has not ended {KillPatience.TotalSeconds} s after SIGKILL; it hangs in the kernel");
        }
    }

    private async Task<bool> EndsWithinAsync(Run run, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            await run.Recorded.Task.WaitAsync(timeout, _services.Time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static Signal ParseSignal(string text) => SignalNames.TryParse(text, out Signal signal)
        ? signal
        : throw new CaissonException(ErrorKind.InvalidArgument, $"invalid signal: {text}");
}

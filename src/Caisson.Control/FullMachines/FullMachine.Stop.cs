using Caisson.Control.State;
using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    /// <summary>How long an operating system has to shut down when nobody says.</summary>
    public static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan QuitPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    /// <summary>Stops the machine: asks its operating system by the power button, and takes the power away when the time is over.</summary>
    /// <param name="force">Takes the power away at once.</param>
    /// <param name="timeout">How long the operating system has.</param>
    /// <param name="cancellationToken">Stops waiting; the machine may still shut down.</param>
    /// <returns>False when it does not run.</returns>
    public async Task<bool> StopAsync(bool force, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Run run;
        using (await EnterAsync(cancellationToken))
        {
            RequireUsable();
            if (_run is not { } running || !_status.HasProcess)
            {
                if (!_status.StoppedByUser)
                {
                    SetUnlocked(_status with { StoppedByUser = true }, Durability.Power);
                }
                return false;
            }
            run = running;
            run.IsAsked = true;
            SetUnlocked(_status with { StoppedByUser = true }, Durability.Power);
            if (!force)
            {
                force = !TryAskUnlocked(run);
            }
        }
        if (force || !await EndsWithinAsync(run, timeout, cancellationToken))
        {
            await EndAsync(run, cancellationToken);
        }
        return true;
    }

    /// <summary>Starts the machine's operating system anew.</summary>
    /// <param name="force">As the reset button does, without asking it.</param>
    /// <param name="timeout">How long the operating system has; then it is as with <paramref name="force"/>.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task RebootAsync(bool force, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Run run;
        Task reset;
        using (await EnterAsync(cancellationToken))
        {
            RequireUsable();
            run = RequireRun();
            reset = run.Monitor.Expect(told => told.Name == "RESET");
            if (_status.Phase == MachinePhase.Paused)
            {
                run.Monitor.Execute("cont");
                RefreshUnlocked(run, null);
            }
            if (!force)
            {
                AskReboot(run);
            }
        }
        try
        {
            if (!force)
            {
                await reset.WaitAsync(timeout, _services.Time, cancellationToken);
                return;
            }
        }
        catch (TimeoutException)
        {
            // It does not listen to its keyboard.
        }
        run.Monitor.Execute("system_reset");
    }

    /// <summary>Holds the machine where it is.</summary>
    public async Task PauseAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            Run run = RequireRun();
            if (_status.Phase == MachinePhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} is paused already");
            }
            run.Monitor.Execute("stop");
            RefreshUnlocked(run, "");
        }
    }

    /// <summary>Lets a machine that is held go on.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            Run run = RequireRun();
            if (_status.Phase != MachinePhase.Paused)
            {
                throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} is not paused");
            }
            run.Monitor.Execute("cont");
            RefreshUnlocked(run, null);
        }
    }

    /// <summary>Deletes the machine with its disks and snapshots.</summary>
    /// <param name="force">Also when it runs.</param>
    /// <param name="cancellationToken">Gives up before anything is deleted.</param>
    public async Task DeleteAsync(bool force, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (!force && _status.Phase != MachinePhase.Deleting)
            {
                RequireStopped("delete");
            }
            if (_engine.StandingOn(Id) is { Count: > 0 } standing)
            {
                throw new CaissonException(ErrorKind.Conflict, $"delete machine {_record.Name}: linked clones stand on its disks ({string.Join(", ", standing.Select(one => one.Record.Name).Order(StringComparer.Ordinal))}); delete them first");
            }
            await DeleteUnlockedAsync();
        }
    }

    private async Task DeleteUnlockedAsync()
    {
        SetUnlocked(_status with { Phase = MachinePhase.Deleting }, Durability.Power);
        Interlocked.Exchange(ref _replicating, null)?.Cancel();
        Interlocked.Exchange(ref _scheduled, null)?.Cancel();
        Interlocked.Exchange(ref _leasing, null)?.Cancel();
        if (IsLeased)
        {
            ReleaseLease(_record.Replication!);
        }
        Run? run = _run;
        _run = null;
        run?.Monitor.Dispose();
        await GiveBackUnlockedAsync();
        var left = DisconnectUnlocked();
        FullMachineEngine.Delete(DirectoryPath);
        _services.Events.Commit(
            Durability.Power, new StateChange().Delete(RecordKind.Machine, Id).Delete(RecordKind.MachineStatus, Id), [.. left, Event("delete")]);
        _gone = true;
        _engine.Forget(this);
        run?.Recorded.TrySetResult();
    }

    /// <summary>Presses the power button; false when QEMU does not answer.</summary>
    private bool TryAskUnlocked(Run run)
    {
        try
        {
            if (_status.Phase == MachinePhase.Paused)
            {
                run.Monitor.Execute("cont"); // held, it would never see the button
            }
            run.Monitor.Execute("system_powerdown");
            return true;
        }
        catch (Exception error) when (error is CaissonException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Ctrl, Alt and Delete, which operating systems take for the wish to start anew.</summary>
    private static void AskReboot(Run run) => run.Monitor.Execute("send-key", json =>
    {
        json.WriteStartArray("keys");
        foreach (string key in (string[])["ctrl", "alt", "delete"])
        {
            json.WriteStartObject();
            json.WriteString("type", "qcode");
            json.WriteString("data", key);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>Takes the power away: QEMU writes out what it holds and ends, or is killed.</summary>
    private async Task EndAsync(Run run, CancellationToken cancellationToken)
    {
        try
        {
            run.Monitor.Execute("quit");
        }
        catch (Exception error) when (error is CaissonException or ObjectDisposedException)
        {
            // It ended meanwhile, or hangs and is killed.
        }
        if (await EndsWithinAsync(run, QuitPatience, cancellationToken))
        {
            return;
        }
        _ = _services.Host.TrySignal(Id, (int)Signal.KILL);
        if (!await EndsWithinAsync(run, KillPatience, cancellationToken))
        {
            throw new CaissonException(ErrorKind.Unavailable, $"machine {_record.Name}: its QEMU (pid {run.Process.Pid}) has not ended {KillPatience.TotalSeconds} s after SIGKILL; it hangs in the kernel");
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
}

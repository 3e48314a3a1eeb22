using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private CancellationTokenSource? _leasing;

    /// <summary>Whether another engine runs it when this one is gone.</summary>
    private bool IsLeased => _record.Replication is { Term: > 0 };

    /// <summary>Holds the lease of the record from now on, and no other.</summary>
    internal void BeginLease()
    {
        Interlocked.Exchange(ref _leasing, null)?.Cancel();
        if (IsLeased && !_engine.IsStopping && !_gone)
        {
            var over = new CancellationTokenSource();
            _leasing = over;
            _ = HoldLeaseAsync(_record.Replication!, over.Token);
        }
    }

    /// <summary>The engine is stopped by somebody who knows: nobody is to take the machine over for that.</summary>
    internal void LeaveLease()
    {
        if (!IsLeased)
        {
            return;
        }
        Interlocked.Exchange(ref _leasing, null)?.Cancel();
        try
        {
            if (MachineLease.Find(_record.Replication!.Target) is { } lease && IsOurs(lease) && _status.HasProcess)
            {
                (lease with { Beat = lease.Beat + 1, State = LeaseState.Unattended }).Write(_record.Replication.Target);
            }
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"machine {_record.Name}: {error.Message}");
        }
    }

    /// <summary>Takes the next term of the lease in a directory of copies.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: another engine has it.</exception>
    private long TakeLease(string directory)
    {
        MachineLease? now = MachineLease.Find(directory);
        if (now is { State: not LeaseState.Released } && now.Engine != _engine.Identity)
        {
            throw new CaissonException(ErrorKind.Conflict, $"machine {now.Name} is the engine's at {now.Host}, by the lease in {directory}; end it there first (caisson machine replicate --stop {now.Name})");
        }
        long term = (now?.Term ?? 0) + 1;
        return LeaseOf(term, (now?.Beat ?? 0) + 1).TryTake(directory) ? term
            : throw new CaissonException(ErrorKind.Conflict, $"another engine takes the lease in {directory} at this moment; try again");
    }

    private MachineLease LeaseOf(long term, long beat) => new()
    {
        Machine = Id,
        Name = _record.Name,
        Engine = _engine.Identity,
        Host = Environment.MachineName,
        Term = term,
        Beat = beat,
        State = _status.HasProcess || _status.Phase == MachinePhase.Crashed ? LeaseState.Running : LeaseState.Stopped,
    };

    private bool IsOurs(MachineLease lease) => lease.Engine == _engine.Identity && lease.Term == _record.Replication?.Term;

    /// <summary>Refuses to run what another engine runs, or may.</summary>
    private void RequireLease()
    {
        if (_record.TakenOverBy.Length > 0)
        {
            throw new CaissonException(
                ErrorKind.Conflict, $"it was taken over by the engine at {_record.TakenOverBy}; delete it here, or, when it runs there no more, say so first (caisson machine replicate --stop {_record.Name})");
        }
        if (IsLeased && FindFollower(_record.Replication!) is { } follower)
        {
            throw new CaissonException(ErrorKind.Conflict, $"the lease in {_record.Replication!.Target} is that of the engine at {follower.Host} now");
        }
    }

    /// <summary>Who holds the lease after us; null when we do.</summary>
    private static MachineLease? FindFollower(MachineReplication plan) => MachineLease.Find(plan.Target) is { } now && now.Term > plan.Term ? now : null;

    /// <summary>Runs it here as the next holder of a lease that has lapsed.</summary>
    /// <param name="plan">How it was replicated.</param>
    /// <param name="lapsed">The lease.</param>
    internal async Task TakeOverAsync(MachineReplication plan, MachineLease lapsed)
    {
        using (await EnterAsync())
        {
            MachineLease ours = LeaseOf(lapsed.Term + 1, lapsed.Beat + 1) with { State = LeaseState.Running };
            if (!ours.TryTake(plan.Target))
            {
                throw new CaissonException(ErrorKind.Conflict, "another engine was quicker");
            }
            SetUnlocked(_record with { Replication = plan with { Term = ours.Term } }, Event("take-over", ("from", lapsed.Host)));
        }
        BeginReplication();
        BeginLease();
    }

    private async Task HoldLeaseAsync(MachineReplication plan, CancellationToken over)
    {
        long written = _services.Time.GetTimestamp();
        bool isFenced = false;
        try
        {
            while (true)
            {
                try
                {
                    MachineLease? now = MachineLease.Find(plan.Target);
                    if (now?.Term > plan.Term || MachineLease.IsFollowed(plan.Target, plan.Term))
                    {
                        await GiveUpAsync(now?.Term > plan.Term ? now.Host : "another host");
                        return;
                    }
                    MachineLease ours = LeaseOf(plan.Term, (now?.Beat ?? 0) + 1);
                    (isFenced ? ours with { State = LeaseState.Running } : ours).Write(plan.Target);
                    written = _services.Time.GetTimestamp();
                    if (isFenced && !MachineLease.IsFollowed(plan.Target, plan.Term))
                    {
                        isFenced = false;
                        await StartAsync(CancellationToken.None);
                    }
                }
                catch (CaissonException error)
                {
                    _services.Log.Warn($"machine {_record.Name}: {error.Message}");
                    if (_services.Time.GetElapsedTime(written) >= MachineLease.HolderLimit && _status.HasProcess)
                    {
                        // Whoever waits takes it over soon, so it must not run here.
                        isFenced = true;
                        await FenceAsync($"its lease in {plan.Target} could not be renewed: {error.Message}");
                    }
                }
                await Task.Delay(MachineLease.Every, _services.Time, over);
            }
        }
        catch (OperationCanceledException)
        {
            // It is no longer wanted.
        }
    }

    private async Task GiveUpAsync(string where)
    {
        await FenceAsync($"it was taken over by the engine at {where}");
        using (await EnterAsync())
        {
            SetUnlocked(_record with { Replication = null, TakenOverBy = where }, Event("taken-over", ("engine", where)));
        }
        BeginReplication();
    }

    /// <summary>Ends it at once.</summary>
    private async Task FenceAsync(string why)
    {
        _services.Log.Warn($"machine {_record.Name} is ended: {why}");
        try
        {
            await StopAsync(force: true, TimeSpan.Zero, CancellationToken.None);
            using (await EnterAsync())
            {
                SetUnlocked(_status with { Error = why }, Durability.Power);
            }
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"machine {_record.Name}: {error.Message}");
        }
    }

    private void ReleaseLease(MachineReplication plan)
    {
        try
        {
            if (MachineLease.Find(plan.Target) is { } lease && IsOurs(lease))
            {
                (lease with { Beat = lease.Beat + 1, State = LeaseState.Released }).Write(plan.Target);
            }
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"machine {_record.Name}: {error.Message}");
        }
    }
}

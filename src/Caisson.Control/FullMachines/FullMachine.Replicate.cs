using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const int EverySecondsMin = 5;
    private const int KeepMax = 10_000;

    private readonly SemaphoreSlim _copying = new(1, 1);
    private CancellationTokenSource? _replicating;

    /// <summary>Has the machine copied to a directory again and again, or no longer. What was copied stays.</summary>
    /// <param name="wanted">Null ends it.</param>
    /// <param name="isLeased">Another engine takes the machine over when this one is gone.</param>
    /// <param name="cancellationToken">Gives up before anything is done.</param>
    /// <exception cref="CaissonException">The directory is no place for backups of this machine.</exception>
    public async Task SetReplicationAsync(MachineReplication? wanted, bool isLeased, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("replicate");
            if (wanted is not null)
            {
                List<Problem> problems = [];
                Require(wanted.EverySeconds >= EverySecondsMin, "/every", $"at least {EverySecondsMin} seconds");
                Require(wanted.Keep is >= 1 and <= KeepMax, "/keep", $"1 to {KeepMax} points");
                Require(_record.Config.Disks.Count > 0, "/disks", "it has no disk");
                ProblemsException.ThrowIfAny($"replicate {_record.Name}", problems);
                _ = MachineBackupDirectory.OpenOrCreate(wanted.Target, Id);

                void Require(bool holds, string path, string message)
                {
                    if (!holds)
                    {
                        problems.Add(new Problem(path, message));
                    }
                }
            }
            MachineReplication? before = _record.Replication;
            bool isSame = wanted is not null && wanted.Target == before?.Target;
            if (isLeased && wanted is not null)
            {
                wanted = wanted with { Term = isSame && before!.Term > 0 ? before.Term : TakeLease(wanted.Target) };
            }
            if (before is { Term: > 0 } && before.Term != wanted?.Term)
            {
                ReleaseLease(before);
            }
            SetUnlocked(_record with { Replication = wanted, TakenOverBy = "" }, Event(wanted is null ? "replication-end" : "replication-begin"));
            SetUnlocked(_status with { Replicated = isSame ? _status.Replicated : null }, Durability.Process);
        }
        BeginReplication();
        BeginLease();
    }

    /// <summary>Copies the machine now, as its replication says.</summary>
    public async Task<MachineReplicationState> ReplicateAsync(IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        MachineReplication plan = _record.Replication
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {_record.Name} is not replicated; say where to (caisson machine replicate {_record.Name} DIRECTORY)");
        await _copying.WaitAsync(cancellation);
        try
        {
            MachineBackupDirectory before = MachineBackupDirectory.OpenOrCreate(plan.Target, Id);
            if (before.Content.Points is [.., var last] && !HasChangedSince(last.At))
            {
                return await NoteAsync(state => state with { Error = "" });
            }
            bool isFull = before.ChainLength >= plan.Keep;
            MachineBackupPoint point = await BackUpAsync(plan.Target, isFull, progress, cancellation);
            progress.Report(new WorkProgress("verifying"));
            await _engine.RequirePointAsync(plan.Target, point.Name, cancellation);
            MachineBackupDirectory.Open(plan.Target).DropChains(plan.Keep);
            return await NoteAsync(state => state with { Point = point.Name, At = point.At, Bytes = point.Files.Sum(file => file.Bytes), Error = "" });
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException && !cancellation.IsCancellationRequested)
        {
            await NoteAsync(state => state with { Error = error.Message });
            throw error as CaissonException ?? new CaissonException(ErrorKind.Unavailable, $"replicate machine {_record.Name}: {error.Message}", error);
        }
        finally
        {
            _copying.Release();
        }
    }

    /// <summary>Follows the replication of the record from now on, and no other.</summary>
    internal void BeginReplication()
    {
        Interlocked.Exchange(ref _replicating, null)?.Cancel();
        if (_record.Replication is { } plan && !_engine.IsStopping && !_gone)
        {
            var over = new CancellationTokenSource();
            _replicating = over;
            _ = ReplicateForeverAsync(plan, over.Token);
        }
    }

    private async Task ReplicateForeverAsync(MachineReplication plan, CancellationToken over)
    {
        try
        {
            while (!_engine.IsStopping)
            {
                TimeSpan left = _status.Replicated?.TriedAt is { } tried ? tried.AddSeconds(plan.EverySeconds) - _services.Time.GetUtcNow() : TimeSpan.Zero;
                if (left > TimeSpan.Zero)
                {
                    await Task.Delay(left, _services.Time, over);
                }
                try
                {
                    await ReplicateAsync(new Silence(), over);
                }
                catch (CaissonException error)
                {
                    _services.Log.Warn($"replicate machine {_record.Name}: {error.Message}");
                    await Task.Delay(TimeSpan.FromSeconds(EverySecondsMin), _services.Time, over);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is no longer wanted.
        }
    }

    private async Task<MachineReplicationState> NoteAsync(Func<MachineReplicationState, MachineReplicationState> change)
    {
        using (await EnterAsync())
        {
            MachineReplicationState state = change(_status.Replicated ?? new MachineReplicationState()) with { TriedAt = _services.Time.GetUtcNow() };
            SetUnlocked(_status with { Replicated = state }, Durability.Process);
            return state;
        }
    }

    /// <summary>Whether its disks may hold something that they did not at a moment: those of one that runs always may.</summary>
    private bool HasChangedSince(DateTimeOffset at) =>
        _status.HasProcess || FullMachinePlan.SnapshotNodes(_record.Config).Any(node => File.GetLastWriteTimeUtc(FullMachineDisks.PathOf(DisksPath, node)) > at);
}

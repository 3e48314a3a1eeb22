using System.Text.Json;

using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachineEngine
{
    private readonly Dictionary<string, MachineWatch> _watches = [];

    /// <summary>The machines of other engines that this one watches over.</summary>
    public IReadOnlyList<MachineStandbyState> ListStandbys()
    {
        lock (_lock)
        {
            return [.. _watches.Values.Select(watch => watch.State).OrderBy(state => state.Target, StringComparer.Ordinal)];
        }
    }

    /// <summary>Watches over the machine whose copies and lease are in a directory: when its engine is gone, it runs here.</summary>
    /// <param name="standby">Where, and what makes sure that it runs there no more.</param>
    /// <param name="passphrase">Of encrypted disks; empty for none.</param>
    /// <exception cref="CaissonException">There are no copies of a machine, or it is a machine of this engine.</exception>
    public void SetStandby(MachineStandby standby, string passphrase)
    {
        MachineBackup copies = MachineBackupDirectory.Open(standby.Target).Content;
        if (List().FirstOrDefault(machine => machine.Id == copies.MachineId) is { } own)
        {
            throw new CaissonException(ErrorKind.Conflict, $"{standby.Target} has copies of machine {own.Record.Name}, which is here; a standby is another engine's{(own.Record.TakenOverBy.Length > 0 ? $", or delete it here first (caisson machine delete {own.Record.Name})" : "")}");
        }
        if (MachineLease.Find(standby.Target) is null)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"nobody holds the lease in {standby.Target}; begin at the machine's own engine (caisson machine replicate --ha)");
        }
        if (passphrase.Length > 0)
        {
            standby = standby with { Key = Keys.Seal(passphrase) };
        }
        Services.Events.Commit(Durability.Power, new StateChange().Put(RecordKind.MachineStandby, standby.Target, standby, ControlJson.Default.MachineStandby));
        Watch(standby);
    }

    /// <summary>Watches no longer.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: nobody did.</exception>
    public void EndStandby(string target)
    {
        lock (_lock)
        {
            if (!_watches.Remove(target, out MachineWatch? watch))
            {
                throw new CaissonException(ErrorKind.NotFound, $"this engine is no standby for {target}{Spelling.Hint(target, _watches.Keys)}");
            }
            watch.Dispose();
        }
        Services.Events.Commit(Durability.Power, new StateChange().Delete(RecordKind.MachineStandby, target));
    }

    /// <summary>Makes the machine of the last copy, as the holder of its lease.</summary>
    internal async Task<FullMachine> TakeOverAsync(MachineStandby standby, MachineLease lapsed, CancellationToken cancellation)
    {
        if (List().Any(machine => machine.Id == lapsed.Machine))
        {
            throw new CaissonException(ErrorKind.Conflict, $"machine {lapsed.Name} is here already");
        }
        string passphrase = standby.Key.Length > 0 ? Keys.Open(standby.Key) : "";
        MachineReplication plan = MachineBackupDirectory.Open(standby.Target).Find("").Machine.Replication ?? new MachineReplication { Target = standby.Target, EverySeconds = 300, Keep = 24 };
        FullMachine machine = await RestoreBackupAsync(standby.Target, "", "", passphrase, new Silence(), cancellation, lapsed.Machine);
        try
        {
            await machine.TakeOverAsync(plan with { Target = standby.Target }, lapsed);
            return machine;
        }
        catch
        {
            await machine.DeleteAsync(force: true, CancellationToken.None);
            throw;
        }
    }

    /// <summary>The engine is stopped by somebody who knows.</summary>
    internal void LeaveLeases()
    {
        foreach (FullMachine machine in List())
        {
            machine.LeaveLease();
        }
    }

    private void BeginStandbys(IStateStore store)
    {
        foreach (StoredRecord stored in store.List(RecordKind.MachineStandby))
        {
            if (JsonSerializer.Deserialize(stored.Value, ControlJson.Default.MachineStandby) is { } standby)
            {
                Watch(standby);
            }
        }
    }

    private void Watch(MachineStandby standby)
    {
        var watch = new MachineWatch(this, standby);
        lock (_lock)
        {
            if (_watches.Remove(standby.Target, out MachineWatch? before))
            {
                before.Dispose();
            }
            _watches.Add(standby.Target, watch);
        }
        watch.Begin();
    }
}

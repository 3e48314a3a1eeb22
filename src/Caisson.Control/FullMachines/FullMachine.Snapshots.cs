using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <remarks>
/// Snapshots are within the qcow2 files of the disks and of the firmware's variables, the memory in the first of them; each is whole by itself, so any can be gone back to and
/// any deleted, whatever descends from it. The tree is in the record. Of encrypted machines the memory is in a file of its own.
/// </remarks>
public sealed partial class FullMachine
{
    private static readonly TimeSpan SnapshotLimit = TimeSpan.FromMinutes(10);

    /// <summary>Keeps the machine as it is: disks, firmware's variables and, when it runs, memory.</summary>
    /// <param name="name">Unique among its snapshots; empty for one of ours.</param>
    /// <param name="description">What the user says about it.</param>
    /// <param name="cancellationToken">Gives up before anything is done.</param>
    public async Task<MachineSnapshot> CreateSnapshotAsync(string name, string description, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("make a snapshot of");
            name = name.Length > 0 ? name : FreeSnapshotName();
            if (!Workloads.Names.IsValid(name) || name.Length > 60)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"'{name}' is no name for a snapshot: letters, digits, hyphens, dots and underscores, 2 to 60, the first a letter or digit");
            }
            if (_record.Snapshots.Any(other => other.Name == name))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"machine {_record.Name} has a snapshot {name}");
            }
            FullMachineConfig config = _status.Running ?? _record.Config;
            var snapshot = new MachineSnapshot
            {
                Name = name,
                Parent = _record.CurrentSnapshot,
                Created = _services.Time.GetUtcNow(),
                HasMemory = _status.HasProcess,
                Description = description,
                Config = config,
                Networks = _record.Networks,
            };
            if (_status.HasProcess)
            {
                await SaveUnlockedAsync(RequireRun(), config, TagOf(name));
            }
            else
            {
                await EachDiskAsync(config, TagOf(name));
            }
            SetUnlocked(_record with { Snapshots = [.. _record.Snapshots, snapshot], CurrentSnapshot = name }, Event("snapshot", ("snapshot", name)));
            return snapshot;
        }
    }

    /// <summary>Puts the machine back to a snapshot: with memory it runs on from there, without it is stopped.</summary>
    /// <param name="name">The snapshot; empty for the current one.</param>
    /// <param name="paused">With memory, it stays where it is.</param>
    /// <param name="cancellationToken">Gives up before anything is done.</param>
    public async Task RestoreAsync(string name, bool paused, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("put back");
            MachineSnapshot snapshot = FindSnapshot(name);
            FullMachineConfig now = _status.Running ?? _record.Config;
            string[] lost = [.. now.Disks.Concat(_record.Config.Disks).Select(disk => disk.Name).Distinct().Where(disk => snapshot.Config.Disks.All(then => then.Name != disk))];
            if (lost.Length > 0)
            {
                throw new CaissonException(ErrorKind.Conflict, $"put {_record.Name} back to {snapshot.Name}: the snapshot is of before disk {lost[0]} was there; take the disk out first (caisson machine detach)");
            }
            SetUnlocked(_record with { RevertedAt = _services.Time.GetUtcNow() });
            if (_status.HasProcess && snapshot.HasMemory && IsSameShape(now, snapshot.Config) && _run is { } run)
            {
                await GoBackUnlockedAsync(run, snapshot, paused);
            }
            else
            {
                await StartFromUnlockedAsync(snapshot, paused);
            }
            SetUnlocked(_record with { CurrentSnapshot = snapshot.Name }, Event("restore", ("snapshot", snapshot.Name)));
        }
    }

    /// <summary>Forgets a snapshot; those that descend from it stay.</summary>
    public async Task DeleteSnapshotAsync(string name, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireUsable();
            MachineSnapshot snapshot = FindSnapshot(name.Length > 0 ? name : throw new CaissonException(ErrorKind.InvalidArgument, "no snapshot is named"));
            string tag = TagOf(snapshot.Name);
            if (_run is { } run && _status.HasProcess)
            {
                await run.Monitor.RunJobAsync("forget", SnapshotStep("snapshot-delete", "forget", tag, snapshot.Config, withMemory: false), SnapshotLimit);
            }
            else
            {
                foreach (string node in FullMachinePlan.SnapshotNodes(snapshot.Config))
                {
                    await DiskSnapshots.DeleteAsync(FullMachineDisks.PathOf(DisksPath, node), tag, PassphraseOf(node));
                }
            }
            File.Delete(MemoryPath(tag));
            SetUnlocked(
                _record with
                {
                    Snapshots = [.. _record.Snapshots.Where(other => other.Name != snapshot.Name).Select(other => other.Parent == snapshot.Name ? other with { Parent = snapshot.Parent } : other)],
                    CurrentSnapshot = _record.CurrentSnapshot == snapshot.Name ? snapshot.Parent : _record.CurrentSnapshot,
                },
                Event("snapshot-delete", ("snapshot", snapshot.Name)));
        }
    }

    private MachineSnapshot FindSnapshot(string name)
    {
        string wanted = name.Length > 0 ? name : _record.CurrentSnapshot;
        return _record.Snapshots.FirstOrDefault(snapshot => snapshot.Name == wanted)
            ?? throw new CaissonException(
                ErrorKind.NotFound,
                wanted.Length == 0 ? $"machine {_record.Name} has no snapshot to go back to" : $"machine {_record.Name} has no snapshot {wanted}{Spelling.Hint(wanted, _record.Snapshots.Select(one => one.Name))}");
    }

    private string FreeSnapshotName() => Enumerable.Range(1, int.MaxValue).Select(number => $"snapshot{number}").First(name => _record.Snapshots.All(other => other.Name != name));

    /// <summary>What a snapshot is called within disks: never a number, which would be taken for a place in their list.</summary>
    private static string TagOf(string name) => $"s-{name}";

    /// <summary>Whether a QEMU of one can take the memory of the other: what may differ is what can change while it runs.</summary>
    private static bool IsSameShape(FullMachineConfig one, FullMachineConfig other) =>
        one.MemoryBytes == other.MemoryBytes && one.MemoryMaxBytes == other.MemoryMaxBytes && one.Processors == other.Processors && one.ProcessorsMax == other.ProcessorsMax
        && one.CpuModel == other.CpuModel && one.Disks.Select(Place).SequenceEqual(other.Disks.Select(Place)) && one.Interfaces.SequenceEqual(other.Interfaces)
        && one.Drives.Select(drive => drive.Name).SequenceEqual(other.Drives.Select(drive => drive.Name));

    private static (string, string, int, string) Place(FullDisk disk) => (disk.Name, disk.Bus, disk.Port, string.Join(' ', disk.Backing));

    private async Task SaveUnlockedAsync(Run run, FullMachineConfig config, string tag)
    {
        const string Job = "save";
        bool isKept = false;
        try
        {
            if (config.IsEncrypted)
            {
                for (int attempt = 1; !await TryMakeMemoryAsync(run, config, tag, isLast: attempt == DiskImages.StretchAttempts); attempt++)
                {
                }
            }
            QmpStep save = SnapshotStep("snapshot-save", Job, tag, config, withMemory: true);
            try
            {
                await run.Monitor.RunJobAsync(Job, save, SnapshotLimit);
            }
            catch (CaissonException error) when (error.Message.Contains("already exists", StringComparison.Ordinal))
            {
                // Left by an engine that was killed before it was recorded.
                await run.Monitor.RunJobAsync("forget", SnapshotStep("snapshot-delete", "forget", tag, config, withMemory: false), SnapshotLimit);
                await run.Monitor.RunJobAsync(Job, save, SnapshotLimit);
            }
            isKept = true;
        }
        finally
        {
            CloseMemory(run, config);
            if (!isKept)
            {
                File.Delete(MemoryPath(tag));
            }
        }
        RefreshUnlocked(run, null);
    }

    private string MemoryPath(string tag) => $"{DisksPath}/{SnapshotMemory.FileOf(tag)}";

    /// <summary>Makes the file for the memory of an encrypted machine, open in its QEMU.</summary>
    /// <returns>False when it failed by chance.</returns>
    private async Task<bool> TryMakeMemoryAsync(Run run, FullMachineConfig config, string tag, bool isLast)
    {
        CloseMemory(run, config);
        File.Delete(MemoryPath(tag));
        using (Linux.FileDescriptor file = Linux.HostFiles.OpenOrCreate(MemoryPath(tag), 0x180))
        {
            file.ChangeOwner(User, User);
        }
        foreach ((string? job, QmpStep step) in SnapshotMemory.Create(tag, config, DiskImages.StretchMs(_engine.Keys.Open(_record))))
        {
            if (job is null)
            {
                run.Monitor.Execute(step);
            }
            else
            {
                try
                {
                    await run.Monitor.RunJobAsync(job, step, SnapshotLimit);
                }
                catch (CaissonException error) when (DiskImages.IsByChance(error) && !isLast)
                {
                    return false;
                }
            }
        }
        return true;
    }

    private static void CloseMemory(Run run, FullMachineConfig config)
    {
        foreach (string node in config.IsEncrypted ? SnapshotMemory.Nodes : [])
        {
            TryForget(run.Monitor, node);
        }
    }

    /// <summary>Makes a snapshot of each disk of a machine that does not run, or of none.</summary>
    private async Task EachDiskAsync(FullMachineConfig config, string tag)
    {
        List<string> made = [];
        RequireNodes(config);
        try
        {
            foreach (string node in FullMachinePlan.SnapshotNodes(config))
            {
                string path = FullMachineDisks.PathOf(DisksPath, node);
                await DiskSnapshots.CreateAsync(path, tag, PassphraseOf(node));
                made.Add(node);
            }
        }
        catch
        {
            foreach (string node in made)
            {
                await DiskSnapshots.DeleteAsync(FullMachineDisks.PathOf(DisksPath, node), tag, PassphraseOf(node));
            }
            throw;
        }
    }

    /// <summary>The QEMU that runs takes the snapshot's disks and memory.</summary>
    private async Task GoBackUnlockedAsync(Run run, MachineSnapshot snapshot, bool paused)
    {
        SetUnlocked(_status with { Restoring = snapshot.Name, RestoringPaused = paused }, State.Durability.Process);
        try
        {
            run.Monitor.Execute("stop");
            await LoadUnlockedAsync(run, TagOf(snapshot.Name));
            if (!paused)
            {
                run.Monitor.Execute("cont");
            }
        }
        catch (CaissonException)
        {
            // Half of it is the past and half the present: it must not go on.
            run.IsAsked = true;
            _ = _services.Host.TrySignal(Id, (int)Linux.Signal.KILL);
            throw;
        }
        SetUnlocked(_record with { Config = snapshot.Config, Networks = snapshot.Networks });
        SetUnlocked(_status with { Running = snapshot.Config, MemoryBytes = 0, Restoring = "", RestoringPaused = false }, State.Durability.Process);
        RefreshUnlocked(run, "");
    }

    /// <summary>The machine gets the hardware it had then; with memory a new QEMU takes it, without its disks are put back.</summary>
    private async Task StartFromUnlockedAsync(MachineSnapshot snapshot, bool paused)
    {
        string tag = TagOf(snapshot.Name);
        if (_run is { } run && _status.HasProcess)
        {
            run.IsAsked = true;
            _run = null; // its end is recorded here
            run.Monitor.Dispose();
            await GiveBackUnlockedAsync();
            var left = DisconnectUnlocked();
            SetUnlocked(_status with { Phase = MachinePhase.Stopped, Pid = 0, FinishedAt = _services.Time.GetUtcNow(), Endpoints = [], MemoryBytes = 0, Running = null }, State.Durability.Process, left);
            run.Recorded.TrySetResult();
        }
        if (!snapshot.HasMemory)
        {
            foreach (string node in FullMachinePlan.SnapshotNodes(snapshot.Config))
            {
                await DiskSnapshots.ApplyAsync(FullMachineDisks.PathOf(DisksPath, node), tag, PassphraseOf(node));
            }
        }
        SetUnlocked(_record with { Config = snapshot.Config, Networks = snapshot.Networks });
        if (snapshot.HasMemory)
        {
            await LaunchUnlockedAsync(tag, 0, paused);
        }
        else
        {
            SetUnlocked(_status with { Phase = MachinePhase.Stopped, Error = "" }, State.Durability.Process);
        }
    }

    private async Task LoadUnlockedAsync(Run run, string tag)
    {
        FullMachineConfig config = _record.Snapshots.First(snapshot => TagOf(snapshot.Name) == tag).Config;
        if (config.IsEncrypted)
        {
            CloseMemory(run, config);
            run.Monitor.Execute(SnapshotMemory.Open(tag));
        }
        await run.Monitor.RunJobAsync("load", SnapshotStep("snapshot-load", "load", tag, config, withMemory: true), SnapshotLimit);
        CloseMemory(run, config);
    }

    private void RequireNodes(FullMachineConfig config)
    {
        if (FullMachinePlan.SnapshotNodes(config).IsEmpty)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {_record.Name} has no disk that could keep a snapshot; attach one (caisson machine attach {_record.Name} --disk 4g)");
        }
    }

    private QmpStep SnapshotStep(string command, string job, string tag, FullMachineConfig config, bool withMemory)
    {
        RequireNodes(config);
        bool isApart = withMemory && config.IsEncrypted;
        string[] nodes = [.. FullMachinePlan.SnapshotNodes(config), .. isApart ? [SnapshotMemory.Node] : (string[])[]];
        return QmpStep.Of(command, json =>
        {
            json.WriteString("job-id", job);
            json.WriteString("tag", tag);
            if (withMemory)
            {
                json.WriteString("vmstate", isApart ? SnapshotMemory.Node : nodes[0]);
            }
            json.WriteStartArray("devices");
            foreach (string node in nodes)
            {
                json.WriteStringValue(node);
            }
            json.WriteEndArray();
        });
    }
}

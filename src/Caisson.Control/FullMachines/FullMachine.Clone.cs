using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const string CopyPrefix = "copy-";

    /// <summary>Makes another machine with what this one holds; it does not run, and has addresses of its own.</summary>
    /// <param name="name">The new one; empty for one of ours.</param>
    /// <param name="linked">Its disks stand on this one's, which must be a template.</param>
    /// <param name="cancellationToken">Abandons it; nothing is left.</param>
    public async Task<FullMachine> CloneAsync(string name, bool linked, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireUsable();
            if (linked && !_record.IsTemplate)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"clone {_record.Name}: a linked clone stands on disks that never change; make it a template first (caisson machine template {_record.Name}), or clone it in full");
            }
            FullMachineRecord source = _record;
            return await _engine.MakeAsync(
                name,
                (id, given, block) => source with
                {
                    Id = id,
                    Name = given,
                    Created = _services.Time.GetUtcNow(),
                    IdBlock = block,
                    Autostart = false,
                    IsTemplate = false,
                    ClonedFrom = source.Name,
                    Ports = null,
                    Replication = null,
                    Snapshots = [],
                    CurrentSnapshot = "",
                    Networks = [.. source.Networks.Select(network => network with { HardwareAddress = FullMachineEngine.NewHardwareAddress(), IPv4 = "", IPv6 = "" })],
                },
                async (record, directory) =>
                {
                    FullMachineDisks.CopyFiles($"{DirectoryPath}/boot", $"{directory}/boot");
                    FullMachineSeed.Copy(source, DirectoryPath, record, directory);
                    if (_status.HasProcess)
                    {
                        await CopyRunningUnlockedAsync($"{directory}/disks", cancellationToken);
                    }
                    else
                    {
                        await CopyStoppedAsync(record, $"{directory}/disks", linked, cancellationToken);
                    }
                    return record with
                    {
                        Config = record.Config with
                        {
                            Disks = [.. record.Config.Disks.Select(disk => disk with { Backing = linked ? [$"{source.Id}/{disk.Name}", .. disk.Backing] : [] })],
                        },
                    };
                },
                cancellationToken);
        }
    }

    /// <summary>Makes the machine what others are cloned from: it never runs or changes again, until it is taken back.</summary>
    /// <param name="undo">Makes it a machine again.</param>
    /// <param name="cancellationToken">Gives up before anything is done.</param>
    public async Task MakeTemplateAsync(bool undo, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireUsable();
            RequireStopped("make a template of");
            if (undo && _engine.StandingOn(Id) is { Count: > 0 } standing)
            {
                throw new CaissonException(ErrorKind.Conflict, $"{_record.Name} stays a template: linked clones stand on its disks ({string.Join(", ", standing.Select(one => one.Record.Name).Order(StringComparer.Ordinal))})");
            }
            if (undo)
            {
                FullMachineDisks.Own(DirectoryPath, User);
            }
            else
            {
                FullMachineDisks.Publish(DirectoryPath);
            }
            SetUnlocked(_record with { IsTemplate = !undo }, Event("template"));
        }
    }

    /// <summary>Gives the machine another name, at once also in its networks.</summary>
    public async Task RenameAsync(string name, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireUsable();
            string old = _record.Name;
            _ = _engine.Reserve(name.Length > 0 ? name : throw new CaissonException(ErrorKind.InvalidArgument, "no name is given"), Id);
            try
            {
                SetUnlocked(_record with { Name = name }, Event("rename", ("oldName", old)));
            }
            catch
            {
                _engine.Release(name);
                throw;
            }
            _engine.Release(old);
            if (_status.Endpoints.Count > 0)
            {
                EndpointRecord[] endpoints = [.. _status.Endpoints.Select(endpoint => endpoint with { Name = name, Aliases = [.. endpoint.Aliases.Where(alias => alias != old)] })];
                foreach (EndpointRecord endpoint in endpoints)
                {
                    _services.Networks.Rename(endpoint);
                }
                SetUnlocked(_status with { Endpoints = endpoints }, State.Durability.Process);
            }
        }
    }

    /// <summary>A disk of this machine with all that is below it.</summary>
    public DiskNode NodeOf(FullDisk disk)
    {
        DiskNode? below = null;
        foreach (string name in disk.Backing.Reverse())
        {
            string[] parts = name.Split('/');
            below = new DiskNode(FullMachineDisks.PathOf($"{_engine.DirectoryOf(parts[0])}/disks", parts[1]), DiskFormat.Qcow2) { Backing = below, IsEncrypted = _record.Config.IsEncrypted };
        }
        return new DiskNode(FullMachineDisks.PathOf(DisksPath, disk.Name), DiskFormat.Qcow2) { Backing = below, IsEncrypted = _record.Config.IsEncrypted };
    }

    private async Task CopyStoppedAsync(FullMachineRecord record, string directory, bool linked, CancellationToken cancellationToken)
    {
        uint user = FullMachineEngine.UserOf(record.IdBlock);
        string? passphrase = _engine.Keys.Open(_record);
        foreach (FullDisk disk in _record.Config.Disks)
        {
            string path = FullMachineDisks.PathOf(directory, disk.Name);
            if (linked)
            {
                await DiskImages.CreateOverlayAsync(path, NodeOf(disk), $"../../{Id}/disks/{disk.Name}.qcow2", disk.Bytes, user, passphrase, cancellationToken);
            }
            else
            {
                await DiskImages.ConvertAsync(NodeOf(disk), path, new DiskConversion { Format = DiskFormat.Qcow2, Owner = user, Passphrase = passphrase, SourcePassphrase = passphrase }, null, cancellationToken);
            }
        }
        if (_record.Config.Firmware == MachineFirmware.Uefi)
        {
            await DiskImages.ConvertAsync(
                new DiskNode(FullMachineDisks.PathOf(DisksPath, FullMachinePlan.Variables), DiskFormat.Qcow2), FullMachineDisks.PathOf(directory, FullMachinePlan.Variables),
                new DiskConversion { Format = DiskFormat.Qcow2, Owner = user }, null, cancellationToken);
        }
    }

    /// <summary>Has QEMU copy all disks as they are at one moment, while the machine goes on.</summary>
    private async Task CopyRunningUnlockedAsync(string directory, CancellationToken cancellationToken)
    {
        MachineMonitor monitor = RequireRun().Monitor;
        FullMachineConfig config = _status.Running ?? _record.Config;
        List<(string Node, string Copy)> copies = [];
        try
        {
            foreach (string node in FullMachinePlan.SnapshotNodes(config))
            {
                string copy = CopyPrefix + node;
                string path = FullMachineDisks.PathOf(DisksPath, copy);
                File.Delete(path);
                long bytes = DiskHeader.Read(FullMachineDisks.PathOf(DisksPath, node), DiskFormat.Qcow2).VirtualBytes;
                await DiskImages.CreateAsync(path, DiskFormat.Qcow2, bytes, User, PassphraseOf(node), cancellationToken);
                copies.Add((node, copy));
                monitor.Execute(FullMachinePlan.Open(copy, PassphraseOf(node) is not null));
            }
            await monitor.RunTransactionAsync([.. copies.Select(copy => (copy.Copy, FullMachinePlan.Backup(copy.Node, copy.Copy)))], TimeSpan.FromHours(1));
            foreach ((string node, string copy) in copies)
            {
                monitor.Execute("blockdev-del", json => json.WriteString("node-name", copy));
                File.Move(FullMachineDisks.PathOf(DisksPath, copy), FullMachineDisks.PathOf(directory, node));
            }
        }
        catch
        {
            foreach ((_, string copy) in copies)
            {
                TryForget(monitor, copy);
                File.Delete(FullMachineDisks.PathOf(DisksPath, copy));
            }
            throw;
        }
    }

    private static void TryForget(MachineMonitor monitor, string node)
    {
        try
        {
            monitor.Execute("blockdev-del", json => json.WriteString("node-name", node));
        }
        catch (CaissonException)
        {
            // It was not opened yet.
        }
    }
}

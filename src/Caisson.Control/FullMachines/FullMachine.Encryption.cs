using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const string RewrittenPrefix = "next-";

    /// <summary>The passphrase of its disks, which nothing else tells.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: they are not encrypted.</exception>
    public string ReadPassphrase() => _engine.Keys.Open(_record)
        ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"the disks of machine {_record.Name} are not encrypted");

    /// <summary>The passphrase of a node; null for one that is not encrypted, as the firmware's variables never are.</summary>
    private string? PassphraseOf(string node) => node == FullMachinePlan.Variables ? null : _engine.Keys.Open(_record);

    /// <summary>Writes all disks anew, encrypted or no longer. The record says which files hold: when it is committed, the new ones are the machine's.</summary>
    private async Task<FullMachineConfig> RewriteUnlockedAsync(FullMachineConfig config, bool encrypt, string passphrase, CancellationToken cancellation)
    {
        string what = $"{(encrypt ? "encrypt" : "decrypt")} the disks of {_record.Name}";
        RequireStopped(what);
        if (_record.Snapshots.Count > 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"{what}: it has snapshots, which are in the disks and would be lost; delete them first");
        }
        if (config.Disks.Count == 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"{what}: it has no disk");
        }
        string? before = _engine.Keys.Open(_record);
        FullMachineRecord after = _record with
        {
            Key = encrypt ? _engine.Keys.Seal(passphrase) : "",
            Config = config with { IsEncrypted = encrypt, Disks = [.. config.Disks.Select(disk => disk with { Backing = [] })] },
        };
        try
        {
            foreach (FullDisk disk in config.Disks)
            {
                var conversion = new DiskConversion { Format = DiskFormat.Qcow2, Owner = User, Passphrase = _engine.Keys.Open(after), SourcePassphrase = before };
                await DiskImages.ConvertAsync(NodeOf(disk), FullMachineDisks.PathOf(DisksPath, RewrittenPrefix + disk.Name), conversion, null, cancellation);
            }
            SetUnlocked(after);
        }
        finally
        {
            CompleteRewriteUnlocked();
        }
        return after.Config;
    }

    /// <summary>Files that were written anew become the disks when they are as the record says, and are deleted when they are not.</summary>
    private void CompleteRewriteUnlocked()
    {
        foreach (FullDisk disk in _record.Config.Disks)
        {
            string next = FullMachineDisks.PathOf(DisksPath, RewrittenPrefix + disk.Name);
            if (!File.Exists(next))
            {
                continue;
            }
            bool isEncrypted = DiskHeader.Read(next, DiskFormat.Qcow2).Encryption is not null;
            if (isEncrypted == _record.Config.IsEncrypted)
            {
                File.Move(next, FullMachineDisks.PathOf(DisksPath, disk.Name), overwrite: true);
            }
            else
            {
                File.Delete(next);
            }
        }
    }
}

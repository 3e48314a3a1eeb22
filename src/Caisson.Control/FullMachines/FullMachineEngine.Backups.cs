using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachineEngine
{
    /// <summary>Checks a point of a backup, and all that it lies over, against its digests.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="point">Its name; empty for the last.</param>
    /// <param name="passphrase">Of its disks; empty where this engine knows it, or they are not encrypted.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>The point's name.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Internal"/>: something is missing or was changed; says what.</exception>
    public async Task<string> VerifyBackupAsync(string path, string point, string passphrase, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        MachineBackupDirectory directory = MachineBackupDirectory.Open(path);
        MachineBackupPoint found = directory.Find(point);
        await RequireWholeAsync(directory, found, progress, cancellation);
        string? opens = PassphraseOf(found, passphrase);
        foreach (MachineBackupFile file in found.Files)
        {
            DiskNode node = directory.NodeOf(file, IsEncrypted(found, file));
            if (!(await DiskImages.CheckAsync(node, node.IsEncrypted ? opens : null, cancellation)).IsWhole)
            {
                throw new CaissonException(ErrorKind.Internal, $"the backup {path} is damaged: {file.File} contradicts itself");
            }
        }
        return found.Name;
    }

    /// <summary>Makes a machine of a point of a backup.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="point">Its name; empty for the last.</param>
    /// <param name="name">The machine's name; empty for the one it had.</param>
    /// <param name="passphrase">Of its disks; empty where this engine knows it, or they are not encrypted.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <param name="id">The id that it keeps; null for a machine beside the one that it was.</param>
    public async Task<FullMachine> RestoreBackupAsync(
        string path, string point, string name, string passphrase, IProgress<WorkProgress> progress, CancellationToken cancellation, string? id = null)
    {
        MachineBackupDirectory directory = MachineBackupDirectory.Open(path);
        MachineBackupPoint found = directory.Find(point);
        await RequireWholeAsync(directory, found, progress, cancellation);
        FullMachineRecord then = found.Machine;
        string? opens = PassphraseOf(found, passphrase);
        bool isTwin = List().Any(machine => machine.Id == then.Id);
        List<NetworkAttachment> networks = [];
        foreach (NetworkAttachment network in then.Networks)
        {
            // A machine beside the one that it was is another one to its networks.
            networks.Add(network with
            {
                NetworkId = Services.Networks.Find(network.NetworkName).Id,
                HardwareAddress = isTwin ? NewHardwareAddress() : network.HardwareAddress,
                IPv4 = isTwin ? "" : network.IPv4,
                IPv6 = isTwin ? "" : network.IPv6,
            });
        }
        if (then.Config.HasKernel || then.Config.Tpm)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"a machine with {(then.Config.Tpm ? "a TPM" : "a kernel of its own")} is not made of a backup; its disks are in {path} and can be given to a new one (caisson machine create --disk)");
        }
        FullMachineConfig config = then.Config with
        {
            Disks = [.. then.Config.Disks.Select(disk => disk with { Backing = [] })],
            Drives = [.. then.Config.Drives.Select(drive => drive with { Path = "" })],
            HasSeed = false,
        };
        return await MakeAsync(
            name.Length > 0 ? name : then.Name,
            (made, chosen, block) => then with
            {
                Id = made,
                Name = chosen,
                IdBlock = block,
                Created = Services.Time.GetUtcNow(),
                Config = config,
                Networks = networks,
                Snapshots = [],
                CurrentSnapshot = "",
                IsTemplate = false,
                Ports = isTwin ? null : then.Ports,
                Key = opens is null ? "" : Keys.Seal(opens),
                Replication = null,
            },
            async (record, target) =>
            {
                foreach (MachineBackupFile file in found.Files)
                {
                    DiskNode node = directory.NodeOf(file, IsEncrypted(found, file));
                    string? secret = node.IsEncrypted ? opens : null;
                    await DiskImages.ConvertAsync(
                        node, FullMachineDisks.PathOf($"{target}/disks", file.Disk), new DiskConversion { Format = DiskFormat.Qcow2, Passphrase = secret, SourcePassphrase = secret }, new Told(progress, $"writing {file.Disk}"), cancellation);
                }
                return record;
            },
            cancellation,
            id);
    }

    /// <summary>Checks the files that one point has of its own: read again, they are what was written, and no file contradicts itself.</summary>
    internal async Task RequirePointAsync(string path, string point, CancellationToken cancellation)
    {
        MachineBackupDirectory directory = MachineBackupDirectory.Open(path);
        MachineBackupPoint found = directory.Find(point);
        string? opens = PassphraseOf(found, "");
        foreach (MachineBackupFile file in found.Files)
        {
            DiskNode node = new(directory.PathOf(file.File), DiskFormat.Qcow2) { IsEncrypted = IsEncrypted(found, file) };
            if (!await directory.IsWholeAsync(file, cancellation) || !(await DiskImages.CheckAsync(node, node.IsEncrypted ? opens : null, cancellation)).IsWhole)
            {
                throw new CaissonException(ErrorKind.Internal, $"the copy {path} is damaged: {file.File} is not what was written");
            }
        }
    }

    private static bool IsEncrypted(MachineBackupPoint point, MachineBackupFile file) => point.Machine.Config.IsEncrypted && file.Disk != FullMachinePlan.Variables;

    /// <summary>What opens the disks of a point: what was given, or what this engine sealed; null when they are not encrypted.</summary>
    private string? PassphraseOf(MachineBackupPoint point, string given)
    {
        if (!point.Machine.Config.IsEncrypted || given.Length > 0)
        {
            return point.Machine.Config.IsEncrypted ? given : null;
        }
        try
        {
            return Keys.Open(point.Machine);
        }
        catch (CaissonException error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"the backup of {point.Machine.Name} is encrypted, and another engine has its passphrase; give it (--passphrase-file, as caisson machine passphrase prints it there)", error);
        }
    }

    private static async Task RequireWholeAsync(MachineBackupDirectory directory, MachineBackupPoint point, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        IReadOnlyList<string> wrong = await directory.VerifyAsync(point, new Told(progress, "checking digests"), cancellation);
        if (wrong.Count > 0)
        {
            throw new CaissonException(ErrorKind.Internal, $"the backup {directory.Path} is damaged: {string.Join("; ", wrong)}; restore another point");
        }
    }
}

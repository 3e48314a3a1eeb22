using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachineEngine
{
    /// <summary>Checks a point of a backup, and all that it lies over, against its digests.</summary>
    /// <returns>The point's name.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Internal"/>: something is missing or was changed; says what.</exception>
    public static async Task<string> VerifyBackupAsync(string path, string point, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        MachineBackupDirectory directory = MachineBackupDirectory.Open(path);
        MachineBackupPoint found = directory.Find(point);
        await RequireWholeAsync(directory, found, progress, cancellation);
        foreach (MachineBackupFile file in found.Files)
        {
            if (!(await DiskImages.CheckAsync(directory.NodeOf(file), null, cancellation)).IsWhole)
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
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public async Task<FullMachine> RestoreBackupAsync(string path, string point, string name, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        MachineBackupDirectory directory = MachineBackupDirectory.Open(path);
        MachineBackupPoint found = directory.Find(point);
        await RequireWholeAsync(directory, found, progress, cancellation);
        FullMachineRecord then = found.Machine;
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
            (id, chosen, block) => then with
            {
                Id = id,
                Name = chosen,
                IdBlock = block,
                Created = Services.Time.GetUtcNow(),
                Config = config,
                Networks = networks,
                Snapshots = [],
                CurrentSnapshot = "",
                IsTemplate = false,
                Ports = isTwin ? null : then.Ports,
            },
            async (record, target) =>
            {
                foreach (MachineBackupFile file in found.Files)
                {
                    await DiskImages.ConvertAsync(
                        directory.NodeOf(file), FullMachineDisks.PathOf($"{target}/disks", file.Disk), new DiskConversion { Format = DiskFormat.Qcow2 }, new Told(progress, $"writing {file.Disk}"), cancellation);
                }
                return record;
            },
            cancellation);
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

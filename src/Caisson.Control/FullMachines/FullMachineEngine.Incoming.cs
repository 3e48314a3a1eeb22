using Caisson.Control.FullMachines.Migration;
using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachineEngine
{
    private const int FilesBytesMax = 600 << 20;

    /// <summary>Receives a machine from another engine; it runs here when this returns, or nothing of it is left.</summary>
    /// <param name="control">To the other engine.</param>
    /// <param name="gone">The other side is gone.</param>
    public async Task ReceiveAsync(Stream control, CancellationToken gone)
    {
        FullMachine? machine = null;
        try
        {
            MigrationOffer offer = await MigrationWire.ReceiveAsync(control, MigrationJson.Default.MigrationOffer, gone)
                ?? throw new CaissonException(ErrorKind.InvalidArgument, "no machine was offered");
            FullMachineRecord asked = Check(offer);
            machine = await MakeAsync(
                asked.Name,
                (_, name, block) => asked with { Name = name, IdBlock = block },
                async (record, directory) =>
                {
                    foreach (MigrationFile file in offer.Files)
                    {
                        byte[] content = new byte[file.Bytes];
                        await control.ReadExactlyAsync(content, gone);
                        await File.WriteAllBytesAsync($"{directory}/{file.Name}", content, gone);
                        File.SetUnixFileMode($"{directory}/{file.Name}", (UnixFileMode)0x1a4);
                    }
                    foreach (FullDisk disk in record.Config.Disks)
                    {
                        await DiskImages.CreateAsync(FullMachineDisks.PathOf($"{directory}/disks", disk.Name), DiskFormat.Qcow2, disk.Bytes, UserOf(record.IdBlock), Keys.Open(record), gone);
                    }
                    return record;
                },
                gone, asked.Id, new FullMachineStatus { Phase = MachinePhase.Arriving, Addresses = AddressesOf(asked, offer.Addresses) });
            await machine.ArriveAsync(control, offer, gone);
        }
        catch (Exception error) when (error is CaissonException or IOException or OperationCanceledException)
        {
            if (machine is not null)
            {
                await machine.DeleteAsync(force: true, CancellationToken.None);
            }
            Services.Log.Warn($"receive a machine: {error.Message}");
            try
            {
                await MigrationWire.SendAsync(control, new MigrationWord { Say = "error", Text = error.Message }, MigrationJson.Default.MigrationWord, CancellationToken.None);
            }
            catch (Exception lost) when (lost is IOException or OperationCanceledException or InvalidOperationException)
            {
                // Nobody is there to hear it.
            }
        }
    }

    /// <summary>Addresses that it had where it comes from, by hardware address, so that it gets them here, too.</summary>
    private static Dictionary<string, string> AddressesOf(FullMachineRecord machine, IReadOnlyList<string> addresses) => machine.Networks
        .Zip(addresses, (network, address) => (network.HardwareAddress, address))
        .Where(pair => pair.address.Length > 0)
        .DistinctBy(pair => pair.HardwareAddress)
        .ToDictionary(pair => pair.HardwareAddress, pair => pair.address);

    /// <summary>What another engine says is a client's wish like any other.</summary>
    private FullMachineRecord Check(MigrationOffer offer)
    {
        FullMachineRecord machine = offer.Machine;
        if (offer.Version != MigrationOffer.CurrentVersion)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"that engine speaks version {offer.Version} of a migration and this one {MigrationOffer.CurrentVersion}; use one version of Caisson on both");
        }
        if (machine.Id.Length != 64 || !machine.Id.All(char.IsAsciiHexDigitLower))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the machine's id is none");
        }
        lock (_lock)
        {
            if (_byId.ContainsKey(machine.Id) || Directory.Exists(DirectoryOf(machine.Id)))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"the machine {machine.Name} is here already");
            }
        }
        if (offer.Files.Any(file => file.Name is not ("boot/kernel" or "boot/initrd") && file.Name != $"disks/{FullMachinePlan.SeedName}") || offer.Files.Any(file => file.Bytes < 0) || offer.Files.Sum(file => (long)file.Bytes) > FilesBytesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "files go along that are none of a machine");
        }
        List<Problem> problems = [];
        FullMachineConfig config = machine.Config with { Disks = [.. machine.Config.Disks.Select(disk => disk with { Backing = [] })], Drives = [.. machine.Config.Drives.Select(drive => drive with { Path = "" })] };
        _ = FullMachinePlan.Compile(machine.Id, machine.Name, config, ReadFacts(), problems);
        List<NetworkAttachment> networks = [];
        foreach (NetworkAttachment network in machine.Networks)
        {
            networks.Add(network with { NetworkId = Services.Networks.Find(network.NetworkName).Id });
        }
        if (networks.Count != config.Interfaces.Count)
        {
            problems.Add(new Problem("/interfaces", "interfaces and networks do not fit"));
        }
        ProblemsException.ThrowIfAny($"machine {machine.Name}", problems);
        return machine with { Replication = null, Key = config.IsEncrypted ? Keys.Seal(offer.Passphrase) : "", Config = config, Networks = networks, Snapshots = [], CurrentSnapshot = "", IsTemplate = false };
    }
}

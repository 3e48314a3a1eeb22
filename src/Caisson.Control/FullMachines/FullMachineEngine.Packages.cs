using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Machines.Bootstrap;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;
using Caisson.Machines.Ovf;

namespace Caisson.Control.FullMachines;

/// <summary>How far a long work is.</summary>
/// <param name="Text">What is done, for people.</param>
/// <param name="Part">The part that is done, 0 to 1; negative when nobody knows.</param>
public readonly record struct WorkProgress(string Text, double Part = -1);

/// <summary>Nobody is told.</summary>
internal sealed class Silence : IProgress<WorkProgress>
{
    public void Report(WorkProgress value)
    {
    }
}

public sealed partial class FullMachineEngine
{
    /// <summary>Disks that machines are made of.</summary>
    public string SourcesDirectory => $"{Services.Root}/machines/sources";

    private string WorkDirectory
    {
        get
        {
            string path = $"{Services.Root}/machines/work";
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return path;
        }
    }

    /// <summary>Makes a disk with Debian out of its packages.</summary>
    /// <param name="config">What it is made of.</param>
    /// <param name="path">The host path; empty for one of ours.</param>
    /// <param name="replace">Whether a file that is there is replaced.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <returns>The host path.</returns>
    public async Task<string> BootstrapAsync(DebianMachineConfig config, string path, bool replace, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        if (path.Length == 0)
        {
            Directory.CreateDirectory(SourcesDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            path = $"{SourcesDirectory}/debian-{config.Suite}.qcow2";
        }
        RequireNew(path, replace);
        string next = $"{path}.new";
        File.Delete(next);
        await DebianMachine.MakeAsync(config, next, WorkDirectory, line => progress.Report(new WorkProgress(line)), cancellation);
        File.Move(next, path, overwrite: true);
        return path;
    }

    /// <summary>Writes a stopped machine for others: as an OVA archive, or its first disk alone in another format.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="path">The host path, which does not exist.</param>
    /// <param name="decrypt">What is encrypted may be written readable.</param>
    /// <param name="format"><c>ova</c>, or a disk's: <c>vmdk</c>, <c>vhd</c>, <c>vhdx</c>, <c>raw</c>, <c>qcow2</c>.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public Task ExportAsync(FullMachine machine, string path, string format, bool decrypt, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        RequireNew(path, replace: false);
        return machine.RunStoppedAsync("export", async record =>
        {
            DiskNode[] disks = [.. record.Config.Disks.Select(disk => machine.NodeOf(disk))];
            if (disks.Length == 0)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {record.Name} has no disk to export");
            }
            if (record.Config.IsEncrypted && !decrypt)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"export {record.Name}: its disks are encrypted, and what is exported is not; say --decrypt, or back it up (caisson machine backup), which keeps them encrypted");
            }
            string? passphrase = Keys.Open(record);
            var told = new Told(progress, $"writing {Path.GetFileName(path)}");
            if (format == "ova")
            {
                await OvfPackage.ExportAsync(
                    new OvfMachine
                    {
                        Name = record.Name,
                        Description = record.Description,
                        Processors = record.Config.Processors,
                        MemoryBytes = record.Config.MemoryBytes,
                        IsUefi = record.Config.Firmware == MachineFirmware.Uefi,
                        Interfaces = [.. record.Networks.Select(network => new OvfInterface(network.NetworkName, "VmxNet3", network.HardwareAddress))],
                    },
                    disks, passphrase, path, WorkDirectory, told, cancellation);
                return;
            }
            DiskFormat kind = DiskFormats.Parse(format);
            await DiskImages.ConvertAsync(disks[0], path, new DiskConversion { Format = kind, IsCompressed = kind == DiskFormat.Vmdk, SourcePassphrase = passphrase }, told, cancellation);
        }, cancellation);
    }

    /// <summary>Makes a machine of a package of another hypervisor, or of a disk of any format that is read.</summary>
    /// <param name="path">The host path: <c>.ova</c>, <c>.ovf</c> or a disk.</param>
    /// <param name="name">Its name; empty for the package's.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <returns>The machine, which does not run, and what of the package it does not have.</returns>
    public async Task<(FullMachine Machine, IReadOnlyList<string> Notes)> ImportAsync(string path, string name, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        var told = new Told(progress, $"reading {Path.GetFileName(path)}");
        string work = $"{WorkDirectory}/import-{Guid.NewGuid():n}";
        Directory.CreateDirectory(work, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            OvfMachine found = Path.GetExtension(path).ToLowerInvariant() is ".ova" or ".ovf"
                ? await OvfPackage.ImportAsync(path, DiskPath, 0, work, told, cancellation)
                : await ImportDiskAsync(path, DiskPath(0), told, cancellation);
            string chosen = name.Length > 0 ? name : PlainName(found.Name);
            var asked = new FullMachineCreate
            {
                Name = chosen,
                Memory = Math.Max(found.MemoryBytes & -FullMachinePlan.MemoryStepBytes, FullMachinePlan.MemoryBytesMin),
                Processors = found.Processors,
                Firmware = found.IsUefi ? "uefi" : "bios",
                Description = found.Description,
                Networks = [.. found.Interfaces.Select(_ => new MachineNetworkRequest())],
            };
            FullMachine machine = await MakeOfDisksAsync(asked, [.. found.Disks.Select((_, i) => DiskPath(i))], cancellation);
            return (machine, found.Notes);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }

        string DiskPath(int number) => $"{work}/disk{number}.qcow2";
    }

    /// <summary>Makes a machine whose disks are files of ours, which are moved to it.</summary>
    internal async Task<FullMachine> MakeOfDisksAsync(FullMachineCreate asked, IReadOnlyList<string> disks, CancellationToken cancellation)
    {
        List<Problem> problems = [];
        long[] sizes = [.. disks.Select(disk => DiskHeader.Read(disk, DiskFormat.Qcow2).VirtualBytes)];
        (FullMachineConfig config, IReadOnlyList<NetworkAttachment> networks) = FullMachineRequest.Read(
            asked with { Disks = [.. sizes.Select(bytes => new MachineDiskRequest { Bytes = bytes })] }, MemoryBytes, Services.Networks, problems);
        ProblemsException.ThrowIfAny("import machine", problems);
        FullMachineFacts facts = ReadFacts();
        return await MakeAsync(
            asked.Name,
            (id, chosen, block) => new FullMachineRecord
            {
                Id = id,
                Name = chosen,
                Created = Services.Time.GetUtcNow(),
                Config = config,
                Networks = networks,
                IdBlock = block,
                RestartPolicy = FullMachineRequest.RestartPolicy(asked.RestartPolicy),
                Description = asked.Description,
            },
            (record, directory) =>
            {
                _ = FullMachinePlan.Compile(record.Id, record.Name, config, facts, problems);
                ProblemsException.ThrowIfAny("import machine", problems);
                foreach ((FullDisk disk, string file) in config.Disks.Zip(disks))
                {
                    File.Move(file, FullMachineDisks.PathOf($"{directory}/disks", disk.Name));
                }
                return Task.FromResult(record);
            },
            cancellation);
    }

    private static async Task<OvfMachine> ImportDiskAsync(string path, string target, IProgress<double> progress, CancellationToken cancellation)
    {
        string ending = Path.GetExtension(path).TrimStart('.').ToLowerInvariant();
        // A raw disk has no header; its ending says so, and what it begins with is its guest's.
        DiskHeader header = DiskHeader.Read(path, ending is "raw" or "img" or "iso" ? DiskFormat.Raw : null).RequireAlone(path);
        if (header.Encryption is not null)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"{path} is encrypted; decrypt it first (qemu-img convert)");
        }
        await DiskImages.ConvertAsync(new DiskNode(path, header.Format), target, new DiskConversion { Format = DiskFormat.Qcow2 }, progress, cancellation);
        return new OvfMachine { Name = Path.GetFileNameWithoutExtension(path), Disks = [new OvfDisk(header.VirtualBytes, path)], Interfaces = [new OvfInterface("")] };
    }

    private static string PlainName(string name)
    {
        string plain = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' ? c : '-')).Trim('-', '.', '_');
        return plain.Length is >= 2 and <= 63 ? plain : "";
    }

    private static void RequireNew(string path, bool replace)
    {
        if (!path.StartsWith('/'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{path}' is no absolute path");
        }
        if (File.Exists(path) && !replace)
        {
            throw new CaissonException(ErrorKind.AlreadyExists, $"there is a file {path} already; remove it, choose another one, or say --force");
        }
        if (!Directory.Exists(Path.GetDirectoryName(path)))
        {
            throw new CaissonException(ErrorKind.NotFound, $"there is no directory {Path.GetDirectoryName(path)} on the engine's host");
        }
    }

    /// <summary>Parts of a work as its progress, each hundredth once.</summary>
    internal sealed class Told(IProgress<WorkProgress> progress, string text) : IProgress<double>
    {
        private int _last = -1;

        public void Report(double value)
        {
            int hundredth = (int)(value * 100);
            if (hundredth != _last)
            {
                _last = hundredth;
                progress.Report(new WorkProgress(text, value));
            }
        }
    }
}

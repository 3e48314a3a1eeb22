using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>Makes the files that are disks of machines.</summary>
internal static class FullMachineDisks
{
    /// <summary>Makes a disk's file as it was asked for.</summary>
    /// <returns>The disk with its size.</returns>
    /// <exception cref="CaissonException">It cannot be made; nothing is left of it.</exception>
    public static async Task<FullDisk> MakeAsync(FullDisk disk, MachineDiskRequest request, string directory, CancellationToken cancellation)
    {
        string path = PathOf(directory, disk.Name);
        try
        {
            if (request.Source.Length == 0)
            {
                await QemuImage.CreateAsync(path, disk.Bytes, null, cancellation);
                return disk;
            }
            (string format, long bytes) = QemuImage.Inspect(request.Source, request.Format);
            if (disk.Bytes != 0 && disk.Bytes < bytes)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"disk {disk.Name}: {request.Source} has {bytes} bytes, which do not fit into {disk.Bytes}; a disk is not cut");
            }
            await QemuImage.ConvertAsync(request.Source, format, path, null, cancellation);
            if (disk.Bytes > bytes)
            {
                await QemuImage.ResizeAsync(path, disk.Bytes, cancellation);
            }
            return disk with { Bytes = Math.Max(bytes, disk.Bytes) };
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Makes the firmware's variables, unless they are there or the firmware has none.</summary>
    public static async Task MakeVariablesAsync(FullMachineConfig config, string directory, CancellationToken cancellation)
    {
        string path = PathOf(directory, FullMachinePlan.Variables);
        if (config.Firmware == MachineFirmware.Uefi && !File.Exists(path))
        {
            await QemuImage.ConvertAsync(FullMachineFacts.VariablesPath(config.SecureBoot), "raw", path, null, cancellation);
        }
    }

    /// <summary>Gives the machine's files to the user that its QEMU runs as.</summary>
    public static void Own(string directory, uint user)
    {
        foreach (string part in (string[])["disks", "run"])
        {
            foreach (string path in (IEnumerable<string>)[$"{directory}/{part}", .. Directory.GetFiles($"{directory}/{part}")])
            {
                OwnOne(path, user);
            }
        }
    }

    /// <summary>Gives one file to a user, for nobody else to read.</summary>
    public static void OwnOne(string path, uint user)
    {
        using FileDescriptor file = HostFiles.OpenPath(path, followLast: false);
        file.ChangeOwner(user, user);
        file.ChangeMode(file.Status.Kind == FileKind.Directory ? 0x1c0 : 0x180);
    }

    /// <summary>Where a disk's file is.</summary>
    public static string PathOf(string directory, string name) => $"{directory}/{name}.qcow2";
}

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>Makes the files that are disks of machines.</summary>
internal static class FullMachineDisks
{
    /// <summary>Makes a disk's file as it was asked for.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="directory">Where disks are.</param>
    /// <param name="user">Whose its file is.</param>
    /// <param name="passphrase">Encrypts it; null for not.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>The disk with its size.</returns>
    /// <exception cref="CaissonException">It cannot be made; nothing is left of it.</exception>
    public static async Task<FullDisk> MakeAsync(FullDisk disk, MachineDiskRequest request, string directory, uint user, string? passphrase, CancellationToken cancellation)
    {
        string path = PathOf(directory, disk.Name);
        if (request.Source.Length == 0)
        {
            await DiskImages.CreateAsync(path, DiskFormat.Qcow2, disk.Bytes, user, passphrase, cancellation);
            return disk;
        }
        DiskHeader header = DiskHeader.Read(request.Source, request.Format.Length > 0 ? DiskFormats.Parse(request.Format) : null).RequireAlone(request.Source);
        if (header.Encryption is not null)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"disk {disk.Name}: {request.Source} is encrypted; decrypt it first (qemu-img convert), the machine's own disk is encrypted by --encrypt");
        }
        if (disk.Bytes != 0 && disk.Bytes < header.VirtualBytes)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"disk {disk.Name}: {request.Source} has {header.VirtualBytes} bytes, which do not fit into {disk.Bytes}; a disk is not cut");
        }
        await DiskImages.ConvertAsync(new DiskNode(request.Source, header.Format), path, new DiskConversion { Format = DiskFormat.Qcow2, Owner = user, Passphrase = passphrase }, null, cancellation);
        long bytes = (header.VirtualBytes + 511) / 512 * 512;
        if (disk.Bytes > bytes)
        {
            await DiskImages.ResizeAsync(new DiskNode(path, DiskFormat.Qcow2) { IsEncrypted = passphrase is not null }, disk.Bytes, passphrase, cancellation);
        }
        return disk with { Bytes = Math.Max(bytes, disk.Bytes) };
    }

    /// <summary>Makes the firmware's variables, unless they are there or the firmware has none.</summary>
    public static Task MakeVariablesAsync(FullMachineConfig config, string directory, uint user, CancellationToken cancellation)
    {
        string path = PathOf(directory, FullMachinePlan.Variables);
        return config.Firmware == MachineFirmware.Uefi && !File.Exists(path)
            ? DiskImages.ConvertAsync(
                new DiskNode(FullMachineFacts.VariablesPath(config.SecureBoot), DiskFormat.Raw), path, new DiskConversion { Format = DiskFormat.Qcow2, Owner = user }, null, cancellation)
            : Task.CompletedTask;
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

    /// <summary>Lets the machines that will stand on these disks read them, and nobody change them.</summary>
    public static void Publish(string directory)
    {
        Mode($"{directory}/disks", 0x1ed);
        foreach (string path in Directory.GetFiles($"{directory}/disks"))
        {
            Mode(path, 0x124);
        }

        static void Mode(string path, int mode)
        {
            using FileDescriptor file = HostFiles.OpenPath(path, followLast: false);
            file.ChangeMode(mode);
        }
    }

    /// <summary>Copies the files of a directory into another one.</summary>
    public static void CopyFiles(string from, string to)
    {
        foreach (string path in Directory.Exists(from) ? Directory.GetFiles(from) : [])
        {
            File.Copy(path, $"{to}/{Path.GetFileName(path)}");
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

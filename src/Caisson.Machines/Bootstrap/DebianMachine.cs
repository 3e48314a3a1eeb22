using System.Globalization;
using System.Security.Cryptography;
using System.Text;

using Caisson.Errors;
using Caisson.Linux.Processes;
using Caisson.Machines.Disks;

namespace Caisson.Machines.Bootstrap;

/// <summary>What a Debian machine's disk is made of.</summary>
public sealed record DebianMachineConfig
{
    /// <summary>The release.</summary>
    public string Suite { get; init; } = "bookworm";

    /// <summary>Packages beside those that a machine needs.</summary>
    public IReadOnlyList<string> Packages { get; init; } = [];

    /// <summary>With cloud-init, which does all that a cloud-config can say; without, a script of ours does what most say, and a machine starts in a fraction of the time.</summary>
    public bool HasCloudInit { get; init; }

    /// <summary>With the kernel that has drivers for all hardware, as other hypervisors show it; without, the one of clouds, which is smaller and has virtio's, but neither SATA nor Intel's network.</summary>
    public bool HasAllDrivers { get; init; }

    /// <summary>Where packages come from; null for this machine's own sources when it runs this release, else Debian's.</summary>
    public string? Mirror { get; init; }

    /// <summary>The disk's size in bytes, a multiple of a megabyte; machines make it larger as they like.</summary>
    public long Bytes { get; init; } = 2L << 30;

    /// <summary>The time that its files have at most, and its identities come from; null for now.</summary>
    public DateTimeOffset? Made { get; init; }
}

/// <summary>
/// Makes a disk that starts Debian, under BIOS and UEFI, out of Debian's packages alone. Nothing is mounted and no loop device is used: the file system is filled by mkfs, and
/// the partition table, the file system of the firmware and the boot loader are written by us.
/// </summary>
/// <remarks>Source: mmdebstrap(1), mke2fs(8), GRUB's manual, "BIOS installation".</remarks>
public static class DebianMachine
{
    private const long MiB = 1 << 20;
    private const int SectorBytes = PartitionTable.SectorBytes;
    private const long BytesMin = 1L << 30;
    private const int FirmwareBytes = 16 << 20;

    /// <summary>Makes the disk.</summary>
    /// <param name="config">What it is made of.</param>
    /// <param name="path">The host path of the qcow2 file, which does not exist.</param>
    /// <param name="directory">A directory for what is only needed meanwhile, with room for the whole system twice.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: a program is missing; names its package.</exception>
    public static async Task MakeAsync(DebianMachineConfig config, string path, string directory, Action<string> progress, CancellationToken cancellation)
    {
        Check(config);
        string work = Path.Join(directory, $"debian-{Guid.NewGuid():n}");
        // Programs of the new system's own user ids may have to pass through it.
        Directory.CreateDirectory(work, (UnixFileMode)0x1ed);
        try
        {
            DateTimeOffset made = config.Made ?? DateTimeOffset.UtcNow;
            string seconds = made.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            Guid rootId = Identity("root", config, seconds);
            string root = await SystemAsync(config, work, rootId, seconds, progress, cancellation);
            progress("writing the file system");
            string disk = Path.Join(work, "disk.raw");
            await DiskAsync(config, work, root, disk, rootId, seconds, made, cancellation);
            Remove(root);
            progress("packing the disk");
            await DiskImages.ConvertAsync(new DiskNode(disk, DiskFormat.Raw), path, new DiskConversion { Format = DiskFormat.Qcow2 }, null, cancellation);
        }
        finally
        {
            Remove(work);
        }
    }

    private static void Check(DebianMachineConfig config)
    {
        DebianSources.CheckName(config.Suite, "release");
        foreach (string package in config.Packages)
        {
            DebianSources.CheckName(package, "package");
        }
        if (config.Bytes < BytesMin || config.Bytes > 1L << 40 || config.Bytes % MiB != 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the disk of a Debian machine has {BytesMin >> 30}g to 1t, in megabytes");
        }
        foreach (var (program, package) in ((string, string)[])[("mmdebstrap", "mmdebstrap"), ("mkfs.ext4", "e2fsprogs"), ("qemu-img", "qemu-utils"), ("apt-get", "apt"), ("dpkg-deb", "dpkg")])
        {
            if (!((string[])["/usr/bin", "/usr/sbin", "/sbin", "/bin"]).Any(place => File.Exists($"{place}/{program}")))
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"a Debian machine is made with {program}, which is not installed on this host; install it (Debian: apt-get install {package})");
            }
        }
    }

    private static async Task<string> SystemAsync(DebianMachineConfig config, string work, Guid rootId, string seconds, Action<string> progress, CancellationToken cancellation)
    {
        string files = Path.Join(work, "files");
        foreach (var (name, (mode, text)) in DebianMachineFiles.All(rootId))
        {
            string file = Path.Join(files, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!, (UnixFileMode)0x1ed);
            await File.WriteAllTextAsync(file, text, cancellation);
            File.SetUnixFileMode(file, (UnixFileMode)mode);
        }
        string results = Path.Join(work, "out");
        Directory.CreateDirectory(results);
        File.SetUnixFileMode(results, (UnixFileMode)0x1ff);
        await File.WriteAllTextAsync(Path.Join(results, "early.cfg"), DebianMachineFiles.EarlyGrub(rootId), cancellation);
        string finish = Path.Join(work, "finish.sh");
        await File.WriteAllTextAsync(finish, DebianMachineFiles.Finish, cancellation);

        string root = Path.Join(work, "root");
        List<string> packages = [.. DebianMachineFiles.Packages, config.HasAllDrivers ? "linux-image-amd64" : "linux-image-cloud-amd64", .. config.Packages];
        if (config.HasCloudInit)
        {
            packages.AddRange(["cloud-init", "netplan.io"]);
        }
        List<string> arguments =
        [
            // What it mounts meanwhile is in a table of its own, so nothing of it is left however it ends.
            "--mount", "--propagation", "private", "--", "env", $"SOURCE_DATE_EPOCH={seconds}", "mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory", $"--include={string.Join(',', packages.Distinct())}",
            "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=path-exclude=/usr/share/locale/*",
            $"--essential-hook=cp -a '{files}/.' \"$1\"",
            $"--customize-hook=sh '{finish}' \"$1\" '{results}' {config.Suite} {string.Join(' ', DebianMachineFiles.GrubModules)}",
            config.Suite, root, .. DebianSources.For(config.Suite, config.Mirror),
        ];
        progress($"installing Debian {config.Suite}");
        await ToolRun.StreamAsync("unshare", arguments, work, output => output.CopyToAsync(Stream.Null, cancellation), line => progress(line), cancellation);
        // Files that the installation wrote have the time of their writing, which would make every disk another one.
        await ToolRun.ReadAsync("find", [root, "-newermt", $"@{seconds}", "-exec", "touch", "-h", "-d", $"@{seconds}", "{}", "+"], null, cancellation);
        return root;
    }

    private static async Task DiskAsync(
        DebianMachineConfig config, string work, string root, string disk, Guid rootId, string seconds, DateTimeOffset made, CancellationToken cancellation)
    {
        string results = Path.Join(work, "out");
        const long biosSector = MiB / SectorBytes;
        const long firmwareSector = 2 * MiB / SectorBytes;
        const long rootSector = firmwareSector + (FirmwareBytes / SectorBytes);
        long rootSectors = (config.Bytes / SectorBytes) - rootSector - (MiB / SectorBytes);
        await using (var file = new FileStream(disk, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            file.SetLength(config.Bytes);
        }
        string offset = (rootSector * SectorBytes).ToString(CultureInfo.InvariantCulture);
        await ToolRun.ReadAsync(
            "env",
            [
                $"E2FSPROGS_FAKE_TIME={seconds}", $"SOURCE_DATE_EPOCH={seconds}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "mkfs.ext4", "-q", "-F", "-d", root, "-L", "root", "-U", rootId.ToString(), "-m", "1",
                "-O", "^orphan_file,^metadata_csum_seed", "-E", $"offset={offset},hash_seed={Identity("hash", config, seconds)},lazy_itable_init=1,nodiscard,root_owner=0:0", disk,
                $"{rootSectors / 2}k",
            ],
            null, cancellation);
        await using (var file = new FileStream(disk, FileMode.Open, FileAccess.ReadWrite))
        {
            GrubCore.Write(file, await Part("boot.img"), await Part("core.img"), biosSector, firmwareSector - biosSector);
            file.Position = firmwareSector * SectorBytes;
            file.Write(FatImage.Write(FirmwareBytes, "EFI", new Dictionary<string, byte[]> { ["EFI/BOOT/BOOTX64.EFI"] = await Part("bootx64.efi") }, made));
            PartitionTable.Write(file, config.Bytes, Identity("disk", config, seconds),
            [
                new Partition(PartitionTable.BiosBoot, Identity("p1", config, seconds), "bios", biosSector, firmwareSector - biosSector),
                new Partition(PartitionTable.EfiSystem, Identity("p2", config, seconds), "efi", firmwareSector, FirmwareBytes / SectorBytes),
                new Partition(PartitionTable.LinuxRoot, Identity("p3", config, seconds), "root", rootSector, rootSectors),
            ]);
            file.Flush(flushToDisk: true);
        }

        Task<byte[]> Part(string name) => File.ReadAllBytesAsync(Path.Join(results, name), cancellation);
    }

    /// <summary>An identity that follows from what the disk is made of, so that the same is made twice.</summary>
    private static Guid Identity(string what, DebianMachineConfig config, string seconds)
    {
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes($"{what}\n{config.Suite}\n{string.Join(',', config.Packages)}\n{config.HasCloudInit}{config.HasAllDrivers}\n{config.Bytes}\n{seconds}"));
        digest[7] = (byte)((digest[7] & 0x0f) | 0x40);
        digest[8] = (byte)((digest[8] & 0x3f) | 0x80);
        return new Guid(digest.AsSpan(0, 16));
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}

using System.Globalization;
using System.Text.Json;

namespace Caisson.Machines.Full;

public sealed partial record FullMachinePlan
{
    private const string LimitCommand = "block_set_io_throttle";

    /// <summary>Limits what is read from and written to a disk; null takes the limits away. Source: QEMU, <c>block_set_io_throttle</c>.</summary>
    /// <remarks>The disk of a virtio device belongs to the part of it that is not of PCI.</remarks>
    public static QmpStep Limit(FullDisk disk, DiskRate? rate) => QmpStep.Of(LimitCommand, json =>
    {
        json.WriteString("id", disk.Bus == "sata" ? disk.Name : $"/machine/peripheral/{disk.Name}/virtio-backend");
        json.WriteNumber("bps", rate?.Bytes ?? 0);
        json.WriteNumber("bps_rd", rate?.ReadBytes ?? 0);
        json.WriteNumber("bps_wr", rate?.WriteBytes ?? 0);
        json.WriteNumber("iops", rate?.Requests ?? 0);
        json.WriteNumber("iops_rd", rate?.ReadRequests ?? 0);
        json.WriteNumber("iops_wr", rate?.WriteRequests ?? 0);
    });

    /// <summary>What plugs a disk into a machine that runs.</summary>
    /// <param name="config">The machine.</param>
    /// <param name="disk">The disk.</param>
    public static IReadOnlyList<QmpStep> Plug(FullMachineConfig config, FullDisk disk) =>
        [new QmpStep("blockdev-add", DiskNode(disk, config.IsEncrypted)), new QmpStep("device_add", DiskDevice(disk, null)), .. disk.Rate is null ? [] : (IReadOnlyList<QmpStep>)[Limit(disk, disk.Rate)]];

    private static IEnumerable<QmpStep> Limits(FullMachineConfig config) => config.Disks.Where(disk => disk.Rate is not null).Select(disk => Limit(disk, disk.Rate));

    /// <summary>What plugs an interface in whose device QEMU was given as <see cref="DescriptorOf"/>.</summary>
    /// <param name="config">The machine.</param>
    /// <param name="one">The interface.</param>
    /// <param name="hardwareAddress">Its address.</param>
    public static IReadOnlyList<QmpStep> Plug(FullMachineConfig config, FullInterface one, string hardwareAddress) =>
    [
        QmpStep.Of("netdev_add", json =>
        {
            json.WriteString("type", "tap");
            json.WriteString("id", one.Name);
            json.WriteString("fd", DescriptorOf(one));
        }),
        QmpStep.Of("device_add", json =>
        {
            json.WriteString("driver", one.Model == "virtio" ? "virtio-net-pci" : "e1000e");
            json.WriteString("id", one.Name);
            json.WriteString("netdev", one.Name);
            json.WriteString("mac", hardwareAddress);
            json.WriteString("bus", Port(one.Port));
            if (BootIndex(config, "network", one.Name) is { } index)
            {
                json.WriteNumber("bootindex", index);
            }
            else
            {
                json.WriteString("romfile", ""); // what starts from the network is only there where it is asked for
            }
        }),
    ];

    /// <summary>What puts a medium, given to QEMU as a set of descriptors, into a drive.</summary>
    public static QmpStep Insert(FullDrive drive, int set) => QmpStep.Of("blockdev-change-medium", json =>
    {
        json.WriteString("id", drive.Name);
        json.WriteString("filename", string.Create(CultureInfo.InvariantCulture, $"/dev/fdset/{set}"));
        json.WriteString("format", "raw");
        json.WriteString("read-only-mode", "read-only");
        json.WriteBoolean("force", true);
    });

    /// <summary>What takes the medium out of a drive.</summary>
    public static QmpStep Eject(FullDrive drive) => QmpStep.Of("eject", json =>
    {
        json.WriteString("id", drive.Name);
        json.WriteBoolean("force", true);
    });

    /// <summary>What opens a further qcow2 file of the machine's disks, whose node is called as the file.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="isEncrypted">By the machine's passphrase.</param>
    public static QmpStep Open(string name, bool isEncrypted) => new("blockdev-add", DiskNode(name, $"{DisksDirectory}/{name}.qcow2", "", [], isEncrypted));

    /// <summary>Says of a qcow2 node how it is encrypted, if it is.</summary>
    public static void WriteEncryption(Utf8JsonWriter json, bool isEncrypted)
    {
        if (isEncrypted)
        {
            json.WriteStartObject("encrypt");
            json.WriteString("format", "luks");
            json.WriteString("key-secret", PassphraseName);
            json.WriteEndObject();
        }
    }

    /// <summary>What copies a node, as it is at this moment, to another one; the job is called as the target.</summary>
    public static QmpStep Backup(string node, string target) => QmpStep.Of("blockdev-backup", json =>
    {
        json.WriteString("job-id", target);
        json.WriteString("device", node);
        json.WriteString("target", target);
        json.WriteString("sync", "full");
        json.WriteBoolean("auto-dismiss", false);
    });

    /// <summary>The name under which QEMU gets an interface's device.</summary>
    public static string DescriptorOf(FullInterface one) => $"{one.Name}-fd";

    /// <summary>A disk with its format and those of all below it by name, so that nothing in a file decides how it is read or what else is opened.</summary>
    private static string DiskNode(FullDisk disk, bool isEncrypted) => DiskNode(disk.Name, $"{DisksDirectory}/{disk.Name}.qcow2", disk.Cache, disk.Backing, isEncrypted);

    private static string DiskNode(string node, string path, string cache, IReadOnlyList<string> backing, bool isEncrypted) => QmpStep.Json(json =>
    {
        json.WriteString("node-name", node);
        WriteImage(json, path, cache, backing, isEncrypted, 0);
    });

    private static void WriteImage(Utf8JsonWriter json, string path, string cache, IReadOnlyList<string> backing, bool isEncrypted, int depth)
    {
        json.WriteString("driver", "qcow2");
        WriteEncryption(json, isEncrypted);
        if (depth > 0)
        {
            json.WriteBoolean("read-only", true);
        }
        else
        {
            json.WriteString("discard", "unmap");
            json.WriteString("detect-zeroes", "unmap");
        }
        WriteCache(json, cache);
        json.WriteStartObject("file");
        json.WriteString("driver", "file");
        json.WriteString("filename", path);
        if (depth == 0)
        {
            json.WriteString("discard", "unmap");
        }
        WriteCache(json, cache);
        json.WriteEndObject();
        if (depth < backing.Count)
        {
            string[] parts = backing[depth].Split('/');
            json.WriteStartObject("backing");
            WriteImage(json, $"{BasesDirectory}/{parts[0]}/{parts[1]}.qcow2", "", backing, isEncrypted, depth + 1);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("backing");
        }
    }

    private static void WriteCache(Utf8JsonWriter json, string cache)
    {
        json.WriteStartObject("cache");
        json.WriteBoolean("direct", cache == "none");
        json.WriteBoolean("no-flush", cache == "unsafe");
        json.WriteEndObject();
    }

    private static string DiskDevice(FullDisk disk, int? bootIndex) => QmpStep.Json(json =>
    {
        json.WriteString("driver", disk.Bus == "sata" ? "ide-hd" : "virtio-blk-pci");
        json.WriteString("id", disk.Name);
        json.WriteString("drive", disk.Name);
        json.WriteString("bus", disk.Bus == "sata" ? Sata(disk.Port) : Port(disk.Port));
        json.WriteString("serial", disk.Name);
        if (bootIndex is { } index)
        {
            json.WriteNumber("bootindex", index);
        }
    });

    private static string DriveDevice(FullDrive drive, int? bootIndex) => QmpStep.Json(json =>
    {
        json.WriteString("driver", "ide-cd");
        json.WriteString("id", drive.Name);
        json.WriteString("bus", Sata(drive.Port));
        if (bootIndex is { } index)
        {
            json.WriteNumber("bootindex", index);
        }
    });

    private static string Port(int port) => string.Create(CultureInfo.InvariantCulture, $"port{port}");

    private static string Sata(int port) => string.Create(CultureInfo.InvariantCulture, $"ide.{port}");
}

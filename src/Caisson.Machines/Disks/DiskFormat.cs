using Caisson.Errors;

namespace Caisson.Machines.Disks;

/// <summary>How a disk is written in a file.</summary>
public enum DiskFormat
{
    /// <summary>Byte for byte.</summary>
    Raw,

    /// <summary>QEMU's own: thin, with snapshots and files behind it. Source: QEMU docs/interop/qcow2.txt.</summary>
    Qcow2,

    /// <summary>VMware's, in one sparse file. Source: VMware Virtual Disk Format 1.1.</summary>
    Vmdk,

    /// <summary>Virtual PC's, fixed or dynamic. Source: Virtual Hard Disk Image Format Specification.</summary>
    Vhd,

    /// <summary>Hyper-V's. Source: [MS-VHDX].</summary>
    Vhdx,

    /// <summary>Encrypted, byte for byte otherwise. Source: LUKS On-Disk Format.</summary>
    Luks,
}

/// <summary>The names of formats.</summary>
public static class DiskFormats
{
    /// <summary>What users write and <c>qemu-img</c> is told: <c>raw</c>, <c>qcow2</c>, <c>vmdk</c>, <c>vpc</c>, <c>vhdx</c>, <c>luks</c>.</summary>
    public static string DriverOf(DiskFormat format) => format switch
    {
        DiskFormat.Raw => "raw",
        DiskFormat.Qcow2 => "qcow2",
        DiskFormat.Vmdk => "vmdk",
        DiskFormat.Vhd => "vpc",
        DiskFormat.Vhdx => "vhdx",
        DiskFormat.Luks => "luks",
        _ => throw new ArgumentOutOfRangeException(nameof(format)),
    };

    /// <summary>The format of a name that a user wrote, also by the endings of files: <c>img</c>, <c>vhd</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: there is none of that name.</exception>
    public static DiskFormat Parse(string name) => name.ToLowerInvariant() switch
    {
        "raw" or "img" => DiskFormat.Raw,
        "qcow2" => DiskFormat.Qcow2,
        "vmdk" => DiskFormat.Vmdk,
        "vhd" or "vpc" => DiskFormat.Vhd,
        "vhdx" => DiskFormat.Vhdx,
        "luks" => DiskFormat.Luks,
        _ => throw new CaissonException(
            ErrorKind.InvalidArgument, $"'{name}' is no format of disks: raw, qcow2, vmdk, vhd and vhdx are{Spelling.Hint(name, ["raw", "qcow2", "vmdk", "vhd", "vhdx"])}"),
    };
}

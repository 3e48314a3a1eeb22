using System.Buffers.Binary;

using Caisson.Errors;

namespace Caisson.Machines.Bootstrap;

/// <summary>Puts GRUB where a BIOS finds it, by plain writes: its first sector into the disk's, the rest into a partition for it. Source: GRUB grub-core/boot/i386/pc/boot.S, diskboot.S.</summary>
internal static class GrubCore
{
    private const int SectorBytes = 512;
    private const int KernelSectorAt = 0x5c;
    private const int DriveCheckAt = 0x66;
    private const int CodeBytes = 440;
    private const int BlockListAt = 0x1f4;

    /// <summary>Writes both parts.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="boot">The first sector, as GRUB's <c>boot.img</c>.</param>
    /// <param name="core">The rest, as grub-mkimage writes it.</param>
    /// <param name="sector">Where the rest goes.</param>
    /// <param name="sectors">How much room there is.</param>
    internal static void Write(Stream disk, byte[] boot, byte[] core, long sector, long sectors)
    {
        if (boot.Length != SectorBytes || core.Length < 2 * SectorBytes || core.Length > sectors * SectorBytes)
        {
            throw new CaissonException(ErrorKind.Internal, $"GRUB's files have {boot.Length} and {core.Length} bytes, which cannot be put on a disk");
        }
        byte[] first = (byte[])boot.Clone();
        BinaryPrimitives.WriteInt64LittleEndian(first.AsSpan(KernelSectorAt), sector);
        // The jump around the check of the drive's number, as grub-install does for what is no floppy.
        (first[DriveCheckAt], first[DriveCheckAt + 1]) = (0x90, 0x90);
        disk.Position = 0;
        disk.Write(first.AsSpan(0, CodeBytes));

        byte[] rest = (byte[])core.Clone();
        // The first sector of the rest loads those behind it.
        BinaryPrimitives.WriteInt64LittleEndian(rest.AsSpan(BlockListAt), sector + 1);
        disk.Position = sector * SectorBytes;
        disk.Write(rest);
    }
}

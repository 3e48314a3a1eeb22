using System.Text;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Disks;

/// <summary>What the header of a disk's file says, read by us and bounded before any program that believes headers sees the file.</summary>
/// <remarks>
/// A header may name other files (CVE-2024-32498, CVE-2022-47951), lie about sizes, and ask for tables larger than memory (CVE-2014-0144 and those beside it).
/// Reading tells; <see cref="RequireAlone"/> refuses. A file whose beginning a guest wrote is read only when its format is known to be none (CVE-2024-4467, CVE-2026-24708).
/// </remarks>
public sealed record DiskHeader
{
    /// <summary>The largest disk that is taken in: 64 TiB.</summary>
    public const long VirtualBytesMax = 64L << 40;

    /// <summary>How the file is written.</summary>
    public required DiskFormat Format { get; init; }

    /// <summary>The size that a machine sees, in bytes.</summary>
    public required long VirtualBytes { get; init; }

    /// <summary>The size of the file itself.</summary>
    public required long FileBytes { get; init; }

    /// <summary>The kind within the format, such as <c>streamOptimized</c> or <c>dynamic</c>; empty where there is one.</summary>
    public string Variant { get; init; } = "";

    /// <summary>The file behind this one, as the header names it; null for none.</summary>
    public string? Backing { get; init; }

    /// <summary>The format that the header says the file behind has; null when it does not say, which leaves it to whoever wrote that file.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>Other files that hold content, as the header names them.</summary>
    public IReadOnlyList<string> OtherFiles { get; init; } = [];

    /// <summary>Whether content is encrypted: <c>luks</c> or <c>aes</c>; null when it is not.</summary>
    public string? Encryption { get; init; }

    /// <summary>Snapshots that the file holds within itself.</summary>
    public int InternalSnapshots { get; init; }

    /// <summary>Whether it was not closed properly, so that a check is due.</summary>
    public bool IsDirty { get; init; }

    /// <summary>Whether it is a disc for optical drives: it begins with an ISO 9660 file system.</summary>
    public bool IsOptical { get; init; }

    /// <summary>Whether it names nothing but itself.</summary>
    public bool IsAlone => Backing is null && OtherFiles.Count == 0;

    /// <summary>Reads the header of a file that came from elsewhere.</summary>
    /// <param name="path">The host path; a regular file or a link to one.</param>
    /// <param name="expected">The format that the user says it has; null to look.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>: there is no such file; <see cref="ErrorKind.InvalidArgument"/>: it is damaged, hostile or of another format, with the reason.
    /// </exception>
    public static DiskHeader Read(string path, DiskFormat? expected = null)
    {
        try
        {
            using FileDescriptor handle = HostFiles.OpenPath(path);
            using FileDescriptor file = handle.ReopenRegular(path);
            return Read(file, path, expected);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            throw new CaissonException(ErrorKind.NotFound, $"there is no file {path}", error);
        }
        catch (LinuxException error) when (error.Errno == Errno.EACCES)
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"{path} may not be read", error);
        }
    }

    /// <summary>Reads the header of an open file. Its position stays where it is.</summary>
    /// <param name="file">Readable; a regular file.</param>
    /// <param name="subject">What messages call it.</param>
    /// <param name="expected">The format that the user says it has; null to look.</param>
    public static DiskHeader Read(FileDescriptor file, string subject, DiskFormat? expected = null)
    {
        var bytes = new DiskBytes(file, subject);
        if (expected == DiskFormat.Raw)
        {
            return Raw(bytes); // whatever it begins with was written by a guest
        }
        byte[] start = bytes.ReadSome(0, 4_096);
        DiskHeader header = Detect(bytes, start);
        if (expected is { } wanted && header.Format != wanted)
        {
            throw bytes.Refused($"it should be {DiskFormats.DriverOf(wanted)} and is {DiskFormats.DriverOf(header.Format)}");
        }
        return header.VirtualBytes is >= 0 and <= VirtualBytesMax
            ? header
            : throw bytes.Damaged($"it says that its disk has {(ulong)header.VirtualBytes} bytes, and {VirtualBytesMax} are the most");
    }

    /// <summary>Refuses what names other files, and what is encrypted in a way that keeps nothing secret.</summary>
    /// <param name="subject">What messages call it.</param>
    /// <returns>This header.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: with the remedy.</exception>
    public DiskHeader RequireAlone(string subject)
    {
        string? why = Backing is not null
            ? $"it lies over another file ('{Shown(Backing)}'), which an image from elsewhere may not name; flatten it where it was made: qemu-img convert -O qcow2"
            : OtherFiles.Count > 0
            ? $"its content is in other files ('{Shown(OtherFiles[0])}'), which an image from elsewhere may not name; put it into one file where it was made: qemu-img convert -O qcow2"
            : Encryption == "aes" ? "it is encrypted by the old way of qcow, which is broken and no longer supported; decrypt it where it was made"
            : null;
        return why is null ? this : throw new CaissonException(ErrorKind.InvalidArgument, $"{subject} is refused: {why}");
    }

    /// <summary>Text of a header, cut and without what a terminal would obey.</summary>
    internal static string Shown(string text) => string.Concat(text.Take(200).Select(c => char.IsControl(c) ? '?' : c));

    /// <summary>Text of a header's field, up to its first NUL.</summary>
    internal static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private static DiskHeader Detect(DiskBytes bytes, byte[] start)
    {
        ReadOnlySpan<byte> first = start;
        if (first.StartsWith((ReadOnlySpan<byte>)[(byte)'Q', (byte)'F', (byte)'I', 0xfb]))
        {
            return Qcow2Header.Read(bytes, start);
        }
        if (first.StartsWith("KDMV"u8) || first.StartsWith("COWD"u8) || VmdkHeader.IsDescriptor(first))
        {
            return VmdkHeader.Read(bytes, start);
        }
        if (first.StartsWith("vhdxfile"u8))
        {
            return VhdxHeader.Read(bytes);
        }
        if (VhdHeader.TryRead(bytes, start) is { } vhd)
        {
            return vhd;
        }
        if (first.StartsWith((ReadOnlySpan<byte>)[(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xba, 0xbe]))
        {
            return Luks(bytes, start);
        }
        return Foreign(first) is { } name
            ? throw bytes.Refused($"it is {name}, which is not taken in; convert it where it was made, to qcow2 or raw")
            : Raw(bytes);
    }

    private static DiskHeader Raw(DiskBytes bytes) => new()
    {
        Format = DiskFormat.Raw,
        VirtualBytes = bytes.Length,
        FileBytes = bytes.Length,
        IsOptical = bytes.Length >= 32_774 && bytes.Read(32_769, 5, "volume").AsSpan().SequenceEqual("CD001"u8),
    };

    private static DiskHeader Luks(DiskBytes bytes, byte[] start)
    {
        int version = start.Length >= 592 ? start[6] << 8 | start[7] : 0;
        if (version is not 1)
        {
            throw bytes.Refused($"it is LUKS of version {version}, and QEMU reads version 1 only");
        }
        long payload = DiskBytes.Big32(start, 104) * 512L;
        return payload > 0 && payload <= bytes.Length
            ? new DiskHeader { Format = DiskFormat.Luks, VirtualBytes = bytes.Length - payload, FileBytes = bytes.Length, Encryption = "luks" }
            : throw bytes.Damaged("its content lies outside the file");
    }

    /// <summary>Formats that are known and not taken in, so that none of them passes for raw.</summary>
    private static string? Foreign(ReadOnlySpan<byte> first) =>
        first.StartsWith("QED\0"u8) ? "of the format qed"
        : first.StartsWith("WithoutFreeSpace"u8) || first.StartsWith("WithouFreSpacExt"u8) ? "of the format parallels"
        : first.StartsWith("Bochs Virtual HD Image"u8) ? "of the format bochs"
        : first.Length >= 68 && DiskBytes.Little32(first, 64) == 0xbeda107f ? "of the format vdi"
        : first.StartsWith("#!/bin/sh\n#V2.0 Format"u8) ? "of the format cloop"
        : first.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]) ? "packed by gzip"
        : first.StartsWith((ReadOnlySpan<byte>)[0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]) ? "packed by xz"
        : first.StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]) ? "packed by zstd"
        : first.StartsWith("BZh"u8) ? "packed by bzip2"
        : first.StartsWith("PK\x03\x04"u8) ? "a zip archive"
        : null;
}

using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux.Processes;

namespace Caisson.Machines.Full;

/// <summary>Makes and changes disks of machines that do not run, by qemu-img. Formats are always said, never guessed by what is in a file.</summary>
public static class QemuImage
{
    /// <summary>The smallest disk, one sector.</summary>
    public const long BytesMin = 512;

    /// <summary>The largest disk.</summary>
    public const long BytesMax = 1L << 50;

    private const int HeaderBytes = 104;
    private const ulong ExternalData = 1 << 2;

    /// <summary>Makes an empty qcow2 disk.</summary>
    /// <param name="path">Where; nothing is there.</param>
    /// <param name="bytes">The size that a machine sees.</param>
    /// <param name="backing">The disk below, qcow2 and absolute; null for none.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static Task CreateAsync(string path, long bytes, string? backing, CancellationToken cancellation)
    {
        string[] below = backing is null ? [] : ["-F", "qcow2", "-b", backing];
        return RunAsync(["create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=off", .. below, path, .. bytes > 0 ? [Number(bytes)] : Array.Empty<string>()], cancellation);
    }

    /// <summary>Copies a disk into a new qcow2 file.</summary>
    /// <param name="source">A regular file or a block device.</param>
    /// <param name="format"><c>raw</c> or <c>qcow2</c>.</param>
    /// <param name="target">Where; nothing is there.</param>
    /// <param name="snapshot">The internal snapshot of a qcow2 source to copy; null for what it holds now.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static Task ConvertAsync(string source, string format, string target, string? snapshot, CancellationToken cancellation) =>
        RunAsync(["convert", "-q", "-f", format, "-O", "qcow2", .. snapshot is null ? Array.Empty<string>() : ["-l", $"snapshot.name={snapshot}"], source, target], cancellation);

    /// <summary>Copies a disk that stands on others, with all that it sees of them.</summary>
    /// <param name="node">The disk with all below it, as QEMU takes it.</param>
    /// <param name="target">Where; nothing is there.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static Task FlattenAsync(string node, string target, CancellationToken cancellation) =>
        RunAsync(["convert", "-q", "-O", "qcow2", $"json:{node}", target], cancellation);

    /// <summary>Changes the size that a machine sees.</summary>
    public static Task ResizeAsync(string path, long bytes, CancellationToken cancellation) =>
        RunAsync(["resize", "-q", "-f", "qcow2", path, Number(bytes)], cancellation);

    /// <summary>Makes, applies or deletes an internal snapshot.</summary>
    /// <param name="path">The disk.</param>
    /// <param name="action"><c>-c</c>, <c>-a</c> or <c>-d</c>.</param>
    /// <param name="tag">The snapshot's name.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static Task SnapshotAsync(string path, string action, string tag, CancellationToken cancellation) =>
        RunAsync(["snapshot", "-q", action, tag, path], cancellation);

    /// <summary>The names of a disk's internal snapshots.</summary>
    public static async Task<IReadOnlyList<string>> SnapshotsAsync(string path, CancellationToken cancellation)
    {
        using JsonDocument document = JsonDocument.Parse(await RunAsync(["info", "-f", "qcow2", "--output=json", path], cancellation));
        return document.RootElement.TryGetProperty("snapshots", out JsonElement listed)
            ? [.. listed.EnumerateArray().Select(one => one.GetProperty("name").GetString() ?? "")]
            : [];
    }

    /// <summary>Looks at a file that a user gives as a disk, and refuses one that would open other files.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="format">What the user said it is; empty to look at its first bytes.</param>
    /// <returns>Its format and the size that a machine will see.</returns>
    /// <exception cref="CaissonException">It cannot be a disk; says why.</exception>
    public static (string Format, long Bytes) Inspect(string path, string format)
    {
        using FileStream file = OpenSource(path);
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        int count = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        bool isQcow = count >= 72 && BinaryPrimitives.ReadUInt32BigEndian(header) == 0x5146_49FB;
        switch (format)
        {
            case "" when !isQcow:
            case "raw":
                return file.Length >= BytesMin
                    ? ("raw", (file.Length + 511) / 512 * 512)
                    : throw Unusable($"it has {file.Length} bytes");
            case "" or "qcow2" when isQcow:
                break;
            case "qcow2":
                throw Unusable("it is no qcow2 file");
            default:
                throw Unusable($"the format {format} is none of raw, qcow2");
        }
        uint version = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        long bytes = BinaryPrimitives.ReadInt64BigEndian(header[24..]);
        if (version is not (2 or 3))
        {
            throw Unusable($"it is qcow2 of version {version}");
        }
        if (BinaryPrimitives.ReadUInt64BigEndian(header[8..]) != 0)
        {
            throw Unusable("it stands on another file (backing file), which is not followed; flatten it first (qemu-img convert -O qcow2)");
        }
        if (version == 3 && (BinaryPrimitives.ReadUInt64BigEndian(header[72..]) & ExternalData) != 0)
        {
            throw Unusable("its data is in another file (data_file), which is not followed; convert it first (qemu-img convert -O qcow2)");
        }
        if (bytes is < BytesMin or > BytesMax)
        {
            throw Unusable($"it says that it has {bytes} bytes");
        }
        return ("qcow2", bytes);

        CaissonException Unusable(string why) => new(ErrorKind.InvalidArgument, $"{path} cannot be a disk: {why}");
    }

    private static FileStream OpenSource(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.NotFound, $"open disk {path}: {(File.Exists(path) ? error.Message : "there is no such file on the engine's host")}", error);
        }
    }

    private static string Number(long bytes) => bytes.ToString(CultureInfo.InvariantCulture);

    private static async Task<string> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        try
        {
            return await ToolRun.ReadAsync("qemu-img", arguments, null, cancellation);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.FailedPrecondition)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "machines need qemu-img, which is not installed on this host; install it (Debian: apt-get install qemu-utils)", error);
        }
    }
}

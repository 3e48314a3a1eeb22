using System.Globalization;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Disks;

/// <summary>What a check of a disk's file found.</summary>
/// <param name="Corruptions">Places where the file contradicts itself; content may be lost.</param>
/// <param name="Leaks">Places that nothing refers to; harmless but for their room.</param>
/// <param name="IsSupported">Whether the format can be checked; raw cannot.</param>
public sealed record DiskCheck(long Corruptions, long Leaks, bool IsSupported)
{
    /// <summary>Whether content is whole.</summary>
    public bool IsWhole => Corruptions == 0;
}

/// <summary>How a disk is written when it is converted.</summary>
public sealed record DiskConversion
{
    /// <summary>The format that is written.</summary>
    public required DiskFormat Format { get; init; }

    /// <summary>For VMDK, whether in compressed grains, as OVF wants it; for qcow2, whether its clusters are compressed.</summary>
    public bool IsCompressed { get; init; }

    /// <summary>For VHD and VHDX, whether every byte is there; otherwise they grow.</summary>
    public bool IsFixed { get; init; }

    /// <summary>Encrypts what is written, by LUKS; null for not.</summary>
    public string? Passphrase { get; init; }

    /// <summary>Opens what is read; null when it is not encrypted.</summary>
    public string? SourcePassphrase { get; init; }

    /// <summary>The host's user and group that the file belongs to.</summary>
    public uint Owner { get; init; }
}

/// <summary>Makes, converts, resizes and checks the files of disks.</summary>
/// <remarks>
/// What a file is, is always said, never guessed (<see cref="DiskNode"/>), and the program that does it is locked up (<see cref="DiskTool"/>). Results appear under their
/// names when they are whole. All need <c>qemu-img</c> and say which package has it. Source: qemu-img(1).
/// </remarks>
public static class DiskImages
{
    /// <summary>The smallest disk.</summary>
    public const long BytesMin = 64 << 10;

    /// <summary>A passphrase of as many characters is taken for a random key.</summary>
    public const int KeyLength = 43;

    /// <summary>Makes an empty disk that takes room as it is filled.</summary>
    /// <param name="path">The host path, which does not exist; its directory does.</param>
    /// <param name="format">Raw, qcow2 or LUKS.</param>
    /// <param name="bytes">What the machine sees, a multiple of 512.</param>
    /// <param name="owner">The host's user and group that the file belongs to.</param>
    /// <param name="passphrase">Encrypts it, by LUKS; null for not.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public static Task CreateAsync(string path, DiskFormat format, long bytes, uint owner, string? passphrase = null, CancellationToken cancellation = default)
    {
        RequireSize(bytes);
        return WholeAsync(path, owner, async next =>
        {
            if (format == DiskFormat.Raw && passphrase is null)
            {
                using FileDescriptor file = HostFiles.OpenOrCreate(next, 0x180);
                file.SetSize(bytes);
                return;
            }
            DiskFormat written = format == DiskFormat.Raw ? DiskFormat.Luks : format;
            var tool = new DiskTool { WrittenBytesMax = Room(bytes) }.Unlock(passphrase).Add("-q", "-f", DiskFormats.DriverOf(written));
            string options = Options(written, new DiskConversion { Format = written, Passphrase = passphrase });
            if (options.Length > 0)
            {
                tool.Add("-o", options);
            }
            string target = tool.Give(next, isWritable: true);
            await tool.Add(target, Number(bytes)).RunAsync("create", $"make the disk {path}", null, cancellation);
        });
    }

    /// <summary>Makes an empty qcow2 that lies over another disk, which is from now on only read.</summary>
    /// <param name="path">The host path, which does not exist.</param>
    /// <param name="backing">What is behind it.</param>
    /// <param name="backingName">The name of that in the header, relative to this file; nobody of ours believes it, and other programs find the file by it.</param>
    /// <param name="bytes">What the machine sees; at least the size of what is behind.</param>
    /// <param name="owner">The host's user and group that the file belongs to.</param>
    /// <param name="passphrase">Encrypts what is written from now on; null for not.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public static Task CreateOverlayAsync(
        string path, DiskNode backing, string backingName, long bytes, uint owner, string? passphrase = null, CancellationToken cancellation = default)
    {
        RequireSize(bytes);
        if (backingName.Contains(',') || backingName.Contains(':'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{backingName}' cannot be the name of a disk behind another one: it has a comma or a colon");
        }
        return WholeAsync(path, owner, async next =>
        {
            var tool = new DiskTool { WrittenBytesMax = Room(bytes) }.Unlock(passphrase).Add("-q", "-u", "-f", "qcow2", "-F", DiskFormats.DriverOf(backing.Format), "-b", backingName);
            tool.Add("-o", Options(DiskFormat.Qcow2, new DiskConversion { Format = DiskFormat.Qcow2, Passphrase = passphrase }));
            string target = tool.Give(next, isWritable: true);
            await tool.Add(target, Number(bytes)).RunAsync("create", $"make the disk {path}", null, cancellation);
        });
    }

    /// <summary>Writes a disk anew in another file, whole, with nothing behind it.</summary>
    /// <param name="source">The disk and all that is behind it.</param>
    /// <param name="path">The host path, which does not exist.</param>
    /// <param name="conversion">How it is written.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Ends the work; nothing is left.</param>
    public static async Task ConvertAsync(
        DiskNode source, string path, DiskConversion conversion, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        long bytes = DiskHeader.Read(source.Path, source.Format).VirtualBytes;
        DiskFormat format = conversion.Passphrase is not null && conversion.Format == DiskFormat.Raw ? DiskFormat.Luks : conversion.Format;
        if (conversion.Passphrase is not null && format is not (DiskFormat.Luks or DiskFormat.Qcow2))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"a disk of the format {DiskFormats.DriverOf(format)} cannot be encrypted; qcow2 and raw can");
        }
        if (conversion.Passphrase is not null && conversion.SourcePassphrase is not null && conversion.Passphrase != conversion.SourcePassphrase)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "a disk is written anew under the passphrase that it has; change it afterwards");
        }
        await WholeAsync(path, conversion.Owner, async next =>
        {
            var tool = new DiskTool { WrittenBytesMax = Room(bytes), TimeMax = TimeFor(bytes) }.Unlock(conversion.Passphrase ?? conversion.SourcePassphrase);
            tool.Add("-O", DiskFormats.DriverOf(format));
            if (progress is not null)
            {
                tool.Add("-p");
            }
            if (conversion.IsCompressed && format == DiskFormat.Qcow2)
            {
                tool.Add("-c");
            }
            if (conversion.IsFixed && format == DiskFormat.Vhdx)
            {
                tool.Add("-S", "0"); // a fixed one with holes is refused by Windows
            }
            string options = Options(format, conversion);
            if (options.Length > 0)
            {
                tool.Add("-o", options);
            }
            string from = tool.Give(source, isWritable: false);
            string target = tool.Give(next, isWritable: true);
            await tool.Add(from, target).RunAsync("convert", $"write the disk {source.Path} as {DiskFormats.DriverOf(format)}", progress, cancellation);
        });
    }

    /// <summary>Changes the size of a disk that no machine uses.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="bytes">What the machine sees from now on, a multiple of 512.</param>
    /// <param name="passphrase">Opens it; null when it is not encrypted.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it would become smaller, which cuts off what is at its end.</exception>
    public static async Task ResizeAsync(DiskNode disk, long bytes, string? passphrase = null, CancellationToken cancellation = default)
    {
        RequireSize(bytes);
        DiskHeader header = DiskHeader.Read(disk.Path, disk.Format);
        if (bytes < header.VirtualBytes)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"a disk of {header.VirtualBytes} bytes is not made smaller, which would cut off what is at its end; copy what it holds to a smaller one");
        }
        if (disk is { Format: DiskFormat.Raw, IsEncrypted: false })
        {
            using FileDescriptor file = HostFiles.OpenPath(disk.Path).ReopenRegular(disk.Path, writable: true);
            file.SetSize(bytes);
            return;
        }
        var tool = new DiskTool { WrittenBytesMax = Room(bytes) }.Unlock(passphrase).Add("-q");
        await tool.Add(tool.Give(disk, isWritable: true), Number(bytes)).RunAsync("resize", $"change the size of {disk.Path}", null, cancellation);
    }

    /// <summary>Whether the file of a disk is whole.</summary>
    /// <param name="disk">The disk, which no machine uses.</param>
    /// <param name="passphrase">Opens it; null when it is not encrypted.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static async Task<DiskCheck> CheckAsync(DiskNode disk, string? passphrase = null, CancellationToken cancellation = default)
    {
        if (disk.Format is DiskFormat.Raw or DiskFormat.Luks)
        {
            return new DiskCheck(0, 0, IsSupported: false);
        }
        var tool = new DiskTool { TimeMax = TimeFor(new FileInfo(disk.Path).Length), AnswerCodes = [2, 3, 63] }.Unlock(passphrase).Add("--output=json");
        var (code, text) = await tool.Add(tool.Give(disk, isWritable: false)).RunAsync("check", $"check the disk {disk.Path}", null, cancellation);
        if (code == 63)
        {
            return new DiskCheck(0, 0, IsSupported: false);
        }
        try
        {
            using JsonDocument found = JsonDocument.Parse(text);
            return new DiskCheck(Count("corruptions") + Count("check-errors"), Count("leaks"), IsSupported: true);

            long Count(string name) => found.RootElement.TryGetProperty(name, out JsonElement value) && value.TryGetInt64(out long count) ? count : 0;
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.Internal, $"check the disk {disk.Path}: qemu-img's answer cannot be read", error);
        }
    }

    private static void RequireSize(long bytes)
    {
        if (bytes is < BytesMin or > DiskHeader.VirtualBytesMax || bytes % 512 != 0)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"a disk cannot have {bytes} bytes: it has {BytesMin >> 10}k to {DiskHeader.VirtualBytesMax >> 40}t, in sectors of 512 bytes");
        }
    }

    /// <summary>How often a passphrase is stretched anew, see <see cref="IsByChance"/>.</summary>
    public const int StretchAttempts = 10;

    /// <summary>Whether it failed since QEMU measured its own time in the moment between two ticks of the kernel's accounting: it may be tried again.</summary>
    public static bool IsByChance(CaissonException error) => error.Message.Contains("accurate CPU usage", StringComparison.Ordinal);

    /// <summary>For how many milliseconds a passphrase is stretched: one that is a key by itself gains nothing by it.</summary>
    public static int StretchMs(string? passphrase) => passphrase?.Length >= KeyLength ? 10 : 500;

    private static string Options(DiskFormat format, DiskConversion conversion)
    {
        string lukses = string.Create(CultureInfo.InvariantCulture, $"key-secret={DiskTool.SecretId},iter-time={StretchMs(conversion.Passphrase)}");
        return format switch
        {
            DiskFormat.Qcow2 when conversion.Passphrase is not null => string.Create(CultureInfo.InvariantCulture, $"compat=1.1,encrypt.format=luks,encrypt.key-secret={DiskTool.SecretId},encrypt.iter-time={StretchMs(conversion.Passphrase)}"),
            DiskFormat.Qcow2 => "compat=1.1,lazy_refcounts=off",
            DiskFormat.Luks => lukses,
            DiskFormat.Vmdk => $"subformat={(conversion.IsCompressed ? "streamOptimized" : "monolithicSparse")},adapter_type=lsilogic",
            DiskFormat.Vhd => $"subformat={(conversion.IsFixed ? "fixed" : "dynamic")},force_size=on",
            DiskFormat.Vhdx => $"subformat={(conversion.IsFixed ? "fixed" : "dynamic")},block_state_zero=on",
            _ => "",
        };
    }

    /// <summary>Writes under another name, which then becomes the file's.</summary>
    private static async Task WholeAsync(string path, uint owner, Func<string, Task> write)
    {
        if (File.Exists(path))
        {
            throw new CaissonException(ErrorKind.AlreadyExists, $"there is a file {path} already");
        }
        string next = $"{path}.{Guid.NewGuid():n}";
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                using (FileDescriptor file = HostFiles.OpenOrCreate(next, 0x180))
                {
                    file.ChangeOwner(owner, owner);
                }
                try
                {
                    await write(next);
                    break;
                }
                catch (CaissonException error) when (IsByChance(error) && attempt < StretchAttempts)
                {
                    File.Delete(next);
                }
            }
            using (FileStream file = new(next, FileMode.Open, FileAccess.ReadWrite))
            {
                file.Flush(flushToDisk: true);
            }
            File.Move(next, path);
        }
        finally
        {
            File.Delete(next);
        }
    }

    /// <summary>The most that a file of such a disk can need: its content, tables, and what formats round up to.</summary>
    private static long Room(long bytes) => bytes + (bytes / 8) + (64L << 20);

    private static TimeSpan TimeFor(long bytes) => TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(bytes / (4 << 20));

    private static string Number(long bytes) => bytes.ToString(CultureInfo.InvariantCulture);
}

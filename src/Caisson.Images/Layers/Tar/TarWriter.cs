using System.Globalization;
using System.Text;

using Caisson.Linux;

namespace Caisson.Images.Layers.Tar;

/// <summary>Writes a tar archive whose bytes depend on its entries alone: ustar, with a pax header only where it is needed.</summary>
/// <remarks>Not for several threads. Source: pax(1), "ustar Interchange Format" and "pax Extended Header".</remarks>
public sealed class TarWriter
{
    private const long OctalSizeMax = 0x1_ffff_ffff;
    private const uint OctalIdMax = 0x1f_ffff;

    private readonly Stream _output;
    private readonly byte[] _block = new byte[TarField.BlockSize];
    private long _contentLeft;
    private int _padding;

    /// <summary>Writes to <paramref name="output"/>, which stays the caller's.</summary>
    public TarWriter(Stream output) => _output = output;

    /// <summary>Starts an entry; its <see cref="TarEntry.Size"/> bytes of content must follow through <see cref="Write(ReadOnlySpan{byte})"/>.</summary>
    /// <remarks>Holes of sparse files are written as zeros by the caller; the fraction of the time is dropped.</remarks>
    public void Start(TarEntry entry)
    {
        EndEntry();
        byte[] pax = Pax(entry, out bool namesInPax, out bool linkInPax);
        if (pax.Length > 0)
        {
            WriteHeader('x', "PaxHeaders/entry", "", entry with
            {
                Mode = 0x1a4, // 0644
                Uid = 0,
                Gid = 0,
                Size = pax.Length,
                MtimeSeconds = 0,
                DeviceMajor = 0,
                DeviceMinor = 0,
            });
            _output.Write(pax);
            WritePadding(Padding(pax.Length));
        }
        WriteHeader(TypeCode(entry.Type), namesInPax ? Cut(entry.Name) : entry.Name, linkInPax ? Cut(entry.LinkName) : entry.LinkName, entry);
        _contentLeft = entry.Type == TarEntryType.File ? entry.Size : 0;
        _padding = Padding(_contentLeft);
    }

    /// <summary>Writes content of the current entry.</summary>
    /// <exception cref="InvalidOperationException">It is more than the entry's size.</exception>
    public void Write(ReadOnlySpan<byte> content)
    {
        if (content.Length > _contentLeft)
        {
            throw new InvalidOperationException("more content than the entry's size");
        }
        _output.Write(content);
        _contentLeft -= content.Length;
    }

    /// <summary>Writes a whole entry.</summary>
    public void Write(TarEntry entry, ReadOnlySpan<byte> content)
    {
        Start(entry);
        Write(content);
    }

    /// <summary>Ends the archive with its two zero blocks. The stream is neither flushed nor closed.</summary>
    public void Finish()
    {
        EndEntry();
        WritePadding(2 * TarField.BlockSize);
    }

    private void EndEntry()
    {
        if (_contentLeft != 0)
        {
            throw new InvalidOperationException($"{_contentLeft} bytes of the entry's content are missing");
        }
        WritePadding(_padding);
        _padding = 0;
    }

    private void WritePadding(int bytes)
    {
        _block.AsSpan().Clear();
        for (; bytes > 0; bytes -= TarField.BlockSize)
        {
            _output.Write(_block.AsSpan(0, Math.Min(bytes, TarField.BlockSize)));
        }
    }

    private void WriteHeader(char type, string name, string link, TarEntry entry)
    {
        Span<byte> block = _block;
        block.Clear();
        if (!TryPutName(name, block))
        {
            throw new InvalidOperationException($"the name '{name}' needs a pax header");
        }
        PutOctal(block.Slice(100, 8), (ulong)entry.Mode);
        PutOctal(block.Slice(108, 8), entry.Uid <= OctalIdMax ? entry.Uid : 0);
        PutOctal(block.Slice(116, 8), entry.Gid <= OctalIdMax ? entry.Gid : 0);
        PutOctal(block.Slice(124, 12), HasContent(type) && entry.Size <= OctalSizeMax ? (ulong)entry.Size : 0);
        PutOctal(block.Slice(136, 12), entry.MtimeSeconds is >= 0 and <= OctalSizeMax ? (ulong)entry.MtimeSeconds : 0);
        block[156] = (byte)type;
        Encoding.UTF8.GetBytes(link, block.Slice(157, 100));
        "ustar\000"u8.CopyTo(block[257..]);
        if (type is '3' or '4')
        {
            PutOctal(block.Slice(329, 8), entry.DeviceMajor);
            PutOctal(block.Slice(337, 8), entry.DeviceMinor);
        }
        PutOctal(block.Slice(148, 7), (ulong)TarField.Checksum(block));
        block[155] = (byte)' ';
        _output.Write(block);
    }

    private static bool HasContent(char type) => type is '0' or 'x';

    private static byte[] Pax(TarEntry entry, out bool nameInPax, out bool linkInPax)
    {
        using var records = new MemoryStream();
        nameInPax = !TryPutName(entry.Name, new byte[TarField.BlockSize]);
        linkInPax = !Ascii.IsValid(entry.LinkName) || entry.LinkName.Length > 100;
        if (linkInPax)
        {
            Put(records, "linkpath", PathText.Encode(entry.LinkName));
        }
        if (nameInPax)
        {
            Put(records, "path", PathText.Encode(entry.Name));
        }
        PutNumber(records, "gid", entry.Gid, entry.Gid > OctalIdMax);
        PutNumber(records, "mtime", entry.MtimeSeconds, entry.MtimeSeconds is < 0 or > OctalSizeMax);
        PutNumber(records, "size", entry.Size, entry.Size > OctalSizeMax);
        PutNumber(records, "uid", entry.Uid, entry.Uid > OctalIdMax);
        foreach (TarXattr xattr in entry.Xattrs.OrderBy(xattr => xattr.Name, StringComparer.Ordinal))
        {
            Put(records, "SCHILY.xattr." + xattr.Name, xattr.Value);
        }
        return records.ToArray();
    }

    private static void PutNumber(MemoryStream records, string key, long value, bool needed)
    {
        if (needed)
        {
            Put(records, key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>A record's length counts its own digits.</summary>
    private static void Put(MemoryStream records, string key, ReadOnlySpan<byte> value)
    {
        int rest = Encoding.UTF8.GetByteCount(key) + value.Length + 3;
        int length = rest + 1;
        while (length != rest + Digits(length))
        {
            length = rest + Digits(length);
        }
        records.Write(Encoding.UTF8.GetBytes($"{length} {key}="));
        records.Write(value);
        records.WriteByte((byte)'\n');
    }

    private static int Digits(int number) => number.ToString(CultureInfo.InvariantCulture).Length;

    /// <summary>Puts a name into the header's name and prefix fields; false when it does not fit or is not ASCII.</summary>
    private static bool TryPutName(string name, Span<byte> block)
    {
        if (!Ascii.IsValid(name))
        {
            return false;
        }
        if (name.Length <= 100)
        {
            Encoding.ASCII.GetBytes(name, block);
            return true;
        }
        int slash = name.LastIndexOf('/', Math.Min(155, name.Length - 2));
        if (slash <= 0 || name.Length - slash - 1 > 100)
        {
            return false;
        }
        Encoding.ASCII.GetBytes(name.AsSpan(0, slash), block.Slice(345, 155));
        Encoding.ASCII.GetBytes(name.AsSpan(slash + 1), block);
        return true;
    }

    /// <summary>What readers without pax see of a name that does not fit.</summary>
    private static string Cut(string name)
    {
        string ascii = string.Concat(name.Select(c => char.IsAscii(c) ? c : '_'));
        bool directory = ascii.EndsWith('/');
        ascii = ascii.TrimEnd('/');
        return ascii.Length <= 99 ? ascii + (directory ? "/" : "") : ascii[..99] + (directory ? "/" : "");
    }

    private static void PutOctal(Span<byte> field, ulong value)
    {
        field[^1] = 0;
        for (int i = field.Length - 2; i >= 0; i--)
        {
            field[i] = (byte)('0' + (value & 7));
            value >>= 3;
        }
    }

    private static int Padding(long size) => (int)((TarField.BlockSize - size % TarField.BlockSize) % TarField.BlockSize);

    private static char TypeCode(TarEntryType type) => type switch
    {
        TarEntryType.HardLink => '1',
        TarEntryType.SymbolicLink => '2',
        TarEntryType.CharacterDevice => '3',
        TarEntryType.BlockDevice => '4',
        TarEntryType.Directory => '5',
        TarEntryType.Fifo => '6',
        _ => '0',
    };
}

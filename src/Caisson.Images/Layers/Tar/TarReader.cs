using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Images.Layers.Tar;

/// <summary>Reads a tar archive as a stream, once, without trusting it.</summary>
/// <remarks>
/// The one reader for unpacking, listing and digests, so that no two parts of the house see different files in one archive.
/// Reads v7, ustar, pax (global records too) and GNU (long names, base-256, all four sparse forms); what contradicts itself,
/// or what other readers are known to read differently, is an error rather than a guess. Not for several threads.
/// Source: pax(1); GNU tar manual, "Tar Internals"; CVE-2025-62518 for why sizes must agree.
/// </remarks>
public sealed class TarReader
{
    private const int BufferSize = 256 * 1024;

    private readonly Stream _source;
    private readonly TarLimits _limits;
    private readonly string _subject;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _start;
    private int _end;
    private long _consumed;
    private long _headerOffset;
    private long _contentLeft;
    private long _paddingLeft;
    private long _entries;
    private string? _currentName;
    private PaxRecords? _global;
    private bool _finished;

    /// <summary>Reads from <paramref name="source"/>, which stays the caller's.</summary>
    /// <param name="source">The uncompressed archive, from its first byte.</param>
    /// <param name="limits">What the archive may ask for.</param>
    /// <param name="subject">What to call the archive in errors, such as <c>layer sha256:…</c>.</param>
    public TarReader(Stream source, TarLimits limits, string subject)
    {
        _source = source;
        _limits = limits;
        _subject = subject;
    }

    /// <summary>Entries read so far.</summary>
    public long Entries => _entries;

    /// <summary>Bytes of the archive consumed so far.</summary>
    public long Position => _consumed;

    /// <summary>The next entry, skipping what is left of the current one; null at the end, which has then been checked.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: damaged, cut off or contradicting itself;
    /// <see cref="ErrorKind.ResourceExhausted"/>: beyond a limit.
    /// </exception>
    public TarEntry? Next()
    {
        if (_finished)
        {
            return null;
        }
        SkipContent();
        _currentName = null;

        string? longName = null;
        string? longLink = null;
        PaxRecords? pax = null;
        while (true)
        {
            _headerOffset = _consumed;
            if (!TryReadBlock(out ReadOnlySpan<byte> block) || IsZero(block))
            {
                bool atZeroBlock = _consumed > _headerOffset;
                if (longName is not null || longLink is not null || pax is not null)
                {
                    throw Fail("the archive ends after an extended header that belongs to no entry");
                }
                if (atZeroBlock)
                {
                    CheckTail();
                }
                _finished = true;
                return null;
            }
            if (!TarField.IsChecksumRight(block))
            {
                throw Fail(_consumed == TarField.BlockSize ? "this is not a tar archive" : "the header's checksum is wrong");
            }

            switch ((char)block[156])
            {
                case 'L' when longName is null:
                    longName = ReadLongText(block);
                    continue;
                case 'K' when longLink is null:
                    longLink = ReadLongText(block);
                    continue;
                case 'x' when pax is null:
                    pax = ReadPax(block, global: false);
                    continue;
                case 'g':
                    if (longName is not null || longLink is not null || pax is not null)
                    {
                        throw Fail("a global header stands between an extended header and its entry");
                    }
                    _global = ReadPax(block, global: true);
                    continue;
                case 'L' or 'K' or 'x':
                    throw Fail("two extended headers of one kind belong to one entry");
                case 'V':
                    if (HeaderSize(block) != 0)
                    {
                        throw Fail("a volume label has content");
                    }
                    continue;
            }
            if (++_entries > _limits.EntriesMax)
            {
                throw Exhausted($"it has more than {_limits.EntriesMax} entries");
            }
            return ReadEntry(block, longName, longLink, pax);
        }
    }

    /// <summary>
    /// The next piece of the current entry's stored bytes, valid until the next call; empty at the end of the entry.
    /// For a sparse file these are its segments one after the other.
    /// </summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the archive is cut off.</exception>
    public ReadOnlySpan<byte> NextChunk()
    {
        if (_contentLeft == 0)
        {
            return [];
        }
        if (_start == _end && !Fill())
        {
            throw Fail("the archive is cut off within an entry");
        }
        int length = (int)Math.Min(_contentLeft, _end - _start);
        ReadOnlySpan<byte> chunk = _buffer.AsSpan(_start, length);
        _start += length;
        _contentLeft -= length;
        Count(length);
        return chunk;
    }

    /// <summary>Reads stored bytes of the current entry; zero at its end.</summary>
    public int Read(Span<byte> destination)
    {
        if (_contentLeft == 0 || destination.IsEmpty)
        {
            return 0;
        }
        if (_start == _end && !Fill())
        {
            throw Fail("the archive is cut off within an entry");
        }
        int length = (int)Math.Min(Math.Min(_contentLeft, _end - _start), destination.Length);
        _buffer.AsSpan(_start, length).CopyTo(destination);
        _start += length;
        _contentLeft -= length;
        Count(length);
        return length;
    }

    /// <summary>All stored bytes of the current entry, which may be at most <paramref name="bytesMax"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: it is longer.</exception>
    public byte[] ReadAll(int bytesMax)
    {
        if (_contentLeft > bytesMax)
        {
            throw Exhausted($"the entry has {_contentLeft} bytes; at most {bytesMax} are read");
        }
        byte[] content = new byte[_contentLeft];
        for (int filled = 0; filled < content.Length;)
        {
            filled += Read(content.AsSpan(filled));
        }
        return content;
    }

    /// <summary>An error about the current entry, at its place in the archive.</summary>
    public CaissonException Fail(string why) => new(ErrorKind.InvalidArgument, Place(why));

    private CaissonException Exhausted(string why) => new(ErrorKind.ResourceExhausted, Place(why));

    private string Place(string why) => _currentName is null
        ? $"{_subject}: at byte {_headerOffset}: {why}"
        : $"{_subject}: entry '{_currentName}' at byte {_headerOffset}: {why}";

    private TarEntry ReadEntry(ReadOnlySpan<byte> block, string? longName, string? longLink, PaxRecords? pax)
    {
        bool posix = block.Slice(257, 6).SequenceEqual("ustar\0"u8);
        bool gnu = block.Slice(257, 8).SequenceEqual("ustar  \0"u8);
        string name = ResolveName(block, posix, longName, pax);
        _currentName = name;

        char typeCode = (char)block[156];
        TarEntryType type = typeCode switch
        {
            '\0' when name.EndsWith('/') => TarEntryType.Directory,
            '\0' or '0' or '7' or 'S' => TarEntryType.File,
            '1' => TarEntryType.HardLink,
            '2' => TarEntryType.SymbolicLink,
            '3' => TarEntryType.CharacterDevice,
            '4' => TarEntryType.BlockDevice,
            '5' => TarEntryType.Directory,
            '6' => TarEntryType.Fifo,
            'D' or 'M' => throw Fail("incremental and multi-volume archives are not supported"),
            _ => throw Fail($"the entry type {(block[156] is > 32 and < 127 ? $"'{typeCode}'" : $"{block[156]}")} is unknown"),
        };
        if (type != TarEntryType.Directory && name.EndsWith('/'))
        {
            throw Fail("it ends in a slash but is no directory");
        }

        long stored = ResolveSize(block, pax);
        if (type != TarEntryType.File && stored != 0)
        {
            throw Fail($"it states {stored} bytes of content, which its type cannot have");
        }
        if (stored > _limits.FileBytesMax)
        {
            throw Exhausted($"it has {stored} bytes; at most {_limits.FileBytesMax} are allowed");
        }
        bool isDevice = type is TarEntryType.CharacterDevice or TarEntryType.BlockDevice;
        long mtime = Number(block.Slice(136, 12), "time");
        var entry = new TarEntry
        {
            Type = type,
            Name = name,
            LinkName = type is TarEntryType.HardLink or TarEntryType.SymbolicLink ? ResolveLink(block, longLink, pax) : "",
            Mode = (int)(Number(block.Slice(100, 8), "mode") & 0xfff),
            Uid = Id(pax?.Uid ?? _global?.Uid ?? Number(block.Slice(108, 8), "uid"), "uid"),
            Gid = Id(pax?.Gid ?? _global?.Gid ?? Number(block.Slice(116, 8), "gid"), "gid"),
            MtimeSeconds = pax?.Mtime?.Seconds ?? _global?.Mtime?.Seconds ?? mtime,
            MtimeNs = pax?.Mtime?.Ns ?? (pax?.Mtime is null ? _global?.Mtime?.Ns : null) ?? 0,
            Size = stored,
            StoredSize = stored,
            DeviceMajor = isDevice ? Id(Number(block.Slice(329, 8), "device"), "device") : 0,
            DeviceMinor = isDevice ? Id(Number(block.Slice(337, 8), "device"), "device") : 0,
            Xattrs = pax?.Xattrs ?? [],
        };

        _contentLeft = stored;
        _paddingLeft = (TarField.BlockSize - stored % TarField.BlockSize) % TarField.BlockSize;
        if (typeCode == 'S')
        {
            return pax is { IsSparse: true } || !gnu
                ? throw Fail("it is sparse in two ways")
                : ReadOldSparse(block, entry);
        }
        return pax is { IsSparse: true } ? ReadPaxSparse(entry, pax) : entry;
    }

    private string ResolveName(ReadOnlySpan<byte> block, bool posix, string? longName, PaxRecords? pax)
    {
        if (longName is not null && pax?.Path is not null && longName != pax.Path)
        {
            throw Fail("it has two names, one from GNU's and one from the pax header");
        }
        string? name = pax?.SparseName ?? pax?.Path ?? longName;
        if (name is null)
        {
            name = TarField.Text(block[..100]);
            ReadOnlySpan<byte> prefixField = block.Slice(345, 155);
            if (posix && block.Slice(508, 4).SequenceEqual("tar\0"u8) && prefixField[131..].ContainsAnyExcept((byte)0))
            {
                throw Fail("its header is star's own, which other readers take for another name");
            }
            if (posix && prefixField[0] != 0)
            {
                name = $"{TarField.Text(prefixField)}/{name}";
            }
        }
        if (name.Length == 0)
        {
            throw Fail("it has no name");
        }
        return name.Length <= _limits.PathBytesMax / 3 || PathText.Encode(name).Length <= _limits.PathBytesMax
            ? name
            : throw Exhausted($"its name is longer than {_limits.PathBytesMax} bytes");
    }

    private string ResolveLink(ReadOnlySpan<byte> block, string? longLink, PaxRecords? pax)
    {
        if (longLink is not null && pax?.LinkPath is not null && longLink != pax.LinkPath)
        {
            throw Fail("it has two link targets, one from GNU's and one from the pax header");
        }
        string link = pax?.LinkPath ?? longLink ?? TarField.Text(block.Slice(157, 100));
        return link.Length > 0 ? link : throw Fail("its link target is empty");
    }

    /// <summary>A size in the pax header wins, but the plain header must then say the same, nothing, or that it cannot say.</summary>
    private long ResolveSize(ReadOnlySpan<byte> block, PaxRecords? pax)
    {
        const long OctalMax = 0x1_ffff_ffff;

        long size = HeaderSize(block);
        if (pax?.Size is not { } told)
        {
            return size;
        }
        return size == told || size == 0 || (told > OctalMax && size == OctalMax)
            ? told
            : throw Fail($"it has two sizes: {size} and, in the pax header, {told}");
    }

    private long HeaderSize(ReadOnlySpan<byte> block)
    {
        long size = Number(block.Slice(124, 12), "size");
        return size >= 0 ? size : throw Fail("its size is negative");
    }

    private long Number(ReadOnlySpan<byte> field, string what) =>
        TarField.TryNumber(field, out long value) ? value : throw Fail($"its {what} is not a number");

    private uint Id(long value, string what) =>
        value is >= 0 and < uint.MaxValue ? (uint)value : throw Fail($"its {what} {value} is out of range");

    private string ReadLongText(ReadOnlySpan<byte> block)
    {
        byte[] content = ReadHeaderContent(block, _limits.PathBytesMax + 1, "name");
        ReadOnlySpan<byte> text = content.AsSpan().TrimEnd((byte)0);
        return !text.IsEmpty && !text.Contains((byte)0)
            ? PathText.Decode(text)
            : throw Fail("a long name is empty or holds a NUL");
    }

    private PaxRecords ReadPax(ReadOnlySpan<byte> block, bool global)
    {
        byte[] content = ReadHeaderContent(block, _limits.PaxBytesMax, "pax header");
        return PaxRecords.Parse(content, global, _limits, out string fault) ?? throw Fail(fault);
    }

    private byte[] ReadHeaderContent(ReadOnlySpan<byte> block, int bytesMax, string what)
    {
        long size = HeaderSize(block);
        if (size > bytesMax)
        {
            throw Exhausted($"a {what} has {size} bytes; at most {bytesMax} are allowed");
        }
        _contentLeft = size;
        _paddingLeft = (TarField.BlockSize - size % TarField.BlockSize) % TarField.BlockSize;
        byte[] content = ReadAll(bytesMax);
        SkipContent();
        return content;
    }

    /// <summary>GNU's first sparse form: four segments in the header, 21 more in each block that follows.</summary>
    private TarEntry ReadOldSparse(ReadOnlySpan<byte> block, TarEntry entry)
    {
        List<long> numbers = [];
        long realSize = Number(block.Slice(483, 12), "real size");
        TakeSegments(block.Slice(386, 96), numbers);
        bool extended = block[482] != 0;
        while (extended)
        {
            if (!TryReadBlock(out ReadOnlySpan<byte> more))
            {
                throw Fail("the archive is cut off within a sparse map");
            }
            TakeSegments(more[..504], numbers);
            extended = more[504] != 0;
        }
        return WithSegments(entry, numbers, realSize);
    }

    private void TakeSegments(ReadOnlySpan<byte> fields, List<long> numbers)
    {
        for (; !fields.IsEmpty && fields[0] != 0; fields = fields[24..])
        {
            if (numbers.Count >= 2 * _limits.SegmentsMax)
            {
                throw Exhausted($"its sparse map has more than {_limits.SegmentsMax} segments");
            }
            numbers.Add(Number(fields[..12], "sparse map"));
            numbers.Add(Number(fields[12..24], "sparse map"));
        }
    }

    private TarEntry ReadPaxSparse(TarEntry entry, PaxRecords pax)
    {
        if (entry.Type != TarEntryType.File)
        {
            throw Fail("it is sparse but no file");
        }
        if (pax.SparseRealSize is not { } realSize)
        {
            throw Fail("it is sparse but does not state its size");
        }
        switch (pax.SparseMajor ?? 0, pax.SparseMinor ?? 0)
        {
            case (1, 0) when pax.SparseNumbers is null:
                return WithSegments(entry, ReadSparseMap(), realSize);
            case (0, 0 or 1) when pax.SparseNumbers is { } numbers:
                return pax.SparseBlocks is null || pax.SparseBlocks * 2 == numbers.Count
                    ? WithSegments(entry, numbers, realSize)
                    : throw Fail("its sparse map has another length than stated");
            default:
                throw Fail("its sparse form is unknown or mixes two forms");
        }
    }

    /// <summary>GNU's sparse form 1.0: the map leads the content as decimal lines, filled up to whole blocks.</summary>
    private List<long> ReadSparseMap()
    {
        long before = _contentLeft;
        long count = ReadMapLine();
        if (count > _limits.SegmentsMax)
        {
            throw Exhausted($"its sparse map has {count} segments; at most {_limits.SegmentsMax} are allowed");
        }
        List<long> numbers = [];
        for (long i = 0; i < 2 * count; i++)
        {
            numbers.Add(ReadMapLine());
        }
        long partial = (before - _contentLeft) % TarField.BlockSize;
        for (long padding = partial == 0 ? 0 : TarField.BlockSize - partial; padding > 0; padding--)
        {
            ReadMapByte();
        }
        return numbers;
    }

    private long ReadMapLine()
    {
        Span<byte> digits = stackalloc byte[20];
        int length = 0;
        for (byte b = ReadMapByte(); b != '\n'; b = ReadMapByte())
        {
            if (length == digits.Length)
            {
                throw Fail("its sparse map is malformed");
            }
            digits[length++] = b;
        }
        return TarField.TryDecimal(digits[..length], out long number) ? number : throw Fail("its sparse map is malformed");
    }

    private byte ReadMapByte()
    {
        Span<byte> one = stackalloc byte[1];
        return Read(one) == 1 ? one[0] : throw Fail("its sparse map is longer than its content");
    }

    private TarEntry WithSegments(TarEntry entry, IReadOnlyList<long> numbers, long realSize)
    {
        if (numbers.Count % 2 != 0)
        {
            throw Fail("its sparse map ends within a segment");
        }
        if (realSize < 0 || realSize > _limits.FileBytesMax)
        {
            throw Exhausted($"its real size {realSize} is out of range; at most {_limits.FileBytesMax} bytes are allowed");
        }
        List<TarSegment> segments = new(numbers.Count / 2);
        long end = 0;
        long stored = 0;
        for (int i = 0; i < numbers.Count; i += 2)
        {
            (long offset, long length) = (numbers[i], numbers[i + 1]);
            if (offset < end || length < 0 || offset > realSize || length > realSize - offset)
            {
                throw Fail("its sparse map overlaps or leaves the file");
            }
            end = offset + length;
            stored += length;
            if (length > 0)
            {
                segments.Add(new TarSegment(offset, length));
            }
        }
        return stored == _contentLeft
            ? entry with { Size = realSize, StoredSize = stored, Segments = segments }
            : throw Fail($"its sparse map covers {stored} bytes but {_contentLeft} are stored");
    }

    private void SkipContent()
    {
        while (!NextChunk().IsEmpty)
        {
        }
        while (_paddingLeft > 0)
        {
            if (_start == _end && !Fill())
            {
                throw Fail("the archive is cut off after an entry");
            }
            int length = (int)Math.Min(_paddingLeft, _end - _start);
            _start += length;
            _paddingLeft -= length;
            Count(length);
        }
    }

    /// <summary>After the first zero block: a second one or the end, then nothing but zeros.</summary>
    private void CheckTail()
    {
        if (TryReadBlock(out ReadOnlySpan<byte> second) && !IsZero(second))
        {
            throw Fail("a lone zero block stands between entries, where readers disagree whether the archive ends");
        }
        while (_start < _end || Fill())
        {
            if (_buffer.AsSpan(_start, _end - _start).ContainsAnyExcept((byte)0))
            {
                throw Fail("there is content behind the end of the archive");
            }
            Count(_end - _start);
            _start = _end;
        }
    }

    private bool TryReadBlock(out ReadOnlySpan<byte> block)
    {
        while (_end - _start < TarField.BlockSize)
        {
            if (!Fill())
            {
                block = [];
                return _end == _start
                    ? false
                    : throw Fail("the archive is cut off within a header");
            }
        }
        block = _buffer.AsSpan(_start, TarField.BlockSize);
        _start += TarField.BlockSize;
        Count(TarField.BlockSize);
        return true;
    }

    private bool Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        int read = _source.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        return read > 0;
    }

    private void Count(int bytes)
    {
        _consumed += bytes;
        if (_consumed > _limits.ArchiveBytesMax)
        {
            throw Exhausted($"it has more than {_limits.ArchiveBytesMax} bytes when unpacked");
        }
    }

    private static bool IsZero(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);
}

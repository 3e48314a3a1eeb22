using System.Buffers.Binary;
using System.Text;

namespace Caisson.Scan.Packages;

/// <summary>Reads the rows of one table out of a database file of SQLite, without SQLite: the file is of an image, which may be hostile.</summary>
/// <remarks>Tables with a rowid only. Every page is visited once, so the work is bounded by the file. Source: sqlite.org/fileformat2.html.</remarks>
internal sealed class SqliteTable
{
    private const int HeaderBytes = 100;
    private const byte InteriorPage = 5;
    private const byte LeafPage = 13;

    private readonly byte[] _file;
    private readonly int _pageSize;
    private readonly int _usable;
    private readonly HashSet<uint> _seen = [];

    private SqliteTable(byte[] file)
    {
        _file = file;
        _pageSize = BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(16));
        _pageSize = _pageSize == 1 ? 65536 : _pageSize;
        _usable = _pageSize - file[20];
    }

    /// <summary>The values of a column of a table: blobs and texts as bytes, others as null.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, or no such database.</exception>
    public static List<byte[]?> ReadColumn(byte[] file, string table, int column)
    {
        if (file.Length < HeaderBytes || !file.AsSpan().StartsWith("SQLite format 3\0"u8))
        {
            throw new InvalidDataException("it is no SQLite database");
        }
        var reader = new SqliteTable(file);
        if (reader._pageSize < 512 || reader._usable < 480)
        {
            throw new InvalidDataException($"its page size is {reader._pageSize}");
        }
        uint root = 0;
        reader.Visit(1, payload =>
        {
            // type, name, tbl_name, rootpage, sql
            if (Encoding.UTF8.GetString(Value(payload, 0, out _) ?? []) == "table"
                && Encoding.UTF8.GetString(Value(payload, 1, out _) ?? []) == table)
            {
                _ = Value(payload, 3, out long page);
                root = (uint)page;
            }
        });
        List<byte[]?> values = [];
        reader._seen.Clear();
        if (root == 0)
        {
            throw new InvalidDataException($"it has no table {table}");
        }
        reader.Visit(root, payload => values.Add(Value(payload, column, out _)));
        return values;
    }

    private void Visit(uint root, Action<byte[]> row)
    {
        Stack<uint> pages = new([root]);
        while (pages.TryPop(out uint page))
        {
            if (!_seen.Add(page))
            {
                throw new InvalidDataException($"page {page} is used twice");
            }
            ReadOnlySpan<byte> content = Page(page);
            int header = page == 1 ? HeaderBytes : 0;
            byte type = content[header];
            int cells = BinaryPrimitives.ReadUInt16BigEndian(content[(header + 3)..]);
            int pointers = header + (type == InteriorPage ? 12 : 8);
            if (type is not (InteriorPage or LeafPage) || pointers + (2 * cells) > _usable)
            {
                throw new InvalidDataException($"page {page} is no page of a table");
            }
            for (int i = 0; i < cells; i++)
            {
                int cell = BinaryPrimitives.ReadUInt16BigEndian(content[(pointers + (2 * i))..]);
                if (cell + 4 > _usable)
                {
                    throw new InvalidDataException($"page {page} has a cell outside of it");
                }
                if (type == InteriorPage)
                {
                    pages.Push(BinaryPrimitives.ReadUInt32BigEndian(content[cell..]));
                }
                else
                {
                    row(Payload(content, cell));
                }
            }
            if (type == InteriorPage)
            {
                pages.Push(BinaryPrimitives.ReadUInt32BigEndian(content[(header + 8)..]));
            }
        }
    }

    /// <summary>The row's record; what does not fit the page is in a chain of others.</summary>
    private byte[] Payload(ReadOnlySpan<byte> page, int cell)
    {
        ReadOnlySpan<byte> rest = page[cell.._usable];
        long length = Varint(ref rest);
        _ = Varint(ref rest);
        if (length < 0 || length > _file.Length)
        {
            throw new InvalidDataException($"a row has {length} bytes");
        }
        int localMax = _usable - 35;
        if (length <= localMax)
        {
            return length <= rest.Length ? rest[..(int)length].ToArray() : throw new InvalidDataException("a row ends outside its page");
        }
        int localMin = ((_usable - 12) * 32 / 255) - 23;
        int local = localMin + (int)((length - localMin) % (_usable - 4));
        local = local <= localMax ? local : localMin;
        if (local + 4 > rest.Length)
        {
            throw new InvalidDataException("a row ends outside its page");
        }
        byte[] payload = new byte[length];
        rest[..local].CopyTo(payload);
        uint next = BinaryPrimitives.ReadUInt32BigEndian(rest[local..]);
        for (int done = local; done < length;)
        {
            if (!_seen.Add(next))
            {
                throw new InvalidDataException($"page {next} is used twice");
            }
            ReadOnlySpan<byte> more = Page(next);
            int take = (int)Math.Min(length - done, _usable - 4);
            more.Slice(4, take).CopyTo(payload.AsSpan(done));
            done += take;
            next = BinaryPrimitives.ReadUInt32BigEndian(more);
        }
        return payload;
    }

    private ReadOnlySpan<byte> Page(uint number)
    {
        long at = (number - 1L) * _pageSize;
        return number > 0 && at + _pageSize <= _file.Length
            ? _file.AsSpan((int)at, _pageSize)
            : throw new InvalidDataException($"page {number} is not in the file");
    }

    private static byte[]? Value(byte[] record, int column, out long number)
    {
        number = 0;
        ReadOnlySpan<byte> header = record;
        long headerLength = Varint(ref header);
        int used = record.Length - header.Length;
        if (headerLength < used || headerLength > record.Length)
        {
            throw new InvalidDataException("a record's header is longer than the record");
        }
        header = record.AsSpan(used, (int)headerLength - used);
        long at = headerLength;
        for (int i = 0; !header.IsEmpty; i++)
        {
            long type = Varint(ref header);
            long length = type switch { 0 or 8 or 9 => 0, <= 4 => type, 5 => 6, 6 or 7 => 8, < 12 => 0, _ => (type - 12) / 2 };
            if (length < 0 || at + length > record.Length)
            {
                throw new InvalidDataException("a value ends outside its record");
            }
            if (i == column)
            {
                ReadOnlySpan<byte> value = record.AsSpan((int)at, (int)length);
                if (type >= 12)
                {
                    return value.ToArray();
                }
                number = type == 9 ? 1 : 0;
                foreach (byte b in value)
                {
                    number = (number << 8) | b;
                }
                return null;
            }
            at += length;
        }
        return null;
    }

    private static long Varint(ref ReadOnlySpan<byte> data)
    {
        long value = 0;
        for (int i = 0; i < 9; i++)
        {
            if (data.IsEmpty)
            {
                throw new InvalidDataException("a number is cut off");
            }
            byte b = data[0];
            data = data[1..];
            if (i == 8)
            {
                return (value << 8) | b;
            }
            value = (value << 7) | (uint)(b & 0x7f);
            if (b < 0x80)
            {
                break;
            }
        }
        return value;
    }
}

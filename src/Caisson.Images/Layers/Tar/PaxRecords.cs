using System.Globalization;
using System.Text;

using Caisson.Linux;

namespace Caisson.Images.Layers.Tar;

/// <summary>The records of one pax header, read strictly: what two readers could understand differently is an error.</summary>
/// <remarks>
/// A record is <c>LENGTH KEY=VALUE\n</c> where LENGTH counts the whole record. Source: pax(1), "pax Extended Header";
/// GNU tar manual, "Storing Sparse Files"; libarchive's and star's attribute keys.
/// </remarks>
internal sealed class PaxRecords
{
    private const string SchilyXattr = "SCHILY.xattr.";
    private const string LibarchiveXattr = "LIBARCHIVE.xattr.";

    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly List<TarXattr> _xattrs = [];
    private List<long>? _sparseNumbers;

    public string? Path { get; private set; }

    public string? LinkPath { get; private set; }

    public long? Size { get; private set; }

    public long? Uid { get; private set; }

    public long? Gid { get; private set; }

    public (long Seconds, int Ns)? Mtime { get; private set; }

    public IReadOnlyList<TarXattr> Xattrs => _xattrs;

    public string? SparseName { get; private set; }

    public long? SparseRealSize { get; private set; }

    public long? SparseMajor { get; private set; }

    public long? SparseMinor { get; private set; }

    public long? SparseBlocks { get; private set; }

    /// <summary>Offset and length by turns, from formats 0.0 and 0.1.</summary>
    public IReadOnlyList<long>? SparseNumbers => _sparseNumbers;

    /// <summary>True when any record speaks of a sparse file.</summary>
    public bool IsSparse => SparseRealSize is not null || SparseMajor is not null || _sparseNumbers is not null
        || SparseName is not null || SparseBlocks is not null;

    /// <summary>Reads <paramref name="data"/>; on failure says why.</summary>
    /// <param name="data">The content of the header.</param>
    /// <param name="global">True for records that hold for all entries to come; those may not name or size an entry.</param>
    /// <param name="limits">Bounds of single values.</param>
    /// <param name="fault">Why it was refused.</param>
    public static PaxRecords? Parse(ReadOnlySpan<byte> data, bool global, TarLimits limits, out string fault)
    {
        var records = new PaxRecords();
        while (!data.IsEmpty)
        {
            int space = data.IndexOf((byte)' ');
            if (space <= 0 || data[0] == '0' || !TarField.TryDecimal(data[..space], out long length)
                || length <= space + 1 || length > data.Length || data[(int)length - 1] != '\n')
            {
                fault = "a pax record has a wrong length";
                return null;
            }
            ReadOnlySpan<byte> record = data[(space + 1)..((int)length - 1)];
            data = data[(int)length..];

            int equals = record.IndexOf((byte)'=');
            if (equals <= 0 || record[..equals].Contains((byte)0))
            {
                fault = "a pax record has no key";
                return null;
            }
            string key = PathText.Decode(record[..equals]);
            string? wrong = records.Take(key, record[(equals + 1)..], global, limits);
            if (wrong is not null)
            {
                fault = $"the pax record '{key}' {wrong}";
                return null;
            }
        }
        fault = "";
        return records;
    }

    private string? Take(string key, ReadOnlySpan<byte> value, bool global, TarLimits limits)
    {
        bool repeats = key is "GNU.sparse.offset" or "GNU.sparse.numbytes";
        if (!_seen.Add(key) && !repeats)
        {
            return "is there twice";
        }
        if (global && (key is "path" or "linkpath" or "size"
            || key.StartsWith("GNU.sparse.", StringComparison.Ordinal)
            || key.StartsWith(SchilyXattr, StringComparison.Ordinal)
            || key.StartsWith(LibarchiveXattr, StringComparison.Ordinal)))
        {
            return "may not stand in a global header";
        }
        switch (key)
        {
            case "path":
                return TakeText(value, limits.PathBytesMax, text => Path = text);
            case "linkpath":
                return TakeText(value, limits.PathBytesMax, text => LinkPath = text);
            case "size":
                return TakeNumber(value, number => Size = number);
            case "uid":
                return value.IsEmpty ? null : TakeNumber(value, number => Uid = number);
            case "gid":
                return value.IsEmpty ? null : TakeNumber(value, number => Gid = number);
            case "mtime":
                return value.IsEmpty ? null : TakeTime(value);
            case "hdrcharset":
                return value.SequenceEqual("ISO-IR 10646 2000 UTF-8"u8) || value.SequenceEqual("BINARY"u8)
                    ? null
                    : "names an unknown character set";
            case "GNU.sparse.name":
                return TakeText(value, limits.PathBytesMax, text => SparseName = text);
            case "GNU.sparse.size" or "GNU.sparse.realsize":
                return SparseRealSize is null ? TakeNumber(value, number => SparseRealSize = number) : "states the size again";
            case "GNU.sparse.major":
                return TakeNumber(value, number => SparseMajor = number);
            case "GNU.sparse.minor":
                return TakeNumber(value, number => SparseMinor = number);
            case "GNU.sparse.numblocks":
                return TakeNumber(value, number => SparseBlocks = number);
            case "GNU.sparse.offset" or "GNU.sparse.numbytes":
                return TakeSparseNumber(key == "GNU.sparse.numbytes", value, limits);
            case "GNU.sparse.map":
                return TakeSparseMap(value, limits);
        }
        if (key.StartsWith(SchilyXattr, StringComparison.Ordinal))
        {
            return TakeXattr(key[SchilyXattr.Length..], value.ToArray(), limits);
        }
        if (key.StartsWith(LibarchiveXattr, StringComparison.Ordinal))
        {
            return TakeLibarchiveXattr(key[LibarchiveXattr.Length..], value, limits);
        }
        return null;
    }

    private static string? TakeText(ReadOnlySpan<byte> value, int bytesMax, Action<string> take)
    {
        if (value.IsEmpty)
        {
            return "is empty";
        }
        if (value.Length > bytesMax)
        {
            return $"is {value.Length} bytes long; at most {bytesMax} are allowed";
        }
        if (value.Contains((byte)0))
        {
            return "holds a NUL";
        }
        take(PathText.Decode(value));
        return null;
    }

    private static string? TakeNumber(ReadOnlySpan<byte> value, Action<long> take)
    {
        if (!TarField.TryDecimal(value, out long number))
        {
            return "is not a decimal number";
        }
        take(number);
        return null;
    }

    /// <summary>Seconds with an optional sign and fraction; digits below a nanosecond are dropped.</summary>
    private string? TakeTime(ReadOnlySpan<byte> value)
    {
        bool negative = value[0] == '-';
        ReadOnlySpan<byte> digits = negative ? value[1..] : value;
        int dot = digits.IndexOf((byte)'.');
        ReadOnlySpan<byte> fraction = dot < 0 ? [] : digits[(dot + 1)..];
        if (!TarField.TryDecimal(dot < 0 ? digits : digits[..dot], out long seconds)
            || fraction.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return "is not a time";
        }
        int ns = 0;
        for (int i = 0; i < 9; i++)
        {
            ns = ns * 10 + (i < fraction.Length ? fraction[i] - '0' : 0);
        }
        if (negative)
        {
            (seconds, ns) = ns == 0 ? (-seconds, 0) : (-seconds - 1, 1_000_000_000 - ns);
        }
        Mtime = (seconds, ns);
        return null;
    }

    private string? TakeSparseNumber(bool isLength, ReadOnlySpan<byte> value, TarLimits limits)
    {
        _sparseNumbers ??= [];
        if (_sparseNumbers.Count % 2 == 1 != isLength)
        {
            return "is out of turn";
        }
        return _sparseNumbers.Count >= 2 * limits.SegmentsMax
            ? "is there too often"
            : TakeNumber(value, _sparseNumbers.Add);
    }

    private string? TakeSparseMap(ReadOnlySpan<byte> value, TarLimits limits)
    {
        if (_sparseNumbers is not null)
        {
            return "contradicts an earlier map";
        }
        _sparseNumbers = [];
        if (value.IsEmpty)
        {
            return null;
        }
        foreach (Range part in value.Split((byte)','))
        {
            if (!TarField.TryDecimal(value[part], out long number) || _sparseNumbers.Count >= 2 * limits.SegmentsMax)
            {
                return "is not a list of offsets and lengths";
            }
            _sparseNumbers.Add(number);
        }
        return null;
    }

    private string? TakeLibarchiveXattr(string escapedName, ReadOnlySpan<byte> base64, TarLimits limits)
    {
        string padded = Encoding.ASCII.GetString(base64);
        padded = padded.PadRight((padded.Length + 3) / 4 * 4, '=');
        byte[] value = new byte[padded.Length / 4 * 3];
        return Convert.TryFromBase64String(padded, value, out int length)
            ? TakeXattr(Uri.UnescapeDataString(escapedName), value[..length], limits)
            : "is not base64";
    }

    private string? TakeXattr(string name, byte[] value, TarLimits limits)
    {
        if (name.Length is 0 or > 255 || name.Contains('\0', StringComparison.Ordinal))
        {
            return "names no attribute";
        }
        if (value.Length > limits.XattrBytesMax)
        {
            return string.Create(CultureInfo.InvariantCulture, $"is longer than {limits.XattrBytesMax} bytes");
        }
        if (_xattrs.Find(xattr => xattr.Name == name) is { } other)
        {
            return other.Value.AsSpan().SequenceEqual(value) ? null : "contradicts another spelling of the same attribute";
        }
        _xattrs.Add(new TarXattr(name, value));
        return null;
    }
}

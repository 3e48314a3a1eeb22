using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Text;
using System.Text.Json;
using Caisson.Errors;

namespace Caisson.Oci.Json;

/// <summary>Reads one value at the cursor, which stands on the value's last token afterwards.</summary>
public delegate T ReadJson<out T>(ref JsonCursor json);

/// <summary>A strict walk over a JSON document that reports every fault at its JSON pointer and goes on.</summary>
/// <remarks>
/// Numbers must fit, keys must not repeat, strings must be UTF-8 without NUL. A key whose value is null counts as absent,
/// as for the Go runtimes. Only malformed JSON ends the walk. A faulty value yields an empty placeholder: the caller looks at the
/// problems before it uses the result.
/// </remarks>
public ref struct JsonCursor
{
    /// <summary>Deeper documents are refused: nothing in the standards needs a third of it.</summary>
    public const int DepthMax = 64;

    private readonly ReadOnlyMemory<byte> _utf8;
    private readonly ICollection<Problem> _problems;
    private readonly Frame[] _frames = new Frame[DepthMax];
    private Utf8JsonReader _reader;
    private int _depth;

    private JsonCursor(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems)
    {
        _utf8 = utf8;
        _problems = problems;
        _reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = DepthMax });
    }

    /// <summary>Reads a whole document; null when it is not JSON at all.</summary>
    /// <param name="utf8">The document; slices of it may be kept.</param>
    /// <param name="problems">Receives every fault; the result counts only when there was none.</param>
    /// <param name="bytesMax">Longer documents are refused unread.</param>
    /// <param name="read">Reads the document's value.</param>
    public static T? Read<T>(ReadOnlyMemory<byte> utf8, ICollection<Problem> problems, int bytesMax, ReadJson<T> read) where T : class
    {
        if (utf8.Length > bytesMax)
        {
            problems.Add(new Problem("", $"the document has {utf8.Length} bytes; at most {bytesMax} are read"));
            return null;
        }
        var json = new JsonCursor(utf8, problems);
        try
        {
            json._reader.Read();
            T document = read(ref json);
            json._reader.Read(); // throws unless nothing but white space follows
            return document;
        }
        catch (JsonException fault)
        {
            problems.Add(new Problem("", json.Describe(fault)));
            return null;
        }
    }

    /// <summary>Enters the object at the cursor; false (and reported) when something else stands there.</summary>
    public bool EnterObject()
    {
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            Refuse("an object");
            return false;
        }
        ref Frame frame = ref _frames[_depth++];
        frame.Name = "";
        frame.Names ??= new NameSet();
        frame.Names.Clear();
        return true;
    }

    /// <summary>Moves to the next key's value and returns the key; null, having left the object, when there is none.</summary>
    public string? NextName()
    {
        while (true)
        {
            _reader.Read();
            ref Frame frame = ref _frames[_depth - 1];
            if (_reader.TokenType == JsonTokenType.EndObject)
            {
                _depth--;
                return null;
            }
            frame.Name = TokenText("key");
            if (!frame.Names!.Add(frame.Name))
            {
                Report("the key occurs twice");
            }
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.Null)
            {
                return frame.Name;
            }
        }
    }

    /// <summary>Reads the array at the cursor, item by item.</summary>
    public ImmutableArray<T> Array<T>(ReadJson<T> read)
    {
        if (_reader.TokenType != JsonTokenType.StartArray)
        {
            Refuse("an array");
            return [];
        }
        var items = ImmutableArray.CreateBuilder<T>();
        ref Frame frame = ref _frames[_depth++];
        frame.Name = null;
        for (frame.Index = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; frame.Index++)
        {
            items.Add(read(ref this));
        }
        _depth--;
        return items.DrainToImmutable();
    }

    /// <summary>Reads an array of strings.</summary>
    public ImmutableArray<string> Texts() => Array((ref JsonCursor json) => json.Text());

    /// <summary>Reads an object whose keys are the user's, in the order of the document.</summary>
    public IReadOnlyDictionary<string, T> Map<T>(ReadJson<T> read)
    {
        if (!EnterObject())
        {
            return ReadOnlyDictionary<string, T>.Empty;
        }
        var map = new OrderedDictionary<string, T>();
        while (NextName() is { } name)
        {
            map[name] = read(ref this);
        }
        return map;
    }

    /// <summary>Reads an object of strings.</summary>
    public IReadOnlyDictionary<string, string> TextMap() => Map((ref JsonCursor json) => json.Text());

    /// <summary>Reads a string; empty when it is faulty.</summary>
    public string Text()
    {
        if (_reader.TokenType != JsonTokenType.String)
        {
            Refuse("a string");
            return "";
        }
        string text = TokenText("string");
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            Report("must not contain a NUL character");
            return "";
        }
        return text;
    }

    /// <summary>True when a string stands at the cursor, for values of which several kinds are allowed.</summary>
    public readonly bool IsText => _reader.TokenType == JsonTokenType.String;

    /// <summary>Reads true or false.</summary>
    public bool Flag()
    {
        if (_reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
        {
            Refuse("true or false");
            return false;
        }
        return _reader.GetBoolean();
    }

    /// <summary>Reads an integer of <paramref name="min"/> to <paramref name="max"/>, both included.</summary>
    public long Integer(long min = long.MinValue, long max = long.MaxValue)
    {
        if (_reader.TokenType != JsonTokenType.Number)
        {
            Refuse("an integer");
        }
        else if (!_reader.TryGetInt64(out long value) || value < min || value > max)
        {
            ReportNumber($"{min} to {max}");
        }
        else
        {
            return value;
        }
        return Math.Max(min, 0);
    }

    /// <summary>Reads an integer of 0 to <paramref name="max"/>, included.</summary>
    public ulong Unsigned(ulong max = ulong.MaxValue)
    {
        if (_reader.TokenType != JsonTokenType.Number)
        {
            Refuse("an integer");
        }
        else if (!_reader.TryGetUInt64(out ulong value) || value > max)
        {
            ReportNumber($"0 to {max}");
        }
        else
        {
            return value;
        }
        return 0;
    }

    /// <summary>Reads an unsigned integer of 32 bits.</summary>
    public uint UInt32() => (uint)Unsigned(uint.MaxValue);

    /// <summary>Reads a word of <paramref name="names"/> as its index; 0 (and reported) when it is none of them.</summary>
    public int Choice(string[] names)
    {
        int known = _problems.Count;
        string text = Text();
        int index = text.Length == 0 ? -1 : System.Array.IndexOf(names, text);
        if (index < 0 && _problems.Count == known)
        {
            Report($"unknown value '{text}'; known are {string.Join(", ", names.Where(name => name.Length > 0))}");
        }
        return Math.Max(index, 0);
    }

    /// <summary>Steps over the object at the cursor and returns its bytes as they are; empty when it is something else.</summary>
    public ReadOnlyMemory<byte> RawObject()
    {
        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            Refuse("an object");
            return default;
        }
        int start = (int)_reader.TokenStartIndex;
        _reader.Skip();
        return _utf8[start..(int)_reader.BytesConsumed];
    }

    /// <summary>Steps over a value that nobody here reads.</summary>
    public void Skip() => _reader.Skip();

    /// <summary>Reports a fault of the value at the cursor.</summary>
    public readonly void Report(string message) => _problems.Add(new Problem(Path(), message));

    /// <summary>Reports that the object just left lacks <paramref name="name"/>.</summary>
    public readonly void ReportMissing(string name) => _problems.Add(new Problem($"{Path()}/{name}", "is required"));

    /// <summary>Where a <see cref="JsonException"/> met the reader, in words.</summary>
    private readonly string Describe(JsonException fault) =>
        _reader.CurrentDepth >= DepthMax - 1 // the reader counts an opening bracket one lower while it stands on it
            ? $"nested deeper than {DepthMax} levels"
            : $"not valid JSON at line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}";

    private void Refuse(string expected)
    {
        string found = _reader.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "an array",
            JsonTokenType.String => "a string",
            JsonTokenType.Number => "a number",
            JsonTokenType.Null => "null",
            _ => "true or false",
        };
        Report($"must be {expected}, not {found}");
        _reader.Skip();
    }

    private readonly void ReportNumber(string range)
    {
        bool whole = _reader.ValueSpan.IndexOfAny((byte)'.', (byte)'e', (byte)'E') < 0;
        Report(whole ? $"out of range: must be {range}" : "must be an integer, without fraction or exponent");
    }

    /// <summary>The token's text; the reader finds broken UTF-8 and lone surrogates only here.</summary>
    private readonly string TokenText(string what)
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            Report($"the {what} is not valid UTF-8");
            return "";
        }
    }

    private readonly string Path()
    {
        var path = new StringBuilder();
        for (int i = 0; i < _depth; i++)
        {
            path.Append('/');
            if (_frames[i].Name is { } name)
            {
                path.Append(name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
            }
            else
            {
                path.Append(_frames[i].Index);
            }
        }
        return path.ToString();
    }

    /// <summary>One level of nesting: the key at hand of an object, or the index at hand of an array (no name).</summary>
    private struct Frame
    {
        public string? Name;
        public int Index;
        public NameSet? Names;
    }

    /// <summary>The keys of one object: a list while it is short, a hash set when a document tries to make us slow.</summary>
    private sealed class NameSet
    {
        private const int ListMax = 32;
        private readonly List<string> _few = [];
        private HashSet<string>? _many;

        public void Clear()
        {
            _few.Clear();
            _many = null;
        }

        public bool Add(string name)
        {
            if (_many is not null)
            {
                return _many.Add(name);
            }
            if (_few.Contains(name))
            {
                return false;
            }
            _few.Add(name);
            if (_few.Count > ListMax)
            {
                _many = new HashSet<string>(_few, StringComparer.Ordinal);
            }
            return true;
        }
    }
}

using System.Text.Json;

using Caisson.Containers.Logs;

namespace Caisson.Control.Logs;

/// <summary>Reads the entries of one log file, whatever its format; what the file's first bytes say. Not safe for concurrent use.</summary>
/// <param name="source">The file; the caller's.</param>
/// <param name="position">Where the first entry begins.</param>
internal sealed class LogParser(LogSource source, long position = 0)
{
    private const int ReadBytes = 64 << 10;

    /// <summary>The longest record a monitor writes is far shorter; what is longer is damage and is skipped.</summary>
    private const int RecordBytesMax = 4 << 20;

    private readonly List<byte>[] _unended = [[], []];
    private readonly DateTimeOffset[] _unendedTimes = new DateTimeOffset[2];
    private byte[] _buffer = new byte[ReadBytes];
    private byte[] _text = [];
    private long _read = position;
    private int _start;
    private int _end;
    private LogFormat? _format;
    private LogFrame _frame;
    private ReadOnlyMemory<byte> _pending;

    /// <summary>How the file is written; null while it is empty.</summary>
    public LogFormat? Format => _format ??= Detect();

    /// <summary>Where in the file reading has got to; grows only.</summary>
    public long Position => _read - (_end - _start);

    /// <summary>Reads the next entry that is complete; false when there is none yet.</summary>
    public bool TryRead(out LogEntry entry)
    {
        entry = default;
        return Format switch
        {
            LogFormat.Local => TryReadFrames(out entry),
            null => false,
            _ => TryReadLine(out entry),
        };
    }

    /// <summary>The beginning of a line whose end never came; false when there is none.</summary>
    public bool TryReadUnended(out LogEntry entry)
    {
        for (int stream = 0; stream < 2; stream++)
        {
            if (_unended[stream].Count > 0)
            {
                entry = new LogEntry(stream == 1, _unendedTimes[stream], Take(stream, default));
                return true;
            }
        }
        entry = default;
        return false;
    }

    /// <summary>Goes on where <paramref name="before"/>, of the file before this one, has left a line.</summary>
    public void Continue(LogParser before)
    {
        for (int stream = 0; stream < 2; stream++)
        {
            _unended[stream].AddRange(before._unended[stream]);
            _unendedTimes[stream] = before._unendedTimes[stream];
        }
    }

    private LogFormat? Detect()
    {
        Span<byte> first = stackalloc byte[4];
        int count = source.ReadAt(first, 0);
        return count == 0 ? null
            : first[0] == (byte)'{' ? LogFormat.Json
            : first[..count].SequenceEqual(LogFrame.Magic[..count]) ? LogFormat.Local
            : LogFormat.Text;
    }

    private bool TryReadLine(out LogEntry entry)
    {
        while (true)
        {
            int length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                int start = _start;
                _start += length + 1;
                if (_format == LogFormat.Json ? TryParseJson(_buffer.AsSpan(start, length), out entry) : TryParseText(_buffer.AsSpan(start, length), out entry))
                {
                    return true;
                }
                continue;
            }
            if (!Fill())
            {
                entry = default;
                return false;
            }
        }
    }

    private bool TryReadFrames(out LogEntry entry)
    {
        while (true)
        {
            if (TrySplit(out entry))
            {
                return true;
            }
            if (_end - _start < LogFrame.HeaderSize)
            {
                if (!Fill())
                {
                    return false;
                }
                continue;
            }
            if (!LogFrame.TryRead(_buffer.AsSpan(_start, _end - _start), out _frame))
            {
                // A monitor was killed while it wrote: what follows begins with the next header.
                int next = _buffer.AsSpan(_start + 1, _end - _start - 1).IndexOf(LogFrame.Magic);
                _start = next >= 0 ? _start + 1 + next : _end - LogFrame.Magic.Length + 1;
                continue;
            }
            int whole = LogFrame.HeaderSize + _frame.Length + LogFrame.TrailerSize;
            if (_end - _start < whole)
            {
                if (!Fill())
                {
                    return false;
                }
                continue;
            }
            if (BitConverter.ToInt32(_buffer, _start + whole - LogFrame.TrailerSize) != _frame.Length)
            {
                _start++;
                continue;
            }
            _pending = _buffer.AsMemory(_start + LogFrame.HeaderSize, _frame.Length);
            _start += whole;
        }
    }

    /// <summary>The next line of the frame at hand; a line may have begun in an earlier frame of its stream.</summary>
    private bool TrySplit(out LogEntry entry)
    {
        entry = default;
        if (_pending.IsEmpty)
        {
            return false;
        }
        int stream = _frame.Stderr ? 1 : 0;
        var time = new DateTimeOffset(_frame.Ticks, TimeSpan.Zero);
        int end = _pending.Span.IndexOf((byte)'\n');
        if (end < 0 && _unended[stream].Count + _pending.Length < RecordBytesMax)
        {
            _unended[stream].AddRange(_pending.Span);
            _unendedTimes[stream] = time;
            _pending = default;
            return false;
        }
        ReadOnlyMemory<byte> line = end < 0 ? _pending : _pending[..(end + 1)];
        _pending = _pending[line.Length..];
        entry = new LogEntry(_frame.Stderr, time, _unended[stream].Count == 0 ? line : Take(stream, line));
        return true;
    }

    private byte[] Take(int stream, ReadOnlyMemory<byte> rest)
    {
        byte[] text = [.. _unended[stream], .. rest.Span];
        _unended[stream].Clear();
        return text;
    }

    private bool Fill()
    {
        if (!_pending.IsEmpty)
        {
            throw new System.Diagnostics.UnreachableException("a frame that is not used up is in the buffer");
        }
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= RecordBytesMax)
            {
                _end = 0;
            }
            else
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }
        }
        int read = source.ReadAt(_buffer.AsSpan(_end), _read);
        _end += read;
        _read += read;
        return read > 0;
    }

    private bool TryParseText(ReadOnlySpan<byte> line, out LogEntry entry)
    {
        entry = default;
        int time = line.IndexOf((byte)' ');
        if (time <= 0 || !TryParseTime(line[..time], out DateTimeOffset at))
        {
            return false;
        }
        ReadOnlySpan<byte> rest = line[(time + 1)..];
        int stream = rest.IndexOf((byte)' ');
        if (stream <= 0 || rest.Length < stream + 2)
        {
            return false;
        }
        bool stderr = rest[..stream].SequenceEqual("stderr"u8);
        if (!stderr && !rest[..stream].SequenceEqual("stdout"u8))
        {
            return false;
        }
        bool whole = rest[stream + 1] == (byte)'F';
        ReadOnlySpan<byte> text = rest.Length > stream + 3 ? rest[(stream + 3)..] : [];
        Reserve(text.Length + 1);
        text.CopyTo(_text);
        _text[text.Length] = (byte)'\n';
        entry = new LogEntry(stderr, at, _text.AsMemory(0, text.Length + (whole ? 1 : 0)));
        return true;
    }

    /// <summary>Also what Docker wrote: the members in any order, and others beside them.</summary>
    private bool TryParseJson(ReadOnlySpan<byte> line, out LogEntry entry)
    {
        entry = default;
        try
        {
            var json = new Utf8JsonReader(line);
            int length = -1;
            bool stderr = false;
            DateTimeOffset at = default;
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                bool isLog = json.ValueTextEquals("log"u8);
                bool isStream = json.ValueTextEquals("stream"u8);
                bool isTime = json.ValueTextEquals("time"u8);
                json.Read();
                if (json.TokenType == JsonTokenType.String && isLog)
                {
                    Reserve(json.ValueSpan.Length);
                    length = json.CopyString(_text);
                }
                else if (json.TokenType == JsonTokenType.String && isStream)
                {
                    stderr = json.ValueTextEquals("stderr"u8);
                }
                else if (json.TokenType == JsonTokenType.String && isTime)
                {
                    _ = TryParseTime(json.ValueSpan, out at);
                }
                else
                {
                    json.Skip();
                }
            }
            entry = new LogEntry(stderr, at, _text.AsMemory(0, Math.Max(0, length)));
            return length >= 0;
        }
        catch (JsonException)
        {
            return false; // a monitor was killed while it wrote
        }
    }

    /// <summary>RFC 3339 in UTC with any number of digits, as monitors and Docker write it.</summary>
    internal static bool TryParseTime(ReadOnlySpan<byte> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length < 20 || text[^1] != (byte)'Z' || text[4] != (byte)'-' || text[10] != (byte)'T' || text[13] != (byte)':')
        {
            return false;
        }
        int year = Number(text[..4]), month = Number(text[5..7]), day = Number(text[8..10]);
        int hour = Number(text[11..13]), minute = Number(text[14..16]), second = Number(text[17..19]);
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour is < 0 or > 23 || minute is < 0 or > 59 || second is < 0 or > 59)
        {
            return false;
        }
        long ticks = 0;
        long unit = TimeSpan.TicksPerSecond;
        foreach (byte digit in text[19] == (byte)'.' ? text[20..^1] : [])
        {
            unit /= 10;
            ticks += unit * (digit - '0');
        }
        time = new DateTimeOffset(new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).AddTicks(ticks), TimeSpan.Zero);
        return true;

        static int Number(ReadOnlySpan<byte> digits)
        {
            int value = 0;
            foreach (byte digit in digits)
            {
                if (digit is < (byte)'0' or > (byte)'9')
                {
                    return -1;
                }
                value = (value * 10) + digit - '0';
            }
            return value;
        }
    }

    private void Reserve(int bytes)
    {
        if (_text.Length < bytes)
        {
            _text = new byte[Math.Max(bytes, 4_096)];
        }
    }
}

using System.Globalization;
using System.Text;

namespace Caisson.Control.Logs;

/// <summary>What of a log is asked for.</summary>
public sealed record LogQuery
{
    /// <summary>With what the program wrote to stdout.</summary>
    public bool Stdout { get; init; } = true;

    /// <summary>With what the program wrote to stderr.</summary>
    public bool Stderr { get; init; } = true;

    /// <summary>Nothing before.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Nothing after.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>At most so many lines from the end; null for all.</summary>
    public int? Tail { get; init; }
}

/// <summary>One piece of output as it was written: a line with its end, or a part of one.</summary>
/// <param name="Stderr">Written to stderr rather than stdout.</param>
/// <param name="Time">RFC 3339 with nanoseconds, as it stands in the log.</param>
/// <param name="Text">The bytes; ends in a line feed unless the program wrote none.</param>
public readonly record struct LogEntry(bool Stderr, string Time, ReadOnlyMemory<byte> Text);

/// <summary>Reads a container's log, which a monitor writes in the CRI text format: <c>TIME STREAM F|P TEXT</c>.</summary>
/// <remarks>Source: Kubernetes' "CRI container logging format". Not safe for concurrent use.</remarks>
public sealed class LogReader : IDisposable
{
    private const int ReadBytes = 64 << 10;

    /// <summary>The longest line a monitor writes is far shorter; what is longer is damage and is skipped.</summary>
    private const int LineBytesMax = 4 << 20;

    private readonly FileStream _file;
    private byte[] _buffer = new byte[ReadBytes];
    private int _start;
    private int _end;

    private LogReader(FileStream file) => _file = file;

    /// <summary>Opens a log; null when nothing was logged yet.</summary>
    public static LogReader? TryOpen(string path)
    {
        try
        {
            return new LogReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Goes to the first of the last <paramref name="lines"/> entries that <paramref name="query"/> accepts.</summary>
    public void SeekTail(int lines, LogQuery query)
    {
        // The kept positions are a ring of the last so many whole lines: one pass, memory by the number of lines only.
        var positions = new Queue<long>();
        bool continued = false;
        long position = 0;
        while (TryRead(out LogEntry entry))
        {
            if (Accepts(query, entry))
            {
                if (!continued)
                {
                    positions.Enqueue(position);
                    if (positions.Count > lines)
                    {
                        positions.Dequeue();
                    }
                }
                continued = !entry.Text.Span.EndsWith("\n"u8);
            }
            position = _file.Position - (_end - _start);
        }
        _file.Position = lines == 0 || positions.Count == 0 ? position : positions.Peek();
        _start = _end = 0;
    }

    /// <summary>Reads the next entry that is complete; false when there is none yet.</summary>
    public bool TryRead(out LogEntry entry)
    {
        while (true)
        {
            int length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                ReadOnlyMemory<byte> line = _buffer.AsMemory(_start, length);
                _start += length + 1;
                if (TryParse(line.Span, out entry))
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

    /// <summary>Whether <paramref name="entry"/> is asked for.</summary>
    public static bool Accepts(LogQuery query, LogEntry entry)
    {
        if (entry.Stderr ? !query.Stderr : !query.Stdout)
        {
            return false;
        }
        if (query.Since is null && query.Until is null)
        {
            return true;
        }
        return DateTimeOffset.TryParse(entry.Time, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTimeOffset time)
            && (query.Since is not { } since || time >= since)
            && (query.Until is not { } until || time <= until);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private bool Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= LineBytesMax)
            {
                _end = 0;
            }
            else
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }
        }
        int read = _file.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        return read > 0;
    }

    private static bool TryParse(ReadOnlySpan<byte> line, out LogEntry entry)
    {
        entry = default;
        int time = line.IndexOf((byte)' ');
        if (time <= 0)
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
        byte[] bytes = new byte[text.Length + (whole ? 1 : 0)];
        text.CopyTo(bytes);
        if (whole)
        {
            bytes[^1] = (byte)'\n';
        }
        entry = new LogEntry(stderr, Encoding.ASCII.GetString(line[..time]), bytes);
        return true;
    }
}

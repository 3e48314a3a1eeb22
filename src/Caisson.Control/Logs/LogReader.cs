using Caisson.Containers.Logs;

namespace Caisson.Control.Logs;

/// <summary>Reads a container's log, over all of its files and in any of the formats; what is written while it reads, it reads too.</summary>
/// <remarks>Not safe for concurrent use.</remarks>
public sealed class LogReader : IDisposable
{
    private const int BlockBytes = 64 << 10;

    private readonly LogFiles _files;
    private LogSource _source;
    private LogParser _parser;
    private int _number;
    private bool _isCurrent;
    private LogQuery? _skipped;
    private long _toSkip;

    private LogReader(LogFiles files, LogSource source, int number, bool isCurrent)
    {
        _files = files;
        _source = source;
        _parser = new LogParser(source);
        _number = number;
        _isCurrent = isCurrent;
    }

    /// <summary>Opens a log at its first entry; null when nothing was logged yet.</summary>
    /// <param name="path">The file that is written, absolute; the full ones are beside it.</param>
    public static LogReader? TryOpen(string path)
    {
        var files = new LogFiles(path);
        foreach (int number in files.Numbers())
        {
            if (files.TryOpen(number) is { } source)
            {
                return new LogReader(files, source, number, isCurrent: false);
            }
        }
        return files.TryOpenCurrent() is { } current ? new LogReader(files, current.Source, current.Number, isCurrent: true) : null;
    }

    /// <summary>Goes to the first of the last <paramref name="lines"/> lines that <paramref name="query"/> accepts.</summary>
    public void SeekTail(int lines, LogQuery query)
    {
        List<int> older = [.. _files.Numbers()];
        (LogSource Source, int Number)? place = _files.TryOpenCurrent();
        bool isCurrent = place is not null;
        long left = lines;
        while (true)
        {
            if (place is { } here)
            {
                older.RemoveAll(number => number >= here.Number);
                (long position, long accepted) = FindTail(here.Source, left, query);
                if (accepted >= left || older.Count == 0)
                {
                    Take(here.Source, here.Number, isCurrent, position, query, Math.Max(0, accepted - left));
                    return;
                }
                left -= accepted;
                here.Source.Dispose();
            }
            if (older.Count == 0)
            {
                return; // all is gone while it was looked for
            }
            int number = older[^1];
            older.RemoveAt(older.Count - 1);
            isCurrent = false;
            place = _files.TryOpen(number) is { } source ? (source, number) : null;
        }
    }

    /// <summary>Reads the next entry that is complete; false when there is none yet.</summary>
    public bool TryRead(out LogEntry entry)
    {
        while (true)
        {
            while (_parser.TryRead(out entry))
            {
                if (!Skips(entry))
                {
                    return true;
                }
            }
            if (!TryGoOn())
            {
                return false;
            }
        }
    }

    /// <summary>After the end of the program: the beginning of a line whose end never came; false when there is none.</summary>
    public bool TryReadUnended(out LogEntry entry)
    {
        while (_parser.TryReadUnended(out entry))
        {
            if (!Skips(entry))
            {
                return true;
            }
        }
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    private bool Skips(LogEntry entry)
    {
        if (_toSkip == 0 || !_skipped!.Accepts(entry))
        {
            return false;
        }
        _toSkip -= EndsLine(entry) ? 1 : 0;
        return true;
    }

    private static bool EndsLine(LogEntry entry) => entry.Text.Span.EndsWith("\n"u8);

    /// <summary>At the end of a file: whether there is more to read.</summary>
    private bool TryGoOn()
    {
        if (_isCurrent)
        {
            if (_files.IsCurrent(_source))
            {
                if (_source.Size < _parser.Position)
                {
                    _parser = new LogParser(_source); // somebody cut it
                    return true;
                }
                return false;
            }
            // It is full. What was written between our last reading and that is still to be read.
            _isCurrent = false;
            _number = _files.NumberOf(_source) ?? _number;
            return true;
        }
        foreach (int number in _files.Numbers())
        {
            if (number > _number && _files.TryOpen(number) is { } next)
            {
                GoTo(next, number, isCurrent: false);
                return true;
            }
        }
        if (_files.TryOpenCurrent() is not { } current)
        {
            return false;
        }
        if (current.Number > _number + 1 && _files.Numbers().Any(number => number > _number))
        {
            current.Source.Dispose(); // another one became full in this moment, which comes first
            return true;
        }
        GoTo(current.Source, current.Number, isCurrent: true);
        return true;
    }

    private void GoTo(LogSource source, int number, bool isCurrent)
    {
        LogParser before = _parser;
        _source.Dispose();
        _source = source;
        _parser = new LogParser(source);
        _parser.Continue(before);
        _number = number;
        _isCurrent = isCurrent;
    }

    private void Take(LogSource source, int number, bool isCurrent, long position, LogQuery query, long skip)
    {
        _source.Dispose();
        _source = source;
        _parser = new LogParser(source, position);
        _number = number;
        _isCurrent = isCurrent;
        _skipped = query;
        _toSkip = skip;
    }

    /// <summary>Finds a place in a file after which at least so many lines are accepted, or its beginning, and counts those that are.</summary>
    private static (long Position, long Accepted) FindTail(LogSource source, long lines, LogQuery query)
    {
        bool backwards = source.Size is not null && new LogParser(source).Format is LogFormat.Json or LogFormat.Text;
        for (long wanted = lines + 1; ; wanted *= 16)
        {
            long position = backwards ? LinesBack(source, wanted) : 0;
            long accepted = Count(source, position, query);
            if (accepted >= lines || position == 0)
            {
                return (position, accepted);
            }
        }
    }

    private static long Count(LogSource source, long position, LogQuery query)
    {
        var parser = new LogParser(source, position);
        long count = 0;
        bool open = false;
        while (parser.TryRead(out LogEntry entry) || parser.TryReadUnended(out entry))
        {
            if (query.Accepts(entry))
            {
                open = !EndsLine(entry);
                count += open ? 0 : 1;
            }
        }
        return count + (open ? 1 : 0);
    }

    /// <summary>Where the last so many records of a file of lines begin.</summary>
    private static long LinesBack(LogSource source, long lines)
    {
        byte[] block = new byte[BlockBytes];
        for (long end = source.Size ?? 0; end > 0;)
        {
            long start = Math.Max(0, end - BlockBytes);
            int count = source.ReadAt(block.AsSpan(0, (int)(end - start)), start);
            for (int at = count - 1; at >= 0; at--)
            {
                if (block[at] == (byte)'\n' && lines-- == 0)
                {
                    return start + at + 1;
                }
            }
            end = start;
        }
        return 0;
    }
}

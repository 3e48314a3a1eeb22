using System.Buffers.Binary;
using System.Text;
using Caisson.Containers.Logs;
using Caisson.Linux;
using Caisson.Linux.Memory;

namespace Caisson.Containers.Monitor;

/// <summary>Writes output to a log; see <see cref="LogFormat"/> for how it stands there, and <see cref="LogSettings"/> for when a file is full.</summary>
/// <remarks>
/// In the formats of lines a line is written when it is whole, too long (16 KiB), or the last. A piece of output is one writing to the disk, and a
/// file becomes full between two of them, so no line and no frame is torn. Trouble with the disk does not stop the program: what does not go is
/// dropped, and the exit record says so.
/// </remarks>
internal sealed class LogWriter
{
    private const int PartBytes = 16 * 1024;
    private const int TimeSize = 30;

    private readonly DirectoryDescriptor? _directory;
    private readonly LogSettings _settings;
    private readonly Action? _onRotated;
    private readonly ScratchMemory _output = new(256 * 1024);
    private readonly ScratchMemory[] _parts = [new(PartBytes), new(PartBytes)];
    private readonly int[] _lengths = new int[2];
    private readonly byte[][] _tails;
    private readonly int _timeAt;
    private FileDescriptor _file;
    private int _number;
    private long _bytes;
    private DateTime _opened = DateTime.UtcNow;
    private DateTime _now;
    private long _position;
    private int _start;
    private int _used;

    /// <param name="file">The log, opened for appending. Owned from now on.</param>
    /// <param name="settings">How it is written.</param>
    /// <param name="directory">Where it is, for settings that need one; owned from now on.</param>
    /// <param name="onRotated">Called when a file has become full.</param>
    public LogWriter(FileDescriptor file, LogSettings settings, DirectoryDescriptor? directory = null, Action? onRotated = null)
    {
        _file = file;
        _settings = settings;
        _directory = directory;
        _onRotated = onRotated;
        _number = settings.NextNumber;
        _position = file.Status.Size;
        _bytes = directory is null ? 0 : _position;
        BeginOutput();
        _tails = [Tail(settings, "stdout"u8), Tail(settings, "stderr"u8)];
        _timeAt = settings.Format == LogFormat.Json ? _tails[0].Length - TimeSize - 3 : 0;
        if (settings.AgeMaxSeconds > 0)
        {
            Rotate(); // how old the first line is that an earlier run wrote, nobody knows
        }
    }

    /// <summary>Why something was dropped; 0 when nothing was.</summary>
    public Errno Errno { get; private set; }

    /// <summary>Takes what stdout (0) or stderr (1) brought.</summary>
    public void Append(int stream, ReadOnlySpan<byte> bytes)
    {
        _now = DateTime.UtcNow;
        if (_settings.AgeMaxSeconds > 0 && (_now - _opened).TotalSeconds >= _settings.AgeMaxSeconds)
        {
            Rotate();
        }
        if (_settings.Format == LogFormat.Local)
        {
            AppendFrames(stream, bytes);
        }
        else
        {
            FormatTime();
            AppendLines(stream, bytes);
        }
        Flush();
    }

    /// <summary>Writes what is left of a last line that has no end.</summary>
    public void Complete()
    {
        _now = DateTime.UtcNow;
        FormatTime();
        for (int stream = 0; stream < 2; stream++)
        {
            if (_lengths[stream] > 0)
            {
                Emit(stream, _parts[stream].Span[.._lengths[stream]], whole: false);
                _lengths[stream] = 0;
            }
        }
        Flush();
    }

    /// <summary>The file counts as full, if anything is in it, and another begins.</summary>
    /// <returns>False when this log has one file only, or no other can be opened.</returns>
    public bool Rotate()
    {
        if (_directory is null)
        {
            return false;
        }
        if (_settings.Reopens)
        {
            return Reopen();
        }
        _opened = DateTime.UtcNow;
        if (_bytes == 0)
        {
            return true;
        }
        try
        {
            _directory.Rename(_settings.Name, _directory, LogSettings.NumberedName(_settings.Name, _number));
            FileDescriptor next = HostFiles.OpenAppend($"{_directory.ProcPath}/{_settings.Name}", 0x1A0);
            _file.Dispose();
            _file = next;
            _bytes = 0;
            _position = 0;
            BeginOutput();
            _number++;
            RemoveOld();
        }
        catch (LinuxException error)
        {
            // The old file is written on, under whatever name; a directory that is gone belongs to a container that is being removed.
            _bytes = 0;
            Errno = error.Errno == Errno.ENOENT ? Errno : error.Errno;
            return true;
        }
        _onRotated?.Invoke();
        return true;
    }

    /// <summary>Somebody else has renamed the file.</summary>
    private bool Reopen()
    {
        try
        {
            FileDescriptor next = HostFiles.OpenAppend($"{_directory!.ProcPath}/{_settings.Name}", 0x1A0);
            _file.Dispose();
            _file = next;
            _position = next.Status.Size;
            _bytes = _position;
            BeginOutput();
            return true;
        }
        catch (LinuxException)
        {
            return false; // the old file is written on, and whoever asked hears of it
        }
    }

    /// <summary>Gives back the memory that no unfinished line is in.</summary>
    public void Rest()
    {
        _output.Discard();
        for (int stream = 0; stream < 2; stream++)
        {
            if (_lengths[stream] == 0)
            {
                _parts[stream].Discard();
            }
        }
    }

    /// <summary>All of a line of one piece but its text, which stays the same but for the time. In bytes only: a monitor's first string work costs it pages.</summary>
    private static byte[] Tail(LogSettings settings, ReadOnlySpan<byte> stream)
    {
        var time = "0000-00-00T00:00:00.000000000Z"u8;
        return settings.Format != LogFormat.Json ? [.. time, (byte)' ', .. stream, .. " F "u8]
            : settings.Attributes.Length == 0 ? [.. "\",\"stream\":\""u8, .. stream, .. "\",\"time\":\""u8, .. time, .. "\"}\n"u8]
            : [.. "\",\"stream\":\""u8, .. stream, .. "\",\"attrs\":"u8, .. Encoding.UTF8.GetBytes(settings.Attributes), .. ",\"time\":\""u8, .. time, .. "\"}\n"u8];
    }

    private void AppendFrames(int stream, ReadOnlySpan<byte> bytes)
    {
        Span<byte> around = stackalloc byte[LogFrame.HeaderSize + LogFrame.TrailerSize];
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, FrameBytesMax);
            BeginFileFor(around.Length + count);
            new LogFrame(stream == 1, _now.Ticks, count).WriteTo(around);
            BinaryPrimitives.WriteInt32LittleEndian(around[LogFrame.HeaderSize..], count);
            Write(around[..LogFrame.HeaderSize], bytes[..count], around[LogFrame.HeaderSize..]);
            bytes = bytes[count..];
        }
    }

    private void AppendLines(int stream, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int end = bytes.IndexOf((byte)'\n');
            ref int length = ref _lengths[stream];
            if (length == 0 && end is >= 0 and <= PartBytes)
            {
                Emit(stream, bytes[..end], whole: true);
                bytes = bytes[(end + 1)..];
                continue;
            }
            var part = _parts[stream].Span;
            int count = Math.Min(end >= 0 ? end : bytes.Length, PartBytes - length);
            bytes[..count].CopyTo(part[length..]);
            length += count;
            bytes = bytes[count..];
            if (end == count)
            {
                Emit(stream, part[..length], whole: true);
                bytes = bytes[1..];
                length = 0;
            }
            else if (length == PartBytes)
            {
                int cut = _settings.Format == LogFormat.Json ? WholeCharacters(part) : PartBytes;
                Emit(stream, part[..cut], whole: false);
                part[cut..].CopyTo(part);
                length = PartBytes - cut;
            }
        }
    }

    private void Emit(int stream, ReadOnlySpan<byte> line, bool whole)
    {
        if (_settings.Format == LogFormat.Json)
        {
            EmitJson(stream, line, whole);
            return;
        }
        byte[] head = _tails[stream];
        BeginFileFor(head.Length + line.Length + 1);
        Reserve(head.Length + line.Length + 1);
        head[^2] = (byte)(whole ? 'F' : 'P');
        Put(head);
        Put(line);
        _output.Span[_used++] = (byte)'\n';
    }

    private void EmitJson(int stream, ReadOnlySpan<byte> line, bool whole)
    {
        byte[] tail = _tails[stream];
        BeginFileFor(line.Length + tail.Length + 10);
        Reserve((6 * line.Length) + tail.Length + 16); // each byte may become \u00xx
        Put("{\"log\":\""u8);
        while (!line.IsEmpty)
        {
            int plain = line.IndexOfAnyExceptInRange((byte)' ', (byte)'~');
            plain = plain < 0 ? line.Length : plain;
            int special = line[..plain].IndexOfAny((byte)'"', (byte)'\\');
            plain = special < 0 ? plain : special;
            Put(line[..plain]);
            line = line[plain..];
            if (!line.IsEmpty)
            {
                line = line[PutEscaped(line)..];
            }
        }
        if (whole)
        {
            Put("\\n"u8);
        }
        Put(tail);
    }

    /// <summary>Writes the first character of <paramref name="text"/> and returns its length; what is not UTF-8 becomes U+FFFD, for JSON has no bytes.</summary>
    private int PutEscaped(ReadOnlySpan<byte> text)
    {
        byte first = text[0];
        switch (first)
        {
            case (byte)'"':
                Put("\\\""u8);
                return 1;
            case (byte)'\\':
                Put("\\\\"u8);
                return 1;
            case (byte)'\r':
                Put("\\r"u8);
                return 1;
            case (byte)'\t':
                Put("\\t"u8);
                return 1;
            case < 0x80:
                Put("\\u00"u8);
                _output.Span[_used++] = Digit(first >> 4);
                _output.Span[_used++] = Digit(first & 0xF);
                return 1;
        }
        if (Rune.DecodeFromUtf8(text, out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            Put(text[..length]);
        }
        else
        {
            Put("\\ufffd"u8);
        }
        return length;
    }

    /// <summary>The length without a character at the end of which only the beginning is there.</summary>
    private static int WholeCharacters(ReadOnlySpan<byte> text)
    {
        for (int back = 1; back <= 3; back++)
        {
            byte last = text[^back];
            if (last >= 0xC0)
            {
                int needed = last >= 0xF0 ? 4 : last >= 0xE0 ? 3 : 2;
                return needed > back ? text.Length - back : text.Length;
            }
            if (last < 0x80)
            {
                break;
            }
        }
        return text.Length;
    }

    private static byte Digit(int value) => (byte)(value < 10 ? '0' + value : 'a' + value - 10);

    /// <summary>The most of one frame: in small files less than one reading brings.</summary>
    private int FrameBytesMax => _settings.BytesMaxOfFile is > 0 and < 128 * 1024 ? Math.Max(1_024, (int)_settings.BytesMaxOfFile / 4) : 128 * 1024;

    /// <summary>Lets another file begin when this one would become larger than it may.</summary>
    private void BeginFileFor(int bytes)
    {
        long filled = _bytes + _used - _start;
        if (_settings.BytesMaxOfFile > 0 && filled > 0 && filled + bytes > _settings.BytesMaxOfFile)
        {
            Flush();
            Rotate();
        }
    }

    private void Reserve(int bytes)
    {
        if (_output.Span.Length - _used < bytes)
        {
            Flush();
        }
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.Span[_used..]);
        _used += bytes.Length;
    }

    private void Flush()
    {
        Write(_output.Span[_start.._used], [], []);
        BeginOutput();
    }

    /// <summary>Output lies in memory as it will lie in the file's: where the two differ within a line of the cache, some processors copy far slower.</summary>
    private void BeginOutput() => _start = _used = (int)(_position % 64);

    private void Write(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        while (first.Length + second.Length + third.Length > 0)
        {
            int count = third.IsEmpty ? _file.WriteNow(first) : _file.WriteNow(first, second, third);
            if (count <= 0)
            {
                Errno = count == 0 ? Errno.EIO : (Errno)(-count);
                return;
            }
            _bytes += count;
            _position += count;
            Skip(ref first, ref count);
            Skip(ref second, ref count);
            Skip(ref third, ref count);
        }

        static void Skip(ref ReadOnlySpan<byte> piece, ref int count)
        {
            int skipped = Math.Min(piece.Length, count);
            piece = piece[skipped..];
            count -= skipped;
        }
    }

    private void RemoveOld()
    {
        if (_number - _settings.FilesMax >= 1)
        {
            Remove(_number - _settings.FilesMax);
        }
        if (_settings.AgeMaxSeconds == 0)
        {
            return;
        }
        DateTimeOffset limit = DateTimeOffset.UtcNow.AddSeconds(-_settings.AgeMaxSeconds);
        foreach (DirectoryEntry entry in _directory!.Enumerate())
        {
            if (LogSettings.TryReadNumber(_settings.Name, entry.Name, out int number, out _))
            {
                using FileDescriptor? file = _directory.TryOpenPath(entry.Name);
                if (file is not null && file.Status.ModifiedTime.ToDateTimeOffset() < limit)
                {
                    Remove(number);
                }
            }
        }
    }

    private void Remove(int number)
    {
        string name = LogSettings.NumberedName(_settings.Name, number);
        _directory!.Unlink(name);
        _directory.Unlink(name + ".gz");
    }

    /// <summary>RFC 3339 with nanoseconds: <c>2026-01-31T23:59:59.123456700Z</c>.</summary>
    private void FormatTime()
    {
        var time = _tails[0].AsSpan(_timeAt, TimeSize);
        Digits(time, 0, 4, _now.Year);
        Digits(time, 5, 2, _now.Month);
        Digits(time, 8, 2, _now.Day);
        Digits(time, 11, 2, _now.Hour);
        Digits(time, 14, 2, _now.Minute);
        Digits(time, 17, 2, _now.Second);
        Digits(time, 20, 9, (_now.Ticks % TimeSpan.TicksPerSecond) * 100);
        time.CopyTo(_tails[1].AsSpan(_timeAt));
    }

    private static void Digits(Span<byte> text, int at, int count, long value)
    {
        for (int i = at + count - 1; i >= at; i--)
        {
            text[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}

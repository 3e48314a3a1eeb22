using Caisson.Linux;
using Caisson.Linux.Memory;

namespace Caisson.Containers.Monitor;

/// <summary>Writes output to a log in the CRI text format: <c>TIME STREAM F|P TEXT</c>, lines of more than 16 KiB in parts.</summary>
/// <remarks>
/// A line is written when it is whole, too long, or the last. Trouble with the disk does not stop the program: what does not go is dropped,
/// and the exit record says so. Source: Kubernetes' "CRI container logging format".
/// </remarks>
internal sealed class LogWriter(Descriptor file)
{
    private const int PartBytes = 16 * 1024;
    private readonly ScratchMemory _output = new(128 * 1024);
    private readonly ScratchMemory[] _parts = [new(PartBytes), new(PartBytes)];
    private readonly int[] _lengths = new int[2];
    private readonly byte[] _time = new byte[30];
    private int _used;

    /// <summary>Why something was dropped; 0 when nothing was.</summary>
    public Errno Errno { get; private set; }

    /// <summary>Takes what stdout (0) or stderr (1) brought.</summary>
    public void Append(int stream, ReadOnlySpan<byte> bytes)
    {
        FormatTime();
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
            int count = Math.Min(end >= 0 ? end : bytes.Length, PartBytes - length);
            bytes[..count].CopyTo(_parts[stream].Span[length..]);
            length += count;
            bytes = bytes[count..];
            if (end == count)
            {
                Emit(stream, _parts[stream].Span[..length], whole: true);
                bytes = bytes[1..];
                length = 0;
            }
            else if (length == PartBytes)
            {
                Emit(stream, _parts[stream].Span, whole: false);
                length = 0;
            }
        }
        Flush();
    }

    /// <summary>Writes what is left of a last line that has no end.</summary>
    public void Complete()
    {
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

    private void Emit(int stream, ReadOnlySpan<byte> line, bool whole)
    {
        ReadOnlySpan<byte> tag = (stream, whole) switch
        {
            (0, true) => " stdout F "u8,
            (0, false) => " stdout P "u8,
            (_, true) => " stderr F "u8,
            _ => " stderr P "u8,
        };
        if (_output.Span.Length - _used < _time.Length + tag.Length + line.Length + 1)
        {
            Flush();
        }
        Put(_time);
        Put(tag);
        Put(line);
        _output.Span[_used++] = (byte)'\n';
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.Span[_used..]);
        _used += bytes.Length;
    }

    private void Flush()
    {
        var rest = _output.Span[.._used];
        while (!rest.IsEmpty)
        {
            int count = file.WriteNow(rest);
            if (count <= 0)
            {
                Errno = count == 0 ? Errno.EIO : (Errno)(-count);
                break;
            }
            rest = rest[count..];
        }
        _used = 0;
    }

    /// <summary>RFC 3339 with nanoseconds: <c>2026-01-31T23:59:59.123456700Z</c>.</summary>
    private void FormatTime()
    {
        DateTime now = DateTime.UtcNow;
        Digits(0, 4, now.Year);
        _time[4] = (byte)'-';
        Digits(5, 2, now.Month);
        _time[7] = (byte)'-';
        Digits(8, 2, now.Day);
        _time[10] = (byte)'T';
        Digits(11, 2, now.Hour);
        _time[13] = (byte)':';
        Digits(14, 2, now.Minute);
        _time[16] = (byte)':';
        Digits(17, 2, now.Second);
        _time[19] = (byte)'.';
        Digits(20, 9, (now.Ticks % TimeSpan.TicksPerSecond) * 100);
        _time[29] = (byte)'Z';
    }

    private void Digits(int at, int count, long value)
    {
        for (int i = at + count - 1; i >= at; i--)
        {
            _time[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}

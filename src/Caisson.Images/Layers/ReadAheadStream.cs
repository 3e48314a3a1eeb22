using System.Collections.Concurrent;
using System.Security.Cryptography;

using Caisson.Linux;

namespace Caisson.Images.Layers;

/// <summary>Reads another stream ahead on a thread of its own and hashes it there, so that inflating and writing overlap.</summary>
/// <remarks>Errors of the source come out of <see cref="Read(Span{byte})"/>. Disposing at any time ends the thread. One reader.</remarks>
internal sealed class ReadAheadStream : ReadOnlyStream
{
    private const int BufferSize = 256 * 1024;
    private const int Buffers = 4;
    private const int StopTimeoutMs = 1000;

    private readonly Stream _source;
    private readonly Action<long>? _check;
    private readonly IncrementalHash _hash;
    private readonly BlockingCollection<byte[]> _free = new(Buffers);
    private readonly BlockingCollection<(byte[] Buffer, int Length)> _full = new(Buffers);
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private byte[]? _current;
    private int _start;
    private int _end;
    private Exception? _failure;

    /// <param name="source">Owned from now on; disposed when it is at its end or no longer wanted.</param>
    /// <param name="algorithm">Of the hash over everything read.</param>
    /// <param name="check">Called on the thread with the bytes so far; may throw to end the stream.</param>
    public ReadAheadStream(Stream source, HashAlgorithmName algorithm, Action<long>? check)
    {
        _source = source;
        _check = check;
        _hash = IncrementalHash.CreateHash(algorithm);
        for (int i = 0; i < Buffers; i++)
        {
            _free.Add(GC.AllocateUninitializedArray<byte>(BufferSize));
        }
        _thread = new Thread(Fill) { IsBackground = true, Name = "read-ahead" };
        _thread.Start();
    }

    /// <summary>The hash of the whole source, once <see cref="Read(Span{byte})"/> has returned zero.</summary>
    public byte[] GetHash()
    {
        _thread.Join();
        return _hash.GetHashAndReset();
    }

    public override int Read(Span<byte> buffer)
    {
        while (_start == _end)
        {
            if (_current is not null)
            {
                _free.Add(_current);
                _current = null;
            }
            if (!_full.TryTake(out var next, Timeout.Infinite))
            {
                return _failure is null ? 0 : throw _failure;
            }
            (_current, _start, _end) = (next.Buffer, 0, next.Length);
        }
        int length = Math.Min(buffer.Length, _end - _start);
        _current.AsSpan(_start, length).CopyTo(buffer);
        _start += length;
        return length;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // The thread may wait in the source for a peer that says nothing; then it cleans up when the peer moves.
            _stop.Cancel();
            if (_thread.Join(StopTimeoutMs))
            {
                _hash.Dispose();
                _free.Dispose();
                _full.Dispose();
                _stop.Dispose();
            }
        }
        base.Dispose(disposing);
    }

    /// <summary>Every failure is handed to the reader, which throws it in its own time.</summary>
    private void Fill()
    {
        long total = 0;
        try
        {
            while (true)
            {
                byte[] buffer = _free.Take(_stop.Token);
                int length = 0;
                int read;
                while (length < buffer.Length && (read = _source.Read(buffer, length, buffer.Length - length)) > 0)
                {
                    length += read;
                }
                if (length == 0)
                {
                    break;
                }
                total += length;
                _check?.Invoke(total);
                _hash.AppendData(buffer, 0, length);
                _full.Add((buffer, length), _stop.Token);
            }
        }
#pragma warning disable CA1031 // rethrown by the reading side
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = e;
        }
        finally
        {
            _source.Dispose();
        }
        _full.CompleteAdding();
    }
}

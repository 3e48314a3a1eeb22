using System.Buffers.Binary;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Agent;

/// <summary>One end of the line between a machine's agent and its host: frames in, frames out, nothing ever waits.</summary>
/// <remarks>
/// For one thread. The other side may be hostile: a frame that is too long or of no known kind ends the conversation, and what waits to be sent to
/// a side that does not read is bounded, too.
/// </remarks>
public sealed class AgentLink : IDisposable
{
    /// <summary>What may wait to be sent: the longest thing in parts and a window of each stream that matters.</summary>
    private const int OutputBytesMax = AgentFrame.PartsBytesMax + (8 * AgentFrame.Window);

    private readonly Descriptor _port;
    private readonly byte[] _input = new byte[AgentFrame.HeaderSize + AgentFrame.BytesMax];
    private int _inputStart;
    private int _inputEnd;
    private byte[] _output = new byte[16 * 1024];
    private int _outputStart;
    private int _outputEnd;

    /// <summary>Takes over <paramref name="port"/>, a socket or a port of virtio-serial.</summary>
    public AgentLink(Descriptor port)
    {
        _port = port;
        port.SetNonBlocking(true);
    }

    /// <summary>To be watched: readable always, writable while <see cref="HasOutput"/>.</summary>
    public Descriptor Port => _port;

    /// <summary>Whether something waits until the other side reads.</summary>
    public bool HasOutput => _outputEnd > _outputStart;

    /// <summary>Whether the other side has closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Reads once what is there; what a frame said before is no longer valid.</summary>
    /// <returns>False when nothing is there now.</returns>
    public bool Fill()
    {
        if (_inputStart > 0)
        {
            _input.AsSpan(_inputStart.._inputEnd).CopyTo(_input);
            (_inputStart, _inputEnd) = (0, _inputEnd - _inputStart);
        }
        int count = _port.ReadNow(_input.AsSpan(_inputEnd));
        if (count > 0)
        {
            _inputEnd += count;
            return true;
        }
        if (count != -(int)Errno.EAGAIN)
        {
            IsClosed = true;
        }
        return false;
    }

    /// <summary>Takes the next whole frame.</summary>
    /// <param name="frame">What it is.</param>
    /// <param name="bytes">What it carries, until the next <see cref="Fill"/>.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the other side broke the protocol.</exception>
    public bool TryTake(out AgentFrame frame, out ReadOnlySpan<byte> bytes)
    {
        frame = default;
        bytes = default;
        ReadOnlySpan<byte> there = _input.AsSpan(_inputStart.._inputEnd);
        if (there.Length < AgentFrame.HeaderSize)
        {
            return false;
        }
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(there[4..]);
        if (length > AgentFrame.BytesMax || there[0] is 0 or > (byte)AgentFrameKind.Prepared || there[1] > 1)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the line between a machine and its host: a frame of kind {there[0]} with {length} bytes is none");
        }
        if (there.Length < AgentFrame.HeaderSize + (int)length)
        {
            return false;
        }
        frame = new AgentFrame((AgentFrameKind)there[0], there[1] == 1, BinaryPrimitives.ReadUInt16LittleEndian(there[2..]));
        bytes = there.Slice(AgentFrame.HeaderSize, (int)length);
        _inputStart += AgentFrame.HeaderSize + (int)length;
        return true;
    }

    /// <summary>Sends <paramref name="bytes"/>, in as many frames as they need; the last is marked when <paramref name="isLast"/>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: the other side has not read for too long.</exception>
    public void Send(AgentFrameKind kind, ushort channel, ReadOnlySpan<byte> bytes, bool isLast = true)
    {
        do
        {
            ReadOnlySpan<byte> part = bytes[..Math.Min(bytes.Length, AgentFrame.BytesMax)];
            bytes = bytes[part.Length..];
            Span<byte> room = Reserve(AgentFrame.HeaderSize + part.Length);
            room[0] = (byte)kind;
            room[1] = isLast && bytes.IsEmpty ? (byte)1 : (byte)0;
            BinaryPrimitives.WriteUInt16LittleEndian(room[2..], channel);
            BinaryPrimitives.WriteInt32LittleEndian(room[4..], part.Length);
            part.CopyTo(room[AgentFrame.HeaderSize..]);
        }
        while (!bytes.IsEmpty);
        Flush();
    }

    /// <summary>Sends one or two numbers of four bytes.</summary>
    public void SendNumbers(AgentFrameKind kind, ushort channel, int first, int? second = null)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, first);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], second ?? 0);
        Send(kind, channel, second is null ? bytes[..4] : bytes);
    }

    /// <summary>Says that <paramref name="count"/> bytes of a stream were consumed.</summary>
    public void SendCredit(ushort channel, AgentFrameKind stream, int count)
    {
        Span<byte> bytes = stackalloc byte[5];
        bytes[0] = (byte)stream;
        BinaryPrimitives.WriteInt32LittleEndian(bytes[1..], count);
        Send(AgentFrameKind.Credit, channel, bytes);
    }

    /// <summary>Writes what goes now.</summary>
    public void Flush()
    {
        while (HasOutput && !IsClosed)
        {
            int count = _port.WriteNow(_output.AsSpan(_outputStart.._outputEnd));
            if (count == -(int)Errno.EAGAIN)
            {
                return;
            }
            if (count <= 0)
            {
                IsClosed = true;
                return;
            }
            _outputStart += count;
        }
        _outputStart = _outputEnd = 0;
    }

    /// <summary>Reads the number at <paramref name="index"/> of a frame's four-byte numbers.</summary>
    /// <exception cref="CaissonException">There is none.</exception>
    public static int Number(ReadOnlySpan<byte> bytes, int index) => bytes.Length >= (index + 1) * 4
        ? BinaryPrimitives.ReadInt32LittleEndian(bytes[(index * 4)..])
        : throw new CaissonException(ErrorKind.InvalidArgument, "the line between a machine and its host: a frame is too short");

    /// <inheritdoc/>
    public void Dispose() => _port.Dispose();

    private Span<byte> Reserve(int count)
    {
        if (_outputEnd + count > _output.Length && _outputStart > 0)
        {
            _output.AsSpan(_outputStart.._outputEnd).CopyTo(_output);
            (_outputStart, _outputEnd) = (0, _outputEnd - _outputStart);
        }
        if (_outputEnd + count > OutputBytesMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, "the line between a machine and its host: the other side does not read");
        }
        if (_outputEnd + count > _output.Length)
        {
            Array.Resize(ref _output, Math.Max(_output.Length * 2, _outputEnd + count));
        }
        Span<byte> room = _output.AsSpan(_outputEnd, count);
        _outputEnd += count;
        return room;
    }
}

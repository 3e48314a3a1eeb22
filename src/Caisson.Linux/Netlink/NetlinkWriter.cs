using System.Buffers.Binary;
using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Builds netlink messages one after the other in a growing buffer. Source: netlink(7), rtnetlink(7).</summary>
/// <remarks>Lengths are 16 bits for attributes and 32 for messages; nothing is ever cut or wrapped: what does not fit is refused.</remarks>
internal sealed class NetlinkWriter
{
    private byte[] _buffer = new byte[512];
    private int _length;
    private int _message = -1;
    private int _last;
    private readonly Stack<int> _nests = new();

    /// <summary>The finished messages.</summary>
    internal ReadOnlySpan<byte> Messages => _message < 0 ? _buffer.AsSpan(0, _length) : throw new InvalidOperationException("a message is not finished");

    /// <summary>Begins a message.</summary>
    internal void Begin(int type, int flags, uint sequence)
    {
        if (_message >= 0)
        {
            throw new InvalidOperationException("a message is not finished");
        }
        _message = _length;
        var header = Append(16);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)flags);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], sequence);
    }

    /// <summary>Appends the fixed structure that follows the header.</summary>
    internal unsafe void Put<T>(T structure) where T : unmanaged => new ReadOnlySpan<byte>(&structure, sizeof(T)).CopyTo(Append(sizeof(T)));

    /// <summary>Appends an attribute.</summary>
    internal void Attribute(int type, ReadOnlySpan<byte> value)
    {
        if (value.Length > ushort.MaxValue - 4)
        {
            throw TooLong(type, value.Length);
        }
        var bytes = Append(4 + value.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[2..], (ushort)type);
        value.CopyTo(bytes[4..]);
    }

    internal void Attribute(int type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Attribute(type, bytes);
    }

    internal void Attribute(int type, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Attribute(type, bytes);
    }

    internal void Attribute(int type, byte value) => Attribute(type, [value]);

    /// <summary>A text with its NUL.</summary>
    internal void Attribute(int type, string value)
    {
        byte[] text = PathText.Encode(value);
        Attribute(type, [.. text, 0]);
    }

    /// <summary>Begins an attribute that holds attributes.</summary>
    internal void BeginNested(int type)
    {
        _nests.Push(_length);
        BinaryPrimitives.WriteUInt16LittleEndian(Append(4)[2..], (ushort)(type | NLA_F_NESTED));
    }

    /// <summary>Ends the innermost attribute that holds attributes.</summary>
    internal void EndNested()
    {
        int start = _nests.Pop();
        int length = _length - start;
        if (length > ushort.MaxValue)
        {
            throw TooLong(BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(start + 2)) & ~NLA_F_NESTED, length - 4);
        }
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(start), (ushort)length);
    }

    /// <summary>Ends the message.</summary>
    internal void End()
    {
        if (_message < 0 || _nests.Count > 0)
        {
            throw new InvalidOperationException("no message, or an attribute of it, is open");
        }
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(_message), (uint)(_length - _message));
        _last = _message;
        _message = -1;
    }

    /// <summary>Has the last finished message answered also when it is carried out.</summary>
    internal void AskForAnswer()
    {
        var flags = _buffer.AsSpan(_last + 6);
        BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | NLM_F_ACK));
    }

    /// <summary>Room for <paramref name="length"/> zero bytes, and up to three more so that what follows is at a multiple of four.</summary>
    private Span<byte> Append(int length)
    {
        int start = _length;
        int end = checked(start + ((length + 3) & ~3));
        if (end > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(end, _buffer.Length * 2));
        }
        _length = end;
        return _buffer.AsSpan(start, length);
    }

    private static CaissonException TooLong(int type, int length) => new(
        ErrorKind.InvalidArgument, $"netlink attribute {type}: {length} bytes do not fit the 65531 an attribute can hold");
}

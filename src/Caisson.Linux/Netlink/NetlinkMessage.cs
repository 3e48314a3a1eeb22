using System.Buffers.Binary;

namespace Caisson.Linux;

/// <summary>One message without its header.</summary>
internal readonly ref struct NetlinkMessage(int type, int flags, uint sequence, ReadOnlySpan<byte> content)
{
    internal int Type { get; } = type;

    internal int Flags { get; } = flags;

    internal uint Sequence { get; } = sequence;

    internal ReadOnlySpan<byte> Content { get; } = content;
}

/// <summary>The messages of one datagram, for <c>foreach</c>; ends where the bytes are none.</summary>
internal ref struct MessageList(ReadOnlySpan<byte> datagram)
{
    private ReadOnlySpan<byte> _rest = datagram;

    public NetlinkMessage Current { get; private set; }

    public readonly MessageList GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_rest.Length < 16)
        {
            return false;
        }
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_rest);
        if (length < 16 || length > _rest.Length)
        {
            return false;
        }
        Current = new(
            BinaryPrimitives.ReadUInt16LittleEndian(_rest[4..]),
            BinaryPrimitives.ReadUInt16LittleEndian(_rest[6..]),
            BinaryPrimitives.ReadUInt32LittleEndian(_rest[8..]),
            _rest[16..(int)length]);
        _rest = _rest[(int)Math.Min((length + 3) & ~3u, (uint)_rest.Length)..];
        return true;
    }
}

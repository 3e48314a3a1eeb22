using System.Buffers.Binary;

namespace Caisson.Linux;

/// <summary>Walks netlink attributes; lengths are checked against what there is. Source: netlink(7).</summary>
internal ref struct NetlinkReader(ReadOnlySpan<byte> attributes)
{
    private ReadOnlySpan<byte> _rest = attributes;

    /// <summary>Of the attribute that <see cref="Next"/> found, without the flag bits.</summary>
    internal int Type { get; private set; }

    /// <summary>Of the attribute that <see cref="Next"/> found.</summary>
    internal ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Goes to the next attribute; false at the end or where the bytes are none.</summary>
    internal bool Next()
    {
        if (_rest.Length < 4)
        {
            return false;
        }
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < 4 || length > _rest.Length)
        {
            _rest = [];
            return false;
        }
        Type = BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & 0x3FFF;
        Value = _rest[4..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }

    internal readonly uint UInt32 => Value.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(Value) : 0;

    internal readonly string Text => PathText.Decode(Value.TrimEnd((byte)0));
}

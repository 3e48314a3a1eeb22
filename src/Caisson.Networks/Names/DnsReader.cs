using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Caisson.Networks.Names;

/// <summary>Walks a message that anybody may have sent. Source: RFC 1035 §4.1.</summary>
/// <remarks>A pointer of a compressed name must lead to before where its name began, and each further one to before that: so none can go round.</remarks>
internal ref struct DnsReader(ReadOnlySpan<byte> message, int position)
{
    /// <summary>With lengths and the root. Source: RFC 1035 §2.3.4.</summary>
    private const int NameBytesMax = 255;

    private readonly ReadOnlySpan<byte> _message = message;

    /// <summary>Of the next byte.</summary>
    internal int Position { get; private set; } = position;

    internal bool TryReadName(out string name)
    {
        name = "";
        var text = new StringBuilder();
        (int at, int bytes, int? end, int limit) = (Position, 0, null, Position);
        while (true)
        {
            if (at >= _message.Length)
            {
                return false;
            }
            int length = _message[at];
            if (length >= 0xC0)
            {
                if (at + 1 >= _message.Length)
                {
                    return false;
                }
                end ??= at + 2;
                int target = (length & 0x3F) << 8 | _message[at + 1];
                if (target >= limit || target < DnsMessage.HeaderBytes)
                {
                    return false;
                }
                at = limit = target;
                continue;
            }
            bytes += length + 1;
            if (length > 63 || bytes > NameBytesMax || at + 1 + length > _message.Length)
            {
                return false;
            }
            if (length == 0)
            {
                Position = end ?? at + 1;
                name = text.ToString();
                return true;
            }
            AppendLabel(text, _message.Slice(at + 1, length));
            at += 1 + length;
        }
    }

    internal bool TryReadUInt16(out int value)
    {
        value = 0;
        if (Position + 2 > _message.Length)
        {
            return false;
        }
        value = BinaryPrimitives.ReadUInt16BigEndian(_message[Position..]);
        Position += 2;
        return true;
    }

    internal bool TryReadRecord(out string name, out DnsType type, out int classNumber, out uint ttlSeconds, out ReadOnlySpan<byte> data)
    {
        (type, classNumber, ttlSeconds) = (0, 0, 0);
        data = [];
        if (!TryReadName(out name) || Position + 10 > _message.Length)
        {
            return false;
        }
        var fixedPart = _message.Slice(Position, 10);
        type = (DnsType)BinaryPrimitives.ReadUInt16BigEndian(fixedPart);
        classNumber = BinaryPrimitives.ReadUInt16BigEndian(fixedPart[2..]);
        ttlSeconds = BinaryPrimitives.ReadUInt32BigEndian(fixedPart[4..]);
        int length = BinaryPrimitives.ReadUInt16BigEndian(fixedPart[8..]);
        if (Position + 10 + length > _message.Length)
        {
            return false;
        }
        data = _message.Slice(Position + 10, length);
        Position += 10 + length;
        return true;
    }

    private static void AppendLabel(StringBuilder text, ReadOnlySpan<byte> label)
    {
        if (text.Length > 0)
        {
            text.Append('.');
        }
        foreach (byte one in label)
        {
            char c = (char)one;
            if (c is > ' ' and <= '~' and not ('.' or '\\'))
            {
                text.Append(char.ToLowerInvariant(c));
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"\\{one:D3}");
            }
        }
    }
}

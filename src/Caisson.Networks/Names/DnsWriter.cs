using System.Buffers.Binary;
using System.Text;

namespace Caisson.Networks.Names;

/// <summary>Writes messages. Pure. Source: RFC 1035 §4, RFC 6891 §6.</summary>
internal static class DnsWriter
{
    /// <summary>An answer to <paramref name="request"/>.</summary>
    /// <param name="request">What was asked.</param>
    /// <param name="status">How it went.</param>
    /// <param name="records">All about the name that was asked.</param>
    /// <param name="ttlSeconds">How long the asker may remember.</param>
    /// <param name="bytesMax">When the records do not fit, none is sent and the asker is told to ask by TCP.</param>
    internal static byte[] Answer(DnsRequest request, DnsStatus status, IReadOnlyList<(DnsType Type, byte[] Data)> records, uint ttlSeconds, int bytesMax)
    {
        int extension = request.HasExtension ? 11 : 0;
        int length = DnsMessage.HeaderBytes + request.Section.Length + extension;
        int whole = length + records.Sum(record => 12 + record.Data.Length);
        bool fits = whole <= bytesMax;
        byte[] message = new byte[fits ? whole : length];
        var rest = WriteHeader(
            message, request.Id,
            DnsMessage.FlagResponse | DnsMessage.FlagAuthoritative | DnsMessage.FlagRecursionAvailable | (int)status
                | (request.RecursionDesired ? DnsMessage.FlagRecursionDesired : 0) | (fits ? 0 : DnsMessage.FlagTruncated),
            questions: 1, answers: fits ? records.Count : 0, additional: request.HasExtension ? 1 : 0);
        request.Section.CopyTo(rest);
        rest = rest[request.Section.Length..];
        foreach (var (type, data) in fits ? records : [])
        {
            // The name is the question's, which begins right after the header.
            BinaryPrimitives.WriteUInt16BigEndian(rest, 0xC000 | DnsMessage.HeaderBytes);
            BinaryPrimitives.WriteUInt16BigEndian(rest[2..], (ushort)type);
            BinaryPrimitives.WriteUInt16BigEndian(rest[4..], 1);
            BinaryPrimitives.WriteUInt32BigEndian(rest[6..], ttlSeconds);
            BinaryPrimitives.WriteUInt16BigEndian(rest[10..], (ushort)data.Length);
            data.CopyTo(rest[12..]);
            rest = rest[(12 + data.Length)..];
        }
        if (request.HasExtension)
        {
            BinaryPrimitives.WriteUInt16BigEndian(rest[1..], (ushort)DnsType.Opt);
            BinaryPrimitives.WriteUInt16BigEndian(rest[3..], 4096);
        }
        return message;
    }

    /// <summary>An answer to a message of which only the header could be read.</summary>
    internal static byte[] Refuse(ReadOnlySpan<byte> message, DnsStatus status)
    {
        byte[] answer = new byte[DnsMessage.HeaderBytes];
        int flags = DnsMessage.Flags(message) & 0x7900; // its opcode and its wish for recursion
        WriteHeader(answer, BinaryPrimitives.ReadUInt16BigEndian(message), DnsMessage.FlagResponse | flags | (int)status, 0, 0, 0);
        return answer;
    }

    /// <summary>A request of one question.</summary>
    internal static byte[] Question(ushort id, string name, DnsType type)
    {
        byte[] encoded = EncodeName(name);
        byte[] message = new byte[DnsMessage.HeaderBytes + encoded.Length + 4];
        var rest = WriteHeader(message, id, DnsMessage.FlagRecursionDesired, 1, 0, 0);
        encoded.CopyTo(rest);
        BinaryPrimitives.WriteUInt16BigEndian(rest[encoded.Length..], (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(rest[(encoded.Length + 2)..], 1);
        return message;
    }

    /// <summary>A name as labels with their lengths.</summary>
    internal static byte[] EncodeName(string name)
    {
        List<byte> bytes = [];
        foreach (string label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            byte[] text = Encoding.ASCII.GetBytes(label);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(text.Length, 63);
            bytes.Add((byte)text.Length);
            bytes.AddRange(text);
        }
        bytes.Add(0);
        return [.. bytes];
    }

    private static Span<byte> WriteHeader(Span<byte> message, ushort id, int flags, int questions, int answers, int additional)
    {
        BinaryPrimitives.WriteUInt16BigEndian(message, id);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], (ushort)flags);
        BinaryPrimitives.WriteUInt16BigEndian(message[4..], (ushort)questions);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], (ushort)answers);
        BinaryPrimitives.WriteUInt16BigEndian(message[10..], (ushort)additional);
        return message[DnsMessage.HeaderBytes..];
    }
}

using System.Buffers.Binary;

namespace Caisson.Networks.Names;

/// <summary>What a question asks for. Source: RFC 1035 §3.2.2, RFC 3596.</summary>
internal enum DnsType : ushort
{
    A = 1,
    Ptr = 12,
    Aaaa = 28,
    Opt = 41,
    Any = 255,
}

/// <summary>How a question went. Source: RFC 1035 §4.1.1.</summary>
internal enum DnsStatus
{
    Done = 0,
    FormatError = 1,
    ServerFailure = 2,
    NoSuchName = 3,
    NotImplemented = 4,
    Refused = 5,
}

/// <summary>A request of one question.</summary>
/// <param name="Id">Comes back with the answer.</param>
/// <param name="Name">Lower case, labels joined by dots, without the last one; bytes that are no printable letters as <c>\ddd</c>.</param>
/// <param name="Type">What is asked for.</param>
/// <param name="Section">The question as it was sent, to be sent back.</param>
/// <param name="RecursionDesired">Comes back with the answer.</param>
/// <param name="UdpBytesMax">The largest datagram the asker takes.</param>
/// <param name="HasExtension">The asker speaks EDNS (RFC 6891).</param>
internal sealed record DnsRequest(ushort Id, string Name, DnsType Type, byte[] Section, bool RecursionDesired, int UdpBytesMax, bool HasExtension);

/// <summary>A resource record of an answer.</summary>
internal sealed record DnsRecord(string Name, DnsType Type, uint TtlSeconds, byte[] Data);

/// <summary>The header's bits and sizes, and what of a message the resolver reads. Pure. Source: RFC 1035 §4.</summary>
internal static class DnsMessage
{
    internal const int HeaderBytes = 12;
    internal const int UdpBytesPlain = 512;
    internal const int MessageBytesMax = 65535;
    internal const int FlagResponse = 0x8000;
    internal const int FlagAuthoritative = 0x0400;
    internal const int FlagTruncated = 0x0200;
    internal const int FlagRecursionDesired = 0x0100;
    internal const int FlagRecursionAvailable = 0x0080;

    private const int OpcodeMask = 0x7800;
    private const int ClassInternet = 1;

    /// <summary>Reads a request. Bytes of any content are safe.</summary>
    /// <param name="message">One datagram, or one message of a stream.</param>
    /// <param name="request">The request when the status is <see cref="DnsStatus.Done"/>.</param>
    /// <returns>Another status when there is a header to answer to; null when nothing is to be said to these bytes.</returns>
    internal static DnsStatus? TryReadRequest(ReadOnlySpan<byte> message, out DnsRequest? request)
    {
        request = null;
        if (message.Length < HeaderBytes || (Flags(message) & FlagResponse) != 0)
        {
            return null;
        }
        if ((Flags(message) & OpcodeMask) != 0)
        {
            return DnsStatus.NotImplemented;
        }
        var reader = new DnsReader(message, HeaderBytes);
        if (Count(message, 4) != 1 || !reader.TryReadName(out string name) || !reader.TryReadUInt16(out int type) || !reader.TryReadUInt16(out int classNumber))
        {
            return DnsStatus.FormatError;
        }
        byte[] section = message[HeaderBytes..reader.Position].ToArray();
        if (classNumber != ClassInternet)
        {
            return DnsStatus.NotImplemented;
        }

        (int udpBytes, bool extended) = (UdpBytesPlain, false);
        int records = Count(message, 6) + Count(message, 8) + Count(message, 10);
        for (int i = 0; i < records; i++)
        {
            if (!reader.TryReadRecord(out _, out var recordType, out int recordClass, out _, out _))
            {
                return DnsStatus.FormatError;
            }
            if (recordType == DnsType.Opt)
            {
                (udpBytes, extended) = (Math.Clamp(recordClass, UdpBytesPlain, 4096), true);
            }
        }
        request = new(BinaryPrimitives.ReadUInt16BigEndian(message), name, (DnsType)type, section, (Flags(message) & FlagRecursionDesired) != 0, udpBytes, extended);
        return DnsStatus.Done;
    }

    /// <summary>Whether the message answers that question under that number.</summary>
    internal static bool IsAnswerTo(ReadOnlySpan<byte> message, ushort id, ReadOnlySpan<byte> section)
    {
        if (message.Length < HeaderBytes || BinaryPrimitives.ReadUInt16BigEndian(message) != id || (Flags(message) & FlagResponse) == 0)
        {
            return false;
        }
        var theirs = new DnsReader(message, HeaderBytes);
        var ours = new DnsReader([.. new byte[HeaderBytes], .. section], HeaderBytes);
        return Count(message, 4) == 1
            && theirs.TryReadName(out string name) && ours.TryReadName(out string asked) && name == asked
            && theirs.TryReadUInt16(out int type) && ours.TryReadUInt16(out int askedType) && type == askedType;
    }

    /// <summary>Reads an answer's status and records.</summary>
    /// <returns>False when the bytes are no answer.</returns>
    internal static bool TryReadAnswer(ReadOnlySpan<byte> message, out DnsStatus status, out List<DnsRecord> answers)
    {
        answers = [];
        status = message.Length >= HeaderBytes ? (DnsStatus)(message[3] & 0x0F) : DnsStatus.FormatError;
        if (message.Length < HeaderBytes || (Flags(message) & FlagResponse) == 0)
        {
            return false;
        }
        var reader = new DnsReader(message, HeaderBytes);
        for (int i = 0; i < Count(message, 4); i++)
        {
            if (!reader.TryReadName(out _) || !reader.TryReadUInt16(out _) || !reader.TryReadUInt16(out _))
            {
                return false;
            }
        }
        for (int i = 0; i < Count(message, 6); i++)
        {
            if (!reader.TryReadRecord(out string name, out var type, out _, out uint ttl, out var data))
            {
                return false;
            }
            answers.Add(new(name, type, ttl, data.ToArray()));
        }
        return true;
    }

    internal static int Flags(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadUInt16BigEndian(message[2..]);

    private static int Count(ReadOnlySpan<byte> message, int offset) => BinaryPrimitives.ReadUInt16BigEndian(message[offset..]);
}

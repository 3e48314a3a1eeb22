using System.Buffers.Binary;

using Caisson.Linux;

namespace Caisson.Machines.Full;

/// <summary>What a machine is told about its network.</summary>
/// <param name="Address">Its address.</param>
/// <param name="PrefixLength">How much of it is the network.</param>
/// <param name="Gateway">The way out; null without one.</param>
/// <param name="NameServer">Who answers for names, on the same link; also who gives the lease.</param>
/// <param name="Hostname">Its name.</param>
/// <param name="Mtu">The largest packet.</param>
public sealed record DhcpLease(InternetAddress Address, int PrefixLength, InternetAddress? Gateway, InternetAddress NameServer, string Hostname, int Mtu);

/// <summary>Answers of a DHCP server that has one lease for one client, for ever. Pure; what comes is a guest's and is believed nothing.</summary>
/// <remarks>Source: RFC 2131, RFC 2132, RFC 3442 (routes, since the name server is on the link and of no subnet).</remarks>
public static class DhcpMessage
{
    /// <summary>The most that a message is taken to have.</summary>
    public const int BytesMax = 1_500;

    private const int HeaderBytes = 240;
    private const uint Cookie = 0x6382_5363;
    private const byte Request = 1;
    private const byte Reply = 2;

    private enum Kind : byte
    {
        Discover = 1,
        Offer = 2,
        Ask = 3,
        Ack = 5,
        Nak = 6,
        Inform = 8,
    }

    /// <summary>The answer to a message; null for none.</summary>
    public static byte[]? Answer(ReadOnlySpan<byte> message, DhcpLease lease, HardwareAddress client)
    {
        if (message.Length < HeaderBytes || message[0] != Request || message[1] != 1 || message[2] != 6
            || BinaryPrimitives.ReadUInt32BigEndian(message[236..]) != Cookie || !message.Slice(28, 6).SequenceEqual(client.ToBytes()))
        {
            return null;
        }
        Kind kind = 0;
        uint wanted = 0;
        uint server = 0;
        for (int at = HeaderBytes; at < message.Length && message[at] != 255;)
        {
            if (message[at] == 0)
            {
                at++;
                continue;
            }
            if (at + 1 >= message.Length || at + 2 + message[at + 1] > message.Length)
            {
                return null;
            }
            ReadOnlySpan<byte> value = message.Slice(at + 2, message[at + 1]);
            switch (message[at])
            {
                case 53 when value.Length == 1:
                    kind = (Kind)value[0];
                    break;
                case 50 when value.Length == 4:
                    wanted = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
                case 54 when value.Length == 4:
                    server = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
            }
            at += 2 + value.Length;
        }
        uint own = (uint)lease.Address.Bits;
        if (server != 0 && server != (uint)lease.NameServer.Bits)
        {
            return null; // it has chosen another server
        }
        uint has = BinaryPrimitives.ReadUInt32BigEndian(message[12..]);
        return kind switch
        {
            Kind.Discover => Write(message, Kind.Offer, lease),
            Kind.Ask when (wanted != 0 ? wanted : has) == own => Write(message, Kind.Ack, lease),
            Kind.Ask => Write(message, Kind.Nak, lease),
            Kind.Inform => Write(message, Kind.Ack, lease),
            _ => null,
        };
    }

    private static byte[] Write(ReadOnlySpan<byte> asked, Kind kind, DhcpLease lease)
    {
        byte[] answer = new byte[BytesMax];
        answer[0] = Reply;
        asked[1..3].CopyTo(answer.AsSpan(1));
        asked.Slice(4, 4).CopyTo(answer.AsSpan(4));     // transaction
        asked.Slice(10, 2).CopyTo(answer.AsSpan(10));   // flags
        asked.Slice(28, 16).CopyTo(answer.AsSpan(28));  // the client's hardware address
        if (kind != Kind.Nak)
        {
            lease.Address.ToBytes().CopyTo(answer, 16);
        }
        lease.NameServer.ToBytes().CopyTo(answer, 20);
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(236), Cookie);
        int at = HeaderBytes;
        Add(53, [(byte)kind]);
        Add(54, lease.NameServer.ToBytes());
        if (kind != Kind.Nak)
        {
            Add(51, [0xff, 0xff, 0xff, 0xff]);
            byte[] mask = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(mask, lease.PrefixLength == 0 ? 0 : uint.MaxValue << (32 - lease.PrefixLength));
            Add(1, mask);
            Add(6, lease.NameServer.ToBytes());
            Add(12, System.Text.Encoding.ASCII.GetBytes(lease.Hostname).AsSpan(0, Math.Min(63, lease.Hostname.Length)));
            Add(26, [(byte)(lease.Mtu >> 8), (byte)lease.Mtu]);
            List<byte> routes = [32, .. lease.NameServer.ToBytes(), 0, 0, 0, 0];
            if (lease.Gateway is { } gateway)
            {
                Add(3, gateway.ToBytes());
                routes.AddRange([0, .. gateway.ToBytes()]);
            }
            Add(121, [.. routes]);
        }
        answer[at++] = 255;
        return answer[..Math.Max(at, 300)]; // some clients want the length of BOOTP

        void Add(byte option, ReadOnlySpan<byte> value)
        {
            answer[at] = option;
            answer[at + 1] = (byte)value.Length;
            value.CopyTo(answer.AsSpan(at + 2));
            at += 2 + value.Length;
        }
    }
}

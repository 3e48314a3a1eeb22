using System.Buffers.Binary;

using Caisson.Linux;
using Caisson.Machines.Full;
using Xunit;

namespace Caisson.Machines.Tests.Full;

public sealed class DhcpMessageTests
{
    private static readonly HardwareAddress Client = HardwareAddress.Local(7);

    private static readonly DhcpLease Lease = new(
        InternetAddress.Parse("172.18.0.5"), 16, InternetAddress.Parse("172.18.0.1"), GuestLine.ServerAddress, "deb", 1_400);

    [Fact]
    public void Whoever_looks_for_a_server_is_offered_the_one_lease_with_everything_in_it()
    {
        byte[] answer = DhcpMessage.Answer(Message(1), Lease, Client)!;

        Assert.Equal(Lease.Address.ToBytes(), answer[16..20]);
        Dictionary<byte, byte[]> options = Options(answer);
        Assert.Equal([2], options[53]);
        Assert.Equal([255, 255, 0, 0], options[1]);
        Assert.Equal([172, 18, 0, 1], options[3]);
        Assert.Equal([169, 254, 53, 53], options[6]);
        Assert.Equal("deb"u8.ToArray(), options[12]);
        Assert.Equal([32, 169, 254, 53, 53, 0, 0, 0, 0, 0, 172, 18, 0, 1], options[121]);
        Assert.Equal([0x05, 0x78], options[26]);
    }

    [Fact]
    public void The_lease_is_confirmed_and_another_address_is_refused()
    {
        byte[] right = DhcpMessage.Answer(Message(3, (50, [172, 18, 0, 5])), Lease, Client)!;
        byte[] wrong = DhcpMessage.Answer(Message(3, (50, [172, 18, 0, 6])), Lease, Client)!;

        Assert.Equal([5], Options(right)[53]);
        Assert.Equal([6], Options(wrong)[53]);
        Assert.Equal([0, 0, 0, 0], wrong[16..20]);
    }

    [Fact]
    public void Without_a_way_out_there_is_no_gateway()
    {
        byte[] answer = DhcpMessage.Answer(Message(1), Lease with { Gateway = null }, Client)!;

        Assert.DoesNotContain((byte)3, Options(answer).Keys);
        Assert.Equal(9, Options(answer)[121].Length);
    }

    [Fact]
    public void Others_messages_and_broken_ones_get_no_answer()
    {
        byte[] message = Message(1);
        byte[] longOption = [.. Message(1)[..240], 53, 200, 1];

        Assert.Null(DhcpMessage.Answer(message, Lease, HardwareAddress.Local(8)));
        Assert.Null(DhcpMessage.Answer(message.AsSpan(0, 200), Lease, Client));
        Assert.Null(DhcpMessage.Answer(longOption, Lease, Client));
        Assert.Null(DhcpMessage.Answer(Message(3, (54, [10, 0, 0, 1]), (50, [172, 18, 0, 5])), Lease, Client));
        Assert.Null(DhcpMessage.Answer(Message(7), Lease, Client));
    }

    [Fact]
    public void No_bytes_break_it()
    {
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] message = Message(3, (50, [172, 18, 0, 5]));
            for (int change = 0; change < 4; change++)
            {
                message[random.Next(message.Length)] = (byte)random.Next(256);
            }

            _ = DhcpMessage.Answer(message.AsSpan(0, random.Next(message.Length + 1)), Lease, Client);
        }
    }

    private static byte[] Message(byte kind, params (byte Option, byte[] Value)[] options)
    {
        List<byte> message = [.. new byte[240]];
        message[0] = 1;
        message[1] = 1;
        message[2] = 6;
        byte[] address = Client.ToBytes();
        for (int i = 0; i < 6; i++)
        {
            message[28 + i] = address[i];
        }
        byte[] cookie = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(cookie, 0x6382_5363);
        cookie.CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(message)[236..]);
        message.AddRange([53, 1, kind]);
        foreach ((byte option, byte[] value) in options)
        {
            message.AddRange([option, (byte)value.Length, .. value]);
        }
        message.Add(255);
        return [.. message];
    }

    private static Dictionary<byte, byte[]> Options(byte[] answer)
    {
        Dictionary<byte, byte[]> options = [];
        for (int at = 240; answer[at] != 255; at += 2 + answer[at + 1])
        {
            options.Add(answer[at], answer[(at + 2)..(at + 2 + answer[at + 1])]);
        }
        return options;
    }
}

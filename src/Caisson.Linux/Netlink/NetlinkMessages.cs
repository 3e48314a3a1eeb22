using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Finished rtnetlink messages as bytes, for those who send them without this library: a launch plan's child in its own network namespace.</summary>
public static class NetlinkMessages
{
    /// <summary>The index of the loopback device in every network namespace.</summary>
    public const int LoopbackIndex = 1;

    /// <summary>Takes a device up. The kernel answers with an acknowledgement of 36 bytes or more (NLMSG_ERROR, error 0).</summary>
    public static byte[] LinkUp(int index)
    {
        var writer = new NetlinkWriter();
        WriteLinkUp(writer, index, up: true, sequence: 1);
        return writer.Messages.ToArray();
    }

    /// <summary>Requests, numbered from 1, in one datagram; the kernel answers each with an acknowledgement.</summary>
    public static byte[] Of(params IReadOnlyList<RouteRequest> requests)
    {
        var writer = new NetlinkWriter();
        uint number = 0;
        foreach (RouteRequest request in requests)
        {
            request.Write(writer, ++number);
        }
        return writer.Messages.ToArray();
    }

    /// <summary>What an acknowledgement says.</summary>
    /// <param name="datagram">One answer of the kernel.</param>
    /// <param name="number">Which request it is about.</param>
    /// <returns><see cref="Errno.None"/> when it was carried out; null for a datagram that is no acknowledgement.</returns>
    public static Errno? ReadAcknowledgement(ReadOnlySpan<byte> datagram, out int number)
    {
        number = 0;
        foreach (NetlinkMessage message in new MessageList(datagram))
        {
            if (message.Type == NLMSG_ERROR && message.Content.Length >= 4)
            {
                number = (int)message.Sequence;
                return (Errno)(-System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(message.Content));
            }
        }
        return null;
    }

    internal static void WriteLinkUp(NetlinkWriter writer, int index, bool up, uint sequence)
    {
        writer.Begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
        writer.Put(new ifinfomsg { ifi_index = index, ifi_flags = up ? (uint)IFF_UP : 0, ifi_change = IFF_UP });
        writer.End();
    }
}

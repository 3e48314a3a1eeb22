using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A network device. Source: rtnetlink(7), linux/if_link.h.</summary>
/// <param name="Index">Its number in its namespace; 1 is always <c>lo</c>.</param>
/// <param name="Name">At most 15 bytes.</param>
/// <param name="Kind">Of a virtual one: <c>bridge</c>, <c>veth</c>…; else empty.</param>
/// <param name="IsUp">Administratively.</param>
/// <param name="Mtu">Largest packet, bytes.</param>
/// <param name="Address">Hardware address; null when it has none of Ethernet.</param>
/// <param name="Master">Index of the bridge or bond it belongs to; 0: none.</param>
/// <param name="Peer">Index of the other end (<c>veth</c>) or of the device below, maybe in another namespace; 0: none.</param>
/// <param name="Group">The group of devices it belongs to; 0: none.</param>
public sealed record NetworkLink(
    int Index, string Name, string Kind, bool IsUp, uint Mtu, HardwareAddress? Address, int Master, int Peer, int Group = 0);

public sealed partial class RouteSocket
{
    /// <summary>All devices of the namespace, by index.</summary>
    public IReadOnlyList<NetworkLink> ListLinks() =>
        [.. Dump(RTM_GETLINK, default(ifinfomsg), "links").Select(answer => ParseLink(answer)).OrderBy(link => link.Index)];

    /// <summary>The device of that name; null when there is none.</summary>
    public NetworkLink? FindLink(string name)
    {
        try
        {
            return ParseLink(Ask(
                writer =>
                {
                    writer.Begin(RTM_GETLINK, NLM_F_REQUEST, NextSequence());
                    writer.Put(default(ifinfomsg));
                    writer.Attribute(IFLA_IFNAME, name);
                    writer.End();
                },
                $"link {name}"));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
    }

    /// <summary>Takes a device up or down.</summary>
    public void SetLinkUp(int index, bool up = true) =>
        Execute(writer => NetlinkMessages.WriteLinkUp(writer, index, up, NextSequence()), $"link {index} {(up ? "up" : "down")}");

    /// <summary>Removes a virtual device.</summary>
    public void DeleteLink(int index) => Execute(
        writer =>
        {
            writer.Begin(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, NextSequence());
            writer.Put(new ifinfomsg { ifi_index = index });
            writer.End();
        },
        $"delete link {index}");

    private static unsafe NetworkLink ParseLink(ReadOnlySpan<byte> content)
    {
        var header = MemoryMarshal.Read<ifinfomsg>(content);
        var link = new NetworkLink(header.ifi_index, "", "", (header.ifi_flags & IFF_UP) != 0, 0, null, 0, 0);
        var attributes = new NetlinkReader(content[sizeof(ifinfomsg)..]);
        while (attributes.Next())
        {
            link = attributes.Type switch
            {
                IFLA_IFNAME => link with { Name = attributes.Text },
                IFLA_MTU => link with { Mtu = attributes.UInt32 },
                IFLA_MASTER => link with { Master = (int)attributes.UInt32 },
                IFLA_LINK => link with { Peer = (int)attributes.UInt32 },
                IFLA_GROUP => link with { Group = (int)attributes.UInt32 },
                IFLA_ADDRESS when attributes.Value.Length == 6 => link with
                {
                    Address = new((ulong)BinaryPrimitives.ReadUInt16BigEndian(attributes.Value) << 32 | BinaryPrimitives.ReadUInt32BigEndian(attributes.Value[2..])),
                },
                IFLA_LINKINFO => link with { Kind = KindOf(attributes.Value) },
                _ => link,
            };
        }
        return link;
    }

    private static string KindOf(ReadOnlySpan<byte> linkInfo)
    {
        var attributes = new NetlinkReader(linkInfo);
        while (attributes.Next())
        {
            if (attributes.Type == IFLA_INFO_KIND)
            {
                return attributes.Text;
            }
        }
        return "";
    }
}

using System.Runtime.InteropServices;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public sealed partial class RouteSocket
{
    /// <summary>The subnets that the main tables of both families have routes for, but for default routes.</summary>
    public IReadOnlyList<Subnet> ListRoutedSubnets()
    {
        List<Subnet> subnets = [];
        foreach (int family in (ReadOnlySpan<int>)[AF_INET, AF_INET6])
        {
            foreach (byte[] answer in Dump(RTM_GETROUTE, new rtmsg { rtm_family = (byte)family }, "routes"))
            {
                if (RoutedSubnet(answer) is { } subnet && !subnets.Contains(subnet))
                {
                    subnets.Add(subnet);
                }
            }
        }
        return subnets;
    }

    private static unsafe Subnet? RoutedSubnet(ReadOnlySpan<byte> content)
    {
        var header = MemoryMarshal.Read<rtmsg>(content);
        if (header.rtm_table != RT_TABLE_MAIN || header.rtm_type != RTN_UNICAST || header.rtm_dst_len == 0)
        {
            return null;
        }
        var attributes = new NetlinkReader(content[sizeof(rtmsg)..]);
        while (attributes.Next())
        {
            if (attributes.Type == RTA_DST && attributes.Value.Length is 4 or 16)
            {
                var address = InternetAddress.FromBytes(attributes.Value);
                return header.rtm_dst_len <= address.BitCount ? Subnet.Around(address, header.rtm_dst_len) : null;
            }
        }
        return null;
    }
}

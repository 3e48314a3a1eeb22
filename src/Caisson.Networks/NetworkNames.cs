using System.Security.Cryptography;
using System.Text;
using Caisson.Linux;

namespace Caisson.Networks;

/// <summary>Names of kernel objects, made of ids, so that an engine finds its own again and two engines never meet.</summary>
/// <param name="owner">What tells this engine from others of the machine: its run directory.</param>
public sealed class NetworkNames(string owner)
{
    private readonly string _hash = Hash(owner, 8);

    /// <summary>What tells this engine from others.</summary>
    public string Owner => owner;

    /// <summary>The table of the packet filter, in the families inet and bridge.</summary>
    public string Table => $"caisson_{_hash}";

    /// <summary>How the names of all devices of this engine begin.</summary>
    public string LinkPrefix => $"c{_hash[..5]}";

    /// <summary>How the names of its bridges begin, but for those that were asked for.</summary>
    public string BridgePrefix => $"{LinkPrefix}b";

    /// <summary>The group of devices that its bridges are in, whatever their names.</summary>
    public int BridgeGroup => Convert.ToInt32(_hash, 16) & int.MaxValue | 1 << 30;

    /// <summary>How the names of the host's ends of its pairs begin.</summary>
    public string PortPrefix => $"{LinkPrefix}v";

    /// <summary>The bridge of a network; at most 15 bytes.</summary>
    public string Bridge(NetworkConfig network) => network.BridgeName.Length > 0 ? network.BridgeName : BridgePrefix + Hash(network.Id, 8);

    /// <summary>The host's end of an endpoint's pair; 15 bytes.</summary>
    public string Port(string endpointId) => PortPrefix + Hash(endpointId, 8);

    /// <summary>A hardware address made of an id, for what has no address of IPv4.</summary>
    internal static HardwareAddress Hardware(string id) => HardwareAddress.Local(Convert.ToUInt64(Hash(id, 10), 16));

    private static string Hash(string text, int digits) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..digits];
}

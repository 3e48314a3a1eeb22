using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Networks.Addresses;

/// <summary>The addresses of one subnet and who has them. For one thread at a time.</summary>
/// <remarks>A freed address is given again only after the others of the subnet: what still remembers it is not led astray.</remarks>
public sealed class AddressSpace
{
    private readonly Dictionary<InternetAddress, string> _holders = [];
    private readonly Subnet _range;
    private InternetAddress _next;

    /// <summary>Of <paramref name="subnet"/>; addresses that nobody names come from <paramref name="range"/>, a part of it.</summary>
    public AddressSpace(Subnet subnet, Subnet? range = null)
    {
        Subnet = subnet;
        _range = range ?? subnet;
        _next = _range.First;
    }

    /// <summary>All of it.</summary>
    public Subnet Subnet { get; }

    /// <summary>Takes an address that was asked for.</summary>
    /// <param name="address">In the subnet.</param>
    /// <param name="holder">Who gets it, for messages.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not of this subnet, or its first or last of IPv4; <see cref="ErrorKind.Conflict"/>: taken.</exception>
    public void Take(InternetAddress address, string holder)
    {
        if (!Subnet.Contains(address) || IsReserved(address))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"address {address} for {holder}: it is not an address that a host of {Subnet} can have");
        }
        if (!_holders.TryAdd(address, holder))
        {
            throw new CaissonException(ErrorKind.Conflict, $"address {address} for {holder}: {_holders[address]} has it");
        }
    }

    /// <summary>Takes the next free address.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: there is none.</exception>
    public InternetAddress TakeAny(string holder)
    {
        var start = _next;
        do
        {
            var candidate = _next;
            _next = _next == _range.Last ? _range.First : _next.Plus(1);
            if (!IsReserved(candidate) && _holders.TryAdd(candidate, holder))
            {
                return candidate;
            }
        }
        while (_next != start);
        throw new CaissonException(
            ErrorKind.ResourceExhausted, $"address for {holder}: all {_holders.Count} of {_range} are taken; remove containers or use a larger subnet");
    }

    /// <summary>Says another holder of an address that is taken, for messages.</summary>
    public void Rename(InternetAddress address, string holder)
    {
        if (_holders.ContainsKey(address))
        {
            _holders[address] = holder;
        }
    }

    /// <summary>Gives an address back; nothing happens when nobody had it.</summary>
    public void Release(InternetAddress address) => _holders.Remove(address);

    /// <summary>The network's own address and, of IPv4, its broadcast address are no host's; of two addresses both are (RFC 3021).</summary>
    private bool IsReserved(InternetAddress address) =>
        Subnet.HostBits > 1 && (address == Subnet.First || (!address.IsIPv6 && address == Subnet.Last));
}

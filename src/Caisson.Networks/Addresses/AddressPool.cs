using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Networks.Addresses;

/// <summary>Where networks that name no subnet get theirs: blocks of private addresses, cut to equal pieces.</summary>
/// <param name="Base">The block.</param>
/// <param name="PrefixLength">Of each piece.</param>
public sealed record AddressBlock(Subnet Base, int PrefixLength);

/// <summary>Chooses subnets. Pure: what is taken is given.</summary>
public static class AddressPool
{
    /// <summary>Docker's: 172.17.0.0/16 to 172.31.0.0/16 and then 192.168.0.0/16 in sixteen pieces. Source: RFC 1918.</summary>
    public static ImmutableArray<AddressBlock> Default { get; } =
    [
        .. Enumerable.Range(17, 15).Select(second => new AddressBlock(Subnet.Parse($"172.{second}.0.0/16"), 16)),
        new(Subnet.Parse("192.168.0.0/16"), 20),
    ];

    /// <summary>The first piece that overlaps nothing taken.</summary>
    /// <param name="blocks">In order of preference.</param>
    /// <param name="taken">Subnets of networks, and what the host has addresses or routes for.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: all pieces are taken.</exception>
    public static Subnet Choose(IReadOnlyList<AddressBlock> blocks, IReadOnlyCollection<Subnet> taken)
    {
        foreach (var block in blocks)
        {
            UInt128 step = UInt128.One << (block.Base.First.BitCount - block.PrefixLength);
            for (var first = block.Base.First; block.Base.Contains(first) && first >= block.Base.First; first = first.Plus(step))
            {
                var candidate = new Subnet(first, block.PrefixLength);
                if (!taken.Any(candidate.Overlaps))
                {
                    return candidate;
                }
                if (first == candidate.First && candidate.Last == block.Base.Last)
                {
                    break;
                }
            }
        }
        throw new CaissonException(
            ErrorKind.ResourceExhausted,
            $"choose a subnet: all {blocks.Count} blocks of addresses are taken; remove unused networks or name a subnet (--subnet)");
    }

    /// <summary>A subnet of 64 bits below fd00::/8 that nobody else is likely to have, made of two names. Source: RFC 4193 §3.2.</summary>
    /// <param name="owner">Tells one engine from another.</param>
    /// <param name="network">The network's id.</param>
    /// <param name="taken">Subnets that may not be touched.</param>
    public static Subnet ChooseUniqueLocal(string owner, string network, IReadOnlyCollection<Subnet> taken)
    {
        for (int attempt = 0; ; attempt++)
        {
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{owner}\n{network}\n{attempt}"));
            byte[] bytes = new byte[16];
            hash.AsSpan(0, 8).CopyTo(bytes);
            bytes[0] = 0xFD;
            var candidate = Subnet.Around(InternetAddress.FromBytes(bytes), 64);
            if (!taken.Any(candidate.Overlaps))
            {
                return candidate;
            }
        }
    }
}

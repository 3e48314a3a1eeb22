namespace Caisson.Containers.Cgroups;

/// <summary>Weights of version 1 in terms of version 2, as runc and the cgroups library of the Open Container Initiative have them.</summary>
public static class CgroupWeights
{
    private const ulong SharesMin = 2;
    private const ulong SharesMax = 262_144;
    private const ulong WeightMax = 10_000;

    /// <summary>
    /// <c>cpu.weight</c> for <paramref name="shares"/>: the formula of opencontainers/cgroups since 0.0.3, a quadratic in the
    /// logarithm through the least (2 to 1), the default (1024 to 100) and the greatest (262144 to 10000). The linear one before it made the default 39.
    /// </summary>
    /// <param name="shares">2 to 262144; beyond is cut off. 0 means unset and stays 0.</param>
    public static ulong FromShares(ulong shares)
    {
        switch (shares)
        {
            case 0: return 0;
            case <= SharesMin: return 1;
            case >= SharesMax: return WeightMax;
        }
        double l = Math.Log2(shares);
        return (ulong)Math.Ceiling(Math.Pow(10, ((l * l) + (125 * l)) / 612.0 - (7.0 / 34.0)));
    }

    /// <summary><c>io.weight</c> (1 to 10000) for a <c>blkio.weight</c> of 10 to 1000, linear; 0 means unset and stays 0.</summary>
    public static uint FromBlkio(ushort weight) => weight == 0 ? 0 : 1 + ((weight - 10u) * 9999 / 990);
}

namespace Caisson.Linux;

/// <summary>What a process may use. Source: getrlimit(2), asm-generic/resource.h.</summary>
public enum ResourceLimit
{
#pragma warning disable CS1591 // the kernel's own names say it
    Cpu = 0,
    Fsize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Rss = 5,
    Nproc = 6,
    Nofile = 7,
    Memlock = 8,
    As = 9,
    Locks = 10,
    Sigpending = 11,
    Msgqueue = 12,
    Nice = 13,
    Rtprio = 14,
    Rttime = 15,
#pragma warning restore CS1591
}

/// <summary>Limits by the kernel's names.</summary>
public static class ResourceLimitNames
{
    /// <summary>What stands for no limit (RLIM_INFINITY).</summary>
    public const ulong Unlimited = ulong.MaxValue;

    /// <summary>Such as <c>RLIMIT_NOFILE</c>.</summary>
    public static string NameOf(ResourceLimit limit) => $"RLIMIT_{limit.ToString().ToUpperInvariant()}";

    /// <summary>Understands <c>RLIMIT_NOFILE</c> (runtime-spec), <c>nofile</c> (Docker) and <c>NOFILE</c>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ResourceLimit limit)
    {
        if (text.StartsWith("RLIMIT_", StringComparison.OrdinalIgnoreCase))
        {
            text = text["RLIMIT_".Length..];
        }
        for (limit = ResourceLimit.Cpu; limit <= ResourceLimit.Rttime; limit++)
        {
            if (text.Equals(limit.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }
        limit = default;
        return false;
    }
}

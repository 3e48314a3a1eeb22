namespace Caisson.Linux;

/// <summary>A kind of processor, for which the kernel has numbers of calls, some flags, and machine code of its own.</summary>
public enum KernelArchitecture
{
    /// <summary>64-bit x86.</summary>
    X64 = 0,

    /// <summary>64-bit ARM, little-endian.</summary>
    Arm64 = 1,
}

/// <summary>What architectures are called, and which is ours.</summary>
public static class KernelArchitectures
{
    /// <summary>What this program is compiled for.</summary>
    public const KernelArchitecture Own = KernelArchitecture.X64;

    /// <summary>As images and Debian's packages call it: <c>amd64</c>, <c>arm64</c>.</summary>
    public static string Name(this KernelArchitecture architecture) => architecture == KernelArchitecture.Arm64 ? "arm64" : "amd64";

    /// <summary>As <c>uname -m</c> and QEMU call it: <c>x86_64</c>, <c>aarch64</c>.</summary>
    public static string MachineName(this KernelArchitecture architecture) => architecture == KernelArchitecture.Arm64 ? "aarch64" : "x86_64";

    /// <summary>Understands both names.</summary>
    public static bool TryParse(string name, out KernelArchitecture architecture)
    {
        (bool isKnown, architecture) = name switch
        {
            "amd64" or "x86_64" => (true, KernelArchitecture.X64),
            "arm64" or "aarch64" => (true, KernelArchitecture.Arm64),
            _ => (false, KernelArchitecture.X64),
        };
        return isKnown;
    }
}

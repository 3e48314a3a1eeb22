namespace Caisson.Linux;

public static partial class KernelArchitectures
{
    /// <summary>What this program is compiled for.</summary>
    public const KernelArchitecture Own = KernelArchitecture.Arm64;
}

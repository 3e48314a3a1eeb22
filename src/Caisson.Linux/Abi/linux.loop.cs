namespace Caisson.Linux.Abi;

// loop(4), linux/loop.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int LOOP_CONFIGURE = 0x4C0A;
    public const int LOOP_CTL_GET_FREE = 0x4C82;
    public const int LO_FLAGS_READ_ONLY = 1;
    public const int LO_FLAGS_AUTOCLEAR = 4;
#pragma warning restore CS1591
}

namespace Caisson.Linux.Abi;

// ioprio_set(2), linux/ioprio.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int IOPRIO_CLASS_NONE = 0;
    public const int IOPRIO_CLASS_RT = 1;
    public const int IOPRIO_CLASS_BE = 2;
    public const int IOPRIO_CLASS_IDLE = 3;
    public const int IOPRIO_WHO_PROCESS = 1;
#pragma warning restore CS1591
}

namespace Caisson.Linux.Abi;

// linux/seccomp.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const uint SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100;
    public const int SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;
    public const uint SECCOMP_ADDFD_FLAG_SEND = 2;
#pragma warning restore CS1591
}

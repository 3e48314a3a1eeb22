namespace Caisson.Linux.Abi;

// reboot(2), linux/reboot.h; random(4), linux/random.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const uint LINUX_REBOOT_MAGIC1 = 0xfee1dead;
    public const int LINUX_REBOOT_MAGIC2 = 672274793;
    public const int RNDADDENTROPY = 0x40085203;
    public const int RNDRESEEDCRNG = 0x5207;
    public const int LINUX_REBOOT_CMD_RESTART = 0x01234567;
#pragma warning restore CS1591
}

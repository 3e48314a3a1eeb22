using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Ends the machine that this process is the first process of. Source: reboot(2), sync(2).</summary>
public static class MachinePower
{
    /// <summary>Puts everything that waits in memory on the disks.</summary>
    public static void Flush() => Libc.syscall(SYS_sync);

    /// <summary>Resets the machine at once; nothing is flushed. Returns only by throwing.</summary>
    public static void Reset() => Reboot(LINUX_REBOOT_CMD_RESTART, "restart");

    private static void Reboot(int command, string name) => Libc.Check(
        Libc.syscall(SYS_reboot, unchecked((nint)LINUX_REBOOT_MAGIC1), LINUX_REBOOT_MAGIC2, command, 0), "reboot", name);
}

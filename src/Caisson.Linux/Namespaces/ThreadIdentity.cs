using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>As whom one thread works; every change is of the calling thread alone and must be of one that ends soon.</summary>
internal static class ThreadIdentity
{
    /// <summary>Files are made and checked as <paramref name="userId"/> and <paramref name="groupId"/>. Source: setfsuid(2), capset(2).</summary>
    /// <param name="userId">For files.</param>
    /// <param name="groupId">For files.</param>
    /// <param name="keep">The capabilities that stay, where there are any of them; null for all.</param>
    internal static unsafe void ActOnFilesAs(uint userId, uint groupId, CapabilitySet? keep = null)
    {
        // Header: version, pid 0 (this thread). Data, twice: effective, permitted, inheritable.
        uint* header = stackalloc uint[] { _LINUX_CAPABILITY_VERSION_3, 0 };
        uint* data = stackalloc uint[6];
        Libc.Check(Libc.syscall(SYS_capget, (nint)header, (nint)data), "capget", "this thread");
        Libc.syscall(SYS_setfsgid, (nint)groupId);
        Libc.syscall(SYS_setfsuid, (nint)userId);

        // These two report no failure but the id in force; an impossible id asks for it.
        if ((uint)Libc.syscall(SYS_setfsuid, -1) != userId || (uint)Libc.syscall(SYS_setfsgid, -1) != groupId)
        {
            throw new LinuxException("setfsuid", Errno.EPERM, $"{userId}:{groupId}");
        }

        if (keep is { } capabilities)
        {
            for (int i = 0; i < 6; i++)
            {
                data[i] = i % 3 == 2 ? 0 : data[i] & (uint)(capabilities.Bits >> (i / 3 * 32));
            }
        }

        // Leaving 0 took the file capabilities out of the effective set.
        Libc.Check(Libc.syscall(SYS_capset, (nint)header, (nint)data), "capset", "this thread");
    }
}

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Loads parts of the kernel. For the first process of a machine; nothing else of ours changes a kernel.</summary>
public static class KernelModule
{
    /// <summary>Loads the module in <paramref name="file"/>; those it needs are loaded already. Source: finit_module(2).</summary>
    /// <returns>False when it is loaded or built in.</returns>
    /// <exception cref="LinuxException"><see cref="Errno.ENOENT"/>: it needs a symbol that no loaded module has; <see cref="Errno.ENOEXEC"/>: of another kernel.</exception>
    public static unsafe bool Load(FileDescriptor file)
    {
        using var fd = file.Hold();
        byte none = 0;
        return Libc.syscall(SYS_finit_module, fd, (nint)(&none), 0) == 0
            || (Libc.LastErrno == Errno.EEXIST ? false : throw LinuxException.FromErrno("finit_module", file.ToString()));
    }
}

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Seccomp;

/// <summary>The listener's side of <see cref="SeccompAction.Notify"/>. Source: seccomp_unotify(2).</summary>
public static class SeccompNotification
{
    private const int RequestSize = 80;

    /// <summary>Takes a call that waits at <paramref name="listener"/> and answers it with a copy of <paramref name="file"/>, as if the call had opened it.</summary>
    /// <param name="listener">Readable, which means that a call waits; stays the caller's.</param>
    /// <param name="file">What the caller gets, with the access that it was opened for, whatever the call asked for; stays the caller's.</param>
    /// <returns>False when whoever called has ended meanwhile.</returns>
    /// <remarks>Nothing of the call is looked at, so there is nothing in its memory that could change meanwhile. Linux 5.14 or newer.</remarks>
    public static unsafe bool TryAnswerOpen(Descriptor listener, Descriptor file)
    {
        using var fd = listener.Hold();
        using var given = file.Hold();
        byte* request = stackalloc byte[RequestSize];
        new Span<byte>(request, RequestSize).Clear();
        if (Libc.syscall(SYS_ioctl, fd, unchecked((nint)SECCOMP_IOCTL_NOTIF_RECV), (nint)request) != 0)
        {
            return Libc.LastErrno is Errno.ENOENT or Errno.EINTR ? false : throw LinuxException.FromErrno("ioctl SECCOMP_IOCTL_NOTIF_RECV", listener.ToString());
        }
        // struct seccomp_notif_addfd: id, flags, srcfd, newfd, newfd_flags
        byte* answer = stackalloc byte[24];
        *(ulong*)answer = *(ulong*)request;
        *(uint*)(answer + 8) = SECCOMP_ADDFD_FLAG_SEND;
        *(uint*)(answer + 12) = (uint)given.Number;
        *(uint*)(answer + 16) = 0;
        *(uint*)(answer + 20) = O_CLOEXEC;
        return Libc.syscall(SYS_ioctl, fd, SECCOMP_IOCTL_NOTIF_ADDFD, (nint)answer) >= 0
            || (Libc.LastErrno == Errno.ENOENT ? false : throw LinuxException.FromErrno("ioctl SECCOMP_IOCTL_NOTIF_ADDFD", listener.ToString()));
    }
}

using System.Runtime.InteropServices;

namespace Caisson.Linux;

/// <summary>The one door to the kernel: <c>syscall(2)</c> of the C library, which every build, static or not, has.</summary>
/// <remarks>Nothing else of libc is used, so no cancellation point, no cached state and no fallback stands between us and the manual page.</remarks>
internal static partial class Libc
{
    /// <summary>Makes one system call; -1 on failure, with the reason in <see cref="LastErrno"/>.</summary>
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall(
        nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    /// <summary>Why this thread's last call failed.</summary>
    internal static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>Makes a call that a signal may interrupt, again until none does.</summary>
    internal static nint Restart(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0)
    {
        nint result;
        do
        {
            result = syscall(number, a, b, c, d, e, f);
        }
        while (result == -1 && LastErrno == Errno.EINTR);
        return result;
    }

    /// <summary>Gives back <paramref name="result"/>, or throws what the kernel said about <paramref name="subject"/>.</summary>
    internal static nint Check(nint result, string call, string subject) =>
        result == -1 ? throw LinuxException.FromErrno(call, subject) : result;

    /// <summary>As <see cref="Check(nint, string, string)"/>; the subject is put into words only for an error, so that a call that succeeds allocates nothing.</summary>
    internal static nint Check(nint result, string call, Descriptor subject) =>
        result == -1 ? throw LinuxException.FromErrno(call, subject.ToString()) : result;
}

using System.Runtime.InteropServices;

using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>The kernel refused a call. Callers give it meaning where meaning exists; elsewhere its kind follows the errno.</summary>
public sealed class LinuxException : CaissonException
{
    /// <summary>Says that <paramref name="call"/> on <paramref name="subject"/> gave <paramref name="errno"/>.</summary>
    public LinuxException(string call, Errno errno, string subject)
        : base(KindOf(errno), $"{call} {subject}: {Describe(errno)}")
    {
        Call = call;
        Errno = errno;
        Subject = subject;
    }

    /// <summary>The system call, as its manual page is named.</summary>
    public string Call { get; }

    /// <summary>What the kernel answered.</summary>
    public Errno Errno { get; }

    /// <summary>What the call was about: a path, a pid, a name.</summary>
    public string Subject { get; }

    /// <summary>Reads the errno that the last call of this thread left. Nothing may come between the two.</summary>
    internal static LinuxException FromErrno(string call, string subject) => new(call, Libc.LastErrno, subject);

    /// <summary>The kernel's words for <paramref name="errno"/> with its name, such as <c>no such file or directory (ENOENT)</c>.</summary>
    public static string Describe(Errno errno)
    {
        string text = Marshal.GetPInvokeErrorMessage((int)errno);
        string lower = text.Length > 1 && char.IsLower(text[1]) ? char.ToLowerInvariant(text[0]) + text[1..] : text;
        return Enum.IsDefined(errno) ? $"{lower} ({errno})" : $"{lower} (errno {(int)errno})";
    }

    private static ErrorKind KindOf(Errno errno) => errno switch
    {
        Errno.ENOENT or Errno.ESRCH or Errno.ENODEV or Errno.ENXIO => ErrorKind.NotFound,
        Errno.EEXIST => ErrorKind.AlreadyExists,
        Errno.EPERM or Errno.EACCES or Errno.EROFS => ErrorKind.PermissionDenied,
        Errno.EBUSY or Errno.ENOTEMPTY or Errno.ETXTBSY or Errno.EADDRINUSE => ErrorKind.Conflict,
        Errno.ENOMEM or Errno.ENOSPC or Errno.EMFILE or Errno.ENFILE or Errno.EDQUOT or Errno.EUSERS or Errno.ENOBUFS
            => ErrorKind.ResourceExhausted,
        Errno.ENOSYS or Errno.EOPNOTSUPP => ErrorKind.Unimplemented,
        Errno.ECONNREFUSED or Errno.ECONNRESET or Errno.ETIMEDOUT => ErrorKind.Unavailable,
        Errno.EINVAL or Errno.ENAMETOOLONG or Errno.ENOTDIR or Errno.EISDIR or Errno.ELOOP => ErrorKind.InvalidArgument,
        _ => ErrorKind.Internal,
    };
}

using System.Text;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

public partial class FileDescriptor
{
    /// <summary>The value of an extended attribute; null when it is not set or the file system has none. Source: getxattr(2), xattr(7).</summary>
    public unsafe byte[]? GetExtendedAttribute(string name)
    {
        var key = new CString(name, stackalloc byte[CString.StackBytes]);
        byte[] buffer = new byte[256];
        fixed (byte* keyBytes = key)
        {
            while (true)
            {
                nint length;
                fixed (byte* bytes = buffer)
                {
                    length = OnInode(SYS_fgetxattr, SYS_getxattr, (nint)keyBytes, (nint)bytes, buffer.Length);
                }
                if (length >= 0)
                {
                    return buffer[..(int)length];
                }
                switch (Libc.LastErrno)
                {
                    case Errno.ENODATA or Errno.EOPNOTSUPP:
                        return null;
                    case Errno.ERANGE when buffer.Length < XATTR_SIZE_MAX:
                        buffer = new byte[XATTR_SIZE_MAX];
                        break;
                    default:
                        throw LinuxException.FromErrno("getxattr", $"{name} of {this}");
                }
            }
        }
    }

    /// <summary>Sets an extended attribute, new or not. Source: setxattr(2).</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EOPNOTSUPP"/>: the file system has none of this kind; <see cref="Errno.EPERM"/>: <c>user.</c> on a link or device.</exception>
    public unsafe void SetExtendedAttribute(string name, ReadOnlySpan<byte> value)
    {
        var key = new CString(name, stackalloc byte[CString.StackBytes]);
        fixed (byte* keyBytes = key)
        fixed (byte* bytes = value)
        {
            Libc.Check(OnInode(SYS_fsetxattr, SYS_setxattr, (nint)keyBytes, (nint)bytes, value.Length), "setxattr", $"{name} of {this}");
        }
    }

    /// <summary>Removes an extended attribute; false when it was not set. Source: removexattr(2).</summary>
    public unsafe bool RemoveExtendedAttribute(string name)
    {
        var key = new CString(name, stackalloc byte[CString.StackBytes]);
        fixed (byte* keyBytes = key)
        {
            return OnInode(SYS_fremovexattr, SYS_removexattr, (nint)keyBytes, 0, 0) == 0
                || (Libc.LastErrno == Errno.ENODATA ? false : throw LinuxException.FromErrno("removexattr", $"{name} of {this}"));
        }
    }

    /// <summary>The names of the extended attributes that the caller may see; empty when the file system has none. Source: listxattr(2).</summary>
    public unsafe IReadOnlyList<string> ListExtendedAttributes()
    {
        byte[] buffer = new byte[512];
        nint length;
        while (true)
        {
            fixed (byte* bytes = buffer)
            {
                length = OnInode(SYS_flistxattr, SYS_listxattr, (nint)bytes, buffer.Length, 0);
            }
            if (length >= 0)
            {
                break;
            }
            switch (Libc.LastErrno)
            {
                case Errno.EOPNOTSUPP:
                    return [];
                case Errno.ERANGE when buffer.Length < XATTR_LIST_MAX:
                    buffer = new byte[XATTR_LIST_MAX];
                    break;
                default:
                    throw LinuxException.FromErrno("listxattr", ToString());
            }
        }
        return length == 0 ? [] : Encoding.UTF8.GetString(buffer, 0, (int)length - 1).Split('\0');
    }

    /// <summary>By descriptor; a handle (O_PATH) is refused with EBADF and reached by its link in proc, whose end is the inode itself, even a link.</summary>
    private unsafe nint OnInode(int byDescriptor, int byPath, nint a, nint b, nint c)
    {
        using var fd = Hold();
        nint result = Libc.syscall(byDescriptor, fd, a, b, c);
        if (result != -1 || Libc.LastErrno != Errno.EBADF)
        {
            return result;
        }
        var path = new CString(ProcPath, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = path)
        {
            return Libc.syscall(byPath, (nint)bytes, a, b, c);
        }
    }
}

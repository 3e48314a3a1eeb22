using System.Globalization;
using System.Text;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A file system being configured, before it becomes a mount. Source: fsopen(2), fsconfig(2), fsmount(2); Linux 5.2.</summary>
/// <remarks>Errors carry what the file system's driver logged, such as <c>overlay: unknown parameter 'uper'</c>.</remarks>
public sealed class FilesystemContext : Descriptor
{
    private readonly string _type;

    private FilesystemContext(nint fd, string type) : base(fd) => _type = type;

    /// <summary>Starts a new file system of <paramref name="type"/>, such as <c>tmpfs</c>.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ENODEV"/>: the kernel does not know the type.</exception>
    public static unsafe FilesystemContext Open(string type)
    {
        var text = new CString(type, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            return new(Libc.Check(Libc.syscall(SYS_fsopen, (nint)bytes, FSOPEN_CLOEXEC), "fsopen", type), type);
        }
    }

    /// <summary>Sets a parameter with a value.</summary>
    public unsafe FilesystemContext Set(string key, string value)
    {
        var text = new CString(value, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            Configure(FSCONFIG_SET_STRING, key, (nint)bytes, 0, $"{key}={value}");
        }
        return this;
    }

    /// <summary>Sets a parameter without a value.</summary>
    public FilesystemContext SetFlag(string key)
    {
        Configure(FSCONFIG_SET_FLAG, key, 0, 0, key);
        return this;
    }

    /// <summary>Sets a parameter to an open file, which the context keeps by itself.</summary>
    public FilesystemContext Set(string key, Descriptor value)
    {
        using var fd = value.Hold();
        Configure(FSCONFIG_SET_FD, key, 0, fd.Number, $"{key} by descriptor");
        return this;
    }

    /// <summary>Sets a parameter to the number of an open file, for file systems that take it as text; it stays open until the mount is made. Source: mount.fuse(8).</summary>
    public FilesystemContext SetNumber(string key, Descriptor value)
    {
        using var fd = value.Hold();
        return Set(key, fd.Number.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Creates the file system and a detached mount of it.</summary>
    public MountTree Mount(MountAttributes attributes = 0)
    {
        using var fd = Hold();
        Configure(FSCONFIG_CMD_CREATE, null, 0, 0, "create");
        nint mount = Libc.syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, (int)attributes);
        return mount >= 0 ? new(mount) : throw Refused("fsmount", "");
    }

    private unsafe void Configure(int command, string? key, nint value, int auxiliary, string subject)
    {
        using var fd = Hold();
        var text = new CString(key ?? "", stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            if (Libc.syscall(SYS_fsconfig, fd, command, key is null ? 0 : (nint)bytes, value, auxiliary) != 0)
            {
                throw Refused("fsconfig", subject);
            }
        }
    }

    /// <summary>What the kernel refused with the driver's messages, which are read from the context one by one.</summary>
    private LinuxException Refused(string call, string subject)
    {
        var errno = Libc.LastErrno;
        var text = new StringBuilder(_type);
        if (subject.Length > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" {subject}");
        }

        Span<byte> buffer = stackalloc byte[1024];
        SetNonBlocking(true);
        string separator = " (";
        while (TryReadMessage(buffer, out string message))
        {
            text.Append(separator).Append(message);
            separator = "; ";
        }
        if (separator == "; ")
        {
            text.Append(')');
        }
        return new LinuxException(call, errno, text.ToString());
    }

    /// <summary>A message is a letter (e, w, i), a space, and text; ENODATA when there are no more.</summary>
    private unsafe bool TryReadMessage(Span<byte> buffer, out string message)
    {
        using var fd = Hold();
        fixed (byte* bytes = buffer)
        {
            nint count = Libc.Restart(SYS_read, fd, (nint)bytes, buffer.Length);
            message = count > 2 ? PathText.Decode(buffer[2..(int)count]).TrimEnd() : "";
            return count > 0;
        }
    }
}

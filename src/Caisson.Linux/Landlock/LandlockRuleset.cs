using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What a sandboxed process may do with files. Source: landlock(7), linux/landlock.h.</summary>
[Flags]
public enum LandlockAccess : long
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Execute a file.</summary>
    Execute = LANDLOCK_ACCESS_FS_EXECUTE,

    /// <summary>Open a file for writing.</summary>
    WriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE,

    /// <summary>Open a file for reading.</summary>
    ReadFile = LANDLOCK_ACCESS_FS_READ_FILE,

    /// <summary>List a directory.</summary>
    ReadDirectory = LANDLOCK_ACCESS_FS_READ_DIR,

    /// <summary>Remove or move away an empty directory.</summary>
    RemoveDirectory = LANDLOCK_ACCESS_FS_REMOVE_DIR,

    /// <summary>Remove or move away another file.</summary>
    RemoveFile = LANDLOCK_ACCESS_FS_REMOVE_FILE,

    /// <summary>Create a character device.</summary>
    MakeCharacterDevice = LANDLOCK_ACCESS_FS_MAKE_CHAR,

    /// <summary>Create a directory.</summary>
    MakeDirectory = LANDLOCK_ACCESS_FS_MAKE_DIR,

    /// <summary>Create a regular file.</summary>
    MakeRegular = LANDLOCK_ACCESS_FS_MAKE_REG,

    /// <summary>Create a socket node.</summary>
    MakeSocket = LANDLOCK_ACCESS_FS_MAKE_SOCK,

    /// <summary>Create a named pipe.</summary>
    MakeFifo = LANDLOCK_ACCESS_FS_MAKE_FIFO,

    /// <summary>Create a block device.</summary>
    MakeBlockDevice = LANDLOCK_ACCESS_FS_MAKE_BLOCK,

    /// <summary>Create a symbolic link.</summary>
    MakeSymlink = LANDLOCK_ACCESS_FS_MAKE_SYM,

    /// <summary>Link or move between directories; version 2.</summary>
    Refer = LANDLOCK_ACCESS_FS_REFER,

    /// <summary>Truncate a file; version 3.</summary>
    Truncate = LANDLOCK_ACCESS_FS_TRUNCATE,

    /// <summary>ioctl on device files; version 5.</summary>
    DeviceControl = LANDLOCK_ACCESS_FS_IOCTL_DEV,
}

/// <summary>What a sandboxed process may do over TCP; version 4. Source: landlock(7).</summary>
[Flags]
public enum LandlockNetworkAccess
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Bind to a port.</summary>
    BindTcp = LANDLOCK_ACCESS_NET_BIND_TCP,

    /// <summary>Connect to a port.</summary>
    ConnectTcp = LANDLOCK_ACCESS_NET_CONNECT_TCP,
}

/// <summary>What a sandboxed process may reach outside its sandbox; version 6. Source: landlock(7).</summary>
[Flags]
public enum LandlockScopes
{
    /// <summary>All.</summary>
    None = 0,

    /// <summary>No abstract unix socket.</summary>
    AbstractUnixSocket = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,

    /// <summary>No process by signal.</summary>
    Signal = LANDLOCK_SCOPE_SIGNAL,
}

/// <summary>A sandbox in the making: what is handled is denied but for the rules. Source: landlock(7), landlock_create_ruleset(2); Linux 5.13.</summary>
public sealed class LandlockRuleset : Descriptor
{
    private const LandlockAccess OfFiles = LandlockAccess.Execute | LandlockAccess.WriteFile | LandlockAccess.ReadFile
        | LandlockAccess.Truncate | LandlockAccess.DeviceControl;

    private readonly LandlockAccess _handled;

    private LandlockRuleset(nint fd, LandlockAccess handled) : base(fd) => _handled = handled;

    /// <summary>The version of the running kernel; 0: Landlock is absent or turned off.</summary>
    public static int Version
    {
        get
        {
            nint version = Libc.syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
            return version >= 0 ? (int)version
                : Libc.LastErrno is Errno.ENOSYS or Errno.EOPNOTSUPP or Errno.EPERM ? 0
                : throw LinuxException.FromErrno("landlock_create_ruleset", "version");
        }
    }

    /// <summary>All file accesses that a kernel of <paramref name="version"/> can handle.</summary>
    public static LandlockAccess AccessOf(int version) => version switch
    {
        <= 0 => 0,
        1 => (LandlockAccess)(LANDLOCK_ACCESS_FS_REFER - 1),
        2 => (LandlockAccess)(LANDLOCK_ACCESS_FS_TRUNCATE - 1),
        3 or 4 => (LandlockAccess)(LANDLOCK_ACCESS_FS_IOCTL_DEV - 1),
        _ => (LandlockAccess)((LANDLOCK_ACCESS_FS_IOCTL_DEV << 1) - 1),
    };

    /// <summary>Begins a ruleset. What the kernel's version does not know is refused by it, so ask <see cref="Version"/> first.</summary>
    public static unsafe LandlockRuleset Create(
        LandlockAccess handled, LandlockNetworkAccess network = 0, LandlockScopes scopes = 0)
    {
        int size = scopes != 0 ? 24 : network != 0 ? 16 : 8; // an older kernel knows a shorter structure
        var attributes = new landlock_ruleset_attr
        {
            handled_access_fs = (ulong)handled,
            handled_access_net = (ulong)network,
            scoped = (ulong)scopes,
        };
        nint fd = Libc.syscall(SYS_landlock_create_ruleset, (nint)(&attributes), size, 0);
        return fd >= 0 ? new(fd, handled)
            : Libc.LastErrno is Errno.ENOSYS or Errno.EOPNOTSUPP
            ? throw new CaissonException(ErrorKind.Unimplemented, "create a Landlock ruleset: the kernel lacks Landlock or it is turned off; add landlock to the lsm= boot parameter")
            : throw LinuxException.FromErrno("landlock_create_ruleset", $"{handled} {network} {scopes}");
    }

    /// <summary>Allows <paramref name="access"/> on a file, or on a directory and all below it. What does not apply to a file, or is not handled, is left out.</summary>
    public unsafe LandlockRuleset Allow(FileDescriptor beneath, LandlockAccess access)
    {
        access &= _handled;
        access = beneath.Status.Kind == FileKind.Directory ? access : access & OfFiles;
        if (access != 0)
        {
            using var fd = Hold();
            using var parent = beneath.Hold();
            var rule = new landlock_path_beneath_attr { allowed_access = (ulong)access, parent_fd = parent.Number };
            Libc.Check(
                Libc.syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, (nint)(&rule), 0), "landlock_add_rule", access.ToString());
        }
        return this;
    }

    /// <summary>Puts the calling thread, and what it starts from now on, into the sandbox for ever. Sets no_new_privs.</summary>
    public void RestrictThisThread()
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS");
        Libc.Check(Libc.syscall(SYS_landlock_restrict_self, fd, 0), "landlock_restrict_self", "this thread");
    }
}

using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A mount, with what is mounted below it, that lives as a descriptor and is in no mount namespace until attached.</summary>
/// <remarks>
/// When the last descriptor of a tree that was never attached is closed, its mounts are gone: nothing is left behind by a crash.
/// Once attached, the descriptor only refers to the mount. Linux 5.2; attributes 5.12. Source: open_tree(2), move_mount(2), mount_setattr(2).
/// </remarks>
public sealed class MountTree : Descriptor
{
    internal MountTree(nint fd) : base(fd) { }

    /// <summary>A detached copy of the mount at <paramref name="source"/> (a bind mount not yet bound).</summary>
    /// <param name="source">A directory or file, opened or O_PATH.</param>
    /// <param name="recursive">Whether the mounts below come along.</param>
    public static MountTree Clone(Descriptor source, bool recursive = false) => new(OpenTree(source, recursive));

    /// <summary>A detached copy of the mount at the trusted host path <paramref name="hostPath"/>.</summary>
    public static MountTree Clone(string hostPath, bool recursive = false)
    {
        using var source = HostFiles.OpenPath(hostPath);
        return Clone(source, recursive);
    }

    /// <summary>Owns a descriptor received from elsewhere that is known to be a mount.</summary>
    public static MountTree From(Descriptor received) => new(received.Release());

    /// <summary>Puts the tree on <paramref name="target"/>, in the caller's mount namespace. Both stay descriptors; no path is walked.</summary>
    public unsafe void Attach(Descriptor target)
    {
        using var from = Hold();
        using var to = target.Hold();
        byte empty = 0;
        Libc.Check(
            Libc.syscall(SYS_move_mount, from, (nint)(&empty), to, (nint)(&empty), MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
            "move_mount", target.ToString());
    }

    /// <summary>
    /// Runs <paramref name="body"/> on a thread of its own, in a mount namespace of its own in which the tree is at <paramref name="hostPath"/>: for programs that
    /// want a path. Processes that it starts before it first waits see it too; nobody else does, and nothing is left.
    /// </summary>
    public void RunAttached(string hostPath, Action body) => OwnThread.Run(() =>
    {
        Namespace.UnshareOnThisThread(NamespaceKind.Mount);
        MountTable.MakeAllPrivate();
        using (FileDescriptor place = HostFiles.OpenPath(hostPath))
        {
            Attach(place);
        }
        body();
    });

    /// <summary>Changes attributes: first clears, then sets.</summary>
    /// <param name="set">To have.</param>
    /// <param name="clear">Not to have; <see cref="MountAttributes.AccessTimeMask"/> is added when an access time is set.</param>
    /// <param name="propagation">New propagation, if any.</param>
    /// <param name="recursive">Also for all mounts below, all or nothing.</param>
    public void SetAttributes(
        MountAttributes set,
        MountAttributes clear = 0,
        MountPropagation propagation = MountPropagation.Unchanged,
        bool recursive = false)
    {
        if ((set & MountAttributes.AccessTimeMask) != 0)
        {
            clear |= MountAttributes.AccessTimeMask;
        }
        Change(new() { attr_set = (ulong)set, attr_clr = (ulong)clear, propagation = (ulong)propagation }, recursive);
    }

    /// <summary>Shows all owners of the tree through the maps of <paramref name="users"/>: what is 0 on disk is seen as the host id that 0 maps to.</summary>
    /// <remarks>Once, and only while detached. The file system must support it (ext4, xfs, btrfs 5.12 to 5.15; tmpfs 6.3; overlay never).</remarks>
    /// <exception cref="LinuxException"><see cref="Errno.EINVAL"/>: not supported by the file system, or mapped already.</exception>
    public void SetIdMap(UserNamespace users, bool recursive = false)
    {
        using var fd = users.Hold();
        Change(new() { attr_set = MOUNT_ATTR_IDMAP, userns_fd = (ulong)fd.Number }, recursive);
    }

    /// <summary>Whether the file system of <paramref name="directory"/> takes id maps here and now: tried on a copy that is thrown away.</summary>
    public static bool CanMapIds(Descriptor directory)
    {
        using var users = UserNamespace.Create([new(0, 100_000, 1)], [new(0, 100_000, 1)]);
        using var copy = Clone(directory);
        try
        {
            copy.SetIdMap(users);
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.ENOSYS or Errno.EPERM)
        {
            return false;
        }
    }

    /// <summary>The root directory of the tree, for calls that work inside it while it is detached. The caller disposes it.</summary>
    public unsafe DirectoryDescriptor OpenRoot()
    {
        using var fd = Hold();
        byte* dot = stackalloc byte[] { (byte)'.', 0 };
        nint number = Libc.syscall(SYS_openat, fd, (nint)dot, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return new(Libc.Check(number, "open", "root of a detached mount"));
    }

    private static unsafe nint OpenTree(Descriptor source, bool recursive)
    {
        using var fd = source.Hold();
        byte empty = 0;
        int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
        return Libc.Check(Libc.syscall(SYS_open_tree, fd, (nint)(&empty), flags), "open_tree", source);
    }

    private unsafe void Change(mount_attr attributes, bool recursive)
    {
        using var fd = Hold();
        byte empty = 0;
        int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
        Libc.Check(
            Libc.syscall(SYS_mount_setattr, fd, (nint)(&empty), flags, (nint)(&attributes), sizeof(mount_attr)),
            attributes.attr_set == MOUNT_ATTR_IDMAP ? "mount_setattr MOUNT_ATTR_IDMAP" : "mount_setattr", this);
    }
}

using System.Globalization;
using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A namespace held by descriptor: it lives at least as long. Source: namespaces(7), setns(2), ioctl_ns(2).</summary>
public class Namespace : Descriptor
{
    private protected Namespace(nint fd, NamespaceKind kind) : base(fd) => Kind = kind;

    /// <summary>What it separates.</summary>
    public NamespaceKind Kind { get; }

    /// <summary>Opens the namespace of the calling process.</summary>
    public static Namespace OpenOwn(NamespaceKind kind) => OpenFile($"/proc/self/ns/{kind.ProcName()}", kind);

    /// <summary>Opens a namespace of the process <paramref name="pid"/>, which the caller keeps from being reaped.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ENOENT"/>: no such process, or the kernel lacks the kind.</exception>
    public static Namespace Open(int pid, NamespaceKind kind) =>
        OpenFile(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/{kind.ProcName()}"), kind);

    /// <summary>Opens a namespace of a process that may end at any time; never that of another process which got its pid.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ESRCH"/>: it has ended.</exception>
    public static Namespace Open(Pidfd process, NamespaceKind kind)
    {
        int pid = process.ReadProcessId();
        var opened = Open(pid, kind);
        if (!process.TrySignal(0))
        {
            opened.Dispose();
            throw new LinuxException("open", Errno.ESRCH, $"{kind.ProcName()} namespace of pid {pid}");
        }
        return opened;
    }

    /// <summary>Opens the namespace that a trusted host path names, such as a bind mount made by <c>ip netns</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the file is no namespace, or one of another kind.</exception>
    public static Namespace Open(string hostPath, NamespaceKind kind)
    {
        using var handle = HostFiles.OpenPath(hostPath);
        if (handle.FileSystemType != NSFS_MAGIC)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"open namespace {hostPath}: the file is not a namespace");
        }
        return OpenFile(hostPath, kind);
    }

    /// <summary>Tells one namespace from another: the inode number of <c>/proc/PID/ns/…</c>.</summary>
    public ulong Identity
    {
        get
        {
            using var file = FileDescriptor.From(Duplicate());
            return file.Status.Inode;
        }
    }

    /// <summary>Moves the calling thread into this namespace; the caller owns the thread and knows what else it needs. Source: setns(2).</summary>
    public void EnterOnThisThread()
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_setns, fd, (int)Kind), "setns", Kind.ProcName());
    }

    /// <summary>Runs <paramref name="action"/> inside, on a thread that ends with it; the caller waits and gets what it throws.</summary>
    /// <remarks>What is opened stays usable outside: a socket belongs to the network namespace in which it was made. Not for <see cref="NamespaceKind.User"/>.</remarks>
    public void RunInside(Action action) => OwnThread.Run(() =>
    {
        if (Kind == NamespaceKind.Mount)
        {
            // What several threads share, root and working directory, cannot change its namespace.
            Libc.Check(Libc.syscall(SYS_unshare, CLONE_FS), "unshare", "CLONE_FS");
        }
        EnterOnThisThread();
        action();
    });

    /// <summary>Makes a namespace that lives as long as what is returned, or something inside, does.</summary>
    public static Namespace CreateNetwork()
    {
        Namespace? created = null;
        OwnThread.Run(() =>
        {
            UnshareOnThisThread(NamespaceKind.Network);
            created = Open("/proc/thread-self/ns/net", NamespaceKind.Network);
        });
        return created!;
    }

    /// <summary>Gives the calling thread new namespaces of its own. Source: unshare(2).</summary>
    /// <remarks>Not for <see cref="NamespaceKind.User"/>, which a process of several threads cannot. For <see cref="NamespaceKind.Mount"/> the thread stops sharing its working directory.</remarks>
    public static void UnshareOnThisThread(NamespaceKind kinds)
    {
        int flags = (int)kinds | ((kinds & NamespaceKind.Mount) != 0 ? CLONE_FS : 0);
        Libc.Check(Libc.syscall(SYS_unshare, flags), "unshare", kinds.ToString());
    }

    private static Namespace OpenFile(string path, NamespaceKind kind)
    {
        using var file = HostFiles.OpenRead(path);
        using var fd = file.Hold();
        nint actual = Libc.Check(Libc.syscall(SYS_ioctl, fd, NS_GET_NSTYPE), "ioctl NS_GET_NSTYPE", path);
        if (actual != (nint)kind)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"open namespace {path}: is of kind {(NamespaceKind)actual}, a {kind} namespace is needed");
        }
        nint number = file.DuplicateNumber();
        return kind == NamespaceKind.User ? new UserNamespace(number) : new Namespace(number, kind);
    }
}

using System.Globalization;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A user namespace held by descriptor, without any process in it: the id map of mounts, and something to join. Source: user_namespaces(7).</summary>
public sealed class UserNamespace : Namespace
{
    internal UserNamespace(nint fd) : base(fd, NamespaceKind.User) { }

    /// <summary>Creates one as a child of the caller's, with these maps.</summary>
    /// <remarks>
    /// A process is needed to bear it: a child of a few machine instructions that never runs managed code, shares our memory without touching it,
    /// and is killed and reaped before this returns. It dies with the calling thread, and by itself after half a minute.
    /// </remarks>
    /// <exception cref="LinuxException"><see cref="Errno.EPERM"/>: the maps hold ids that are not the caller's to give; <see cref="Errno.ENOSPC"/> or
    /// <see cref="Errno.EUSERS"/>: the limit of <c>/proc/sys/user/max_user_namespaces</c> is reached.</exception>
    public static UserNamespace Create(IReadOnlyList<IdMap> users, IReadOnlyList<IdMap> groups)
    {
        string userText = IdMap.Format(users);
        string groupText = IdMap.Format(groups);
        using var bearer = Bear(out int pid);
        try
        {
            WriteMap(pid, "uid_map", userText);
            WriteMap(pid, "gid_map", groupText);
            return (UserNamespace)Open(pid, NamespaceKind.User);
        }
        finally
        {
            bearer.TrySignal(Signal.KILL);
            bearer.WaitExit();
        }
    }

    private static unsafe Pidfd Bear(out int pid)
    {
        int pidfd = -1;
        var arguments = new clone_args
        {
            // No exit signal: nobody who waits for children in general, such as the runtime itself, is to see this one.
            flags = CLONE_NEWUSER | CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
            pidfd = (ulong)&pidfd,
        };
        long result = CloneAndPause.Run(&arguments, (nuint)sizeof(clone_args));
        if (result < 0)
        {
            throw new LinuxException("clone3", (Errno)(-result), "of a child with a new user namespace");
        }
        pid = (int)result;
        return new Pidfd(pidfd);
    }

    private static void WriteMap(int pid, string file, string text)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/{file}");
        HostFiles.WriteOnce(path, text);
    }
}

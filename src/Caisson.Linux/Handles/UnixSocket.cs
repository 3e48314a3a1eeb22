using System.Net.Sockets;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Whether a socket keeps message boundaries. Source: unix(7).</summary>
public enum UnixSocketKind
{
    /// <summary>A stream of bytes.</summary>
    Stream = SOCK_STREAM,

    /// <summary>Messages, in order, of a connected peer; the end of the peer is an empty message.</summary>
    SequencedPacket = SOCK_SEQPACKET,
}

/// <summary>Who is at the other end of a socket, as the kernel saw it when the connection was made. Source: unix(7), SO_PEERCRED.</summary>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId);

/// <summary>A unix socket that can carry descriptors. Paths may be longer than the 107 bytes of <c>sun_path</c>.</summary>
public sealed partial class UnixSocket : Descriptor
{
    private UnixSocket(nint fd) : base(fd) { }

    /// <summary>Two connected sockets; the caller disposes both. Source: socketpair(2).</summary>
    public static unsafe (UnixSocket One, UnixSocket Other) CreatePair(UnixSocketKind kind)
    {
        int* ends = stackalloc int[2];
        Libc.Check(Libc.syscall(SYS_socketpair, AF_UNIX, (int)kind | SOCK_CLOEXEC, 0, (nint)ends), "socketpair", "AF_UNIX");
        return (new(ends[0]), new(ends[1]));
    }

    /// <summary>Listens at the absolute host path <paramref name="path"/>, which must not exist.</summary>
    /// <param name="path">Its directory must exist.</param>
    /// <param name="kind">What connecting sides must be too.</param>
    /// <param name="mode">Permissions; there is no moment in which others could connect.</param>
    public static unsafe UnixSocket Listen(string path, UnixSocketKind kind, int mode = 0x180)
    {
        var socket = New(kind);
        try
        {
            using var directory = HostFiles.OpenDirectory(Path.GetDirectoryName(path) ?? "/");
            using var fd = socket.Hold();
            // The node of a socket takes its mode from the socket's own inode (unix_bind), so no umask of the process is touched.
            Libc.Check(Libc.syscall(SYS_fchmod, fd, mode), "fchmod", path);
            sockaddr_un address;
            int length = Address(directory, Path.GetFileName(path), &address);
            Libc.Check(Libc.syscall(SYS_bind, fd, (nint)(&address), length), "bind", path);
            socket.Listen();
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Listens, also where another process listened before: from then on connecting sides see this one's credentials. Source: unix(7), SO_PEERCRED.</summary>
    public void Listen()
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_listen, fd, SOMAXCONN), "listen", this);
    }

    /// <summary>Connects to the socket at the absolute host path <paramref name="path"/>.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ECONNREFUSED"/>: nobody listens; <see cref="Errno.ENOENT"/>: no socket.</exception>
    public static unsafe UnixSocket Connect(string path, UnixSocketKind kind)
    {
        var socket = New(kind);
        try
        {
            using var directory = HostFiles.OpenDirectory(Path.GetDirectoryName(path) ?? "/");
            using var fd = socket.Hold();
            sockaddr_un address;
            int length = Address(directory, Path.GetFileName(path), &address);
            Libc.Check(Libc.Restart(SYS_connect, fd, (nint)(&address), length), "connect", path);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Owns a descriptor that is known to be a unix socket, such as one passed by socket activation.</summary>
    public static UnixSocket From(Descriptor descriptor) => new(descriptor.Release());

    /// <summary>Waits for the next connection.</summary>
    public UnixSocket Accept()
    {
        using var fd = Hold();
        return new(Libc.Check(Libc.Restart(SYS_accept4, fd, 0, 0, SOCK_CLOEXEC), "accept", this));
    }

    /// <summary>Who connected, or who listened when this side connected.</summary>
    public unsafe PeerCredentials PeerCredentials
    {
        get
        {
            using var fd = Hold();
            ucred credentials = default;
            int length = sizeof(ucred);
            Libc.Check(
                Libc.syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (nint)(&credentials), (nint)(&length)),
                "getsockopt SO_PEERCRED", this);
            return new(credentials.pid, credentials.uid, credentials.gid);
        }
    }

    /// <summary>Says that this side writes no more; the peer reads the end.</summary>
    public void ShutdownWrite()
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_shutdown, fd, SHUT_WR), "shutdown", this);
    }

    /// <summary>Gives the ownership to a .NET socket, for asynchronous streams; this object is then closed to use.</summary>
    public Socket ToSocket() => new(new SafeSocketHandle(Release(), ownsHandle: true));

    private static UnixSocket New(UnixSocketKind kind) =>
        new(Libc.Check(Libc.syscall(SYS_socket, AF_UNIX, (int)kind | SOCK_CLOEXEC, 0), "socket", "AF_UNIX"));

    /// <summary>The address <c>/proc/self/fd/N/name</c>, which is short whatever the directory's path.</summary>
    private static unsafe int Address(DirectoryDescriptor directory, string name, sockaddr_un* address)
    {
        byte[] text = PathText.Encode($"{directory.ProcPath}/{name}");
        if (text.Length > 107)
        {
            throw new LinuxException("bind", Errno.ENAMETOOLONG, name);
        }
        *address = new() { sun_family = AF_UNIX };
        text.CopyTo(new Span<byte>(address->sun_path, 107));
        return 2 + text.Length + 1;
    }
}

using System.Buffers.Binary;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What a socket of IPv4 or IPv6 carries. Source: ip(7), tcp(7), udp(7).</summary>
public enum TransportProtocol
{
    /// <summary>Streams.</summary>
    Tcp = IPPROTO_TCP,

    /// <summary>Datagrams.</summary>
    Udp = IPPROTO_UDP,

    /// <summary>Streams of messages; many kernels have no sockets for it.</summary>
    Sctp = IPPROTO_SCTP,
}

/// <summary>A socket of IPv4 or IPv6 for loops of one thread: nothing waits, an expected no is a value.</summary>
/// <remarks>It belongs to the network namespace in which it was opened, whatever thread uses it. Source: socket(7), ip(7).</remarks>
public sealed class InternetSocket : Descriptor
{
    private InternetSocket(nint fd) : base(fd) { }

    /// <summary>Opens one in the calling thread's network namespace.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.EPROTONOSUPPORT"/>: the kernel has no such protocol.</exception>
    public static InternetSocket Open(TransportProtocol protocol, bool isIPv6) => new(Libc.Check(
        Libc.syscall(
            SYS_socket, isIPv6 ? AF_INET6 : AF_INET,
            (protocol == TransportProtocol.Udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, (int)protocol),
        "socket", protocol.ToString()));

    /// <summary>Takes <paramref name="local"/>, port 0 for one that is free; of IPv6 the IPv4 addresses stay free.</summary>
    /// <returns>False: another socket has it.</returns>
    /// <exception cref="LinuxException"><see cref="Errno.EADDRNOTAVAIL"/>: no address of this namespace.</exception>
    public unsafe bool TryBind(InternetEndpoint local)
    {
        using var fd = Hold();
        int on = 1;
        if (local.Address.IsIPv6)
        {
            Libc.Check(Libc.syscall(SYS_setsockopt, fd, SOL_IPV6, IPV6_V6ONLY, (nint)(&on), sizeof(int)), "setsockopt IPV6_V6ONLY", local.ToString());
        }
        sockaddr_in6 address;
        if (Libc.syscall(SYS_bind, fd, (nint)(&address), Write(local, &address)) == 0)
        {
            return true;
        }
        return Libc.LastErrno == Errno.EADDRINUSE ? false : throw LinuxException.FromErrno("bind", local.ToString());
    }

    /// <summary>
    /// Uses one device only, whatever routes say, may send to all who are there, and sends without checksums: a device that is told to complete them may be a machine's, whose
    /// programs see the packet before. Source: socket(7), SO_BINDTODEVICE, SO_BROADCAST, SO_NO_CHECK.
    /// </summary>
    /// <param name="device">Its name, in the socket's network namespace.</param>
    public unsafe void BindToDevice(string device)
    {
        using var fd = Hold();
        byte[] name = PathText.Encode(device);
        fixed (byte* bytes = name)
        {
            Libc.Check(Libc.syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_BINDTODEVICE, (nint)bytes, name.Length), "setsockopt SO_BINDTODEVICE", device);
        }
        int on = 1;
        Libc.Check(Libc.syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_BROADCAST, (nint)(&on), sizeof(int)), "setsockopt SO_BROADCAST", device);
        Libc.Check(Libc.syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_NO_CHECK, (nint)(&on), sizeof(int)), "setsockopt SO_NO_CHECK", device);
    }

    /// <summary>Lets connections come.</summary>
    public void Listen(int backlog = 64)
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_listen, fd, backlog), "listen", ToString());
    }

    /// <summary>Begins to connect; of a stream the answer is there when it becomes writable, see <see cref="TakeError"/>.</summary>
    /// <returns><see cref="Errno.None"/>, also when it is under way, or why it cannot be.</returns>
    public unsafe Errno Connect(InternetEndpoint remote)
    {
        using var fd = Hold();
        sockaddr_in6 address;
        return Libc.syscall(SYS_connect, fd, (nint)(&address), Write(remote, &address)) == 0 || Libc.LastErrno is Errno.EINPROGRESS or Errno.EINTR
            ? Errno.None
            : Libc.LastErrno;
    }

    /// <summary>The next connection, which the caller disposes; null when there is none now.</summary>
    public InternetSocket? Accept()
    {
        using var fd = Hold();
        nint accepted = Libc.Restart(SYS_accept4, fd, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return accepted >= 0 ? new(accepted) : null;
    }

    /// <summary>The error that waits at the socket, such as the end of a connect; none clears nothing. Source: socket(7), SO_ERROR.</summary>
    public unsafe Errno TakeError()
    {
        using var fd = Hold();
        int error = 0;
        int length = sizeof(int);
        Libc.Check(Libc.syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, (nint)(&error), (nint)(&length)), "getsockopt SO_ERROR", ToString());
        return (Errno)error;
    }

    /// <summary>The address and port it has.</summary>
    public unsafe InternetEndpoint LocalEndpoint
    {
        get
        {
            using var fd = Hold();
            sockaddr_in6 address = default;
            int length = sizeof(sockaddr_in6);
            Libc.Check(Libc.syscall(SYS_getsockname, fd, (nint)(&address), (nint)(&length)), "getsockname", ToString());
            return Read(&address);
        }
    }

    /// <summary>Takes the next datagram.</summary>
    /// <returns>Its bytes, cut to the buffer, or a negative <see cref="Errno"/>, <c>-EAGAIN</c> when there is none.</returns>
    public unsafe int ReceiveFrom(Span<byte> buffer, out InternetEndpoint sender)
    {
        using var fd = Hold();
        sockaddr_in6 address = default;
        int length = sizeof(sockaddr_in6);
        fixed (byte* bytes = buffer)
        {
            nint count = Libc.Restart(SYS_recvfrom, fd, (nint)bytes, buffer.Length, 0, (nint)(&address), (nint)(&length));
            sender = count >= 0 ? Read(&address) : default;
            return count >= 0 ? (int)count : -(int)Libc.LastErrno;
        }
    }

    /// <summary>Sends a datagram.</summary>
    /// <returns><see cref="Errno.None"/>, or why it did not go.</returns>
    public unsafe Errno SendTo(ReadOnlySpan<byte> datagram, InternetEndpoint receiver)
    {
        using var fd = Hold();
        sockaddr_in6 address;
        int length = Write(receiver, &address);
        fixed (byte* bytes = datagram)
        {
            return Libc.Restart(SYS_sendto, fd, (nint)bytes, datagram.Length, MSG_NOSIGNAL, (nint)(&address), length) >= 0 ? Errno.None : Libc.LastErrno;
        }
    }

    /// <summary>Sends as much as goes on a connection, without a signal when the peer is gone.</summary>
    /// <returns>How many bytes, or a negative <see cref="Errno"/>, <c>-EAGAIN</c> when nothing goes now.</returns>
    public unsafe int SendNow(ReadOnlySpan<byte> content)
    {
        using var fd = Hold();
        fixed (byte* bytes = content)
        {
            nint count = Libc.Restart(SYS_sendto, fd, (nint)bytes, content.Length, MSG_NOSIGNAL, 0, 0);
            return count >= 0 ? (int)count : -(int)Libc.LastErrno;
        }
    }

    private static unsafe int Write(InternetEndpoint endpoint, sockaddr_in6* address)
    {
        *address = default;
        ushort port = BinaryPrimitives.ReverseEndianness(endpoint.Port);
        if (endpoint.Address.IsIPv6)
        {
            address->sin6_family = AF_INET6;
            address->sin6_port = port;
            endpoint.Address.ToBytes().CopyTo(new Span<byte>(address->sin6_addr, 16));
            return sizeof(sockaddr_in6);
        }
        var four = (sockaddr_in*)address; // the smaller of the two structures
        four->sin_family = AF_INET;
        four->sin_port = port;
        four->sin_addr = BinaryPrimitives.ReverseEndianness((uint)endpoint.Address.Bits);
        return sizeof(sockaddr_in);
    }

    private static unsafe InternetEndpoint Read(sockaddr_in6* address)
    {
        ushort port = BinaryPrimitives.ReverseEndianness(address->sin6_port);
        return address->sin6_family == AF_INET6
            ? new(InternetAddress.FromBytes(new ReadOnlySpan<byte>(address->sin6_addr, 16)), port)
            : new(InternetAddress.IPv4(BinaryPrimitives.ReverseEndianness(((sockaddr_in*)address)->sin_addr)), port);
    }
}

using System.Buffers.Binary;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A socket to a part of the kernel, of the network namespace in which it was opened. Source: netlink(7).</summary>
/// <remarks>For one thread at a time.</remarks>
public abstract class NetlinkSocket : Descriptor
{
    private protected const int BufferBytes = 64 * 1024;

    private protected NetlinkSocket(nint fd) : base(fd) { }

    /// <summary>The number of the last message.</summary>
    private protected uint LastSequence { get; private set; }

    /// <summary>The number of the next message.</summary>
    internal uint NextSequence() => ++LastSequence;

    /// <summary>A new socket of that protocol, in the calling thread's network namespace.</summary>
    private protected static unsafe nint OpenNumber(int protocol, string subject)
    {
        nint fd = Libc.Check(Libc.syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket", subject);
        // Words with errors, no echo of the request, and strict checks of dumps.
        foreach (int option in (ReadOnlySpan<int>)[NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK])
        {
            int on = 1;
            if (Libc.syscall(SYS_setsockopt, fd, SOL_NETLINK, option, (nint)(&on), sizeof(int)) != 0
                && Libc.LastErrno is not (Errno.EINVAL or Errno.ENOPROTOOPT))
            {
                var refusal = LinuxException.FromErrno("setsockopt", subject);
                Libc.syscall(SYS_close, fd);
                throw refusal;
            }
        }
        return fd;
    }

    private protected unsafe void Send(ReadOnlySpan<byte> bytes)
    {
        using var fd = Hold();
        var kernel = new sockaddr_nl { nl_family = AF_NETLINK };
        fixed (byte* start = bytes)
        {
            Libc.Check(
                Libc.Restart(SYS_sendto, fd, (nint)start, bytes.Length, 0, (nint)(&kernel), sizeof(sockaddr_nl)), "sendto", "netlink");
        }
    }

    private protected unsafe ReadOnlySpan<byte> Receive(byte[] buffer)
    {
        using var fd = Hold();
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                sockaddr_nl sender = default;
                int length = sizeof(sockaddr_nl);
                nint count = Libc.Check(
                    Libc.Restart(SYS_recvfrom, fd, (nint)bytes, buffer.Length, MSG_TRUNC, (nint)(&sender), (nint)(&length)), "recvfrom", "netlink");
                if (count > buffer.Length)
                {
                    throw new LinuxException("recvfrom", Errno.EMSGSIZE, $"netlink ({count} bytes)");
                }
                if (sender.nl_pid == 0)
                {
                    return buffer.AsSpan(0, (int)count); // only the kernel is believed
                }
            }
        }
    }

    /// <summary>Null when the message is an acknowledgement.</summary>
    private protected static LinuxException? Refusal(NetlinkMessage message, string call, string subject)
    {
        if (message.Content.Length < 20)
        {
            return new(call, Errno.EIO, $"{subject} (short answer)");
        }
        int error = -BinaryPrimitives.ReadInt32LittleEndian(message.Content);
        if (error == 0)
        {
            return null;
        }

        string words = "";
        if ((message.Flags & NLM_F_ACK_TLVS) != 0)
        {
            // nlmsgerr: error 4, header of the request 16; its content too unless capped.
            int skip = (message.Flags & NLM_F_CAPPED) != 0 ? 20 : 4 + (int)BinaryPrimitives.ReadUInt32LittleEndian(message.Content[4..]);
            var attributes = new NetlinkReader(message.Content[Math.Min((skip + 3) & ~3, message.Content.Length)..]);
            while (attributes.Next())
            {
                words = attributes.Type == NLMSGERR_ATTR_MSG ? $" ({attributes.Text})" : words;
            }
        }
        return new(call, (Errno)error, subject + words);
    }
}

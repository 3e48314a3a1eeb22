using System.Buffers.Binary;
using Caisson.Errors;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A socket to the kernel's network configuration, of the network namespace in which it was opened. Source: netlink(7), rtnetlink(7).</summary>
/// <remarks>For one thread at a time.</remarks>
public sealed partial class RouteSocket : Descriptor
{
    private const int BufferBytes = 64 * 1024;

    private uint _sequence;

    private RouteSocket(nint fd) : base(fd) { }

    /// <summary>Opens one in the calling thread's network namespace.</summary>
    public static unsafe RouteSocket Open()
    {
        var socket = new RouteSocket(Libc.Check(
            Libc.syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket", "NETLINK_ROUTE"));
        try
        {
            // Words with errors, no echo of the request, and strict checks of dumps.
            foreach (int option in (ReadOnlySpan<int>)[NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK])
            {
                using var fd = socket.Hold();
                int on = 1;
                if (Libc.syscall(SYS_setsockopt, fd, SOL_NETLINK, option, (nint)(&on), sizeof(int)) != 0
                    && Libc.LastErrno is not (Errno.EINVAL or Errno.ENOPROTOOPT))
                {
                    throw LinuxException.FromErrno("setsockopt", "NETLINK_ROUTE");
                }
            }
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Opens one in <paramref name="network"/>. A thread of its own enters the namespace, opens, and ends.</summary>
    public static RouteSocket Open(Namespace network)
    {
        RouteSocket? socket = null;
        OwnThread.Run(() =>
        {
            network.EnterOnThisThread();
            socket = Open();
        });
        return socket!;
    }

    /// <summary>Sends all requests in one call and reads an answer to each.</summary>
    /// <param name="build">Gets the writer; every message it begins must have NLM_F_REQUEST | NLM_F_ACK and a number from <see cref="NextSequence"/>.</param>
    /// <param name="subjects">What each message is about, for its error.</param>
    /// <exception cref="LinuxException">The first refusal, with the kernel's own words; later messages were carried out all the same.</exception>
    internal void Execute(Action<NetlinkWriter> build, params ReadOnlySpan<string> subjects)
    {
        var writer = new NetlinkWriter();
        uint first = _sequence + 1;
        build(writer);
        Send(writer.Messages);

        LinuxException? refusal = null;
        int missing = (int)(_sequence - first + 1);
        byte[] buffer = new byte[BufferBytes];
        while (missing > 0)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Type != NLMSG_ERROR || message.Sequence - first > _sequence - first)
                {
                    continue;
                }
                missing--;
                int index = (int)(message.Sequence - first);
                refusal ??= Refusal(message, index < subjects.Length ? subjects[index] : "request");
            }
        }
        if (refusal is not null)
        {
            throw refusal;
        }
    }

    /// <summary>Asks for a list and gives the content of every answer.</summary>
    internal List<byte[]> Dump<T>(int type, T header, string subject) where T : unmanaged
    {
        byte[] buffer = new byte[BufferBytes];
        for (int attempt = 0; attempt < 10; attempt++)
        {
            var writer = new NetlinkWriter();
            writer.Begin(type, NLM_F_REQUEST | NLM_F_DUMP, NextSequence());
            writer.Put(header);
            writer.End();
            Send(writer.Messages);
            List<byte[]> answers = [];
            if (ReadDump(buffer, answers, subject))
            {
                return answers;
            }
        }
        throw new CaissonException(ErrorKind.Unavailable, $"list {subject}: it changed during every try");
    }

    /// <summary>The number of the next message.</summary>
    internal uint NextSequence() => ++_sequence;

    /// <summary>True when complete, false when it changed meanwhile (NLM_F_DUMP_INTR).</summary>
    private bool ReadDump(byte[] buffer, List<byte[]> answers, string subject)
    {
        bool interrupted = false;
        while (true)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Sequence != _sequence)
                {
                    continue;
                }
                interrupted |= (message.Flags & NLM_F_DUMP_INTR) != 0;
                if (message.Type == NLMSG_ERROR && Refusal(message, subject) is { } refusal)
                {
                    throw refusal;
                }
                if (message.Type == NLMSG_DONE)
                {
                    return !interrupted;
                }
                answers.Add(message.Content.ToArray());
            }
        }
    }

    private unsafe void Send(ReadOnlySpan<byte> bytes)
    {
        using var fd = Hold();
        var kernel = new sockaddr_nl { nl_family = AF_NETLINK };
        fixed (byte* start = bytes)
        {
            Libc.Check(
                Libc.Restart(SYS_sendto, fd, (nint)start, bytes.Length, 0, (nint)(&kernel), sizeof(sockaddr_nl)), "sendto", "netlink");
        }
    }

    private unsafe ReadOnlySpan<byte> Receive(byte[] buffer)
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
    private static LinuxException? Refusal(NetlinkMessage message, string subject)
    {
        if (message.Content.Length < 20)
        {
            return new("netlink", Errno.EIO, $"{subject} (short answer)");
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
        return new("rtnetlink", (Errno)error, subject + words);
    }
}

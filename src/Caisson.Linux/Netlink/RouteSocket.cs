using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A socket to the kernel's network configuration, of the network namespace in which it was opened. Source: netlink(7), rtnetlink(7).</summary>
/// <remarks>For one thread at a time.</remarks>
public sealed partial class RouteSocket : NetlinkSocket
{
    private RouteSocket(nint fd) : base(fd) { }

    /// <summary>Opens one in the calling thread's network namespace.</summary>
    public static RouteSocket Open() => new(OpenNumber(NETLINK_ROUTE, "NETLINK_ROUTE"));

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

    /// <summary>Sends all requests in one datagram and reads an answer to each.</summary>
    /// <exception cref="LinuxException">The first refusal, with the kernel's own words; later requests were carried out all the same.</exception>
    public void Execute(params IReadOnlyList<RouteRequest> requests) => Execute(
        writer =>
        {
            foreach (var request in requests)
            {
                request.Write(writer, NextSequence());
            }
        },
        [.. requests.Select(request => request.ToString())]);

    /// <summary>Sends all requests in one call and reads an answer to each.</summary>
    /// <param name="build">Gets the writer; every message it begins must have NLM_F_REQUEST | NLM_F_ACK and a number from <see cref="NetlinkSocket.NextSequence"/>.</param>
    /// <param name="subjects">What each message is about, for its error.</param>
    /// <exception cref="LinuxException">The first refusal, with the kernel's own words; later messages were carried out all the same.</exception>
    internal void Execute(Action<NetlinkWriter> build, params ReadOnlySpan<string> subjects)
    {
        var writer = new NetlinkWriter();
        uint first = LastSequence + 1;
        build(writer);
        Send(writer.Messages);

        LinuxException? refusal = null;
        int missing = (int)(LastSequence - first + 1);
        byte[] buffer = new byte[BufferBytes];
        while (missing > 0)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Type != NLMSG_ERROR || message.Sequence - first > LastSequence - first)
                {
                    continue;
                }
                missing--;
                int index = (int)(message.Sequence - first);
                refusal ??= Refusal(message, "rtnetlink", index < subjects.Length ? subjects[index] : "request");
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

    /// <summary>Sends one question whose answer is one message, and gives its content.</summary>
    private byte[] Ask(Action<NetlinkWriter> build, string subject)
    {
        var writer = new NetlinkWriter();
        build(writer);
        Send(writer.Messages);
        byte[] buffer = new byte[BufferBytes];
        while (true)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Sequence == LastSequence)
                {
                    return message.Type == NLMSG_ERROR && Refusal(message, "rtnetlink", subject) is { } refusal ? throw refusal : message.Content.ToArray();
                }
            }
        }
    }

    /// <summary>True when complete, false when it changed meanwhile (NLM_F_DUMP_INTR).</summary>
    private bool ReadDump(byte[] buffer, List<byte[]> answers, string subject)
    {
        bool interrupted = false;
        while (true)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Sequence != LastSequence)
                {
                    continue;
                }
                interrupted |= (message.Flags & NLM_F_DUMP_INTR) != 0;
                if (message.Type == NLMSG_ERROR && Refusal(message, "rtnetlink", subject) is { } refusal)
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
}

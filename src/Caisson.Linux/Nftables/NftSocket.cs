using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Nftables;

/// <summary>A socket to the packet filter of the network namespace in which it was opened. Source: linux/netfilter/nf_tables.h, nft(8).</summary>
/// <remarks>For one thread at a time. No library and no process stands between: a change is one datagram.</remarks>
public sealed class NftSocket : NetlinkSocket
{
    /// <summary>What a batch may have without asking the kernel for more room.</summary>
    private const int UsualBatchBytes = 64 * 1024;

    private NftSocket(nint fd) : base(fd) { }

    /// <summary>Opens one in the calling thread's network namespace.</summary>
    public static NftSocket Open() => new(OpenNumber(NETLINK_NETFILTER, "NETLINK_NETFILTER"));

    /// <summary>Makes all changes of <paramref name="transaction"/> at once.</summary>
    /// <exception cref="LinuxException">The first refusal; nothing was changed.</exception>
    public void Commit(NftTransaction transaction)
    {
        if (transaction.IsEmpty)
        {
            return;
        }
        var writer = new NetlinkWriter();
        uint first = LastSequence + 1;
        transaction.Write(writer, NextSequence);
        uint last = LastSequence;
        writer.AskForAnswer();
        NftTransaction.WriteBatch(writer, NFNL_MSG_BATCH_END, NextSequence());
        MakeRoom(writer.Messages.Length);
        Send(writer.Messages);
        ReadAnswers(first, last, transaction);
    }

    /// <summary>The names of the chains of a table; none when there is no such table.</summary>
    public IReadOnlyList<string> ListChains(NftFamily family, string table)
    {
        var writer = new NetlinkWriter();
        writer.Begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_REQUEST | NLM_F_DUMP, NextSequence());
        writer.Put(new Abi.nfgenmsg { nfgen_family = (byte)family });
        writer.End();
        Send(writer.Messages);

        List<string> names = [];
        byte[] buffer = new byte[BufferBytes];
        while (true)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Sequence != LastSequence)
                {
                    continue;
                }
                if (message.Type == NLMSG_DONE)
                {
                    return names;
                }
                if (message.Type == NLMSG_ERROR)
                {
                    throw Refusal(message, "nf_tables", "list chains") ?? new LinuxException("nf_tables", Errno.EIO, "list chains");
                }
                (string of, string name) = ReadChain(message.Content);
                if (of == table)
                {
                    names.Add(name);
                }
            }
        }
    }

    private static (string Table, string Name) ReadChain(ReadOnlySpan<byte> content)
    {
        (string Table, string Name) chain = ("", "");
        var attributes = new NetlinkReader(content.Length >= 4 ? content[4..] : []);
        while (attributes.Next())
        {
            chain = attributes.Type switch
            {
                NFTA_CHAIN_TABLE => chain with { Table = attributes.Text },
                NFTA_CHAIN_NAME => chain with { Name = attributes.Text },
                _ => chain,
            };
        }
        return chain;
    }

    /// <summary>Reads until the last message is answered; a batch that is refused as a whole is answered at its first.</summary>
    private void ReadAnswers(uint first, uint last, NftTransaction transaction)
    {
        byte[] buffer = new byte[BufferBytes];
        LinuxException? refusal = null;
        while (true)
        {
            foreach (var message in new MessageList(Receive(buffer)))
            {
                if (message.Type != NLMSG_ERROR || message.Sequence - first > last - first)
                {
                    continue;
                }
                refusal ??= Refusal(message, "nf_tables", transaction.CommandAt((int)(message.Sequence - first)));
                if (message.Sequence == last || (message.Sequence == first && refusal is not null && !WaitReadable(0)))
                {
                    if (refusal is not null)
                    {
                        throw refusal;
                    }
                    return;
                }
            }
        }
    }

    private unsafe void MakeRoom(int bytes)
    {
        if (bytes > UsualBatchBytes)
        {
            using var fd = Hold();
            int room = bytes + 4096;
            Libc.Check(Libc.syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDBUFFORCE, (nint)(&room), sizeof(int)), "setsockopt SO_SNDBUFFORCE", "netlink");
        }
    }
}

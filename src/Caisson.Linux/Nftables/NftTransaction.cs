using System.Buffers.Binary;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Nftables;

/// <summary>Changes that the kernel makes together or not at all. Build it, print it, and give it to <see cref="NftSocket.Commit"/>.</summary>
public sealed class NftTransaction
{
    /// <summary>Of one message: an attribute holds 64 KiB.</summary>
    private const int ElementsPerMessage = 400;

    /// <summary>Tells nft(8) that a key alone is in the order of this machine, without which it cannot show names. Source: libnftnl, NFTNL_UDATA_SET_KEYBYTEORDER.</summary>
    private static readonly byte[] HostOrderKey = [0, 4, 1, 0, 0, 0];

    private readonly List<(Func<string> Words, Action<NetlinkWriter, Func<uint>> Write)> _commands = [];

    /// <summary>How many messages there were before each command, as it was written last.</summary>
    private readonly List<int> _starts = [];

    /// <summary>Whether it changes nothing.</summary>
    public bool IsEmpty => _commands.Count == 0;

    /// <summary>Puts <paramref name="table"/> in the place of the one of its name, if there is one, without a moment in between.</summary>
    public NftTransaction Replace(NftTable table)
    {
        Remove(table.Family, table.Name);
        _commands.Add((() => table.ToString().TrimEnd('\n'), (writer, next) => WriteTable(writer, next, table)));
        return this;
    }

    /// <summary>Makes <paramref name="table"/>; one of its name fails the whole transaction with <see cref="Errno.EEXIST"/>.</summary>
    /// <remarks>Unlike after <see cref="Replace"/>, closing the socket then does not wait for the kernel to free what was removed, which takes milliseconds.</remarks>
    public NftTransaction Create(NftTable table)
    {
        _commands.Add((() => $"create {table}".TrimEnd('\n'), (writer, next) => WriteTable(writer, next, table, NLM_F_EXCL)));
        return this;
    }

    /// <summary>Removes the table of that name, if there is one.</summary>
    public NftTransaction Remove(NftFamily family, string name)
    {
        string word = NftTable.Word(family);
        // A table must be there to be removed; adding one that is there changes nothing.
        _commands.Add((() => $"add table {word} {name}\ndelete table {word} {name}", (writer, next) => WriteRemoval(writer, next, family, name)));
        return this;
    }

    /// <summary>Adds the chain of that name, with its rules, to the table, which is there without it.</summary>
    public NftTransaction Add(NftTable table, string chain)
    {
        var added = table.Chains.Single(one => one.Name == chain);
        _commands.Add((() => $"add chain {table.FamilyWord} {table.Name} {chain} {{ {string.Join("; ", added.Rules)} }}", (writer, next) =>
        {
            WriteChain(writer, next(), table, added);
            WriteRules(writer, next, table, added);
        }
        ));
        return this;
    }

    /// <summary>Adds elements to sets of <paramref name="table"/>; what is there already stays.</summary>
    public NftTransaction Add(NftTable table, params IReadOnlyCollection<NftElement> elements) =>
        Elements(table, "add", NFT_MSG_NEWSETELEM, NLM_F_CREATE, elements);

    /// <summary>Removes elements from sets of <paramref name="table"/>; one that is not there fails the whole transaction.</summary>
    public NftTransaction Remove(NftTable table, params IReadOnlyCollection<NftElement> elements) =>
        Elements(table, "delete", NFT_MSG_DELSETELEM, 0, elements);

    /// <summary>In the language of nft(8).</summary>
    public override string ToString() => string.Join('\n', _commands.Select(command => command.Words()));

    /// <summary>Writes the batch but for its end.</summary>
    internal void Write(NetlinkWriter writer, Func<uint> next)
    {
        int count = 0;
        uint Next()
        {
            count++;
            return next();
        }

        WriteBatch(writer, NFNL_MSG_BATCH_BEGIN, Next());
        _starts.Clear();
        foreach (var (_, write) in _commands)
        {
            _starts.Add(count);
            write(writer, Next);
        }
    }

    /// <summary>The first line of the command whose message was the one of that number, from 0, in the batch.</summary>
    internal string CommandAt(int message)
    {
        int index = _starts.FindLastIndex(start => start <= message);
        return index < 0 ? "batch" : _commands[index].Words().Split('\n')[0].TrimEnd(' ', '{');
    }

    internal static void WriteBatch(NetlinkWriter writer, int type, uint sequence)
    {
        writer.Begin(type, NLM_F_REQUEST, sequence);
        writer.Put(new nfgenmsg { res_id = BinaryPrimitives.ReverseEndianness((ushort)NFNL_SUBSYS_NFTABLES) });
        writer.End();
    }

    internal static void Begin(NetlinkWriter writer, uint sequence, int message, NftFamily family, int flags)
    {
        writer.Begin(NFNL_SUBSYS_NFTABLES << 8 | message, NLM_F_REQUEST | flags, sequence);
        writer.Put(new nfgenmsg { nfgen_family = (byte)family });
    }

    private NftTransaction Elements(NftTable table, string verb, int message, int flags, IReadOnlyCollection<NftElement> elements)
    {
        foreach (var group in elements.GroupBy(element => element.Set))
        {
            NftElement[] all = [.. group];
            _commands.Add((
                () => $"{verb} element {table.FamilyWord} {table.Name} {group.Key} {{ {string.Join(", ", (object[])all)} }}",
                (writer, next) => WriteElements(writer, next, table, message, flags, all)));
        }
        return this;
    }

    private static void WriteElements(NetlinkWriter writer, Func<uint> next, NftTable table, int message, int flags, NftElement[] elements)
    {
        foreach (var chunk in elements.Chunk(ElementsPerMessage))
        {
            Begin(writer, next(), message, table.Family, flags);
            writer.Attribute(NFTA_SET_ELEM_LIST_TABLE, table.Name);
            writer.Attribute(NFTA_SET_ELEM_LIST_SET, chunk[0].Set);
            writer.BeginNested(NFTA_SET_ELEM_LIST_ELEMENTS);
            foreach (var element in chunk)
            {
                writer.BeginNested(NFTA_LIST_ELEM);
                WriteValue(writer, NFTA_SET_ELEM_KEY, element.Key);
                if (element.Data is { } data && message == NFT_MSG_NEWSETELEM)
                {
                    WriteValue(writer, NFTA_SET_ELEM_DATA, data);
                }
                writer.EndNested();
            }
            writer.EndNested();
            writer.End();
        }
    }

    private static void WriteTable(NetlinkWriter writer, Func<uint> next, NftTable table, int flags = 0)
    {
        WriteNamed(writer, next, NFT_MSG_NEWTABLE, table.Family, table.Name, flags);
        uint id = 0;
        foreach (var set in table.Sets)
        {
            Begin(writer, next(), NFT_MSG_NEWSET, table.Family, NLM_F_CREATE);
            writer.Attribute(NFTA_SET_TABLE, table.Name);
            writer.Attribute(NFTA_SET_NAME, set.Name);
            Number(writer, NFTA_SET_FLAGS, set.Data.IsEmpty ? 0u : NFT_SET_MAP);
            Number(writer, NFTA_SET_KEY_TYPE, NftDataTypes.Concatenated(set.Key));
            // A key of one part is as long as it is.
            Number(writer, NFTA_SET_KEY_LEN, set.Key is [NftDataType.EtherAddress] ? 6u : (uint)set.Key.Sum(type => type.PaddedLength()));
            if (!set.Data.IsEmpty)
            {
                Number(writer, NFTA_SET_DATA_TYPE, NftDataTypes.Concatenated(set.Data));
                Number(writer, NFTA_SET_DATA_LEN, (uint)set.Data.Sum(type => type.PaddedLength()));
            }
            Number(writer, NFTA_SET_ID, ++id);
            if (set.Key is [NftDataType.InterfaceName])
            {
                writer.Attribute(NFTA_SET_USERDATA, HostOrderKey);
            }
            writer.End();
        }
        foreach (var chain in table.Chains)
        {
            WriteChain(writer, next(), table, chain);
        }
        foreach (var chain in table.Chains)
        {
            WriteRules(writer, next, table, chain);
        }
        foreach (var group in table.Elements.GroupBy(element => element.Set))
        {
            WriteElements(writer, next, table, NFT_MSG_NEWSETELEM, NLM_F_CREATE, [.. group]);
        }
    }

    private static void WriteRules(NetlinkWriter writer, Func<uint> next, NftTable table, NftChain chain)
    {
        foreach (var rule in chain.Rules)
        {
            Begin(writer, next(), NFT_MSG_NEWRULE, table.Family, NLM_F_CREATE | NLM_F_APPEND);
            writer.Attribute(NFTA_RULE_TABLE, table.Name);
            writer.Attribute(NFTA_RULE_CHAIN, chain.Name);
            writer.BeginNested(NFTA_RULE_EXPRESSIONS);
            rule.Write(writer);
            writer.EndNested();
            writer.End();
        }
    }

    private static void WriteRemoval(NetlinkWriter writer, Func<uint> next, NftFamily family, string name)
    {
        WriteNamed(writer, next, NFT_MSG_NEWTABLE, family, name);
        WriteNamed(writer, next, NFT_MSG_DELTABLE, family, name);
    }

    private static void WriteChain(NetlinkWriter writer, uint sequence, NftTable table, NftChain chain)
    {
        Begin(writer, sequence, NFT_MSG_NEWCHAIN, table.Family, NLM_F_CREATE);
        writer.Attribute(NFTA_CHAIN_TABLE, table.Name);
        writer.Attribute(NFTA_CHAIN_NAME, chain.Name);
        if (chain.Hook is { } hook)
        {
            writer.BeginNested(NFTA_CHAIN_HOOK);
            Number(writer, NFTA_HOOK_HOOKNUM, (uint)hook);
            Number(writer, NFTA_HOOK_PRIORITY, unchecked((uint)chain.Priority));
            writer.EndNested();
            Number(writer, NFTA_CHAIN_POLICY, NF_ACCEPT);
            writer.Attribute(NFTA_CHAIN_TYPE, chain.IsNat ? "nat" : "filter");
        }
        writer.End();
    }

    private static void WriteNamed(NetlinkWriter writer, Func<uint> next, int message, NftFamily family, string name, int flags = 0)
    {
        Begin(writer, next(), message, family, (message == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0) | flags);
        writer.Attribute(NFTA_TABLE_NAME, name);
        writer.End();
    }

    private static void WriteValue(NetlinkWriter writer, int type, NftValue value)
    {
        writer.BeginNested(type);
        writer.Attribute(NFTA_DATA_VALUE, value.Bytes);
        writer.EndNested();
    }

    private static void Number(NetlinkWriter writer, int type, uint value) => writer.Attribute(type, BinaryPrimitives.ReverseEndianness(value));
}

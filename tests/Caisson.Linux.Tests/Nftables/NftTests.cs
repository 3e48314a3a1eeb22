using Caisson.Linux.Nftables;
using Xunit;

namespace Caisson.Linux.Tests.Nftables;

public sealed class NftTests
{
    private static readonly NftTable Table = new(
        NftFamily.Inet, "sample",
        [
            new("inside", NftDataType.InterfaceName),
            new("pairs", NftDataType.InterfaceName, NftDataType.InterfaceName),
            new("ports", [NftDataType.InetProtocol, NftDataType.InetService], [NftDataType.IPv4Address, NftDataType.InetService]),
            new("ports6", [NftDataType.IPv6Address, NftDataType.InetProtocol, NftDataType.InetService], [NftDataType.IPv6Address, NftDataType.InetService]),
        ],
        [
            new("publish",
            [
                new(NftMatch.Version(NftFamily.Inet, false), NftAction.DestinationFrom("ports", false, NftField.Protocol, NftField.DestinationPort)),
                new(NftMatch.Version(NftFamily.Inet, true), NftAction.DestinationFrom("ports6", true, NftField.IPv6Destination, NftField.Protocol, NftField.DestinationPort)),
            ]),
            new("dstnat", [new(NftMatch.DestinationIsLocal(), NftAction.Goto("publish"))]) { Hook = NftHook.Prerouting, IsNat = true, Priority = -100 },
            new("forward",
            [
                new(NftMatch.Established(), NftAction.Accept()),
                new(NftMatch.InputNamePrefix("cx", false), NftMatch.OutputNamePrefix("cx", false), NftAction.Accept()),
                new(NftMatch.In("pairs", true, NftField.InputName, NftField.OutputName), NftAction.Accept()),
                new(NftMatch.In("inside", false, NftField.InputName), NftMatch.Address(false, Subnet.Parse("169.254.0.0/16")), NftAction.Reject()),
                new(NftMatch.DestinationTranslated(), NftAction.Accept()),
                new(NftAction.Drop()),
            ]) { Hook = NftHook.Forward, Priority = 0 },
            new("srcnat", [new(NftMatch.In("inside", true, NftField.InputName), NftAction.Masquerade())]) { Hook = NftHook.Postrouting, IsNat = true, Priority = 100 },
        ],
        [
            new("inside", NftValue.Interface("cx1")),
            new("pairs", NftValue.Interface("cx1").Then(NftValue.Interface("cx1"))),
            new("ports", NftValue.Protocol(TransportProtocol.Tcp).Then(NftValue.Port(80)), NftValue.Address(InternetAddress.Parse("10.0.0.2")).Then(NftValue.Port(8080))),
        ]);

    [Fact]
    public void What_the_kernel_lists_is_what_the_table_says()
    {
        using var network = Namespace.CreateNetwork();

        Inside(network, socket => socket.Commit(new NftTransaction().Replace(Table)));

        Assert.Equal(Normal(Table.ToString()), Normal(ListRuleset(network)));
    }

    [Fact]
    public void The_text_of_a_table_is_read_by_nft_as_the_same_table()
    {
        using var network = Namespace.CreateNetwork();
        string file = Path.GetTempFileName();
        File.WriteAllText(file, Table.ToString());

        string said = "";
        network.RunInside(() => said = Shell.Run($"nft -f {file}"));
        File.Delete(file);

        Assert.Equal("", said);
        Assert.Equal(Normal(Table.ToString()), Normal(ListRuleset(network)));
    }

    [Fact]
    public void Elements_come_and_go_and_a_refused_transaction_changes_nothing()
    {
        using var network = Namespace.CreateNetwork();
        var more = new NftElement("inside", NftValue.Interface("cx2"));

        Inside(network, socket =>
        {
            socket.Commit(new NftTransaction().Replace(Table));
            socket.Commit(new NftTransaction().Add(Table, more));
            Assert.Contains("cx2", Shell.Run("nft list set inet sample inside"));

            var e = Assert.Throws<LinuxException>(() => socket.Commit(
                new NftTransaction().Remove(Table, more).Remove(Table, new NftElement("inside", NftValue.Interface("none")))));

            Assert.Equal(Errno.ENOENT, e.Errno);
            Assert.Contains("delete element inet sample inside { \"none\" }", e.Message);
            Assert.Contains("cx2", Shell.Run("nft list set inet sample inside"));
            socket.Commit(new NftTransaction().Remove(Table, more));
            Assert.DoesNotContain("cx2", Shell.Run("nft list set inet sample inside"));
            Assert.Equal(["publish", "dstnat", "forward", "srcnat"], socket.ListChains(NftFamily.Inet, "sample"));
            socket.Commit(new NftTransaction().Remove(NftFamily.Inet, "sample"));
            Assert.Equal("", Shell.Run("nft list ruleset"));
        });
    }

    [Fact]
    public void Sixty_five_thousand_elements_are_one_transaction()
    {
        using var network = Namespace.CreateNetwork();
        NftElement[] ports = [.. Enumerable.Range(1, 65535).Select(port => new NftElement(
            "ports", NftValue.Protocol(TransportProtocol.Udp).Then(NftValue.Port((ushort)port)),
            NftValue.Address(InternetAddress.Parse("10.0.0.2")).Then(NftValue.Port((ushort)port))))];

        Inside(network, socket =>
        {
            socket.Commit(new NftTransaction().Replace(Table).Add(Table, ports));
            socket.Commit(new NftTransaction().Remove(Table, ports));
        });

        Assert.Equal(Normal(Table.ToString()), Normal(ListRuleset(network)));
    }

    private static void Inside(Namespace network, Action<NftSocket> action) => network.RunInside(() =>
    {
        using var socket = NftSocket.Open();
        action(socket);
    });

    private static string ListRuleset(Namespace network)
    {
        string text = "";
        network.RunInside(() => text = Shell.Run("nft list ruleset"));
        return text;
    }

    /// <summary>Words alone; what nft leaves out because it follows, and other names of the same, are made alike.</summary>
    private static string Normal(string text) => string.Join('\n', text
        .Replace("priority dstnat", "priority -100", StringComparison.Ordinal)
        .Replace("priority filter", "priority 0", StringComparison.Ordinal)
        .Replace("priority srcnat", "priority 100", StringComparison.Ordinal)
        .Replace("meta nfproto ipv4 ", "", StringComparison.Ordinal)
        .Replace("meta nfproto ipv6 ", "", StringComparison.Ordinal)
        .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}

using Caisson.Cli.CommandLine;
using Caisson.Client.Networks;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson network connect</c></summary>
internal sealed class NetworkConnectCommand : Command
{
    private readonly ListOption<string> _alias, _link;
    private readonly ValueOption<string> _ip, _ip6;

    public NetworkConnectCommand()
    {
        _alias = List("alias", "Add network-scoped alias for the container");
        _ip = Text("ip", "IPv4 address (e.g., \"172.30.100.104\")");
        _link = List("link", "Add link to another container");
        _ip6 = Text("ip6", "IPv6 address (e.g., \"2001:db8::33\")");
    }

    public override string Usage => "[OPTIONS] NETWORK CONTAINER";

    public override IReadOnlyList<string> Examples => ["network connect front web", "network connect --alias db --ip 10.20.0.5 back web"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Networks;

    public override int Run(Session session)
    {
        session.Engine.ConnectNetwork(
            Arguments[0], Arguments[1], new NetworkPlace { Aliases = _alias.Values, Links = _link.Values, IPv4Address = _ip.Value, IPv6Address = _ip6.Value });
        return 0;
    }
}

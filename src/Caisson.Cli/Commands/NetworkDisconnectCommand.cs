using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson network disconnect</c></summary>
internal sealed class NetworkDisconnectCommand : Command
{
    private readonly SwitchOption _force;

    public NetworkDisconnectCommand() => _force = Switch("force", "Force the container to disconnect from a network", 'f');

    public override string Usage => "[OPTIONS] NETWORK CONTAINER";

    public override IReadOnlyList<string> Examples => ["network disconnect front web", "network disconnect bridge web"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Networks;

    public override int Run(Session session)
    {
        session.Engine.DisconnectNetwork(Arguments[0], Arguments[1], _force.Value);
        return 0;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson network rm</c></summary>
internal sealed class RemoveNetworkCommand : EachContainerCommand
{
    private readonly SwitchOption _force;

    public RemoveNetworkCommand() => _force = Switch("force", "Do not error if the network does not exist", 'f');

    public override string Usage => "[OPTIONS] NETWORK [NETWORK...]";

    public override IReadOnlyList<string> Examples => ["network rm front", "network rm -f front back"];

    public override CompletionKind Completes => CompletionKind.Networks;

    protected override string Act(Session session, string name)
    {
        try
        {
            session.Engine.RemoveNetwork(name);
            return name;
        }
        catch (EngineException e) when (_force.Value && e.Status == 404)
        {
            return "";
        }
    }
}

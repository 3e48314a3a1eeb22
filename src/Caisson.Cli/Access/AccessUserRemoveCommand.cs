using Caisson.Cli.CommandLine;
using Caisson.Cli.Commands;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access user rm</c></summary>
internal sealed class AccessUserRemoveCommand : EachContainerCommand
{
    public override string Usage => "NAME [NAME...]";

    public override IReadOnlyList<string> Examples => ["access user rm alice", "access user rm alice bob"];

    public override CompletionKind Completes => CompletionKind.None;

    protected override string Act(Session session, string name)
    {
        session.Engine.RemoveUser(name);
        return name;
    }
}

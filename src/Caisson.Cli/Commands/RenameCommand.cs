using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson rename</c></summary>
internal sealed class RenameCommand : Command
{
    public override string Usage => "CONTAINER NEW_NAME";

    public override IReadOnlyList<string> Examples => ["rename web web-old", "rename 3f4e front"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        session.Engine.RenameContainer(Arguments[0], Arguments[1]);
        return 0;
    }
}

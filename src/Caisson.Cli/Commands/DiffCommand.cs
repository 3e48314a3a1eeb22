using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson diff</c></summary>
internal sealed class DiffCommand : Command
{
    public override string Usage => "CONTAINER";

    public override IReadOnlyList<string> Examples => ["diff web", "diff job"];

    public override string Details => "A: added, C: changed, D: deleted.";

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        foreach (var change in session.Engine.Changes(Arguments[0]))
        {
            char kind = change.Kind switch { 0 => 'C', 1 => 'A', 2 => 'D', _ => '?' };
            session.Out.WriteLine($"{kind} {DisplayText.Printable(change.Path)}");
        }
        return 0;
    }
}

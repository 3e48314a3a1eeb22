using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine explain</c></summary>
internal sealed class MachineExplainCommand : Command
{
    public override string Usage => "MACHINE";

    public override IReadOnlyList<string> Examples => ["machine explain deb", "machine explain deb | less"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        session.Out.Write(session.Engine.ExplainMachine(Arguments[0]));
        return 0;
    }
}

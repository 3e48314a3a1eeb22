using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine rename</c></summary>
internal sealed class MachineRenameCommand : Command
{
    public override string Usage => "MACHINE NAME";

    public override IReadOnlyList<string> Examples => ["machine rename deb web1", "machine rename 3f2a web1"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        session.Engine.RenameMachine(Arguments[0], Arguments[1]);
        return 0;
    }
}

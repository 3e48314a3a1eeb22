using Caisson.Cli.Archives;
using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson export</c></summary>
internal sealed class ExportCommand : Command
{
    private readonly ValueOption<string> _output;

    public ExportCommand() => _output = Text("output", "Write to a file, instead of STDOUT", 'o');

    public override string Usage => "[OPTIONS] CONTAINER";

    public override IReadOnlyList<string> Examples => ["export -o web.tar web", "export web | tar -t"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        ArchiveOutput.RefuseTerminal(session, _output.Value);
        using var response = session.Engine.Export(Arguments[0]);
        ArchiveOutput.Write(session, response.Body, _output.Value);
        return 0;
    }
}

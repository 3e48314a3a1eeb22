using Caisson.Cli.Archives;
using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson save</c></summary>
internal sealed class SaveCommand : Command
{
    private readonly ValueOption<string> _output;

    public SaveCommand() => _output = Text("output", "Write to a file, instead of STDOUT", 'o');

    public override string Usage => "[OPTIONS] IMAGE [IMAGE...]";

    public override IReadOnlyList<string> Examples => ["save -o busybox.tar busybox", "save busybox | gzip > busybox.tar.gz"];

    public override (int Min, int Max) ArgumentCount => (1, -1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        ArchiveOutput.RefuseTerminal(session, _output.Value);
        using var response = session.Engine.SaveImages(Arguments);
        ArchiveOutput.Write(session, response.Body, _output.Value);
        return 0;
    }
}

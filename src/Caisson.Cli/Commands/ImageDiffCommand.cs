using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image diff</c></summary>
internal sealed class ImageDiffCommand : Command
{
    public override string Usage => "IMAGE OTHER";

    public override string Details => "A: OTHER has it and IMAGE has not. D: the reverse. C: content, owner, mode or kind differ.";

    public override IReadOnlyList<string> Examples => ["image diff web:1 web:2", "image diff debian:bookworm web"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        foreach (string line in session.Engine.DiffImages(Arguments[0], Arguments[1]))
        {
            session.Out.WriteLine(DisplayText.Printable(line));
        }
        return 0;
    }
}

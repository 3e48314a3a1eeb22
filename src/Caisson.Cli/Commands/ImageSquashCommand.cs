using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image squash</c></summary>
internal sealed class ImageSquashCommand : Command
{
    public override string Usage => "IMAGE NEW_NAME";

    public override string Details => "What lower layers have and upper ones remove or replace is not in the new image.";

    public override IReadOnlyList<string> Examples => ["image squash web web:small", "image squash 4f2a registry.example/web:1"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        session.Out.WriteLine(session.Engine.SquashImage(Arguments[0], Arguments[1]));
        return 0;
    }
}

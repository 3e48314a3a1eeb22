using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson tag</c></summary>
internal sealed class TagCommand : Command
{
    public override string Usage => "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";

    public override IReadOnlyList<string> Examples => ["tag busybox mine:1", "tag 4f7671116f0c registry.example/tools:2"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        var target = ImageName.Parse(Arguments[1]);
        session.Engine.TagImage(Arguments[0], target.Repository, target.Tag);
        return 0;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson commit</c></summary>
internal sealed class CommitCommand : Command
{
    private readonly ValueOption<string> _author, _message;
    private readonly ListOption<string> _change;
    private readonly SwitchOption _pause;

    public CommitCommand()
    {
        _author = Text("author", "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")", 'a');
        _change = List("change", "Apply Dockerfile instruction to the created image", 'c');
        _message = Text("message", "Commit message", 'm');
        _pause = Switch("pause", "Pause container during commit (default true)", 'p', value: true);
    }

    public override string Usage => "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]";

    public override IReadOnlyList<string> Examples => ["commit web shop:patched", "commit -m 'with curl' -c 'CMD [\"/bin/serve\"]' web shop:2"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.Containers;

    public override int Run(Session session)
    {
        ImageName? name = Arguments.Count > 1 ? ImageName.Parse(Arguments[1]) : null;
        session.Out.WriteLine(session.Engine.CommitContainer(
            Arguments[0], name?.Repository ?? "", name?.Tag ?? "", _author.Value, _message.Value, _change.Values, _pause.Value));
        return 0;
    }
}

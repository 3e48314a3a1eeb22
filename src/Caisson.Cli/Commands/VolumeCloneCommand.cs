using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson volume clone</c></summary>
internal sealed class VolumeCloneCommand : Command
{
    private readonly SwitchOption _live;
    private readonly ValueOption<string> _snapshot;
    private readonly ListOption<KeyValuePair<string, string>> _label;

    public VolumeCloneCommand()
    {
        _snapshot = Text("snapshot", "Clone this snapshot of the volume instead of what it holds now");
        _live = Switch("live", "Let containers that use the volume go on while it is copied");
        _label = Values("label", "list", "Set metadata for the new volume", ContainerOptions.Pair);
    }

    public override string Usage => "[OPTIONS] VOLUME NEW-VOLUME";

    public override string Details => """
        Containers that may write to the volume are frozen while it is copied, unless
        --live is given. Where the file system can, the copy shares the blocks of the
        original (reflink); the command says how it was made.
        """;

    public override IReadOnlyList<string> Examples => ["volume clone data test-data", "volume clone --snapshot before-upgrade data data-before"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Volumes;

    public override int Run(Session session)
    {
        string method = session.Engine.CloneVolume(Arguments[0], Arguments[1], _snapshot.Value, _live.Value, VolumeCreateCommand.Map(_label));
        session.Out.WriteLine(Arguments[1]);
        session.Flush();
        session.Error.WriteLine($"made by {method}");
        return 0;
    }
}

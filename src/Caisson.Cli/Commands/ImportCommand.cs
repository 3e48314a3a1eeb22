using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson import</c></summary>
internal sealed class ImportCommand : Command
{
    private readonly ListOption<string> _change;
    private readonly ValueOption<string> _message, _platform;

    public ImportCommand()
    {
        _change = List("change", "Apply Dockerfile instruction to the created image", 'c');
        _message = Text("message", "Set commit message for imported image", 'm');
        _platform = Text("platform", "Set platform if server is multi-platform capable");
    }

    public override string Usage => "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]";

    public override IReadOnlyList<string> Examples =>
        ["import -c 'CMD [\"sh\"]' root.tar mine:1", "import - mine:2 < root.tar"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override int Run(Session session)
    {
        string source = Arguments[0];
        var name = Arguments.Count == 2 ? ImageName.Parse(Arguments[1]) : new ImageName("", "");
        bool remote = source.StartsWith("http://", StringComparison.Ordinal) || source.StartsWith("https://", StringComparison.Ordinal);
        using var file = source == "-" || remote ? null : File.OpenRead(source);
        var archive = remote ? null : file ?? session.InputStream;
        using var response = session.Engine.ImportImage(
            archive, remote ? source : "-", name.Repository, name.Tag, _message.Value, _change.Values, _platform.Value);
        ProgressDisplay.Show(session, response.Body, session.Out);
        return 0;
    }
}

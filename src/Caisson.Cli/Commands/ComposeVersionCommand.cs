using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose version</c></summary>
internal sealed class ComposeVersionCommand : ComposeCommand
{
    private readonly SwitchOption _short;
    private readonly ValueOption<string> _format;

    public ComposeVersionCommand()
    {
        _format = Text("format", "Format the output. Values: [pretty | json]", 'f', absent: "pretty");
        _short = Switch("short", "Shows only the version number");
    }

    public override string Usage => "[OPTIONS]";

    public override (int Min, int Max) ArgumentCount => (0, 0);

    public override IReadOnlyList<string> Examples => ["compose version", "compose version --short"];

    protected override int RunCompose(Session session)
    {
        session.Out.WriteLine(_short.Value ? CaissonCommandLine.Version
            : _format.Value == "json" ? $"{{\"version\":\"{CaissonCommandLine.Version}\"}}"
            : $"Caisson Compose version {CaissonCommandLine.Version}");
        return 0;
    }
}

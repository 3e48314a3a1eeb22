using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson pull</c></summary>
internal sealed class PullCommand : Command
{
    private readonly ValueOption<string> _platform;
    private readonly SwitchOption _quiet;

    public PullCommand()
    {
        _platform = Text("platform", "Set platform if server is multi-platform capable");
        _quiet = Switch("quiet", "Suppress verbose output", 'q');
    }

    public override string Usage => "[OPTIONS] NAME[:TAG|@DIGEST]";

    public override IReadOnlyList<string> Examples => ["pull debian:bookworm", "pull -q registry.example/app:1.2"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        var name = ImageName.Parse(Arguments[0]);
        if (name.Tag.Length == 0)
        {
            name = name with { Tag = "latest" };
            if (!_quiet.Value)
            {
                session.Out.WriteLine("Using default tag: latest");
            }
        }
        using var response = session.Engine.PullImage(name.Repository, name.Tag, _platform.Value);
        ProgressDisplay.Show(session, response.Body, _quiet.Value ? TextWriter.Null : session.Out);
        session.Out.WriteLine(name.Familiar);
        return 0;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image bootstrap</c>: an image without a registry.</summary>
internal sealed class ImageBootstrapCommand : Command
{
    private readonly ListOption<string> _include;

    public ImageBootstrapCommand() =>
        _include = List("include", "Packages to add, separated by commas");

    public override string Usage => "[OPTIONS] NAME";

    public override string Details => "NAME is an image this host can make: busybox from its own busybox program, or a distribution.";

    public override IReadOnlyList<string> Examples => ["image bootstrap busybox", "image bootstrap debian --include curl,ca-certificates"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        using var response = session.Engine.BootstrapImage(Arguments[0], _include.Values);
        string id = ProgressDisplay.Show(session, response.Body, session.Out);
        if (id.Length > 0)
        {
            session.Out.WriteLine(id);
        }
        return 0;
    }
}

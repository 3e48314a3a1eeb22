using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson kernel ls</c></summary>
internal sealed class KernelsCommand : Command
{
    private const string Usual = "{{.Release}}\t{{.Architecture}}\t{{.Source}}\t{{.Installed}}\t{{.Size}}\t{{.Templates}}";

    private readonly SwitchOption _quiet;
    private readonly ValueOption<string> _format;

    public KernelsCommand()
    {
        _format = Format();
        _quiet = Switch("quiet", "Only display releases", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["kernel ls", "kernel ls -q"];

    public override (int Min, int Max) ArgumentCount => (0, 0);

    public override int Run(Session session)
    {
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.Release}}" : _format.Value;
        ListFormat.Print(session.Out, format, Usual, Columns(session.Clock), session.Engine.ListKernels(), (_, _) => "");
        return 0;
    }

    private static Column<KernelSummary>[] Columns(TimeProvider clock) =>
    [
        new("Release", "RELEASE", kernel => kernel.Release),
        new("Architecture", "ARCH", kernel => kernel.Architecture),
        new("Source", "SOURCE", kernel => kernel.Source),
        new("Installed", "INSTALLED", kernel => PsCommand.Time(kernel.Installed, clock)),
        new("Size", "SIZE", kernel => HumanSize.Decimal(kernel.Bytes, 4)),
        new("Templates", "TEMPLATES", kernel => kernel.Templates.ToString(CultureInfo.InvariantCulture)),
    ];
}

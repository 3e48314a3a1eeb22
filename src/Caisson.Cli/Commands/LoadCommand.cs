using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson load</c></summary>
internal sealed class LoadCommand : Command
{
    private readonly ValueOption<string> _input;
    private readonly SwitchOption _quiet;

    public LoadCommand()
    {
        _input = Text("input", "Read from tar archive file, instead of STDIN", 'i');
        _quiet = Switch("quiet", "Suppress the load output", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["load -i images.tar", "load < images.tar"];

    public override int Run(Session session)
    {
        if (_input.Value.Length == 0 && session.IsTerminal(StandardDescriptor.Input))
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "requested load from stdin, but stdin is empty; use -i or redirect");
        }
        using var file = _input.Value.Length > 0 ? File.OpenRead(_input.Value) : null;
        using var response = session.Engine.LoadImages(file ?? session.InputStream, _quiet.Value || !session.IsTerminal(StandardDescriptor.Output));
        ProgressDisplay.Show(session, response.Body, session.Out);
        return 0;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Compose.Model;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose exec</c>: finds the container, the rest is <see cref="ExecCommand"/>.</summary>
internal sealed class ComposeExecCommand : ComposeCommand
{
    private readonly SwitchOption _detach, _interactive, _noTty, _privileged;
    private readonly ListOption<string> _env;
    private readonly ValueOption<long> _index;
    private readonly ValueOption<string> _user, _workdir;

    public ComposeExecCommand()
    {
        _detach = Switch("detach", "Detached mode: Run command in the background", 'd');
        _env = List("env", "Set environment variables", 'e', "stringArray");
        _index = Number("index", "Index of the container if service has multiple replicas");
        _interactive = Switch("interactive", "Keep STDIN open even if not attached", 'i', value: true);
        _noTty = Switch("no-tty", "Disable pseudo-TTY allocation. By default a TTY is allocated when the output is one", 'T');
        Switch("tty", "Allocate a pseudo-TTY", 't', value: true);
        _privileged = Switch("privileged", "Give extended privileges to the process");
        _user = Text("user", "Run the command as this user", 'u');
        _workdir = Text("workdir", "Path to workdir directory for this command", 'w');
    }

    public override string Usage => "[OPTIONS] SERVICE COMMAND [ARGS...]";

    public override (int Min, int Max) ArgumentCount => (2, -1);

    public override bool StopsAtFirstArgument => true;

    public override IReadOnlyList<string> Examples => ["compose exec web sh", "compose exec -T db pg_dump app"];

    protected override int RunCompose(Session session)
    {
        ComposeProject project = LoadOrReconstruct(session, [Arguments[0]]);
        var container = Container(session, project.Name, Arguments[0], _index.Value);
        bool tty = !_noTty.Value && session.IsTerminal(StandardDescriptor.Output) && session.IsTerminal(StandardDescriptor.Input);
        List<string> words =
        [
            .. _env.Values.SelectMany(variable => (string[])["-e", variable]),
            .. _user.IsSet ? (string[])["-u", _user.Value] : [],
            .. _workdir.IsSet ? (string[])["-w", _workdir.Value] : [],
            .. _privileged.Value ? (string[])["--privileged"] : [],
            .. _detach.Value ? (string[])["-d"] : [],
            .. _interactive.Value && !_detach.Value ? (string[])["-i"] : [],
            .. tty && !_detach.Value ? (string[])["-t"] : [],
            container.Id,
            .. Arguments.Skip(1),
        ];
        var exec = new ExecCommand();
        ArgumentParser.Parse(exec, "compose exec", words.ToArray());
        return exec.Run(session);
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Cli.Engines;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson engine stop</c></summary>
internal sealed class EngineStopCommand : Command
{
    private readonly ValueOption<int?> _timeout;

    public EngineStopCommand() => _timeout = Seconds("timeout", "Seconds to wait for its end (default 30)", 't');

    public override string Usage => "[OPTIONS]";

    public override string Details => "Containers go on; the next command that needs the engine starts it, and it finds them again.";

    public override IReadOnlyList<string> Examples => ["engine stop", "engine stop && caisson engine start"];

    public override int Run(Session session)
    {
        if (EngineProcess.Find(session.Paths) is not { } engine)
        {
            return new EngineLauncher(session.Paths, session.Variable).Listens()
                ? throw new CaissonException(
                    ErrorKind.NotFound, $"an engine listens on {session.Paths.Socket}, but {session.Paths.Pid} does not name it; stop it where it was started")
                : Say(session, "the engine does not run");
        }
        engine.Stop(TimeSpan.FromSeconds(_timeout.Value ?? 30));
        return Say(session, $"engine stopped (pid {engine.Pid})");
    }

    private static int Say(Session session, string text)
    {
        session.Out.WriteLine(text);
        return 0;
    }
}

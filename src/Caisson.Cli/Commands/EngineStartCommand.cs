using Caisson.Cli.CommandLine;
using Caisson.Cli.Engines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson engine start</c></summary>
internal sealed class EngineStartCommand : Command
{
    public override string Usage => "";

    public override IReadOnlyList<string> Examples => ["engine start", "engine status"];

    public override int Run(Session session)
    {
        bool started = new EngineLauncher(session.Paths, session.Variable).EnsureRunning();
        session.Out.WriteLine(started ? $"engine started on {session.Paths.Socket}" : $"engine runs already on {session.Paths.Socket}");
        return 0;
    }
}

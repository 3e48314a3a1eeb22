using Caisson.Cli.CommandLine;
using Caisson.Cli.Engines;
using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson engine status</c>: asks, and does not start.</summary>
internal sealed class EngineStatusCommand : Command
{
    /// <summary>As <c>systemctl status</c> of a unit that does not run.</summary>
    private const int NotRunningExitCode = 3;

    public override string Usage => "";

    public override IReadOnlyList<string> Examples => ["engine status", "engine logs -f"];

    public override int Run(Session session)
    {
        var (endpoint, _) = session.Address();
        using var engine = new EngineClient(endpoint);
        try
        {
            using var version = engine.EngineVersion();
            using var info = engine.EngineInfo();
            session.Out.WriteLine($"Engine: running on {endpoint}");
            if (EngineProcess.Find(session.Paths) is { } process)
            {
                session.Out.WriteLine($" Pid: {process.Pid}");
            }
            session.Out.WriteLine($" API version: {engine.Version}");
            InfoCommand.Print(session.Out, info.RootElement);
            return 0;
        }
        catch (CaissonException e) when (e is not EngineException && e.Kind == ErrorKind.Unavailable)
        {
            session.Out.WriteLine($"Engine: not running on {endpoint}");
            return NotRunningExitCode;
        }
    }
}

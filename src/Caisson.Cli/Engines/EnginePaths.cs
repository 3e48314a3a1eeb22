namespace Caisson.Cli.Engines;

/// <summary>Where an engine keeps what.</summary>
/// <param name="Run">Sockets, pid, log: gone after a boot.</param>
/// <param name="Root">Images and containers.</param>
internal sealed record EnginePaths(string Run, string Root)
{
    public string Socket => Path.Combine(Run, "docker.sock");

    public string Log => Path.Combine(Run, "engine.log");

    public string Pid => Path.Combine(Run, "engine.pid");

    /// <summary>Locked while somebody starts the engine.</summary>
    public string StartLock => Path.Combine(Run, "engine.start.lock");

    public static EnginePaths From(Func<string, string?> environment) => new(
        Absolute(environment("CAISSON_RUN"), "/run/caisson"), Absolute(environment("CAISSON_ROOT"), "/var/lib/caisson"));

    private static string Absolute(string? given, string usual) => string.IsNullOrEmpty(given) ? usual : Path.GetFullPath(given);
}

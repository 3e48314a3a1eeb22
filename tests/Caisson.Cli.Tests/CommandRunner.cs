using System.Text;

namespace Caisson.Cli.Tests;

/// <summary>Runs one command line in this process, with streams of its own and a clock that stands.</summary>
internal sealed class CommandRunner
{
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public string Output { get; private set; } = "";

    public string Error { get; private set; } = "";

    public byte[] Input { get; init; } = [];

    public string this[string variable]
    {
        set => _environment[variable] = value;
    }

    public int Run(ScriptedServer? server, params string[] words)
    {
        _environment["CAISSON_HOST"] = "unix://" + (server?.SocketPath ?? "/nonexistent/caisson/docker.sock");
        return Run(words);
    }

    public int Run(params string[] words)
    {
        using var input = new MemoryStream(Input);
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        using var session = new Session(input, output, error, name => _environment.GetValueOrDefault(name))
        {
            IsTerminal = _ => false,
            Clock = new StandingClock(),
        };
        int exitCode = CaissonCommandLine.Run(session, words);
        Output = Encoding.UTF8.GetString(output.ToArray());
        Error = Encoding.UTF8.GetString(error.ToArray());
        return exitCode;
    }

    /// <summary>2026-01-01, noon.</summary>
    private sealed class StandingClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    }
}

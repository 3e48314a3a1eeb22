using Caisson.Client;

namespace Caisson.Cli.Attaching;

/// <summary>A container that could not be started: what to say, and the exit code shells know.</summary>
internal static class StartFailure
{
    private static readonly string[] NotFound = ["executable file not found", "no such file or directory", "system cannot find the file specified"];
    private static readonly string[] NotExecutable = ["permission denied", "is a directory", "exec format error"];

    /// <returns>127: the program is not there; 126: it cannot be executed; 125: anything else.</returns>
    public static int Report(Session session, EngineException failure)
    {
        int code = ExitCode(failure.Message);
        session.Error.WriteLine($"caisson: {failure.Message}");
        session.Error.WriteLine();
        session.Error.WriteLine(code == 127
            ? "Run 'caisson run --rm --entrypoint sh IMAGE' or 'caisson inspect IMAGE' to see what the image holds"
            : "Run 'caisson run --help' for more information");
        return code;
    }

    public static int ExitCode(string message) =>
        NotFound.Any(text => message.Contains(text, StringComparison.OrdinalIgnoreCase)) ? 127
        : NotExecutable.Any(text => message.Contains(text, StringComparison.OrdinalIgnoreCase)) ? 126
        : 125;
}

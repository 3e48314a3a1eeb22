namespace Caisson.Cli.CommandLine;

/// <summary>The command line itself is wrong.</summary>
internal sealed class UsageException : Exception
{
    /// <summary>Exit code of a wrong option, as Docker has it.</summary>
    public const int FlagExitCode = 125;

    public UsageException(string message, int exitCode = FlagExitCode) : base(message) => ExitCode = exitCode;

    public int ExitCode { get; }
}

using Caisson.Errors;

namespace Caisson.Control.Builds;

/// <summary>A step's program has failed.</summary>
/// <param name="message">Which, where, and the lines of the Dockerfile.</param>
/// <param name="exitCode">What it returned.</param>
public sealed class BuildFailure(string message, int exitCode) : CaissonException(ErrorKind.InvalidArgument, message)
{
    /// <summary>What the program returned.</summary>
    public int ExitCode => exitCode;
}

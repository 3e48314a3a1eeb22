namespace Caisson.Errors;

/// <summary>The world refused: an operation failed for a reason the caller may act on.</summary>
/// <remarks>Messages are lower case, say what was being done, to what, why and (where there is one) the remedy, and have no stop.</remarks>
public class CaissonException : Exception
{
    /// <summary>Says what failed and of what kind the failure is.</summary>
    public CaissonException(ErrorKind kind, string message, Exception? cause = null) : base(message, cause) => Kind = kind;

    /// <summary>The kind that edges translate to an HTTP status, a gRPC code or an exit code.</summary>
    public ErrorKind Kind { get; }
}

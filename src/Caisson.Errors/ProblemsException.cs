namespace Caisson.Errors;

/// <summary>A document was refused; carries every problem found, not only the first.</summary>
public sealed class ProblemsException : CaissonException
{
    /// <summary>Refuses <paramref name="subject"/> (a file name or what the document is) for <paramref name="problems"/>.</summary>
    public ProblemsException(string subject, IReadOnlyList<Problem> problems)
        : base(ErrorKind.InvalidArgument, $"{subject}: {string.Join("; ", problems)}") => Problems = problems;

    /// <summary>All problems, in the order of the document.</summary>
    public IReadOnlyList<Problem> Problems { get; }

    /// <summary>Throws when <paramref name="problems"/> holds anything.</summary>
    public static void ThrowIfAny(string subject, IReadOnlyList<Problem> problems)
    {
        if (problems.Count > 0)
        {
            throw new ProblemsException(subject, problems);
        }
    }
}

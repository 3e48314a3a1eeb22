using System.Globalization;

namespace Caisson.Documents;

/// <summary>Where in a file something was written.</summary>
/// <param name="File">Name of the file as messages show it.</param>
/// <param name="Line">From 1; 0 for the file as a whole.</param>
/// <param name="Column">From 1.</param>
public sealed record SourcePosition(string File, int Line, int Column)
{
    /// <summary>Of what nobody wrote: defaults.</summary>
    public static readonly SourcePosition None = new("", 0, 0);

    /// <summary><c>file:line:column</c>, as compilers write it.</summary>
    public override string ToString() =>
        Line == 0 ? File : string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}:{Column}");
}

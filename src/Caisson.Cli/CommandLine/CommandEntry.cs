namespace Caisson.Cli.CommandLine;

/// <summary>A line of the table of commands; the command itself is made when it is invoked.</summary>
/// <param name="Group">Heading in the overview.</param>
/// <param name="Paths">Its names, the usual one first.</param>
/// <param name="Summary">One sentence without stop.</param>
/// <param name="Create">Makes it.</param>
internal sealed record CommandEntry(string Group, IReadOnlyList<string> Paths, string Summary, Func<Command> Create)
{
    /// <summary>The usual name.</summary>
    public string Path => Paths[0];
}

using System.Collections.Immutable;
using System.Globalization;
using System.Text;

using Caisson.Errors;

namespace Caisson.Build.Dockerfiles;

/// <summary>A Dockerfile taken apart into its instructions.</summary>
public sealed class Dockerfile
{
    private readonly string[] _source;

    internal Dockerfile(string name, string[] source, char escape, string? syntax, ImmutableArray<DockerfileLine> lines)
    {
        Name = name;
        _source = source;
        Escape = escape;
        Syntax = syntax;
        Lines = lines;
    }

    /// <summary>What it is called in messages.</summary>
    public string Name { get; }

    /// <summary>The character that continues lines and escapes others: <c>\</c>, or <c>`</c> by a directive.</summary>
    public char Escape { get; }

    /// <summary>The frontend that the file asks for; null when it asks for none.</summary>
    public string? Syntax { get; }

    /// <summary>The instructions in order.</summary>
    public ImmutableArray<DockerfileLine> Lines { get; }

    /// <summary>Takes a file apart.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="text">Its content.</param>
    /// <param name="problems">Receives everything that is no Dockerfile, by <c>NAME:LINE</c>.</param>
    public static Dockerfile Parse(string name, string text, ICollection<Problem> problems) => new DockerfileParser(name, text, problems).Parse();

    /// <summary>The path of a problem at a line.</summary>
    public string At(int line) => line > 0 ? string.Create(CultureInfo.InvariantCulture, $"{Name}:{line}") : Name;

    /// <summary>Refuses the file: each problem with the lines around it and a mark at the line that is meant.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: there are problems.</exception>
    public void ThrowIfAny(IReadOnlyCollection<Problem> problems)
    {
        if (problems.Count > 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, Describe(problems));
        }
    }

    /// <summary>The problems as text, each followed by its source.</summary>
    public string Describe(IEnumerable<Problem> problems)
    {
        var text = new StringBuilder();
        foreach (Problem problem in problems)
        {
            if (text.Length > 0)
            {
                text.Append('\n');
            }
            text.Append(problem);
            int colon = problem.Path.LastIndexOf(':');
            if (colon >= 0 && int.TryParse(problem.Path.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int line))
            {
                text.Append('\n').Append(Excerpt(line, line));
            }
        }
        return text.ToString();
    }

    /// <summary>Lines of the source with two around them, numbered; those that are meant have a mark.</summary>
    /// <param name="first">The first line that is meant, from 1.</param>
    /// <param name="last">The last; of a long run the first twelve are shown.</param>
    public string Excerpt(int first, int last)
    {
        last = Math.Min(last, first + 11);
        var text = new StringBuilder();
        for (int line = Math.Max(1, first - 2); line <= Math.Min(_source.Length, last + 2); line++)
        {
            if (text.Length > 0)
            {
                text.Append('\n');
            }
            text.Append(CultureInfo.InvariantCulture, $" {(line >= first && line <= last ? '>' : ' ')}{line,4} | {Printable(_source[line - 1])}");
        }
        return text.ToString();
    }

    /// <summary>Control characters would play with the terminal that the message is shown on.</summary>
    private static string Printable(string line) =>
        string.Concat(line.Take(200).Select(c => c == '\t' ? "    " : char.IsControl(c) ? "�" : c.ToString())) + (line.Length > 200 ? "…" : "");
}

using System.Globalization;
using System.Text;

using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Reads files of variables: <c>.env</c> of a project and <c>env_file</c> of a service.</summary>
/// <remarks>
/// <c>NAME=value</c> lines, <c>export</c> before the name, comments after <c>#</c>. Without quotes and in double quotes variables are put in;
/// single quotes take all literally; quoted values may go over several lines. A name alone takes its value from the environment.
/// Source: Compose Specification, "env_file", "Env_file format".
/// </remarks>
public static class DotEnv
{
    /// <summary>Adds what <paramref name="text"/> says to <paramref name="values"/>.</summary>
    /// <param name="file">Name of the file, for problems.</param>
    /// <param name="text">The file.</param>
    /// <param name="values">Receives the values; a later one replaces an earlier one; null for a name without a value anywhere.</param>
    /// <param name="environment">Variables from outside; they win over those of the file when a value names one.</param>
    /// <param name="raw">Values are taken as they are: <c>format: raw</c>.</param>
    /// <param name="problems">Receives what cannot be read.</param>
    public static void Read(
        string file, string text, IDictionary<string, string?> values, Func<string, string?> environment, bool raw, ICollection<Problem> problems)
    {
        var interpolation = new Interpolation(name => environment(name) ?? (values.TryGetValue(name, out string? value) ? value : null));
        string[] lines = text.TrimStart('\uFEFF').Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            int number = i + 1;
            string line = lines[i].TrimStart();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            line = line.StartsWith("export ", StringComparison.Ordinal) ? line[7..].TrimStart() : line;
            int separator = line.IndexOfAny(['=', ':']);
            string name = (separator < 0 ? line : line[..separator]).Trim();
            if (!IsName(name))
            {
                problems.Add(new(string.Create(CultureInfo.InvariantCulture, $"{file}:{number}:1"), $"'{name}' is no name of a variable; write NAME=value"));
                continue;
            }
            if (separator < 0)
            {
                values[name] = environment(name);
                continue;
            }
            string rest = line[(separator + 1)..];
            try
            {
                values[name] = raw ? rest : Value(rest.TrimStart(), lines, ref i, interpolation);
            }
            catch (FormatException e)
            {
                problems.Add(new(string.Create(CultureInfo.InvariantCulture, $"{file}:{number}:1"), $"{name}: {e.Message}"));
            }
        }
    }

    private static string Value(string rest, string[] lines, ref int line, Interpolation interpolation)
    {
        if (rest.Length == 0 || rest[0] is not ('"' or '\''))
        {
            return interpolation.Apply(WithoutComment(rest).TrimEnd());
        }
        char quote = rest[0];
        var content = new StringBuilder();
        for (int at = 1; ; at++)
        {
            if (at >= rest.Length)
            {
                if (++line >= lines.Length)
                {
                    throw new FormatException($"the value has no closing {quote}");
                }
                content.Append('\n');
                rest = lines[line];
                at = -1;
                continue;
            }
            if (rest[at] == quote)
            {
                return quote == '"' ? interpolation.Apply(Unescape(content.ToString())) : content.ToString();
            }
            if (rest[at] == '\\' && at + 1 < rest.Length && (quote == '"' || rest[at + 1] == '\''))
            {
                content.Append(quote == '"' ? "\\" : "").Append(rest[++at]);
                continue;
            }
            content.Append(rest[at]);
        }
    }

    private static string Unescape(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                result.Append(text[i]);
                continue;
            }
            char next = text[++i];
            _ = next switch
            {
                'n' => result.Append('\n'),
                'r' => result.Append('\r'),
                't' => result.Append('\t'),
                '"' or '\\' => result.Append(next),
                '$' => result.Append("$$"),
                _ => result.Append('\\').Append(next),
            };
        }
        return result.ToString();
    }

    private static string WithoutComment(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '#' && (i == 0 || text[i - 1] is ' ' or '\t'))
            {
                return text[..i];
            }
        }
        return text;
    }

    private static bool IsName(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '[' or ']') && !char.IsAsciiDigit(name[0]);
}

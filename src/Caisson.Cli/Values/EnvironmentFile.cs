namespace Caisson.Cli.Values;

/// <summary>Environment variables from options and files.</summary>
internal static class EnvironmentFile
{
    /// <summary>What <c>--env-file</c> and <c>--env</c> give together, files first; a bare name takes the caller's value.</summary>
    /// <exception cref="FormatException">A line is malformed.</exception>
    public static IEnumerable<string> Gather(IEnumerable<string> files, IEnumerable<string> given, Func<string, string?> variable) =>
        [.. files.SelectMany(file => ReadLines(file).SelectMany(line => Resolve(line, variable))), .. given.SelectMany(text => Resolve(text, variable))];

    /// <summary>Lines of a file that are neither empty nor comments.</summary>
    /// <exception cref="FormatException">A name is missing or holds white space.</exception>
    public static IEnumerable<string> ReadLines(string path)
    {
        int number = 0;
        foreach (string raw in File.ReadLines(path))
        {
            number++;
            string line = raw.TrimStart();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            string name = line.Split('=', 2)[0];
            if (name.Length == 0 || name.Any(char.IsWhiteSpace))
            {
                throw new FormatException($"{path}:{number}: \"{name}\" is not a name; write NAME=value");
            }
            yield return line;
        }
    }

    private static IEnumerable<string> Resolve(string text, Func<string, string?> variable)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals == 0 || text.Length == 0)
        {
            throw new FormatException($"invalid environment variable: \"{text}\"; write NAME=value");
        }
        if (equals > 0)
        {
            return [text];
        }
        return variable(text) is { } value ? [$"{text}={value}"] : [];
    }
}

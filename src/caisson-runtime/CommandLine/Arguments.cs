using Caisson.Errors;

namespace Caisson.Runtime.CommandLine;

/// <summary>What a command was given: flags and the words between them.</summary>
/// <remarks>
/// Flags are declared as <c>bundle|b=</c> (names, and an equals sign when there is a value). They are written <c>--bundle X</c>, <c>--bundle=X</c>,
/// <c>-b X</c>; <c>--</c> ends them.
/// </remarks>
internal sealed class Arguments
{
    private readonly Dictionary<string, List<string>> _flags = [];
    private readonly List<string> _words = [];

    private Arguments() { }

    /// <summary>The words that are no flags, in order.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <summary>Reads <paramref name="args"/>.</summary>
    /// <param name="args">From the first after the command's name.</param>
    /// <param name="declared">The flags there are.</param>
    /// <param name="wordsBeforeRest">After so many words everything is a word, as for a program's own arguments.</param>
    /// <param name="rest">Where reading ended: an index of <paramref name="args"/>.</param>
    public static Arguments Read(ReadOnlySpan<string> args, ReadOnlySpan<string> declared, int wordsBeforeRest, out int rest)
    {
        var read = new Arguments();
        int i = 0;
        for (; i < args.Length && read._words.Count < wordsBeforeRest; i++)
        {
            string word = args[i];
            if (word == "--")
            {
                i++;
                break;
            }
            if (word.Length < 2 || word[0] != '-')
            {
                read._words.Add(word);
                continue;
            }
            string text = word.TrimStart('-');
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? text : text[..equals];
            (string main, bool takesValue) = Find(name, declared) ?? throw Usage($"unknown flag {word}");
            string value = equals >= 0 ? text[(equals + 1)..]
                : !takesValue ? "true"
                : i + 1 < args.Length ? args[++i]
                : throw Usage($"flag {word} needs a value");
            if (!takesValue && value is not ("true" or "false"))
            {
                throw Usage($"flag {word} takes no value");
            }
            if (!read._flags.TryGetValue(main, out var values))
            {
                read._flags[main] = values = [];
            }
            values.Add(value);
        }
        rest = i;
        return read;
    }

    /// <summary>Reads <paramref name="args"/> to their end; of the words there must be as many as asked.</summary>
    public static Arguments Read(ReadOnlySpan<string> args, ReadOnlySpan<string> declared, int wordsMin, int wordsMax)
    {
        var read = Read(args, declared, int.MaxValue, out int rest);
        read._words.AddRange(args[rest..]);
        return read._words.Count >= wordsMin && read._words.Count <= wordsMax
            ? read
            : throw Usage(read._words.Count < wordsMin
                ? $"{wordsMin} argument{(wordsMin == 1 ? " is" : "s are")} needed, {read._words.Count} given"
                : $"at most {wordsMax} argument{(wordsMax == 1 ? " is" : "s are")} taken, {read._words.Count} given");
    }

    /// <summary>The flag was given and not as <c>=false</c>.</summary>
    public bool Has(string name) => _flags.TryGetValue(name, out var values) && values[^1] != "false";

    /// <summary>The last value; null when it was not given.</summary>
    public string? Value(string name) => _flags.TryGetValue(name, out var values) ? values[^1] : null;

    /// <summary>All values, in order.</summary>
    public IReadOnlyList<string> Values(string name) => _flags.TryGetValue(name, out var values) ? values : [];

    /// <summary>A whole number from 0; the default when it was not given.</summary>
    public int Number(string name, int byDefault) => Value(name) is not { } text ? byDefault
        : int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int number) ? number
        : throw Usage($"--{name} needs a whole number, not '{text}'");

    /// <summary>The fault of whoever wrote the command line.</summary>
    public static CaissonException Usage(string message) => new(ErrorKind.InvalidArgument, message);

    private static (string Main, bool TakesValue)? Find(string name, ReadOnlySpan<string> declared)
    {
        foreach (string flag in declared)
        {
            bool takesValue = flag.EndsWith('=');
            string[] names = flag.TrimEnd('=').Split('|');
            if (names.Contains(name))
            {
                return (names[0], takesValue);
            }
        }
        return null;
    }
}

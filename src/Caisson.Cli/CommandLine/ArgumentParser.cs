using Caisson.Errors;

namespace Caisson.Cli.CommandLine;

/// <summary>Fills a command from the words that follow its name, by the rules of GNU and pflag.</summary>
/// <remarks>
/// <c>--name value</c>, <c>--name=value</c>, <c>-n value</c>, <c>-nvalue</c>, <c>-n=value</c>, <c>-abc</c>, <c>--switch=false</c>; <c>--</c> ends options.
/// </remarks>
internal static class ArgumentParser
{
    /// <summary>Names that Docker takes too, without showing them.</summary>
    private static readonly Dictionary<string, string> SecondNames = new(StringComparer.Ordinal)
    {
        ["net"] = "network",
        ["net-alias"] = "network-alias",
        ["dns-opt"] = "dns-option",
        ["time"] = "timeout",
    };

    /// <returns>False when help was asked for instead.</returns>
    /// <exception cref="UsageException">An option is unknown, lacks its value or has a wrong one; or the number of arguments is wrong.</exception>
    public static bool Parse(Command command, string path, ReadOnlySpan<string> words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            string word = words[i];
            if (word == "--")
            {
                command.Arguments.AddRange(words[(i + 1)..]);
                break;
            }
            if (word.Length < 2 || word[0] != '-')
            {
                command.Arguments.Add(word);
                if (command.StopsAtFirstArgument)
                {
                    command.Arguments.AddRange(words[(i + 1)..]);
                    break;
                }
                continue;
            }
            bool goOn = word[1] == '-' ? ParseLong(command, words, ref i) : ParseShort(command, words, ref i);
            if (!goOn)
            {
                return false;
            }
        }
        CheckCount(command, path);
        return true;
    }

    private static bool ParseLong(Command command, ReadOnlySpan<string> words, ref int i)
    {
        string word = words[i];
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word[2..] : word[2..equals];
        if (Find(command, name) is not { } option)
        {
            return name == "help" ? false : throw Unknown(command, name);
        }
        if (equals >= 0)
        {
            option.Set(word[(equals + 1)..]);
        }
        else if (option.IsSwitch)
        {
            option.Set("true");
        }
        else if (i + 1 < words.Length)
        {
            option.Set(words[++i]);
        }
        else
        {
            throw new UsageException($"flag needs an argument: --{name}");
        }
        return true;
    }

    private static bool ParseShort(Command command, ReadOnlySpan<string> words, ref int i)
    {
        string word = words[i];
        for (int at = 1; at < word.Length; at++)
        {
            char letter = word[at];
            var option = command.Options.FirstOrDefault(option => option.Letter == letter);
            if (option is null)
            {
                return letter == 'h' ? false : throw new UsageException($"unknown shorthand flag: '{letter}' in {word}");
            }
            bool last = at + 1 == word.Length;
            if (option.IsSwitch && !(!last && word[at + 1] == '='))
            {
                option.Set("true");
                continue;
            }
            if (!last)
            {
                option.Set(word[(word[at + 1] == '=' ? at + 2 : at + 1)..]);
            }
            else if (i + 1 < words.Length)
            {
                option.Set(words[++i]);
            }
            else
            {
                throw new UsageException($"flag needs an argument: '{letter}' in {word}");
            }
            return true;
        }
        return true;
    }

    private static Option? Find(Command command, string name) =>
        command.Options.FirstOrDefault(option => option.Name == name)
        ?? command.Options.FirstOrDefault(option => option.Name == SecondNames.GetValueOrDefault(name));

    private static UsageException Unknown(Command command, string name)
    {
        string? nearest = Spelling.Nearest(name, command.Options.Select(option => option.Name));
        return new($"unknown flag: --{name}" + (nearest is null ? "" : $"; did you mean --{nearest}?"));
    }

    private static void CheckCount(Command command, string path)
    {
        var (min, max) = command.ArgumentCount;
        int count = command.Arguments.Count;
        if (count >= min && (max < 0 || count <= max))
        {
            return;
        }
        string wants = (min, max) switch
        {
            (_, 0) => "accepts no arguments",
            (_, -1) => $"requires at least {Arguments(min)}",
            _ when min == max => $"requires {Arguments(min)}",
            (0, _) => $"requires at most {Arguments(max)}",
            _ => $"requires {min} to {Arguments(max)}",
        };
        throw new UsageException($"'caisson {path}' {wants}", exitCode: 1);
    }

    private static string Arguments(int count) => count == 1 ? "1 argument" : $"{count} arguments";
}

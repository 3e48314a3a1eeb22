using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>Changes to how an image runs, written as lines of a Dockerfile: what <c>--change</c> of import and commit takes.</summary>
/// <remarks><c>CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR</c>. Source: docker import(1), docker commit(1).</remarks>
public static class ImageChanges
{
    /// <summary>Applies the lines in order.</summary>
    /// <param name="config">What to start from.</param>
    /// <param name="changes">One instruction each.</param>
    /// <exception cref="ProblemsException">Every line that is wrong, by its number.</exception>
    public static ExecutionConfig Apply(ExecutionConfig config, IReadOnlyList<string> changes)
    {
        List<Problem> problems = [];
        for (int i = 0; i < changes.Count; i++)
        {
            string line = changes[i].Trim();
            int space = line.IndexOfAny([' ', '\t']);
            string instruction = (space < 0 ? line : line[..space]).ToUpperInvariant();
            string argument = space < 0 ? "" : line[space..].Trim();
            if (argument.Length == 0)
            {
                problems.Add(new Problem($"/{i}", $"'{line}' has no argument"));
            }
            else if (ApplyOne(config, instruction, argument, out string? fault) is { } changed)
            {
                config = changed;
            }
            else
            {
                problems.Add(new Problem($"/{i}", fault ?? $"'{instruction}' cannot change an image"));
            }
        }
        ProblemsException.ThrowIfAny("changes", problems);
        return config;
    }

    private static ExecutionConfig? ApplyOne(ExecutionConfig config, string instruction, string argument, out string? fault)
    {
        fault = null;
        switch (instruction)
        {
            case "CMD":
                return config with { Cmd = Command(argument) };
            case "ENTRYPOINT":
                return config with { Entrypoint = Command(argument) };
            case "USER":
                return config with { User = argument };
            case "WORKDIR":
                return config with
                {
                    WorkingDir = argument.StartsWith('/') ? argument : $"{config.WorkingDir?.TrimEnd('/')}/{argument}",
                };
            case "STOPSIGNAL":
                return config with { StopSignal = argument };
            case "ONBUILD":
                return config with { OnBuild = [.. config.OnBuild ?? [], argument] };
            case "EXPOSE":
                IEnumerable<string> ports = Words(argument).Select(port => port.Contains('/') ? port : port + "/tcp");
                return config with { ExposedPorts = [.. (config.ExposedPorts ?? []).Union(ports)] };
            case "VOLUME":
                IReadOnlyList<string> volumes = JsonList(argument) ?? Words(argument);
                return config with { Volumes = [.. (config.Volumes ?? []).Union(volumes)] };
            case "ENV":
                if (Pairs(argument) is not { } variables)
                {
                    fault = $"'{argument}' is not NAME=VALUE";
                    return null;
                }
                return config with { Env = variables.Aggregate((IReadOnlyList<string>)(config.Env ?? []), WithVariable) };
            case "LABEL":
                if (Pairs(argument) is not { } labels)
                {
                    fault = $"'{argument}' is not KEY=VALUE";
                    return null;
                }
                var all = new Dictionary<string, string>(config.Labels ?? new Dictionary<string, string>());
                foreach (var (key, value) in labels)
                {
                    all[key] = value;
                }
                return config with { Labels = all };
            default:
                return null;
        }
    }

    private static List<string> WithVariable(IReadOnlyList<string> environment, (string Key, string Value) variable) =>
        [.. environment.Where(old => !old.StartsWith(variable.Key + "=", StringComparison.Ordinal)), $"{variable.Key}={variable.Value}"];

    /// <summary>A JSON list is a program with arguments; anything else is for the shell.</summary>
    private static IReadOnlyList<string> Command(string argument) => JsonList(argument) ?? ["/bin/sh", "-c", argument];

    private static IReadOnlyList<string>? JsonList(string argument)
    {
        if (!argument.StartsWith('['))
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(argument, ImageChangesJson.Default.IReadOnlyListString);
        }
        catch (JsonException)
        {
            return null; // as in a Dockerfile: what is no list is text
        }
    }

    /// <summary><c>KEY=VALUE</c> words, or the old form <c>KEY the rest</c>; null when neither.</summary>
    private static List<(string Key, string Value)>? Pairs(string argument)
    {
        List<string> words = Words(argument);
        if (words.Count > 1 && !words[0].Contains('='))
        {
            return [(words[0], argument[words[0].Length..].Trim())];
        }
        List<(string, string)> pairs = [];
        foreach (string word in words)
        {
            int equals = word.IndexOf('=');
            if (equals <= 0)
            {
                return null;
            }
            pairs.Add((word[..equals], word[(equals + 1)..]));
        }
        return pairs;
    }

    /// <summary>Splits at blanks outside quotes; a backslash takes the next character as it is, except in single quotes.</summary>
    private static List<string> Words(string text)
    {
        List<string> words = [];
        var word = new System.Text.StringBuilder();
        char quote = '\0';
        bool started = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '\\' && quote != '\'' && i + 1 < text.Length)
            {
                word.Append(text[++i]);
                started = true;
            }
            else if (quote != '\0' ? c == quote : c is '"' or '\'')
            {
                quote = quote == '\0' ? c : '\0';
                started = true;
            }
            else if (quote == '\0' && char.IsWhiteSpace(c))
            {
                Flush();
            }
            else
            {
                word.Append(c);
                started = true;
            }
        }
        Flush();
        return words;

        void Flush()
        {
            if (started)
            {
                words.Add(word.ToString());
            }
            word.Clear();
            started = false;
        }
    }
}

/// <summary>The generated reader of JSON lists in changes.</summary>
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class ImageChangesJson : JsonSerializerContext;

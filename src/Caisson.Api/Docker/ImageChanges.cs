using System.Text.Json;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Api.Docker;

/// <summary>Build instructions that change how an image is run, as import and commit take them. Source: Dockerfile reference.</summary>
internal static class ImageChanges
{
    /// <summary>Applies instructions such as <c>CMD ["/bin/sh"]</c> or <c>ENV A=b</c>, each on one line.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: an instruction is unknown or malformed.</exception>
    public static ExecutionConfig Apply(ExecutionConfig config, IReadOnlyList<string> changes)
    {
        foreach (string line in changes.SelectMany(change => change.Split('\n')))
        {
            string text = line.Trim();
            if (text.Length == 0)
            {
                continue;
            }
            int space = text.IndexOfAny([' ', '\t']);
            string instruction = (space < 0 ? text : text[..space]).ToUpperInvariant();
            string value = space < 0 ? "" : text[space..].Trim();
            config = instruction switch
            {
                "CMD" => config with { Cmd = Command(value, config) },
                "ENTRYPOINT" => config with { Entrypoint = Command(value, config) },
                "ENV" => config with { Env = Assign(config.Env, value) },
                "EXPOSE" => config with { ExposedPorts = [.. (config.ExposedPorts ?? []).Union(value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(port => port.Contains('/') ? port : port + "/tcp"))] },
                "LABEL" => config with { Labels = Label(config.Labels, value) },
                "USER" => config with { User = value },
                "VOLUME" => config with { Volumes = [.. (config.Volumes ?? []).Union(value.StartsWith('[') ? List(value) : value.Split(' ', StringSplitOptions.RemoveEmptyEntries))] },
                "WORKDIR" => config with { WorkingDir = value },
                "STOPSIGNAL" => config with { StopSignal = value },
                "SHELL" => config with { Shell = List(value) },
                "ONBUILD" => config with { OnBuild = [.. config.OnBuild ?? [], value] },
                "HEALTHCHECK" => config with { Healthcheck = Healthcheck(value) },
                _ => throw new CaissonException(ErrorKind.InvalidArgument, $"{instruction.ToLowerInvariant()} is not a valid change command"),
            };
        }
        return config;
    }

    /// <summary><c>NONE</c>, or <c>[--interval=…] [--timeout=…] [--start-period=…] [--start-interval=…] [--retries=…] CMD …</c>; also <c>HTTP URL</c> and <c>TCP PORT</c>.</summary>
    private static HealthcheckConfig Healthcheck(string value)
    {
        var check = new HealthcheckConfig();
        string rest = value;
        while (rest.StartsWith("--", StringComparison.Ordinal))
        {
            int space = rest.IndexOf(' ', StringComparison.Ordinal);
            string[] option = (space < 0 ? rest : rest[..space]).Split('=', 2);
            rest = space < 0 ? "" : rest[space..].Trim();
            string text = option.Length == 2 ? option[1] : "";
            check = option[0] switch
            {
                "--interval" => check with { IntervalNs = Nanoseconds(text) },
                "--timeout" => check with { TimeoutNs = Nanoseconds(text) },
                "--start-period" => check with { StartPeriodNs = Nanoseconds(text) },
                "--start-interval" => check with { StartIntervalNs = Nanoseconds(text) },
                "--retries" when int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int retries) => check with { Retries = retries },
                _ => throw new CaissonException(ErrorKind.InvalidArgument, $"HEALTHCHECK: '{option[0]}={text}' is not one of its options"),
            };
        }
        string[] words = rest.Split(' ', 2);
        string arguments = words.Length == 2 ? words[1].Trim() : "";
        return words[0].ToUpperInvariant() switch
        {
            "NONE" => new HealthcheckConfig { Test = ["NONE"] },
            "CMD" when arguments.StartsWith('[') => check with { Test = ["CMD", .. List(arguments)] },
            "CMD" when arguments.Length > 0 => check with { Test = ["CMD-SHELL", arguments] },
            "HTTP" or "TCP" when arguments.Length > 0 => check with { Test = [words[0].ToUpperInvariant(), arguments] },
            _ => throw new CaissonException(ErrorKind.InvalidArgument, $"HEALTHCHECK: '{rest}' is neither NONE nor CMD with a command"),
        };
    }

    private static long Nanoseconds(string text) => Times.ParseDuration(text) is { } duration
        ? duration.Ticks * TimeSpan.NanosecondsPerTick
        : throw new CaissonException(ErrorKind.InvalidArgument, $"HEALTHCHECK: '{text}' is not a length of time, such as 1m30s");

    private static List<string> Command(string value, ExecutionConfig config) =>
        value.StartsWith('[') ? List(value) : [.. config.Shell ?? ["/bin/sh", "-c"], value];

    private static List<string> List(string value)
    {
        try
        {
            return JsonSerializer.Deserialize(value, DockerJson.Default.ListString) ?? [];
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{value}' is not a JSON list of texts", error);
        }
    }

    private static List<string> Assign(IReadOnlyList<string>? variables, string value)
    {
        List<string> result = [.. variables ?? []];
        foreach ((string key, string text) in Pairs(value))
        {
            result.RemoveAll(entry => entry.StartsWith(key + "=", StringComparison.Ordinal));
            result.Add($"{key}={text}");
        }
        return result;
    }

    private static Dictionary<string, string> Label(IReadOnlyDictionary<string, string>? labels, string value)
    {
        Dictionary<string, string> result = new(labels ?? new Dictionary<string, string>());
        foreach ((string key, string text) in Pairs(value))
        {
            result[key] = text;
        }
        return result;
    }

    /// <summary><c>A=b C="d e"</c>, or the old <c>A b c</c>.</summary>
    private static List<(string Key, string Value)> Pairs(string value)
    {
        int firstSpace = value.IndexOf(' ');
        int firstEquals = value.IndexOf('=');
        if (firstEquals < 0 || (firstSpace >= 0 && firstSpace < firstEquals))
        {
            return firstSpace < 0
                ? throw new CaissonException(ErrorKind.InvalidArgument, $"'{value}' is not NAME=VALUE")
                : [(value[..firstSpace], value[firstSpace..].Trim())];
        }
        List<(string, string)> pairs = [];
        List<char> word = [];
        char quote = '\0';
        foreach (char c in value + " ")
        {
            if (quote != '\0' ? c == quote : c is '"' or '\'')
            {
                quote = quote == '\0' ? c : '\0';
            }
            else if (c == ' ' && quote == '\0')
            {
                string text = new([.. word]);
                word.Clear();
                int equals = text.IndexOf('=');
                if (equals > 0)
                {
                    pairs.Add((text[..equals], text[(equals + 1)..]));
                }
            }
            else
            {
                word.Add(c);
            }
        }
        return pairs;
    }
}

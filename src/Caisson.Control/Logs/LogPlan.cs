using System.Globalization;
using System.Text;
using System.Text.Json;

using Caisson.Containers.Logs;
using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Logs;

/// <summary>What a container's log is to be, of the driver and the options that a user gave. Pure.</summary>
/// <remarks>
/// Source: Docker's documentation, "JSON File logging driver" and "Local file logging driver"; <c>max-age</c> is our own. Of <c>local</c> the
/// defaults are Docker's too: five files of 20 MB, compressed.
/// </remarks>
public sealed record LogPlan
{
    private static readonly string[] Options =
        ["max-size", "max-file", "max-age", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"];

    /// <summary>That of a container of a pod: one file, which others rename before they have it opened anew.</summary>
    public static LogPlan OfPod { get; } = new() { Format = LogFormat.Text, Reopens = true };

    /// <summary>The file is renamed by others; see <see cref="LogSettings.Reopens"/>.</summary>
    public bool Reopens { get; init; }

    /// <summary>How output stands in the files.</summary>
    public LogFormat Format { get; init; } = LogFormat.Json;

    /// <summary>Bytes of a full file; 0 for no end.</summary>
    public long BytesMaxOfFile { get; init; }

    /// <summary>How many files are kept; at least 1.</summary>
    public int FilesMax { get; init; } = 1;

    /// <summary>How long output is kept; zero for ever.</summary>
    public TimeSpan AgeMax { get; init; }

    /// <summary>Full files are compressed.</summary>
    public bool Compress { get; init; }

    /// <summary>Labels and variables that belong to each line, by name.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads what was asked for; null when nothing is kept.</summary>
    /// <param name="config">Driver and options; a driver that is null or empty is <c>json-file</c>.</param>
    /// <param name="container">Its labels and variables, which options may name; null to leave them out.</param>
    /// <param name="problems">Receives what is wrong.</param>
    public static LogPlan? Read(LogConfig? config, ContainerConfig? container, ICollection<Problem> problems)
    {
        string driver = config?.Type is { Length: > 0 } type ? type : "json-file";
        IReadOnlyDictionary<string, string> options = config?.Config ?? new Dictionary<string, string>();
        if (driver is not ("json-file" or "local" or "none"))
        {
            problems.Add(new("/HostConfig/LogConfig/Type", driver is "journald" or "syslog" or "gelf" or "fluentd" or "splunk" or "awslogs" or "gcplogs" or "etwlogs"
                ? $"log driver '{driver}' is not supported: logs are kept in files; use json-file or local, and let a collector read the files"
                : $"no log driver named '{driver}' is registered; json-file, local and none are"));
            return null;
        }
        foreach (string name in options.Keys.Where(name => !Options.Contains(name)))
        {
            problems.Add(new($"/HostConfig/LogConfig/Config/{name}", $"unknown log opt '{name}' for {driver} log driver"));
        }
        if (options.GetValueOrDefault("mode") is not (null or "" or "blocking"))
        {
            problems.Add(new("/HostConfig/LogConfig/Config/mode", $"mode '{options["mode"]}' is not supported; output is never dropped, so a program waits for its log (blocking)"));
        }
        if (driver == "none")
        {
            return null;
        }
        bool local = driver == "local";
        long size = Size(options.GetValueOrDefault("max-size"), local ? 20_000_000 : 0, problems);
        int files = Count(options.GetValueOrDefault("max-file"), local ? 5 : 1, problems);
        TimeSpan age = Age(options.GetValueOrDefault("max-age"), problems);
        bool compress = Flag(options.GetValueOrDefault("compress"), local, problems);
        if (compress && options.ContainsKey("compress") && (files == 1 || size == 0) && age == TimeSpan.Zero)
        {
            problems.Add(new("/HostConfig/LogConfig/Config/compress", "compress cannot be true when max-file is less than 2 or max-size is not set"));
        }
        return new LogPlan
        {
            Format = local ? LogFormat.Local : LogFormat.Json,
            BytesMaxOfFile = size,
            FilesMax = age > TimeSpan.Zero && !options.ContainsKey("max-file") ? int.MaxValue : files,
            AgeMax = age,
            Compress = compress && (files != 1 || age > TimeSpan.Zero),
            Attributes = container is null ? new Dictionary<string, string>() : Choose(options, container),
        };
    }

    /// <summary>Reads the engine's default: the driver, then options, with commas between; empty is <c>json-file</c>.</summary>
    /// <exception cref="ProblemsException">Something in it is wrong.</exception>
    public static LogConfig ReadDefault(string text)
    {
        string[] words = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var config = new LogConfig
        {
            Type = words.Length > 0 ? words[0] : "json-file",
            Config = words.Skip(1).Select(word => word.Split('=', 2)).ToDictionary(sides => sides[0], sides => sides.Length == 2 ? sides[1] : ""),
        };
        List<Problem> problems = [];
        _ = Read(config, null, problems);
        ProblemsException.ThrowIfAny("read the default log driver (CAISSON_LOG)", problems);
        return config;
    }

    /// <summary>The name of the file that is written, for container <paramref name="id"/>; as Docker's, so that a collector finds it.</summary>
    public string FileName(string id) => Format == LogFormat.Json ? $"{id}-json.log" : "log";

    /// <summary>What the monitor of a run is told.</summary>
    /// <param name="id">The container's id.</param>
    /// <param name="nextNumber">The number that the next full file gets.</param>
    public LogSettings ToSettings(string id, int nextNumber) => new()
    {
        Format = Format,
        Reopens = Reopens,
        BytesMaxOfFile = BytesMaxOfFile,
        FilesMax = FilesMax,
        AgeMaxSeconds = (long)AgeMax.TotalSeconds,
        Name = FileName(id),
        NextNumber = nextNumber,
        Attributes = Attributes.Count == 0 || Format != LogFormat.Json ? "" : Json(Attributes),
    };

    private static Dictionary<string, string> Choose(IReadOnlyDictionary<string, string> options, ContainerConfig container)
    {
        Dictionary<string, string> chosen = [];
        HashSet<string> labels = Names("labels");
        HashSet<string> variables = Names("env");
        foreach ((string key, string value) in container.Labels ?? new Dictionary<string, string>())
        {
            if (labels.Contains(key) || Matches("labels-regex", key))
            {
                chosen[key] = value;
            }
        }
        foreach (string variable in container.Env ?? [])
        {
            string[] sides = variable.Split('=', 2);
            if (sides.Length == 2 && (variables.Contains(sides[0]) || Matches("env-regex", sides[0])))
            {
                chosen[sides[0]] = sides[1];
            }
        }
        if (options.TryGetValue("tag", out string? tag) && tag.Length > 0)
        {
            chosen["tag"] = tag;
        }
        return chosen;

        HashSet<string> Names(string option) => [.. (options.GetValueOrDefault(option) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];

        // Of a pattern the forms that are used: a name, and a beginning or an end with .* or ^ and $.
        bool Matches(string option, string name) => options.TryGetValue(option, out string? pattern) && pattern.Length > 0 && Fits(pattern, name);
    }

    private static bool Fits(string pattern, string name)
    {
        string text = pattern.TrimStart('^').TrimEnd('$');
        if (text.EndsWith(".*", StringComparison.Ordinal) || text.EndsWith(".+", StringComparison.Ordinal))
        {
            return name.StartsWith(text[..^2], StringComparison.Ordinal);
        }
        return pattern.StartsWith('^') ? name.StartsWith(text, StringComparison.Ordinal) : name.Contains(text, StringComparison.Ordinal);
    }

    private static string Json(IReadOnlyDictionary<string, string> attributes)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            foreach ((string key, string value) in attributes.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                json.WriteString(key, value);
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Docker's sizes: decimal units, such as <c>10m</c> or <c>1g</c>.</summary>
    private static long Size(string? text, long otherwise, ICollection<Problem> problems)
    {
        if (text is null or "" or "-1")
        {
            return text is null ? otherwise : 0;
        }
        string number = text.TrimEnd('b', 'B');
        long factor = number.Length == 0 ? 0 : char.ToLowerInvariant(number[^1]) switch { 'k' => 1_000, 'm' => 1_000_000, 'g' => 1_000_000_000, 't' => 1_000_000_000_000, _ => 1 };
        if (factor > 1)
        {
            number = number[..^1];
        }
        if (factor > 0 && decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value) && value > 0 && value * factor < long.MaxValue)
        {
            return (long)(value * factor);
        }
        problems.Add(new("/HostConfig/LogConfig/Config/max-size", $"invalid size: '{text}'; it is a number with k, m or g"));
        return 0;
    }

    private static int Count(string? text, int otherwise, ICollection<Problem> problems)
    {
        if (string.IsNullOrEmpty(text))
        {
            return otherwise;
        }
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1)
        {
            return count;
        }
        problems.Add(new("/HostConfig/LogConfig/Config/max-file", $"max-file cannot be '{text}'; it is a number of at least 1"));
        return 1;
    }

    /// <summary>A whole number of days, hours, minutes or seconds: <c>7d</c>, <c>36h</c>.</summary>
    private static TimeSpan Age(string? text, ICollection<Problem> problems)
    {
        if (string.IsNullOrEmpty(text))
        {
            return TimeSpan.Zero;
        }
        long seconds = text[^1] switch { 'd' => 86_400, 'h' => 3_600, 'm' => 60, 's' => 1, _ => 0 };
        if (seconds > 0 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is > 0 and <= 100_000_000)
        {
            return TimeSpan.FromSeconds(count * seconds);
        }
        problems.Add(new("/HostConfig/LogConfig/Config/max-age", $"invalid age: '{text}'; it is a whole number with d, h, m or s"));
        return TimeSpan.Zero;
    }

    private static bool Flag(string? text, bool otherwise, ICollection<Problem> problems)
    {
        switch (text?.ToLowerInvariant())
        {
            case null or "":
                return otherwise;
            case "true" or "1" or "t":
                return true;
            case "false" or "0" or "f":
                return false;
            default:
                problems.Add(new("/HostConfig/LogConfig/Config/compress", $"compress is true or false, not '{text}'"));
                return false;
        }
    }
}

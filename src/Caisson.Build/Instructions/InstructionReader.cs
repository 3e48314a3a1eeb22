using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

using Caisson.Build.Dockerfiles;
using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Build.Instructions;

/// <summary>Understands the instructions of a Dockerfile; reports everything that is wrong, not only the first.</summary>
public sealed partial class InstructionReader
{
    private static readonly string[] Keywords =
    [
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL",
        "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    ];

    private readonly Dockerfile _file;
    private readonly ICollection<Problem> _problems;

    private InstructionReader(Dockerfile file, ICollection<Problem> problems)
    {
        _file = file;
        _problems = problems;
    }

    /// <summary>The instructions of a file; those with problems are left out.</summary>
    public static ImmutableArray<Instruction> Read(Dockerfile file, ICollection<Problem> problems)
    {
        var reader = new InstructionReader(file, problems);
        return [.. file.Lines.Select(reader.ReadLine).OfType<Instruction>()];
    }

    private Instruction? ReadLine(DockerfileLine line)
    {
        string keyword = line.Keyword.ToUpperInvariant();
        if (!Keywords.Contains(keyword))
        {
            Problem(line, $"unknown instruction '{line.Keyword}'{Spelling.Hint(keyword, Keywords)}");
            return null;
        }
        if (line.Flags.Length > 0 && keyword is not ("FROM" or "RUN" or "COPY" or "ADD" or "HEALTHCHECK" or "ONBUILD"))
        {
            Problem(line, $"{keyword} has no options, and there is '{line.Flags[0]}'");
            return null;
        }
        if (line.Arguments.Length == 0 && keyword is not ("SHELL" or "CMD" or "ENTRYPOINT") && !(keyword == "RUN" && line.Heredocs.Length > 0))
        {
            Problem(line, $"{keyword} needs arguments");
            return null;
        }
        return keyword switch
        {
            "FROM" => (Instruction?)ReadFrom(line),
            "ARG" => ReadArg(line),
            "ENV" => ReadPairs(line, "ENV") is { } variables ? new Instruction.Env(variables) { Line = line } : null,
            "LABEL" => ReadPairs(line, "LABEL") is { } labels ? new Instruction.Label(labels) { Line = line } : null,
            "MAINTAINER" => new Instruction.Maintainer(line.Arguments) { Line = line },
            "RUN" => ReadRun(line),
            "COPY" or "ADD" => ReadCopy(line, keyword == "ADD"),
            "CMD" => ReadCommand(line, line.Arguments) is { } command ? new Instruction.Cmd(command) { Line = line } : null,
            "ENTRYPOINT" => ReadCommand(line, line.Arguments) is { } entry ? new Instruction.Entrypoint(entry) { Line = line } : null,
            "EXPOSE" => new Instruction.Expose(line.Arguments) { Line = line },
            "VOLUME" => ReadVolume(line),
            "USER" => ReadOne(line, "a user") is { } user ? new Instruction.User(user) { Line = line } : null,
            "WORKDIR" => new Instruction.Workdir(line.Arguments) { Line = line },
            "STOPSIGNAL" => ReadOne(line, "a signal") is { } signal ? new Instruction.StopSignal(signal) { Line = line } : null,
            "HEALTHCHECK" => ReadHealthcheck(line),
            "SHELL" => ReadShell(line),
            _ => ReadOnBuild(line),
        };
    }

    private Instruction.From? ReadFrom(DockerfileLine line)
    {
        Flags flags = ReadFlags(line, ["platform"], []);
        string[] words = InstructionText.SplitBlanks(line.Arguments);
        bool named = words.Length == 3 && words[1].Equals("AS", StringComparison.OrdinalIgnoreCase);
        if (words.Length != 1 && !named)
        {
            Problem(line, "FROM needs one image, or an image and a name: FROM image AS name");
            return null;
        }
        string? name = named ? words[2].ToLowerInvariant() : null;
        if (name is not null && !StageName().IsMatch(name))
        {
            Problem(line, $"'{words[2]}' is no name of a stage: it begins with a letter and goes on with letters, digits, '-', '_' and '.'");
            return null;
        }
        return flags.Bad ? null : new Instruction.From(words[0], name, flags.One("platform")) { Line = line };
    }

    private Instruction.Arg? ReadArg(DockerfileLine line)
    {
        var variables = ImmutableArray.CreateBuilder<(string, string?)>();
        foreach (string word in InstructionText.QuotedWords(line.Arguments, _file.Escape))
        {
            int equals = word.IndexOf('=');
            string name = equals < 0 ? word : word[..equals];
            if (name.Length == 0)
            {
                Problem(line, $"'{word}' has no name in front of '='");
                return null;
            }
            variables.Add((name, equals < 0 ? null : word[(equals + 1)..]));
        }
        return new Instruction.Arg(variables.ToImmutable()) { Line = line };
    }

    private ImmutableArray<(string, string)>? ReadPairs(DockerfileLine line, string keyword)
    {
        List<string> words = InstructionText.QuotedWords(line.Arguments, _file.Escape);
        if (words.Count > 0 && !words[0].Contains('='))
        {
            (string name, string? value) = InstructionText.SplitFirst(line.Arguments);
            if (value is null)
            {
                Problem(line, $"{keyword} needs a name and a value: {keyword} name=value");
                return null;
            }
            return [(name, value)];
        }
        var pairs = ImmutableArray.CreateBuilder<(string, string)>();
        foreach (string word in words)
        {
            int equals = word.IndexOf('=');
            if (equals <= 0)
            {
                Problem(line, equals < 0 ? $"'{word}' has no '='; write {keyword} name=value, and quotes around values with blanks" : $"'{word}' has no name in front of '='");
                return null;
            }
            pairs.Add((word[..equals], word[(equals + 1)..]));
        }
        return pairs.ToImmutable();
    }

    private Instruction.Run? ReadRun(DockerfileLine line)
    {
        Flags flags = ReadFlags(line, ["mount", "network", "security", "device"], []);
        if (flags.One("security") is { } security && security is not "sandbox")
        {
            Problem(line, $"--security={security} is not supported: steps run under the profile 'build'");
            return null;
        }
        if (flags.One("device") is not null)
        {
            Problem(line, "--device is not supported: steps see no devices of the host");
            return null;
        }
        string network = flags.One("network") ?? "default";
        if (network is not ("default" or "none" or "host"))
        {
            Problem(line, $"--network is default, none or host, and is '{network}'");
            return null;
        }
        return flags.Bad || ReadCommand(line, line.Arguments) is not { } command ? null
            : new Instruction.Run(command, new RunOptions { Mounts = flags.All("mount"), Network = network }) { Line = line };
    }

    private Instruction.Copy? ReadCopy(DockerfileLine line, bool isAdd)
    {
        string keyword = isAdd ? "ADD" : "COPY";
        Flags flags = isAdd
            ? ReadFlags(line, ["chown", "chmod", "exclude", "checksum"], ["link", "keep-git-dir", "unpack"])
            : ReadFlags(line, ["from", "chown", "chmod", "exclude"], ["link", "parents"]);
        ImmutableArray<string>? list = InstructionText.JsonList(line.Arguments, out bool mixed);
        if (mixed)
        {
            Problem(line, $"the list of {keyword} may hold strings only");
            return null;
        }
        ImmutableArray<string> words = list ?? [.. InstructionText.SplitBlanks(line.Arguments)];
        if (words.Length < 2)
        {
            Problem(line, $"{keyword} needs at least two paths: what is copied, and where to");
            return null;
        }
        if (flags.Bad)
        {
            return null;
        }
        var options = new CopyOptions
        {
            IsAdd = isAdd,
            From = flags.One("from"),
            Owner = flags.One("chown"),
            Mode = flags.One("chmod"),
            Link = flags.IsSet("link"),
            Parents = flags.IsSet("parents"),
            Exclude = flags.All("exclude"),
            Checksum = flags.One("checksum"),
            Unpack = flags.One("unpack") is null ? null : flags.IsSet("unpack"),
        };
        return new Instruction.Copy(options, words[..^1], words[^1]) { Line = line };
    }

    private CommandLine? ReadCommand(DockerfileLine line, string arguments)
    {
        if (InstructionText.JsonList(arguments, out bool mixed) is { } words)
        {
            return new CommandLine(words, IsShell: false);
        }
        if (mixed)
        {
            Problem(line, $"the list of {line.Keyword.ToUpperInvariant()} may hold strings only");
            return null;
        }
        return new CommandLine(arguments.Length == 0 ? [] : [arguments], IsShell: arguments.Length > 0);
    }

    private Instruction.Volume? ReadVolume(DockerfileLine line)
    {
        ImmutableArray<string> paths = InstructionText.JsonList(line.Arguments, out bool mixed) ?? [.. InstructionText.SplitBlanks(line.Arguments)];
        if (mixed || paths.Length == 0 || paths.Any(path => string.IsNullOrWhiteSpace(path)))
        {
            Problem(line, "VOLUME needs paths, and none of them empty");
            return null;
        }
        return new Instruction.Volume(paths) { Line = line };
    }

    private string? ReadOne(DockerfileLine line, string what)
    {
        if (InstructionText.QuotedWords(line.Arguments, _file.Escape).Count == 1)
        {
            return line.Arguments;
        }
        Problem(line, $"{line.Keyword.ToUpperInvariant()} needs exactly one argument: {what}");
        return null;
    }

    private Instruction.Shell? ReadShell(DockerfileLine line)
    {
        if (InstructionText.JsonList(line.Arguments, out _) is { Length: > 0 } words)
        {
            return new Instruction.Shell(words) { Line = line };
        }
        Problem(line, "SHELL needs a list in JSON: SHELL [\"program\", \"argument\"]");
        return null;
    }

    private Instruction.Healthcheck? ReadHealthcheck(DockerfileLine line)
    {
        Flags flags = ReadFlags(line, ["interval", "timeout", "start-period", "start-interval", "retries"], []);
        (string type, string? rest) = InstructionText.SplitFirst(line.Arguments);
        if (type.Equals("NONE", StringComparison.OrdinalIgnoreCase))
        {
            if (!string.IsNullOrEmpty(rest) || line.Flags.Length > 0)
            {
                Problem(line, "HEALTHCHECK NONE has no options and no arguments");
                return null;
            }
            return new Instruction.Healthcheck(null, new HealthcheckConfig()) { Line = line };
        }
        if (!type.Equals("CMD", StringComparison.OrdinalIgnoreCase))
        {
            Problem(line, $"HEALTHCHECK is followed by CMD or NONE, not by '{type}'");
            return null;
        }
        if (string.IsNullOrWhiteSpace(rest))
        {
            Problem(line, "HEALTHCHECK CMD needs a command");
            return null;
        }
        long? interval = Duration("interval");
        long? timeout = Duration("timeout");
        long? startPeriod = Duration("start-period");
        long? startInterval = Duration("start-interval");
        int? retries = null;
        if (flags.One("retries") is { } text)
        {
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                retries = number;
            }
            else
            {
                Problem(line, $"--retries is a number, and is '{text}'");
                return null;
            }
        }
        var check = new HealthcheckConfig
        {
            IntervalNs = interval,
            TimeoutNs = timeout,
            StartPeriodNs = startPeriod,
            StartIntervalNs = startInterval,
            Retries = retries,
        };
        return flags.Bad || ReadCommand(line, rest) is not { } command ? null : new Instruction.Healthcheck(command, check) { Line = line };

        long? Duration(string name)
        {
            if (flags.One(name) is not { } value)
            {
                return null;
            }
            if (GoDuration.TryParse(value, out long nanoseconds) && (nanoseconds == 0 || nanoseconds >= 1_000_000))
            {
                return nanoseconds;
            }
            Problem(line, $"--{name} is a duration of at least 1ms, such as 30s or 1m30s, and is '{value}'");
            flags.Bad = true;
            return null;
        }
    }

    private Instruction.OnBuild? ReadOnBuild(DockerfileLine line)
    {
        string text = line.Flags.Length > 0 ? line.Text[line.Keyword.Length..].Trim() : line.Arguments;
        (string keyword, ImmutableArray<string> flags, string arguments) = InstructionText.Split(text, _file.Escape);
        if (keyword.ToUpperInvariant() is "ONBUILD" or "FROM" or "MAINTAINER")
        {
            Problem(line, $"ONBUILD cannot be followed by {keyword.ToUpperInvariant()}");
            return null;
        }
        DockerfileLine inner = line with { Keyword = keyword, Flags = flags, Arguments = arguments, Text = text };
        if (ReadLine(inner) is null)
        {
            return null;
        }
        // A here-document goes along: the image that builds on this one has nothing else.
        string documents = string.Concat(line.Heredocs.Select(document => $"\n{document.Content}{document.Name}"));
        return new Instruction.OnBuild(text + documents) { Line = line };
    }

    private Flags ReadFlags(DockerfileLine line, string[] values, string[] switches)
    {
        var flags = new Flags();
        foreach (string flag in line.Flags)
        {
            int equals = flag.IndexOf('=');
            string name = equals < 0 ? flag[2..] : flag[2..equals];
            string? value = equals < 0 ? null : flag[(equals + 1)..];
            if (switches.Contains(name))
            {
                if (value is not (null or "true" or "false" or "1" or "0"))
                {
                    Bad($"--{name} is true or false, and is '{value}'");
                }
                value = value is null or "true" or "1" ? "true" : "false";
            }
            else if (!values.Contains(name))
            {
                Bad($"{line.Keyword.ToUpperInvariant()} has no option '--{name}'{Spelling.Hint(name, values.Concat(switches))}");
            }
            else if (string.IsNullOrEmpty(value))
            {
                Bad($"--{name} needs a value: --{name}=…");
            }
            else if (flags.Values.ContainsKey(name) && name is not ("mount" or "exclude" or "device"))
            {
                Bad($"--{name} is given twice");
            }
            if (!flags.Values.TryGetValue(name, out List<string>? all))
            {
                flags.Values[name] = all = [];
            }
            all.Add(value ?? "");
        }
        return flags;

        void Bad(string message)
        {
            Problem(line, message);
            flags.Bad = true;
        }
    }

    private void Problem(DockerfileLine line, string message) => _problems.Add(new(_file.At(line.FirstLine), message));

    private sealed class Flags
    {
        public Dictionary<string, List<string>> Values { get; } = [];

        public bool Bad { get; set; }

        public string? One(string name) => Values.TryGetValue(name, out List<string>? all) ? all[^1] : null;

        public ImmutableArray<string> All(string name) => Values.TryGetValue(name, out List<string>? all) ? [.. all] : [];

        public bool IsSet(string name) => One(name) == "true";
    }

    [GeneratedRegex("^[a-z][a-z0-9-_.]*$")]
    private static partial Regex StageName();
}

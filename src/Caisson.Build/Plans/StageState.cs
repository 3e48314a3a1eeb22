using System.Collections.Immutable;
using System.Globalization;

using Caisson.Build.Dockerfiles;
using Caisson.Build.Expansion;
using Caisson.Build.Instructions;
using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Build.Plans;

/// <summary>How the image would run at one point of a stage; turns instructions into steps. Touches nothing.</summary>
/// <remarks>Not for several threads.</remarks>
public sealed class StageState
{
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private readonly BuildPlan _plan;
    private readonly Dictionary<string, string> _arguments = [];
    private readonly ShellWords _words;
    private bool _ownCommand;

    /// <summary>Begins a stage.</summary>
    /// <param name="plan">The build.</param>
    /// <param name="below">How the image below runs.</param>
    /// <param name="author">Who made the image below.</param>
    /// <param name="fromScratch">There is no image below.</param>
    public StageState(BuildPlan plan, ExecutionConfig below, string? author, bool fromScratch)
    {
        _plan = plan;
        _words = new ShellWords { Escape = plan.File.Escape };
        Author = author;
        Config = fromScratch ? new ExecutionConfig { Env = [DefaultPath], WorkingDir = "/" } : below with { OnBuild = null };
    }

    /// <summary>How the image runs as it is now.</summary>
    public ExecutionConfig Config { get; private set; }

    /// <summary>Who made it.</summary>
    public string? Author { get; private set; }

    /// <summary>Puts labels over those that are there.</summary>
    public void SetLabels(IReadOnlyDictionary<string, string> labels) => SetLabels(labels.Select(label => (label.Key, label.Value)));

    /// <summary>The step that an instruction is at this point.</summary>
    /// <param name="instruction">Of this stage, or what an image below has waiting.</param>
    /// <param name="problems">Receives what is wrong, by <c>NAME:LINE</c>.</param>
    /// <returns>Null when something is wrong.</returns>
    public BuildStep? Apply(Instruction instruction, ICollection<Problem> problems)
    {
        int before = problems.Count;
        BuildStep step = Step(instruction, problems);
        return problems.Count == before ? step : null;
    }

    private BuildStep Step(Instruction instruction, ICollection<Problem> problems)
    {
        string keyword = instruction.Line.Keyword.ToUpperInvariant();
        string text = instruction.Line.Text[instruction.Line.Keyword.Length..].TrimStart();
        switch (instruction)
        {
            case Instruction.Arg arg:
                return Configure(keyword, string.Join(' ', arg.Variables.Select(variable => Declare(variable.Name, variable.Default))));
            case Instruction.Env env:
                (string Name, string Value)[] variables = [.. env.Variables.Select(pair => (Expand(pair.Name), Expand(pair.Value)))];
                Config = Config with { Env = variables.Aggregate(Config.Env ?? [], With) };
                return Configure(keyword, string.Join(' ', variables.Select(pair => $"{pair.Name}={pair.Value}")));
            case Instruction.Label label:
                (string Name, string Value)[] labels = [.. label.Labels.Select(pair => (Expand(pair.Name), Expand(pair.Value)))];
                SetLabels(labels);
                return Configure(keyword, string.Join(' ', labels.Select(pair => $"{pair.Name}={pair.Value}")));
            case Instruction.Maintainer maintainer:
                Author = maintainer.Name;
                return Configure(keyword, maintainer.Name);
            case Instruction.Cmd cmd:
                _ownCommand = true;
                Config = Config with { Cmd = Command(cmd.Command) };
                return Configure(keyword, Json(Config.Cmd));
            case Instruction.Entrypoint entrypoint:
                // Arguments of the image below were meant for its own entry point.
                Config = Config with { Entrypoint = Command(entrypoint.Command), Cmd = _ownCommand ? Config.Cmd : null };
                return Configure(keyword, Json(Config.Entrypoint));
            case Instruction.Expose expose:
                string[] ports = [.. Split(expose.Ports).SelectMany(Ports)];
                Config = Config with { ExposedPorts = [.. (Config.ExposedPorts ?? []).Union(ports)] };
                return Configure(keyword, text);
            case Instruction.Volume volume:
                string[] paths = [.. volume.Paths.Select(Expand)];
                Config = Config with { Volumes = [.. (Config.Volumes ?? []).Union(paths)] };
                return Configure(keyword, Json(paths));
            case Instruction.User user:
                Config = Config with { User = Expand(user.Name) };
                return Configure(keyword, Config.User!);
            case Instruction.StopSignal signal:
                Config = Config with { StopSignal = Expand(signal.Signal) };
                return Configure(keyword, Config.StopSignal!);
            case Instruction.Shell shell:
                Config = Config with { Shell = shell.Program };
                return Configure(keyword, Json(shell.Program));
            case Instruction.Healthcheck healthcheck:
                Config = Config with { Healthcheck = healthcheck.Check with { Test = Test(healthcheck.Command) } };
                return Configure(keyword, text);
            case Instruction.OnBuild onBuild:
                Config = Config with { OnBuild = [.. Config.OnBuild ?? [], onBuild.Text] };
                return Configure(keyword, onBuild.Text);
            case Instruction.Workdir workdir:
                string directory = StepPath.Join(Config.WorkingDir, Expand(workdir.Path));
                Config = Config with { WorkingDir = directory };
                return new BuildStep.MakeDirectory(directory) { Source = instruction, CreatedBy = $"WORKDIR {directory}" };
            case Instruction.Run run:
                return Run(run);
            default:
                return Copy((Instruction.Copy)instruction);
        }

        BuildStep.Configure Configure(string word, string rest) => new() { Source = instruction, CreatedBy = $"{word} {rest}" };

        string Expand(string word) => Checked(_words.Expand(word, Lookup, out string? fault), fault);

        IReadOnlyList<string> Split(string word) => Checked(_words.Split(word, Lookup, out string? fault), fault);

        T Checked<T>(T value, string? fault)
        {
            if (fault is not null)
            {
                Problem(fault);
            }
            return value;
        }

        void Problem(string message) => problems.Add(new(_plan.File.At(instruction.Line.FirstLine), message));

        string Declare(string name, string? text)
        {
            string? value = _plan.Options.Arguments.TryGetValue(name, out string? given) ? given
                : text is not null ? Expand(text)
                : _plan.Globals.GetValueOrDefault(name);
            if (value is null)
            {
                _arguments.Remove(name);
                return name;
            }
            _arguments[name] = value;
            return $"{name}={value}";
        }

        IEnumerable<string> Ports(string port)
        {
            string[] parts = port.Split('/');
            string protocol = parts.Length == 2 ? parts[1].ToLowerInvariant() : "tcp";
            string[] range = parts[0].Split('-');
            if (parts.Length > 2 || protocol is not ("tcp" or "udp" or "sctp") || range.Length > 2
                || !Port(range[0], out int first) || !Port(range[^1], out int last) || last < first)
            {
                Problem($"'{port}' is no port; write 80, 80/udp or 8000-8010/tcp");
                return [];
            }
            return Enumerable.Range(first, last - first + 1).Select(number => string.Create(CultureInfo.InvariantCulture, $"{number}/{protocol}"));
        }

        BuildStep.Run Run(Instruction.Run run)
        {
            (ImmutableArray<string> arguments, string? script) = RunArguments(run);
            if (arguments.Length == 0)
            {
                Problem("RUN needs a command");
            }
            var mounts = ImmutableArray.CreateBuilder<RunMount>();
            foreach (string mount in run.Options.Mounts)
            {
                if (RunMount.TryParse(Expand(mount), out string? fault) is { } parsed)
                {
                    mounts.Add(parsed);
                }
                else
                {
                    Problem(fault!);
                }
            }
            IEnumerable<KeyValuePair<string, string>> declared = _arguments
                .Where(argument => Variable(argument.Key) is null && !PlatformArguments.Proxies.Contains(argument.Key))
                .OrderBy(argument => argument.Key, StringComparer.Ordinal);
            return new BuildStep.Run
            {
                Source = run,
                CreatedBy = CreatedByRun(declared, arguments),
                Arguments = arguments,
                Environment = [.. declared.Select(argument => $"{argument.Key}={argument.Value}"), .. Config.Env ?? []],
                Unkeyed = [.. PlatformArguments.Proxies.Where(name => Variable(name) is null && _plan.Options.Arguments.ContainsKey(name)).Select(name => $"{name}={_plan.Options.Arguments[name]}")],
                Directory = Config.WorkingDir is { Length: > 0 } directory ? directory : "/",
                User = Config.User ?? "",
                Network = run.Options.Network,
                Mounts = mounts.ToImmutable(),
                Script = script,
            };
        }

        BuildStep.Copy Copy(Instruction.Copy copy)
        {
            List<string> sources = [];
            List<(string, string)> documents = [];
            ImmutableArray<Heredoc> heredocs = instruction.Line.Heredocs;
            foreach (string source in copy.Sources)
            {
                if (heredocs.Length > 0 && HeredocWords.Read(source) is { } announced && heredocs.FirstOrDefault(document => document.Name == announced.Name) is { } heredoc)
                {
                    documents.Add((heredoc.Name, heredoc.Expands ? Document(heredoc.Text) : heredoc.Text));
                }
                else
                {
                    sources.Add(Expand(source));
                }
            }
            string destination = Expand(copy.Destination);
            bool isDirectory = destination.EndsWith('/') || destination is "." or ".." || destination.EndsWith("/.", StringComparison.Ordinal) || destination.EndsWith("/..", StringComparison.Ordinal);
            if (sources.Count + documents.Count > 1 && !isDirectory)
            {
                Problem($"with more than one source the destination must be a directory and end with '/', and is '{destination}'");
            }
            string absolute = StepPath.Join(Config.WorkingDir, destination);
            string all = string.Join(' ', [.. copy.Sources, copy.Destination]);
            return new BuildStep.Copy
            {
                Source = copy,
                CreatedBy = $"{keyword} {string.Concat(instruction.Line.Flags.Select(flag => flag + " "))}{all}",
                Options = copy.Options with
                {
                    Owner = copy.Options.Owner is null ? null : Expand(copy.Options.Owner),
                    Mode = copy.Options.Mode is null ? null : Expand(copy.Options.Mode),
                    Checksum = copy.Options.Checksum is null ? null : Expand(copy.Options.Checksum),
                    Exclude = [.. copy.Options.Exclude.Select(Expand)],
                },
                Sources = [.. sources],
                Documents = [.. documents],
                Destination = isDirectory && absolute != "/" ? absolute + "/" : absolute,
            };
        }

        string Document(string content) =>
            Checked(new ShellWords { IgnoresQuotes = true }.Expand(content, Lookup, out string? fault), fault);
    }

    private string? Lookup(string name) => Variable(name) ?? _arguments.GetValueOrDefault(name);

    private string? Variable(string name) =>
        Config.Env?.LastOrDefault(entry => entry.Length > name.Length && entry[name.Length] == '=' && entry.StartsWith(name, StringComparison.Ordinal))?[(name.Length + 1)..];

    private static IReadOnlyList<string> With(IReadOnlyList<string> environment, (string Name, string Value) variable)
    {
        string entry = $"{variable.Name}={variable.Value}";
        string[] all = [.. environment];
        int at = Array.FindIndex(all, old => old.StartsWith(variable.Name + "=", StringComparison.Ordinal));
        if (at < 0)
        {
            return [.. all, entry];
        }
        all[at] = entry;
        return all;
    }

    private void SetLabels(IEnumerable<(string Name, string Value)> labels)
    {
        var all = new Dictionary<string, string>(Config.Labels ?? ImmutableDictionary<string, string>.Empty);
        foreach ((string name, string value) in labels)
        {
            all[name] = value;
        }
        Config = Config with { Labels = all.Count > 0 ? all : Config.Labels };
    }

    private IReadOnlyList<string> Program => Config.Shell is { Count: > 0 } shell ? shell : ["/bin/sh", "-c"];

    private ImmutableArray<string> Command(CommandLine command) => command.IsShell ? [.. Program, command.Words[0]] : command.Words;

    private static IReadOnlyList<string> Test(CommandLine? command) => command is null ? ["NONE"]
        : command.IsShell ? ["CMD-SHELL", command.Words[0]]
        : ["CMD", .. command.Words];

    /// <summary>A command that is nothing but a here-document is a script; else the shell gets the here-documents with the command.</summary>
    private (ImmutableArray<string> Arguments, string? Script) RunArguments(Instruction.Run run)
    {
        ImmutableArray<Heredoc> documents = run.Line.Heredocs;
        if (!run.Command.IsShell)
        {
            return (run.Command.Words, null);
        }
        string command = run.Command.Words[0];
        if (documents.Length == 0)
        {
            return ([.. Program, command], null);
        }
        if (documents.Length == 1 && HeredocWords.Read(command) is not null)
        {
            string text = documents[0].Text;
            return text.StartsWith("#!", StringComparison.Ordinal)
                ? ([BuildStep.Run.ScriptPath], text)
                : ([.. Program, text], null);
        }
        string whole = command + string.Concat(documents.Select(document => $"\n{document.Content}{document.Name}"));
        return ([.. Program, whole], null);
    }

    private static string CreatedByRun(IEnumerable<KeyValuePair<string, string>> arguments, ImmutableArray<string> command)
    {
        string[] names = [.. arguments.Select(argument => $"{argument.Key}={argument.Value}")];
        string prefix = names.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"|{names.Length} {string.Join(' ', names)} ");
        return $"RUN {prefix}{string.Join(' ', command)}";
    }

    private static bool Port(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65_535;

    private static string Json(IReadOnlyList<string>? words) =>
        $"[{string.Join(' ', (words ?? []).Select(word => $"\"{word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\""))}]";
}

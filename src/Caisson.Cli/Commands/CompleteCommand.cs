using Caisson.Cli.CommandLine;
using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson __complete -- WORD…</c>: what the last word may become.</summary>
internal sealed class CompleteCommand : Command
{
    private static readonly Dictionary<string, string[]> Values = new(StringComparer.Ordinal)
    {
        ["profile"] = ["default", "compat-docker", "restricted", "sealed", "system", "build", "privileged"],
        ["network"] = ["bridge", "none", "host"],
        ["pull"] = ["always", "missing", "never"],
        ["restart"] = ["no", "always", "unless-stopped", "on-failure"],
        ["type"] = ["container", "image", "network", "volume"],
    };

    public override string Usage => "-- WORD...";

    public override IReadOnlyList<string> Examples => ["__complete -- ru", "__complete -- run --pro"];

    public override (int Min, int Max) ArgumentCount => (0, -1);

    public override int Run(Session session)
    {
        string last = Arguments.Count == 0 ? "" : Arguments[^1];
        string[] before = [.. Arguments.SkipLast(1)];
        foreach (string candidate in Candidates(session, before, last).Distinct())
        {
            if (candidate.StartsWith(last, StringComparison.Ordinal) && !candidate.StartsWith("__", StringComparison.Ordinal))
            {
                session.Out.WriteLine(candidate);
            }
        }
        return 0;
    }

    private static IEnumerable<string> Candidates(Session session, string[] before, string last)
    {
        if (before.Length == 0 || (before.Length == 1 && CommandTable.Words.Contains(before[0])) || CommandTable.Pairs.Contains(string.Join(' ', before)))
        {
            string prefix = before.Length == 0 ? "" : string.Join(' ', before) + " ";
            return CommandTable.Entries.SelectMany(entry => entry.Paths)
                .Where(path => path.StartsWith(prefix, StringComparison.Ordinal))
                .Select(path => path[prefix.Length..].Split(' ')[0]);
        }
        if (CommandTable.Find(before, out _, out int length) is not { } entry)
        {
            return [];
        }
        var command = entry.Create();
        string[] words = before[length..];
        if (words.Length > 0 && ValueOf(command, words[^1]) is { } option)
        {
            return Values.GetValueOrDefault(option.Name, []);
        }
        bool pastFirst = command.StopsAtFirstArgument && HasArgument(command, words);
        return pastFirst ? []
            : last.StartsWith('-') ? command.Options.Select(known => "--" + known.Name)
            : Names(session, command.Completes);
    }

    private static Option? ValueOf(Command command, string word)
    {
        var option = command.Options.FirstOrDefault(option =>
            word == "--" + option.Name || (option.Letter != '\0' && word.Length > 1 && word[0] == '-' && word[1] != '-' && word[^1] == option.Letter));
        return option is { IsSwitch: false } ? option : null;
    }

    private static bool HasArgument(Command command, string[] words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            if (!words[i].StartsWith('-'))
            {
                return true;
            }
            i += ValueOf(command, words[i]) is null ? 0 : 1;
        }
        return false;
    }

    private static IEnumerable<string> Names(Session session, CompletionKind kind)
    {
        if (kind == CompletionKind.None)
        {
            return [];
        }
        if (kind == CompletionKind.Services)
        {
            return Services(session);
        }
        using var engine = new EngineClient(session.Address().Endpoint);
        try
        {
            return kind == CompletionKind.Images
                ? [.. engine.ListImages().SelectMany(image => image.RepoTags)]
                : kind == CompletionKind.Networks
                ? [.. engine.ListNetworks().Select(network => network.Name)]
                : kind == CompletionKind.Machines
                ? [.. engine.ListMachines().Select(machine => machine.Name)]
                : kind == CompletionKind.Volumes
                ? [.. engine.ListVolumes().Select(volume => volume.Name)]
                : [.. engine.ListContainers(kind == CompletionKind.Containers).SelectMany(container => container.Names).Select(name => name.TrimStart('/'))];
        }
        catch (CaissonException)
        {
            // A shell that asks while no engine runs gets no names.
            return [];
        }
    }

    private static IEnumerable<string> Services(Session session)
    {
        try
        {
            return Composing.ComposeCommand.Load(session).Services.Keys;
        }
        catch (CaissonException)
        {
            // No project here, or one that cannot be read: a shell is no place to say so.
            return [];
        }
    }
}

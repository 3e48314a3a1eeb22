using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Composing;

/// <summary>The options that stand between <c>compose</c> and its command: which project is meant.</summary>
internal sealed class ComposeOptions
{
    public const string Help = """
        Options before the command:
              --all-resources              Include all resources, even those not used by services
              --ansi string                When to print colours and move the cursor: never, always or auto
              --compatibility              Taken for compatibility, without effect
              --dry-run                    Print the plan and do nothing
              --env-file stringArray       Specify an alternate environment file
          -f, --file stringArray           Compose configuration files
              --parallel int               Most steps at once, -1 for no limit
              --profile stringArray        Specify a profile to enable
              --progress string            How progress is shown: auto, tty, plain or quiet
              --project-directory string   Specify an alternate working directory
          -p, --project-name string        Project name
        """;

    private static readonly string[] Switches = ["--dry-run", "--compatibility", "--all-resources", "--verbose", "--no-ansi"];

    public List<string> Files { get; } = [];

    public List<string> Profiles { get; } = [];

    public List<string> EnvironmentFiles { get; } = [];

    public string ProjectName { get; private set; } = "";

    public string ProjectDirectory { get; private set; } = "";

    public string Ansi { get; private set; } = "auto";

    public string Progress { get; private set; } = "auto";

    /// <summary>0: nobody said.</summary>
    public int Parallel { get; private set; }

    public bool DryRun { get; set; }

    /// <summary>Takes the options after a leading <c>compose</c> away.</summary>
    /// <exception cref="UsageException">One is unknown or lacks its value.</exception>
    public ReadOnlySpan<string> Take(ReadOnlySpan<string> words)
    {
        if (words.IsEmpty || words[0] != "compose")
        {
            return words;
        }
        int i = 1;
        while (i < words.Length && words[i].Length > 1 && words[i][0] == '-' && words[i] is not ("--help" or "-h"))
        {
            string word = words[i++];
            if (word is "--version" or "-v")
            {
                return (string[])["compose", "version"];
            }
            if (Switches.Contains(word))
            {
                DryRun |= word == "--dry-run";
                Ansi = word == "--no-ansi" ? "never" : Ansi;
                continue;
            }
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string name = equals > 0 ? word[..equals] : word.StartsWith("--", StringComparison.Ordinal) ? word : word[..2];
            string value = equals > 0 ? word[(equals + 1)..]
                : name.Length == 2 && word.Length > 2 ? word[2..]
                : i < words.Length ? words[i++]
                : throw new UsageException($"flag needs an argument: {word}");
            Set(name, value);
        }
        return (string[])["compose", .. words[i..]];
    }

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "-f" or "--file":
                Files.Add(value);
                break;
            case "-p" or "--project-name":
                ProjectName = value;
                break;
            case "--profile":
                Profiles.Add(value);
                break;
            case "--env-file":
                EnvironmentFiles.Add(value);
                break;
            case "--project-directory" or "--workdir":
                ProjectDirectory = value;
                break;
            case "--ansi" when value is "never" or "always" or "auto":
                Ansi = value;
                break;
            case "--progress" when value is "auto" or "tty" or "plain" or "quiet" or "json":
                Progress = value;
                break;
            case "--parallel":
                Parallel = OptionValue(value);
                break;
            case "--dry-run":
                DryRun = value == "true";
                break;
            case "--ansi" or "--progress":
                throw new UsageException($"invalid argument \"{value}\" for \"{name}\" flag");
            default:
                throw new UsageException($"unknown flag: {name}{Errors.Spelling.Hint(name, ["--file", "--project-name", "--profile", "--env-file", "--project-directory", "--ansi", "--progress", "--parallel", "--dry-run"])}");
        }
    }

    private static int OptionValue(string text)
    {
        try
        {
            int number = OptionNumbers.SmallInteger(text);
            return number <= 0 ? int.MaxValue : number;
        }
        catch (FormatException e)
        {
            throw new UsageException($"invalid argument \"{text}\" for \"--parallel\" flag: {e.Message}");
        }
    }
}

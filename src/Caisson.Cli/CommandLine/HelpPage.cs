namespace Caisson.Cli.CommandLine;

/// <summary>Help that teaches: usage, sentence, aliases, options under headings, examples.</summary>
internal static class HelpPage
{
    private const int WidthDefault = 80;

    /// <summary>The page of one command.</summary>
    public static void Write(TextWriter output, CommandEntry entry, Command command, int? width)
    {
        string path = entry.Path;
        foreach (string usage in command.Usage.Split('\n'))
        {
            output.WriteLine(usage == command.Usage.Split('\n')[0]
                ? $"Usage:  caisson {path} {usage}".TrimEnd()
                : $"        caisson {path} {usage}".TrimEnd());
        }
        output.WriteLine();
        output.WriteLine(entry.Summary);
        if (command.Details.Length > 0)
        {
            output.WriteLine();
            output.WriteLine(command.Details.TrimEnd());
        }
        if (entry.Paths.Count > 1)
        {
            output.WriteLine();
            output.WriteLine("Aliases:");
            output.WriteLine("  " + string.Join(", ", entry.Paths.Select(alias => "caisson " + alias)));
        }
        WriteOptions(output, command.Options, width ?? WidthDefault);
        if (command.Examples.Count > 0)
        {
            output.WriteLine();
            output.WriteLine("Examples:");
            foreach (string example in command.Examples)
            {
                output.WriteLine("  caisson " + example);
            }
        }
    }

    /// <summary>The page of <c>caisson</c> itself.</summary>
    public static void WriteOverview(TextWriter output)
    {
        output.WriteLine("""
            Usage:  caisson [OPTIONS] COMMAND

            Containers behind namespaces, an id map, capabilities and seccomp filters of their own

            Try first:
              caisson demo                                      See what isolates a container, and how long it takes
              caisson image bootstrap busybox                   Make a small image from this host, without a registry
              caisson run --rm -it --network none busybox sh    Work in a container
            """);
        foreach (string group in CommandTable.Groups)
        {
            output.WriteLine();
            output.WriteLine(group + ":");
            foreach (var entry in CommandTable.Entries.Where(entry => entry.Group == group))
            {
                output.WriteLine($"  {entry.Path,-23} {entry.Summary}");
            }
        }
        output.WriteLine("""

            Global options:
              -H, --host string   Where the engine listens, as unix:///path or tcp://host:port (default "$CAISSON_RUN/docker.sock")
                  --tlsverify     Speak TLS with an engine at tcp:// and make it prove who it is
                  --tls           Speak TLS, whoever it is
                  --tlscacert, --tlscert, --tlskey string
                                  Certificates and key (default "ca.pem", "cert.pem", "key.pem" in $DOCKER_CERT_PATH or ~/.docker)
              -D, --debug         Say more when something goes wrong
                  --help          Print this page, or a command's with 'caisson COMMAND --help'
              -v, --version       Print the version

            The engine is started when it does not run. Environment: CAISSON_HOST, CAISSON_RUN, CAISSON_ROOT, and Docker's
            DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH.
            """);
    }

    /// <summary>The commands below a word such as <c>image</c>.</summary>
    public static void WriteGroup(TextWriter output, string word)
    {
        output.WriteLine($"Usage:  caisson {word}{(word == "compose" ? " [OPTIONS]" : "")} COMMAND");
        output.WriteLine();
        output.WriteLine("Commands:");
        (string Name, string Summary)[] below =
        [
            .. CommandTable.Entries
                .Select(entry => (Path: entry.Paths.FirstOrDefault(path => path.StartsWith(word + " ", StringComparison.Ordinal)), entry.Summary))
                .Where(entry => entry.Path is not null)
                .Select(entry => (entry.Path![(word.Length + 1)..], entry.Summary)),
        ];
        int width = Math.Max(12, below.Max(entry => entry.Name.Length));
        foreach (var (name, summary) in below)
        {
            output.WriteLine($"  {name.PadRight(width)} {summary}");
        }
        if (word == "compose")
        {
            output.WriteLine();
            output.WriteLine(Composing.ComposeOptions.Help);
        }
        output.WriteLine();
        output.WriteLine($"Run 'caisson {word} COMMAND --help' for more on a command.");
    }

    private static void WriteOptions(TextWriter output, IReadOnlyList<Option> options, int width)
    {
        int column = options.Count == 0 ? 0 : options.Max(option => Left(option).Length) + 3;
        foreach (var group in options.GroupBy(option => option.Group))
        {
            output.WriteLine();
            output.WriteLine(group.Key.Length == 0 ? "Options:" : group.Key + ":");
            foreach (var option in group.OrderBy(option => option.Name, StringComparer.Ordinal))
            {
                string left = Left(option).PadRight(column);
                foreach (string line in Wrap(option.Help, Math.Max(width - column, 30)))
                {
                    output.WriteLine(left + line);
                    left = new string(' ', column);
                }
            }
        }
    }

    private static string Left(Option option)
    {
        string letter = option.Letter == '\0' ? "    " : $"-{option.Letter}, ";
        return $"  {letter}--{option.Name}{(option.Kind.Length > 0 ? " " + option.Kind : "")}";
    }

    private static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = word;
            }
            else
            {
                line = line.Length == 0 ? word : line + " " + word;
            }
        }
        yield return line;
    }
}

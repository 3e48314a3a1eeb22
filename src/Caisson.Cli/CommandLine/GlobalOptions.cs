namespace Caisson.Cli.CommandLine;

/// <summary>The few options that stand before the command.</summary>
internal static class GlobalOptions
{
    public enum Answer
    {
        None,
        Help,
        Version,
    }

    /// <summary>Takes the options off the front of <paramref name="words"/> and returns how many words they were.</summary>
    /// <exception cref="UsageException">An option is unknown or lacks its value.</exception>
    public static int Parse(Session session, ReadOnlySpan<string> words, out Answer answer)
    {
        answer = Answer.None;
        int i = 0;
        while (i < words.Length && words[i].Length > 1 && words[i][0] == '-')
        {
            string word = words[i++];
            switch (word)
            {
                case "-v" or "--version":
                    answer = Answer.Version;
                    break;
                case "-h" or "--help":
                    answer = Answer.Help;
                    break;
                case "-D" or "--debug":
                    session.Debug = true;
                    break;
                case "-H" or "--host":
                    session.Host = i < words.Length ? words[i++] : throw new UsageException($"flag needs an argument: {word}");
                    break;
                case "--tls" or "--tlsverify":
                    session.Tls.Use = true;
                    session.Tls.Verify |= word == "--tlsverify";
                    break;
                case "--tlscacert" or "--tlscert" or "--tlskey":
                    session.Tls.Name(word, i < words.Length ? words[i++] : throw new UsageException($"flag needs an argument: {word}"));
                    break;
                case ['-', '-', 't', 'l', 's', ..] when word.IndexOf('=') is > 0 and var equals && TlsChoice.Names(word[..equals]):
                    session.Tls.Name(word[..equals], word[(equals + 1)..]);
                    break;
                default:
                    session.Host = word.StartsWith("--host=", StringComparison.Ordinal) ? word["--host=".Length..]
                        : word.StartsWith("-H", StringComparison.Ordinal) ? word[2..].TrimStart('=')
                        : throw new UsageException($"unknown flag: {word}");
                    break;
            }
        }
        return i;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Terminals;

namespace Caisson.Cli;

/// <summary>The program <c>caisson</c>.</summary>
public static class CaissonCommandLine
{
    /// <summary>The version both binaries of a release carry.</summary>
    public static string Version => typeof(CaissonCommandLine).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    // 128 + SIGPIPE: what a shell reports of a program whose reader went away.
    private const int BrokenPipeExitCode = 141;

    /// <summary>Runs the command line <paramref name="arguments"/> on the standard streams and returns the exit code.</summary>
    public static int Run(string[] arguments)
    {
        using var session = new Session(
            new StandardStream(StandardDescriptor.Input),
            new StandardStream(StandardDescriptor.Output),
            new StandardStream(StandardDescriptor.Error),
            Environment.GetEnvironmentVariable);
        return Run(session, arguments);
    }

    internal static int Run(Session session, ReadOnlySpan<string> words)
    {
        try
        {
            int exitCode = Dispatch(session, words);
            session.Flush();
            return exitCode;
        }
        catch (LinuxException e) when (e.Errno == Errno.EPIPE)
        {
            return BrokenPipeExitCode;
        }
    }

    private static int Dispatch(Session session, ReadOnlySpan<string> words)
    {
        string path = "";
        Command? command = null;
        try
        {
            words = words[GlobalOptions.Parse(session, words, out var answer)..];
            if (answer == GlobalOptions.Answer.Version)
            {
                session.Out.WriteLine($"Caisson version {Version}");
                return 0;
            }
            if (words.IsEmpty || answer == GlobalOptions.Answer.Help)
            {
                HelpPage.WriteOverview(session.Out);
                return 0;
            }
            words = session.Compose.Take(words);
            ReadOnlySpan<string> bare = words[^1] is "--help" or "-h" ? words[..^1] : words;
            if (CommandTable.IsGroup(string.Join(' ', bare)))
            {
                HelpPage.WriteGroup(session.Out, string.Join(' ', bare));
                return 0;
            }
            var entry = CommandTable.Find(words, out path, out int length) ?? throw UnknownCommand(ref path);
            command = entry.Create();
            if (!ArgumentParser.Parse(command, path, words[length..]))
            {
                HelpPage.Write(session.Out, entry, command, session.Width);
                return 0;
            }
            return command.Run(session);
        }
        catch (UsageException e)
        {
            return ReportUsage(session, e, path, command);
        }
        catch (Exception e) when (e is CaissonException or IOException or UnauthorizedAccessException && !IsBrokenPipe(e))
        {
            return ReportFailure(session, e, path, command);
        }
    }

    private static bool IsBrokenPipe(Exception e) => e is LinuxException { Errno: Errno.EPIPE };

    private static UsageException UnknownCommand(ref string path)
    {
        string unknown = path;
        string? nearest = Spelling.Nearest(unknown, CommandTable.Entries.SelectMany(entry => entry.Paths).Concat(CommandTable.Words));
        path = unknown.Split(' ') is [var word, _] && CommandTable.Words.Contains(word) ? word : "";
        return new($"unknown command: caisson {unknown}" + (nearest is null ? "" : $"; did you mean 'caisson {nearest}'?"), exitCode: 1);
    }

    private static int ReportUsage(Session session, UsageException e, string path, Command? command)
    {
        session.Flush();
        session.Error.WriteLine($"caisson: {e.Message}");
        session.Error.WriteLine();
        if (command is not null)
        {
            session.Error.WriteLine($"Usage:  caisson {path} {command.Usage.Split('\n')[0]}".TrimEnd());
            session.Error.WriteLine();
        }
        session.Error.WriteLine($"Run 'caisson {(path.Length > 0 ? path + " " : "")}--help' for more information");
        return e.ExitCode;
    }

    private static int ReportFailure(Session session, Exception e, string path, Command? command)
    {
        session.Flush();
        session.Error.WriteLine($"caisson: {DisplayText.Printable(e.Message)}");
        if (NextStep.For(e, path) is { } next)
        {
            session.Error.WriteLine();
            session.Error.WriteLine(next);
        }
        if (session.Debug)
        {
            session.Error.WriteLine(e.ToString());
        }
        return command?.FailureExitCode ?? 1;
    }
}

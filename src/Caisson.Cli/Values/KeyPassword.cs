using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Values;

/// <summary>The password of a private key: never an argument, which every process can read.</summary>
internal static class KeyPassword
{
    private const string Variable = "CAISSON_KEY_PASSWORD";

    /// <summary>The option that names a file.</summary>
    public static ValueOption<string> Option(Func<string, string, char, string, string, ValueOption<string>> text) =>
        text("password-file", $"File whose first line is the password of the private key (default: the variable {Variable})", '\0', "file", "");

    /// <summary>The password; null when none is given.</summary>
    public static string? Read(Session session, string file)
    {
        if (file.Length == 0)
        {
            return session.Variable(Variable);
        }
        try
        {
            return File.ReadLines(file).FirstOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"read the password {file}: {e.Message}", exitCode: 1);
        }
    }
}

using Caisson.Errors;

namespace Caisson.Linux.Processes;

/// <summary>Where packages of a Debian release come from, and the names that go to its programs. Source: sources.list(5), mmdebstrap(1).</summary>
public static class DebianSources
{
    private const string List = "/etc/apt/sources.list";
    private const string Parts = "/etc/apt/sources.list.d";

    /// <summary>What mmdebstrap is given: a mirror that the user chose, else this machine's own sources where it runs the same release, since they are known to be reachable; else nothing, which is Debian's.</summary>
    public static IReadOnlyList<string> For(string suite, string? mirror)
    {
        if (mirror is not null)
        {
            return [mirror];
        }
        if (!File.Exists("/etc/os-release") || !File.ReadLines("/etc/os-release").Contains($"VERSION_CODENAME={suite}"))
        {
            return [];
        }
        IEnumerable<string> parts = Directory.Exists(Parts)
            ? Directory.GetFiles(Parts).Where(path => path.EndsWith(".list", StringComparison.Ordinal) || path.EndsWith(".sources", StringComparison.Ordinal))
            : [];
        return [.. parts.Prepend(List).Where(path => File.Exists(path) && NamesSuite(path, suite)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Refuses what is not the name of a release or a package.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it should name, for the message.</param>
    public static void CheckName(string name, string what)
    {
        if (name.Length == 0 || !char.IsAsciiLetterOrDigit(name[0])
            || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '+' or '-' or '.' or ':'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{name}' is not the name of a Debian {what}");
        }
    }

    private static bool NamesSuite(string path, string suite) =>
        File.ReadLines(path).Any(line => !line.TrimStart().StartsWith('#')
            && line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries).Any(word => word == suite));
}

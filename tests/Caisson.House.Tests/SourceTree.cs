using System.Text.RegularExpressions;

namespace Caisson.House.Tests;

/// <summary>The tree this suite was built from, as texts by path below its root.</summary>
internal static partial class SourceTree
{
    private static readonly string[] TopFiles = ["*.md", "*.props", "*.slnx", "*.proj", "global.json", "caisson", "test"];

    private static readonly EnumerationOptions Everything = new() { RecurseSubdirectories = true, AttributesToSkip = 0 };

    /// <summary>The directory of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>What a person wrote: sources, pages, scripts, golden files.</summary>
    public static IReadOnlyDictionary<string, string> Texts { get; } = ReadTexts();

    /// <summary>The C# of the product.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Product => CSharp("src/");

    /// <summary>The pages for people.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Pages => Texts.Where(text => text.Key.EndsWith(".md", StringComparison.Ordinal));

    /// <summary>The C# below <paramref name="directory"/>.</summary>
    public static IEnumerable<KeyValuePair<string, string>> CSharp(string directory) =>
        Texts.Where(text => text.Key.StartsWith(directory, StringComparison.Ordinal) && text.Key.EndsWith(".cs", StringComparison.Ordinal));

    /// <summary>The code without comments, so that a word in prose is no finding. Strings stay.</summary>
    public static string WithoutComments(string code) => Comment().Replace(code, "");

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Caisson.slnx")))
            {
                return directory.FullName;
            }
        }
        throw new InvalidOperationException($"no Caisson.slnx above {AppContext.BaseDirectory}");
    }

    private static Dictionary<string, string> ReadTexts()
    {
        IEnumerable<string> files = TopFiles.SelectMany(pattern => Directory.EnumerateFiles(Root, pattern));
        foreach (string directory in new[] { "src", "tests", "docs", "bench", ".ci" }.Select(name => Path.Combine(Root, name)).Where(Directory.Exists))
        {
            files = files.Concat(Directory.EnumerateFiles(directory, "*", Everything));
        }
        return files
            .Where(file => !BuildOutput().IsMatch(file))
            .ToDictionary(file => Path.GetRelativePath(Root, file), File.ReadAllText);
    }

    [GeneratedRegex(@"(?m)^\s*//.*$|(?<=[;{})\]\s])//\s.*$")]
    private static partial Regex Comment();

    [GeneratedRegex("/(obj|bin|artifacts)/")]
    private static partial Regex BuildOutput();
}

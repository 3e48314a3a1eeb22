using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Caisson.House.Tests;

/// <summary>The projects as their files have them, and as the table of ARCHITECTURE.md has them.</summary>
internal static partial class Projects
{
    /// <summary>Product projects by name, with the projects they name as references.</summary>
    public static Dictionary<string, string[]> Built() => SourceTree.Texts
        .Where(text => text.Key.StartsWith("src/", StringComparison.Ordinal) && text.Key.EndsWith(".csproj", StringComparison.Ordinal))
        .ToDictionary(text => Path.GetFileNameWithoutExtension(text.Key), text => References(text.Value));

    /// <summary>Rows of the table "project | what it is | may use".</summary>
    public static Dictionary<string, string[]> Described() => TableRow()
        .Matches(SourceTree.Texts["ARCHITECTURE.md"])
        .ToDictionary(
            row => row.Groups["name"].Value,
            row => row.Groups["uses"].Value
                .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(name => $"Caisson.{name}")
                .Order(StringComparer.Ordinal)
                .ToArray());

    private static string[] References(string project) => XDocument.Parse(project)
        .Descendants("ProjectReference")
        .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value))
        .Order(StringComparer.Ordinal)
        .ToArray();

    [GeneratedRegex(@"(?m)^\| `(?<name>[A-Za-z.-]+)` \| [^|]+ \|(?<uses>[^|]*)\|$")]
    private static partial Regex TableRow();
}

using System.Text.RegularExpressions;

using Caisson.Scan.Packages;

namespace Caisson.Scan.Data;

/// <summary>A package index of a Debian archive: what its suite offers.</summary>
/// <param name="Path">The file.</param>
/// <param name="Suite">As <c>apt</c> names it: <c>bookworm-security</c>, <c>stable-updates</c>; empty when nothing says it.</param>
/// <param name="Codename">Of the release it belongs to: <c>bookworm</c>; empty when nothing says it.</param>
/// <param name="IsSecurity">True for the archive of security updates.</param>
/// <param name="Priority">How apt would rank it: 500, or 100 or 1 for suites that are not automatic.</param>
/// <param name="Date">When the archive was made; null when nothing says it.</param>
/// <remarks>Source: Debian repository format; apt_preferences(5).</remarks>
internal sealed partial record DebianIndex(string Path, string Suite, string Codename, bool IsSecurity, int Priority, DateTimeOffset? Date)
{
    /// <summary>A version that the index has.</summary>
    public readonly record struct Offer(string Name, string Version, string Architecture, string Source, string SourceVersion);

    /// <summary>True for files of this name.</summary>
    public static bool Knows(string name) => FileName().IsMatch(name);

    /// <summary>Finds out what the index at <paramref name="path"/> is about, by the release file that belongs to it.</summary>
    public static DebianIndex Describe(string path)
    {
        string directory = System.IO.Path.GetDirectoryName(path)!;
        string name = System.IO.Path.GetFileName(path);
        Match list = ListName().Match(name);
        string prefix = list.Success ? list.Groups["prefix"].Value : "";
        string[] places = list.Success
            ? [$"{directory}/{prefix}_InRelease", $"{directory}/{prefix}_Release"]
            : [.. ((string[])[directory, System.IO.Path.Join(directory, "../..")]).SelectMany(place => (string[])[$"{place}/InRelease", $"{place}/Release"])];
        Dictionary<string, string> release = places.Where(File.Exists).Select(ReadRelease).FirstOrDefault() ?? [];
        string suite = release.GetValueOrDefault("Codename") ?? SuiteOf(list.Success ? prefix : path) ?? "";
        string word = $"{suite} {release.GetValueOrDefault("Suite")} {release.GetValueOrDefault("Label")}";
        bool automatic = release.GetValueOrDefault("NotAutomatic") is not "yes";
        return new DebianIndex(
            path,
            release.GetValueOrDefault("Suite") ?? suite,
            suite.Split('-', '/')[0],
            word.Contains("security", StringComparison.OrdinalIgnoreCase) || suite.EndsWith("/updates", StringComparison.Ordinal),
            automatic ? 500 : release.GetValueOrDefault("ButAutomaticUpgrades") is "yes" ? 100 : 1,
            DateTimeOffset.TryParse(release.GetValueOrDefault("Date"), System.Globalization.CultureInfo.InvariantCulture, out DateTimeOffset date) ? date : null);
    }

    /// <summary>True when it is of the release that the image is of, as far as both say.</summary>
    public bool IsFor(SystemRelease? system) =>
        system is { Id: "debian" or "ubuntu" } && (Codename.Length == 0 || system.Codename.Length == 0 || Codename == system.Codename);

    /// <summary>The versions of packages in <paramref name="names"/>.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public IEnumerable<Offer> Read(IReadOnlySet<string> names)
    {
        using TextReader text = DataFile.OpenText(Path);
        foreach (var stanza in ControlFile.Read(text, "Package", "Version", "Architecture", "Source"))
        {
            if (stanza.TryGetValue("Package", out string? name) && names.Contains(name) && stanza.TryGetValue("Version", out string? version))
            {
                var (source, sourceVersion) = ControlFile.Source(stanza, name, version);
                yield return new Offer(name, version, stanza.GetValueOrDefault("Architecture", "all"), source, sourceVersion);
            }
        }
    }

    /// <summary>The release file may be signed in the clear: then its fields are in the second stanza.</summary>
    private static Dictionary<string, string> ReadRelease(string path)
    {
        using TextReader text = DataFile.OpenText(path);
        foreach (var stanza in ControlFile.Read(text, "Suite", "Codename", "Label", "Date", "NotAutomatic", "ButAutomaticUpgrades"))
        {
            return new Dictionary<string, string>(stanza, stanza.Comparer);
        }
        return [];
    }

    private static string? SuiteOf(string text) => SuiteInName().Match(text) is { Success: true } found ? found.Groups["suite"].Value : null;

    [GeneratedRegex(@"^(.*_)?Packages(\.(gz|lz4|zst|xz|bz2))?$")]
    private static partial Regex FileName();

    [GeneratedRegex(@"^(?<prefix>.+)_(?<component>[^_]+)_binary-(?<architecture>[^_]+)_Packages(\..*)?$")]
    private static partial Regex ListName();

    [GeneratedRegex(@"[_/]dists[_/](?<suite>[^_/]+)")]
    private static partial Regex SuiteInName();
}

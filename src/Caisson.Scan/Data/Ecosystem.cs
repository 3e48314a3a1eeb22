using Caisson.Scan.Versions;

namespace Caisson.Scan.Data;

/// <summary>Which advisories are about which packages, and how versions are ordered there.</summary>
/// <remarks>Source: osv-schema, "Defined ecosystems".</remarks>
internal static class Ecosystem
{
    /// <summary>The order of versions of packages of a package-url type.</summary>
    public static Comparison<string> OrderOf(string type) => type switch
    {
        "deb" => DpkgVersion.Compare,
        "apk" => ApkVersion.Compare,
        "rpm" => RpmVersion.Compare,
        "pypi" => PythonVersion.Compare,
        "gem" => GemVersion.Compare,
        "maven" => MavenVersion.Compare,
        "nuget" => (a, b) => SemanticVersion.Compare(a.ToLowerInvariant(), b.ToLowerInvariant()),
        _ => SemanticVersion.Compare,
    };

    /// <summary>True when an advisory's ecosystem, <c>Debian:12</c>, is that of a package in this system.</summary>
    public static bool Covers(string ecosystem, string type, SystemRelease? system)
    {
        int colon = ecosystem.IndexOf(':');
        string name = colon < 0 ? ecosystem : ecosystem[..colon];
        string release = colon < 0 ? "" : ecosystem[(colon + 1)..];
        string? language = type switch
        {
            "npm" => "npm",
            "pypi" => "PyPI",
            "golang" => "Go",
            "cargo" => "crates" + ".io",
            "gem" => "RubyGems",
            "composer" => "Packagist",
            "nuget" => "NuGet",
            "maven" => "Maven",
            _ => null,
        };
        if (language is not null)
        {
            return name == language;
        }
        return system is not null && name == SystemName(system.Id) && type == TypeOf(system.Id) && IsRelease(release, system);
    }

    /// <summary>The name under which advisories find a package: distributions speak of source packages.</summary>
    public static (string Name, string Version) Subject(Package package) => package.Type switch
    {
        "deb" or "apk" => (package.SourceName, package.Type == "apk" ? package.Version : package.SourceVersion),
        "pypi" => (package.Name.ToLowerInvariant(), package.Version),
        _ => (package.Name, package.Version),
    };

    private static string SystemName(string id) => id switch
    {
        "debian" => "Debian",
        "ubuntu" => "Ubuntu",
        "alpine" => "Alpine",
        "wolfi" => "Wolfi",
        "chainguard" => "Chainguard",
        "rocky" => "Rocky Linux",
        "almalinux" => "AlmaLinux",
        "rhel" => "Red Hat",
        "fedora" => "Fedora",
        "opensuse-leap" or "opensuse-tumbleweed" => "openSUSE",
        "sles" => "SUSE",
        "photon" => "Photon OS",
        _ => id,
    };

    private static string TypeOf(string id) => id switch
    {
        "debian" or "ubuntu" => "deb",
        "alpine" or "wolfi" or "chainguard" => "apk",
        _ => "rpm",
    };

    /// <summary><c>12</c>, <c>v3.20</c>, <c>22.04:LTS</c>, <c>Leap 15.6</c>; nothing means every release.</summary>
    private static bool IsRelease(string release, SystemRelease system)
    {
        if (release.Length == 0 || system.VersionId.Length == 0)
        {
            return true;
        }
        string wanted = release.TrimStart('v').Replace(":LTS", "", StringComparison.Ordinal).Replace("Pro:", "", StringComparison.Ordinal);
        wanted = wanted[(wanted.LastIndexOf(' ') + 1)..];
        return system.VersionId == wanted || system.VersionId.StartsWith(wanted + ".", StringComparison.Ordinal);
    }
}

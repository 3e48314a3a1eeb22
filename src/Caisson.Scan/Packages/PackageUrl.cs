using System.Text;

namespace Caisson.Scan.Packages;

/// <summary>Names packages as other tools understand: <c>pkg:deb/debian/openssl@3.0.1?arch=amd64</c>.</summary>
/// <remarks>Source: package-url specification.</remarks>
internal static class PackageUrl
{
    public static string Of(Package package, SystemRelease? system)
    {
        var url = new StringBuilder("pkg:").Append(package.Type).Append('/');
        if (package.IsSystem && system is not null)
        {
            url.Append(Escape(system.Id)).Append('/');
        }
        string name = package.Type == "maven" ? package.Name.Replace(':', '/') : package.Name;
        url.AppendJoin('/', name.Split('/').Select(Escape)).Append('@').Append(Escape(package.Version));
        List<string> qualifiers = [];
        if (package.Architecture is { } architecture)
        {
            qualifiers.Add($"arch={Escape(architecture)}");
        }
        if (package.IsSystem && system is { VersionId.Length: > 0 })
        {
            qualifiers.Add($"distro={Escape($"{system.Id}-{system.VersionId}")}");
        }
        if (package.Type == "deb" && package.SourceName != package.Name)
        {
            qualifiers.Add($"upstream={Escape($"{package.SourceName}@{package.SourceVersion}")}");
        }
        return qualifiers.Count == 0 ? url.ToString() : url.Append('?').AppendJoin('&', qualifiers).ToString();
    }

    private static string Escape(string text) => Uri.EscapeDataString(text).Replace("%3A", ":", StringComparison.Ordinal);
}

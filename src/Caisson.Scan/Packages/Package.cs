namespace Caisson.Scan;

/// <summary>A package that an image has.</summary>
public sealed record Package
{
    /// <summary>The package-url type, which tells who the package is of: <c>deb</c>, <c>apk</c>, <c>rpm</c>, <c>npm</c>, <c>pypi</c>, <c>golang</c>, <c>cargo</c>, <c>gem</c>, <c>composer</c>, <c>nuget</c>, <c>maven</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Its name; of Maven <c>group:artifact</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Its version, as its own kind writes it.</summary>
    public required string Version { get; init; }

    /// <summary>The architecture; null where there is none.</summary>
    public string? Architecture { get; init; }

    /// <summary>The source package it was built of; its own name where nothing else is said.</summary>
    public string SourceName { get => field ?? Name; init; }

    /// <summary>The version of <see cref="SourceName"/>.</summary>
    public string SourceVersion { get => field ?? Version; init; }

    /// <summary>The license as the package states it; null when it does not.</summary>
    public string? License { get; init; }

    /// <summary>The file of the image that says so, absolute in the image.</summary>
    public required string Location { get; init; }

    /// <summary>True for packages of the system, as opposed to those of a language.</summary>
    public bool IsSystem => Type is "deb" or "apk" or "rpm";
}

/// <summary>Which system an image is of. Source: os-release(5).</summary>
/// <param name="Id"><c>debian</c>, <c>alpine</c>, …</param>
/// <param name="VersionId"><c>12</c>, <c>3.20.1</c>; empty when it has none.</param>
/// <param name="Codename"><c>bookworm</c>; empty when it has none.</param>
/// <param name="PrettyName">For people.</param>
public sealed record SystemRelease(string Id, string VersionId, string Codename, string PrettyName);

/// <summary>What is in an image.</summary>
/// <param name="System">Null when the image does not say.</param>
/// <param name="Packages">In ordinal order of type, name and version.</param>
/// <param name="Changelogs">Changelogs that packages of the system brought.</param>
/// <param name="Problems">What could not be read, each with its file: a report without it would promise too much.</param>
public sealed record Inventory(
    SystemRelease? System, IReadOnlyList<Package> Packages, IReadOnlyList<ChangelogEntry> Changelogs, IReadOnlyList<string> Problems);

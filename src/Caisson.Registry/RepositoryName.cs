using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>Names of repositories and tags as the standard has them. Source: distribution-spec, "Pulling manifests".</summary>
public static class RepositoryName
{
    private const int LengthMax = 255;
    private const int TagLengthMax = 128;

    /// <summary>Whether <paramref name="name"/> names a repository; one begins with a host where it is fetched from elsewhere.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= LengthMax && Reference.TryParse($"registry.invalid/{name}", out Reference? reference)
        && reference.Path == name && reference.Tag is null && reference.Digest is null;

    /// <summary>Whether <paramref name="tag"/> is a tag.</summary>
    public static bool IsTag(string tag) =>
        tag.Length is > 0 and <= TagLengthMax
        && tag[0] is not ('.' or '-')
        && tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}

using System.Globalization;

namespace Caisson.Api.Http;

/// <summary>A version of the Docker Engine API, such as 1.51.</summary>
internal readonly record struct ApiVersion(int Major, int Minor) : IComparable<ApiVersion>
{
    /// <summary>The oldest that is served.</summary>
    public static readonly ApiVersion Min = new(1, 24);

    /// <summary>The newest that is served, and what a path without version means.</summary>
    public static readonly ApiVersion Max = new(1, 51);

    public static bool operator <(ApiVersion left, ApiVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(ApiVersion left, ApiVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(ApiVersion left, ApiVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(ApiVersion left, ApiVersion right) => left.CompareTo(right) >= 0;

    /// <summary>Reads <c>/v1.NN</c> at the start of <paramref name="path"/>; false when no version stands there.</summary>
    public static bool TryTake(string path, out ApiVersion version, out string rest)
    {
        version = Max;
        rest = path;
        if (!path.StartsWith("/v", StringComparison.Ordinal))
        {
            return false;
        }
        int end = path.IndexOf('/', 2);
        ReadOnlySpan<char> text = end < 0 ? path.AsSpan(2) : path.AsSpan(2, end - 2);
        int dot = text.IndexOf('.');
        if (dot <= 0
            || !int.TryParse(text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            || !int.TryParse(text[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
        {
            return false;
        }
        version = new(major, minor);
        rest = end < 0 ? "/" : path[end..];
        return true;
    }

    public int CompareTo(ApiVersion other) =>
        Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");
}

using System.Globalization;

namespace Caisson.Client;

/// <summary>A version of the Docker Engine API, such as 1.43.</summary>
/// <param name="Major">Always 1 so far.</param>
/// <param name="Minor">Grows with each change of the API.</param>
public readonly record struct ApiVersion(int Major, int Minor) : IComparable<ApiVersion>
{
    /// <summary>The newest version this client speaks.</summary>
    public static readonly ApiVersion Newest = new(1, 51);

    /// <summary>The oldest version this client speaks, and what a server that names none is taken to speak.</summary>
    public static readonly ApiVersion Oldest = new(1, 24);

    /// <summary>Reads <c>1.43</c>.</summary>
    /// <returns>False when <paramref name="text"/> is not two numbers with a dot between.</returns>
    public static bool TryParse(string? text, out ApiVersion version)
    {
        version = default;
        int dot = text?.IndexOf('.', StringComparison.Ordinal) ?? -1;
        if (dot <= 0
            || !int.TryParse(text.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            || !int.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
        {
            return false;
        }
        version = new ApiVersion(major, minor);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(ApiVersion other) => (Major, Minor).CompareTo((other.Major, other.Minor));

    /// <summary>Older than.</summary>
    public static bool operator <(ApiVersion left, ApiVersion right) => left.CompareTo(right) < 0;

    /// <summary>Newer than.</summary>
    public static bool operator >(ApiVersion left, ApiVersion right) => left.CompareTo(right) > 0;

    /// <summary>Older than or the same.</summary>
    public static bool operator <=(ApiVersion left, ApiVersion right) => left.CompareTo(right) <= 0;

    /// <summary>Newer than or the same.</summary>
    public static bool operator >=(ApiVersion left, ApiVersion right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");
}

using System.Globalization;

namespace Caisson.Linux;

/// <summary>The first two numbers of a kernel release, which decide what it can do. Source: uname(2).</summary>
public readonly record struct KernelVersion(int Major, int Minor)
{
    /// <summary>Understands releases such as <c>6.18.44-generic</c> and <c>5.10</c>.</summary>
    public static bool TryParse(ReadOnlySpan<char> release, out KernelVersion version)
    {
        version = default;
        int dot = release.IndexOf('.');
        if (dot < 0 || !int.TryParse(release[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int major))
        {
            return false;
        }
        release = release[(dot + 1)..];
        int end = release.IndexOfAnyExceptInRange('0', '9');
        if (!int.TryParse(end < 0 ? release : release[..end], NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
        {
            return false;
        }
        version = new(major, minor);
        return true;
    }

    /// <summary>Whether this is <paramref name="major"/>.<paramref name="minor"/> or newer.</summary>
    public bool IsAtLeast(int major, int minor) => Major > major || (Major == major && Minor >= minor);

    /// <inheritdoc/>
    public override string ToString() => $"{Major}.{Minor}";
}

using System.Globalization;

using Caisson.Client.Containers;

namespace Caisson.Cli.Values;

/// <summary>Small values of <c>run</c> and <c>create</c>, one method each.</summary>
internal static class ContainerOptions
{
    /// <summary><c>nofile=1024:2048</c>, <c>nproc=64</c>, <c>core=-1</c>.</summary>
    /// <exception cref="FormatException">Malformed, or the soft limit is above the hard one.</exception>
    public static UlimitConfig Ulimit(string text)
    {
        string[] sides = text.Split('=', 2);
        string[] limits = sides.Length == 2 ? sides[1].Split(':') : [];
        if (limits.Length is not (1 or 2) || sides[0].Length == 0)
        {
            throw new FormatException($"invalid ulimit argument: {text}; write name=soft[:hard]");
        }
        long soft = OptionLimit(limits[0], text);
        long hard = OptionLimit(limits[^1], text);
        if (hard != -1 && (soft == -1 || soft > hard))
        {
            throw new FormatException($"ulimit soft limit must be less than or equal to hard limit: {text}");
        }
        return new UlimitConfig(sides[0], soft, hard);
    }

    /// <summary><c>/dev/x[:/dev/y][:rwm]</c>.</summary>
    /// <exception cref="FormatException">Malformed.</exception>
    public static DeviceConfig Device(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length > 3 || !parts[0].StartsWith('/'))
        {
            throw new FormatException($"invalid device specification: {text}; write path[:path inside][:rwm]");
        }
        if (parts.Length == 2 && IsPermissions(parts[1]))
        {
            return new DeviceConfig(parts[0], parts[0], parts[1]);
        }
        string permissions = parts.Length == 3 ? parts[2] : "rwm";
        return IsPermissions(permissions) && parts[^1].Length > 0
            ? new DeviceConfig(parts[0], parts.Length > 1 ? parts[1] : parts[0], permissions)
            : throw new FormatException($"invalid device permissions in {text}: some of r, w and m");
    }

    /// <summary><c>no</c>, <c>always</c>, <c>unless-stopped</c>, <c>on-failure[:n]</c>.</summary>
    /// <exception cref="FormatException">None of those.</exception>
    public static (string Name, int RetriesMax) RestartPolicy(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length == 2 && parts[0] == "on-failure"
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int retries))
        {
            return (parts[0], retries);
        }
        return parts.Length == 1 && text is "no" or "always" or "unless-stopped" or "on-failure" or ""
            ? (text, 0)
            : throw new FormatException("write no, always, unless-stopped or on-failure[:max-retries]");
    }

    /// <summary><c>key=value</c>; a bare key has an empty value.</summary>
    public static KeyValuePair<string, string> Pair(string text)
    {
        string[] parts = text.Split('=', 2);
        return parts[0].Length > 0
            ? new(parts[0], parts.Length == 2 ? parts[1] : "")
            : throw new FormatException("write name=value");
    }

    /// <summary>As <see cref="Pair"/>, when a value is needed.</summary>
    public static KeyValuePair<string, string> FullPair(string text) =>
        text.Contains('=', StringComparison.Ordinal) ? Pair(text) : throw new FormatException("write name=value");

    /// <summary><c>host:address</c> or <c>host=address</c>.</summary>
    public static string ExtraHost(string text)
    {
        int separator = text.IndexOfAny(['=', ':']);
        return separator > 0 && separator + 1 < text.Length
            ? $"{text[..separator]}:{text[(separator + 1)..].Trim('[', ']')}"
            : throw new FormatException($"bad format for add-host: \"{text}\"; write host:address");
    }

    private static bool IsPermissions(string text) => text.Length is > 0 and <= 3 && text.All(c => c is 'r' or 'w' or 'm');

    private static long OptionLimit(string text, string whole) =>
        text == "unlimited" ? -1
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= -1 ? value
        : throw new FormatException($"invalid ulimit argument: {whole}");
}

using System.Globalization;

using Caisson.Documents;

namespace Caisson.Kubernetes.Objects;

/// <summary>Times of documents: RFC 3339 in UTC. Ours have milliseconds when they are not whole seconds, which readers of the format accept.</summary>
public static class Times
{
    /// <summary>The time; null for none.</summary>
    public static DateTimeOffset? Read(string text) =>
        text.Length > 0 && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset time)
            ? time : null;

    /// <summary>As documents write it.</summary>
    public static string Write(DateTimeOffset time) => time.UtcDateTime.ToString(
        time.Millisecond == 0 ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>As a node; null for null.</summary>
    public static DocumentNode? Node(DateTimeOffset? time) => time is { } value ? Doc.Text(Write(value)) : null;
}

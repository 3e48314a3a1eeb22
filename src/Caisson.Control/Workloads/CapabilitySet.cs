using System.Collections.Immutable;

using Caisson.Oci.Runtime;

namespace Caisson.Control.Workloads;

/// <summary>Adds and drops capabilities as <c>--cap-add</c> and <c>--cap-drop</c> say.</summary>
internal static class CapabilitySet
{
    private const string All = "ALL";

    /// <summary>The kernel's name, such as <c>CAP_CHOWN</c> for <c>chown</c>, or <c>ALL</c>; null when it is unknown.</summary>
    public static string? Normalize(string name)
    {
        string upper = name.ToUpperInvariant();
        if (upper is All or "CAP_ALL")
        {
            return All;
        }
        string full = upper.StartsWith("CAP_", StringComparison.Ordinal) ? upper : "CAP_" + upper;
        return Capabilities.NumberOf(full) >= 0 ? full : null;
    }

    /// <summary>The profile's set with additions and removals; a name in both is dropped, except when all are dropped first.</summary>
    public static ImmutableArray<string> Apply(ImmutableArray<string> profile, IReadOnlyList<string>? add, IReadOnlyList<string>? drop)
    {
        HashSet<string> added = [.. (add ?? []).Select(Normalize).OfType<string>()];
        HashSet<string> dropped = [.. (drop ?? []).Select(Normalize).OfType<string>()];
        IEnumerable<string> start = dropped.Contains(All) ? [] : added.Contains(All) ? Capabilities.Known.ToArray() : profile;
        IEnumerable<string> kept = dropped.Contains(All)
            ? (added.Contains(All) ? Capabilities.Known.ToArray() : start.Union(added))
            : start.Union(added).Except(dropped);
        HashSet<string> result = [.. kept];
        result.Remove(All);
        return [.. result.OrderBy(Capabilities.NumberOf)];
    }
}

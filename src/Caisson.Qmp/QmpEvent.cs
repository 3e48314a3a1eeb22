using System.Text.Json;

namespace Caisson.Qmp;

/// <summary>Something that happened in a machine, as QEMU tells it. Source: QEMU docs/interop/qmp-spec, "event".</summary>
/// <param name="Name">Such as <c>SHUTDOWN</c>.</param>
/// <param name="Data">Its facts; an undefined element where it has none.</param>
/// <param name="At">When, by the host's clock; the epoch where QEMU could not say.</param>
public sealed record QmpEvent(string Name, JsonElement Data, DateTimeOffset At)
{
    /// <summary>The text of a fact; null when there is none of that name.</summary>
    public string? Text(string name) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>Whether a fact is said to be true.</summary>
    public bool IsTrue(string name) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;
}

/// <summary>What QEMU says first.</summary>
/// <param name="Version">Such as <c>7.2.18</c>. For people: what it can do is asked of its schema, never of its version.</param>
/// <param name="Package">The distribution's own words on it.</param>
/// <param name="Capabilities">What the protocol itself can do more, such as <c>oob</c>.</param>
public sealed record QmpGreeting(string Version, string Package, IReadOnlyList<string> Capabilities);

namespace Caisson.Control.Events;

/// <summary>Something that has happened, told after it became true. Source: Docker Engine API, "Monitor events".</summary>
public sealed record EngineEvent
{
    /// <summary>Grows by one for each event over the life of the state store; 0 before it is stored.</summary>
    public long Sequence { get; init; }

    /// <summary>What it is about: <c>container</c>, <c>image</c>, <c>network</c>, <c>daemon</c>.</summary>
    public required string Type { get; init; }

    /// <summary>What happened, such as <c>start</c> or <c>exec_start: /bin/sh</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The id of what it is about.</summary>
    public required string ActorId { get; init; }

    /// <summary>Further facts by name.</summary>
    public required IReadOnlyDictionary<string, string> Attributes { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }
}

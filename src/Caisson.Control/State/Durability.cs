namespace Caisson.Control.State;

/// <summary>What a commit must survive.</summary>
public enum Durability
{
    /// <summary>The death of any of our processes; the last commits may be lost when power fails. For what was observed: status, events.</summary>
    Process,

    /// <summary>The loss of power. For what a user asked for and was told is done.</summary>
    Power,
}

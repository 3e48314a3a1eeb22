using System.Text.Json;

namespace Caisson.Client.Machines;

/// <summary>A machine of another engine that this one runs when that one is gone.</summary>
public sealed class MachineStandby
{
    internal MachineStandby(JsonElement standby)
    {
        Target = standby.Text("Target");
        Machine = standby.Text("Machine");
        Host = standby.Text("Host");
        State = standby.Text("State");
        Error = standby.Text("Error");
    }

    /// <summary>The directory with its copies and its lease, on the engine's host.</summary>
    public string Target { get; }

    /// <summary>Its name; empty before it is known.</summary>
    public string Machine { get; }

    /// <summary>The host of the engine that runs it.</summary>
    public string Host { get; }

    /// <summary><c>watched</c>, <c>lost</c>, <c>stopped</c>, <c>unattended</c>, <c>released</c>, <c>no lease</c> or <c>unknown</c>.</summary>
    public string State { get; }

    /// <summary>What was tried in vain; empty for nothing.</summary>
    public string Error { get; }
}

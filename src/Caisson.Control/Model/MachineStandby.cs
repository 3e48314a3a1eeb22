namespace Caisson.Control.Model;

/// <summary>That this engine runs a machine of another one when that one is gone. Immutable; kept in the state store.</summary>
public sealed record MachineStandby
{
    /// <summary>The absolute path of the directory with the machine's copies and its lease.</summary>
    public required string Target { get; init; }

    /// <summary>A line of the shell that makes sure that the machine runs there no more, with <c>CAISSON_MACHINE</c>, <c>CAISSON_ENGINE</c> and <c>CAISSON_HOST</c>; empty to rely on the lease alone.</summary>
    public string Fence { get => field ?? ""; init; } = "";

    /// <summary>The passphrase of encrypted disks, sealed by this engine; empty for none.</summary>
    public string Key { get => field ?? ""; init; } = "";
}

/// <summary>How the watch over a machine of another engine goes.</summary>
/// <param name="Target">The directory.</param>
/// <param name="Machine">The machine's name; empty before it is known.</param>
/// <param name="Host">Where it is.</param>
/// <param name="State">What is known of it, in a word.</param>
/// <param name="Error">What was tried in vain; empty for nothing.</param>
public sealed record MachineStandbyState(string Target, string Machine, string Host, string State, string Error);

namespace Caisson.Client.Machines;

/// <summary>What came of a long work with a machine.</summary>
/// <param name="Result">A name or a path.</param>
/// <param name="Notes">What people should know of it.</param>
public sealed record MachineWork(string Result, IReadOnlyList<string> Notes);

/// <summary>A disk with Debian to be made out of packages.</summary>
public sealed record MachineBootstrap
{
    /// <summary>The release; empty for the engine's choice.</summary>
    public string Suite { get; init; } = "";

    /// <summary>Packages beside those that a machine needs.</summary>
    public IReadOnlyList<string> Packages { get; init; } = [];

    /// <summary>With cloud-init.</summary>
    public bool CloudInit { get; init; }

    /// <summary>With drivers for the hardware of other hypervisors.</summary>
    public bool AllDrivers { get; init; }

    /// <summary>Where packages come from; empty for the engine's choice.</summary>
    public string Mirror { get; init; } = "";

    /// <summary>The disk's size in bytes; 0 for the engine's choice.</summary>
    public long Bytes { get; init; }

    /// <summary>Absolute path on the engine's host; empty for one of the engine's.</summary>
    public string Path { get; init; } = "";

    /// <summary>A file that is there is replaced.</summary>
    public bool Force { get; init; }
}

/// <summary>What a machine is told at its first start.</summary>
public sealed record MachineSeed
{
    /// <summary>The machine's name for itself; empty for its name.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>The user that keys and password are of; empty for the image's own.</summary>
    public string User { get; init; } = "";

    /// <summary>Lines of <c>authorized_keys</c>.</summary>
    public IReadOnlyList<string> SshKeys { get; init; } = [];

    /// <summary>The password; empty for none.</summary>
    public string Password { get; init; } = "";

    /// <summary>Packages to install.</summary>
    public IReadOnlyList<string> Packages { get; init; } = [];

    /// <summary>Lines of the shell to run.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];

    /// <summary>The user's own document; empty for none.</summary>
    public string UserData { get; init; } = "";

    /// <summary>The user's own network-config; empty for none.</summary>
    public string NetworkConfig { get; init; } = "";
}

namespace Caisson.Machines.CloudInit;

/// <summary>What a machine is told when it starts for the first time.</summary>
public sealed record SeedConfig
{
    /// <summary>Another one makes the machine do its first start again: new for a clone, the same for a restart. Letters, digits and <c>-</c>.</summary>
    public required string InstanceId { get; init; }

    /// <summary>The machine's name for itself.</summary>
    public required string Hostname { get; init; }

    /// <summary>The user that <see cref="SshKeys"/> and <see cref="Password"/> are of; empty for the one that the image has for it.</summary>
    public string User { get; init; } = "";

    /// <summary>Lines of <c>authorized_keys</c>.</summary>
    public IReadOnlyList<string> SshKeys { get; init; } = [];

    /// <summary>Also for entering by ssh; empty for none. Only its hash goes to the machine.</summary>
    public string Password { get; init; } = "";

    /// <summary>Packages to install.</summary>
    public IReadOnlyList<string> Packages { get; init; } = [];

    /// <summary>Lines of the shell to run at the end of the first start.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];

    /// <summary>Its interfaces; none for addresses by DHCP on all.</summary>
    public IReadOnlyList<SeedInterface> Interfaces { get; init; } = [];

    /// <summary>The user's own document: cloud-config, a script, or anything else that cloud-init takes; null for none. What is above goes along as the vendor's, so this has the last word.</summary>
    public string? UserData { get; init; }

    /// <summary>The user's own network-config, version 1 or 2; null for one made of <see cref="Interfaces"/>.</summary>
    public string? NetworkConfig { get; init; }
}

/// <summary>One interface as its machine sets it up.</summary>
/// <param name="Name">A word for it.</param>
/// <param name="HardwareAddress">By which the machine knows it: <c>02:00:00:00:00:01</c>.</param>
public sealed record SeedInterface(string Name, string HardwareAddress)
{
    /// <summary>Addresses with the length of their prefix, such as <c>10.1.2.3/24</c>; none for DHCP.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>The way to everywhere else; empty for none.</summary>
    public string Gateway { get; init; } = "";

    /// <summary>Resolvers.</summary>
    public IReadOnlyList<string> NameServers { get; init; } = [];
}

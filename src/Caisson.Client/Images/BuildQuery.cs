namespace Caisson.Client.Images;

/// <summary>What a build is asked for, beside its files.</summary>
public sealed record BuildQuery
{
    /// <summary>The path of the Dockerfile in the context.</summary>
    public string Dockerfile { get; init; } = "Dockerfile";

    /// <summary>Names of the image.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>The stage to build; empty for the last.</summary>
    public string Target { get; init; } = "";

    /// <summary>Build arguments.</summary>
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = new Dictionary<string, string>();

    /// <summary>Labels of the image.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Sockets of agents by id.</summary>
    public IReadOnlyDictionary<string, string> Agents { get; init; } = new Dictionary<string, string>();

    /// <summary>Hosts that steps know beside those of the network, <c>name:address</c>.</summary>
    public IReadOnlyList<string> ExtraHosts { get; init; } = [];

    /// <summary>Nothing made earlier is used.</summary>
    public bool NoCache { get; init; }

    /// <summary>Images are asked for anew.</summary>
    public bool Pull { get; init; }

    /// <summary>The network of steps; empty for the default.</summary>
    public string Network { get; init; } = "";

    /// <summary>For which machine, or several with commas; empty for this one.</summary>
    public string Platform { get; init; } = "";

    /// <summary>An address that the engine fetches the context from; empty for files that are sent.</summary>
    public string Remote { get; init; } = "";

    /// <summary>Where results of earlier builds are taken from, each as <c>type=registry,ref=NAME</c>.</summary>
    public IReadOnlyList<string> CacheFrom { get; init; } = [];

    /// <summary>Where results of this build are put, each as <c>type=local,dest=DIRECTORY</c>.</summary>
    public IReadOnlyList<string> CacheTo { get; init; } = [];

    /// <summary>Statements about the image that go with it, each as <c>type=provenance,mode=max</c>.</summary>
    public IReadOnlyList<string> Attestations { get; init; } = [];

    /// <summary>Shared memory of steps in bytes; 0 for the default.</summary>
    public long ShmSizeBytes { get; init; }

    /// <summary>Memory of steps in bytes; 0 for no limit.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>A directory that the engine reads itself instead of the archive; null for none.</summary>
    public HostDirectory? Directory { get; init; }

    /// <summary>A directory of the archive that is no part of the context: <c>Dockerfile</c> and <c>secrets/ID</c> in it. Empty for none.</summary>
    public string Aside { get; init; } = "";
}

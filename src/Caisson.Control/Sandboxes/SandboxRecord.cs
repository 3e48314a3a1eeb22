namespace Caisson.Control.Sandboxes;

/// <summary>Whose namespace a pod or a container of it has. Source: the Container Runtime Interface, "NamespaceMode".</summary>
public enum NamespaceScope
{
    /// <summary>That of the pod.</summary>
    Pod,

    /// <summary>One of its own.</summary>
    Container,

    /// <summary>The host's.</summary>
    Node,

    /// <summary>That of another container of the pod.</summary>
    Target,
}

/// <summary>A port of the pod that is reached by one of the host.</summary>
/// <param name="Protocol"><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</param>
/// <param name="ContainerPort">Inside.</param>
/// <param name="HostPort">Outside.</param>
/// <param name="HostAddress">Empty for every address.</param>
public sealed record SandboxPort(string Protocol, int ContainerPort, int HostPort, string HostAddress);

/// <summary>Who a pod is.</summary>
/// <param name="Name">The pod's name.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Uid">Its uid.</param>
/// <param name="Attempt">How often its sandbox was made before.</param>
public sealed record SandboxIdentity(string Name, string Namespace, string Uid, uint Attempt);

/// <summary>A sandbox as it is asked for.</summary>
public sealed record SandboxRequest
{
    /// <summary>Who it is.</summary>
    public required SandboxIdentity Identity { get; init; }

    /// <summary>Free text by key, by which sandboxes are found.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Empty and <c>container</c> for containers, <c>vm</c> for a machine.</summary>
    public string Handler { get; init; } = "";

    /// <summary>The host name inside; empty for none.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>Where the logs of its containers are; empty for nowhere.</summary>
    public string LogDirectory { get; init; } = "";

    /// <summary>The control group in which those of its containers are; empty for the engine's.</summary>
    public string CgroupParent { get; init; } = "";

    /// <summary>Whose network.</summary>
    public NamespaceScope Network { get; init; }

    /// <summary>Whose processes are seen.</summary>
    public NamespaceScope Pid { get; init; }

    /// <summary>Whose shared memory.</summary>
    public NamespaceScope Ipc { get; init; }

    /// <summary>Its containers have the host's ids.</summary>
    public bool HasHostIds { get; init; }

    /// <summary>The first of its 65,536 ids on the host, a multiple of that; null for ids of the engine's choice.</summary>
    public uint? FirstId { get; init; }

    /// <summary>A container of it is root of the host.</summary>
    public bool Privileged { get; init; }

    /// <summary>Published ports.</summary>
    public IReadOnlyList<SandboxPort> Ports { get; init; } = [];

    /// <summary>Name servers.</summary>
    public IReadOnlyList<string> DnsServers { get; init; } = [];

    /// <summary>Search domains.</summary>
    public IReadOnlyList<string> DnsSearches { get; init; } = [];

    /// <summary>Resolver options.</summary>
    public IReadOnlyList<string> DnsOptions { get; init; } = [];

    /// <summary>Kernel parameters of its namespaces.</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = new Dictionary<string, string>();

    /// <summary>The client's own document, kept to be told back.</summary>
    public byte[] Document { get; init; } = [];
}

/// <summary>How far a sandbox has come.</summary>
public enum SandboxStage
{
    /// <summary>It is being made; who finds this after a crash takes away what there is of it.</summary>
    Making,

    /// <summary>Containers can be made in it.</summary>
    Made,

    /// <summary>It was stopped, and has no network any more.</summary>
    Stopped,
}

/// <summary>A sandbox as the state store keeps it. Immutable; a change is a new record.</summary>
public sealed record SandboxRecord
{
    /// <summary>64 hex digits; that of the container that holds its namespaces, where there is one.</summary>
    public required string Id { get; init; }

    /// <summary>What was asked for.</summary>
    public required SandboxRequest Request { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>How far it is.</summary>
    public SandboxStage Stage { get; init; }

    /// <summary>The network configuration by which plugins connected it; empty when none did.</summary>
    public string NetworkText { get => field ?? ""; init; } = "";

    /// <summary>What they answered, as JSON; empty before they did.</summary>
    public string NetworkResult { get => field ?? ""; init; } = "";

    /// <summary>Its addresses by the plugins, the first one first.</summary>
    public IReadOnlyList<string> Addresses { get => field ?? []; init; } = [];
}

/// <summary>What a container of a sandbox is for whoever runs the pod. Immutable; the container itself is a <c>ContainerRecord</c>.</summary>
public sealed record SandboxContainerRecord
{
    /// <summary>The container's id.</summary>
    public required string Id { get; init; }

    /// <summary>Its sandbox.</summary>
    public required string SandboxId { get; init; }

    /// <summary>Its name in the pod.</summary>
    public required string Name { get; init; }

    /// <summary>How often it was made before.</summary>
    public uint Attempt { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Free text by key, by which containers are found.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Free text by key.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>The client's own document, kept to be told back.</summary>
    public byte[] Document { get; init; } = [];
}

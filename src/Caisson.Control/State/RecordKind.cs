namespace Caisson.Control.State;

/// <summary>The kinds of records in the state store; each kind has its own key space.</summary>
public static class RecordKind
{
    /// <summary>What the user asked for: <c>ContainerRecord</c> by container id.</summary>
    public const string Container = "container";

    /// <summary>What was last observed: <c>ContainerStatus</c> by container id.</summary>
    public const string Status = "status";

    /// <summary>An image of the local store, by the key the catalog gives it.</summary>
    public const string Image = "image";

    /// <summary>A network, as <c>NetworkRecord</c>, by its id.</summary>
    public const string Network = "network";

    /// <summary>A volume, as <c>VolumeRecord</c>, by its name.</summary>
    public const string Volume = "volume";

    /// <summary>A secret or a config without its content, as <c>SecretRecord</c>, by its id.</summary>
    public const string Secret = "secret";

    /// <summary>What a build step has made, as <c>CacheRecord</c>, by the step's key.</summary>
    public const string BuildCache = "build";

    /// <summary>A full machine, as <c>FullMachineRecord</c>, by its id.</summary>
    public const string Machine = "machine";

    /// <summary>What was last observed of a full machine: <c>FullMachineStatus</c> by its id.</summary>
    public const string MachineStatus = "machine-status";

    /// <summary>That this engine runs a machine of another one when that one is gone: <c>MachineStandby</c> by its directory.</summary>
    public const string MachineStandby = "machine-standby";

    /// <summary>A Kubernetes object as JSON, one of a secret sealed, by its plural, namespace and name.</summary>
    public const string KubernetesObject = "object";

    /// <summary>Single values about this engine, such as its id.</summary>
    public const string Engine = "engine";
}

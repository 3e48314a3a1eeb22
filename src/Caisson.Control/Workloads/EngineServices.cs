using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Networking;
using Caisson.Control.Secrets;
using Caisson.Control.Volumes;
using Caisson.Images;

namespace Caisson.Control.Workloads;

/// <summary>Everything the workloads are given: where things are, who does the work, what time it is.</summary>
public sealed record EngineServices
{
    /// <summary>The directory of what outlives a reboot; belongs to the engine alone.</summary>
    public required string Root { get; init; }

    /// <summary>Runs containers.</summary>
    public required IContainerHost Host { get; init; }

    /// <summary>Images and root filesystems; opened on <see cref="Root"/>.</summary>
    public required ImageStore Images { get; init; }

    /// <summary>Networks, and who is in them.</summary>
    public required ContainerNetworks Networks { get; init; }

    /// <summary>Volumes, and who has them.</summary>
    public required ContainerVolumes Volumes { get; init; }

    /// <summary>Commits and tells.</summary>
    public required EventLog Events { get; init; }

    /// <summary>Secrets and configs.</summary>
    public required SecretStore Secrets { get; init; }

    /// <summary>The engine's log.</summary>
    public required EngineLog Log { get; init; }

    /// <summary>What machines need; null where there are none.</summary>
    public Machines.MachineServices? Machines { get; init; }

    /// <summary>Told of work, so that memory goes back after it; null where nobody minds.</summary>
    public EngineRest? Rest { get; init; }

    /// <summary>The machine.</summary>
    public required HostFacts Facts { get; init; }

    /// <summary>How output is kept where a container does not say.</summary>
    public Model.LogConfig LogDefault { get; init; } = new() { Type = "json-file", Config = new Dictionary<string, string>() };

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The directory of one container: log, generated files.</summary>
    public string DirectoryOf(string id) => $"{Root}/containers/{id}";
}

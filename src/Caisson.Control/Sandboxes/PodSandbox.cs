using System.Diagnostics.CodeAnalysis;

using Caisson.Control.Workloads;

namespace Caisson.Control.Sandboxes;

/// <summary>One pod's sandbox: what it is and what was observed of it, for anybody to read. Changes are those of <see cref="PodSandboxes"/>.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "the gate never makes a wait handle, so there is nothing to dispose")]
public sealed class PodSandbox
{
    private readonly ContainerEngine _engine;
    private volatile SandboxRecord _record;

    internal PodSandbox(ContainerEngine engine, SandboxRecord record) => (_engine, _record) = (engine, record);

    /// <summary>64 hex digits.</summary>
    public string Id => _record.Id;

    /// <summary>What it is.</summary>
    public SandboxRecord Record
    {
        get => _record;
        internal set => _record = value;
    }

    /// <summary>Its containers run behind a kernel of their own.</summary>
    public bool IsMachine => _record.Request.Handler == SandboxPlan.MachineHandler;

    /// <summary>The container that holds its namespaces; null for a machine, and when it is gone.</summary>
    public Workload? Holder => IsMachine ? null : _engine.TryFind(Id);

    /// <summary>Whether containers can run in it.</summary>
    public bool IsReady => _record.Stage == SandboxStage.Made && (IsMachine || Holder?.Status.HasProcess == true);

    /// <summary>Its addresses, the first one first; none in the host's network, and of a machine none before it runs.</summary>
    public IReadOnlyList<string> Addresses => _record.Addresses.Count > 0 ? _record.Addresses
        : (IsMachine ? Machine : Holder) is not { } workload ? []
        : [.. workload.Status.Endpoints.SelectMany(endpoint => (string[])[endpoint.IPv4, endpoint.IPv6]).Where(address => address.Length > 0)];

    /// <summary>The machine that is the pod's container; null when there is none.</summary>
    internal Workload? Machine => _engine.List().FirstOrDefault(workload => workload.Status.HasProcess && workload.Record.IsOfPod && workload.Record.Config.Labels?.GetValueOrDefault(SandboxPlan.SandboxLabel) == Id);

    /// <summary>One change at a time.</summary>
    internal SemaphoreSlim Gate { get; } = new(1, 1);
}

using System.Diagnostics.CodeAnalysis;

using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>One full machine: the only owner of its record, its status and its QEMU.</summary>
/// <remarks>
/// Changes go through one gate, one at a time; <see cref="Record"/> and <see cref="Status"/> are immutable snapshots that anybody may read. A change is
/// committed before it can be seen, and told after. To add a verb: a method here that enters the gate, a route, a method of the client, a command.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "the gate never makes a wait handle, so there is nothing to dispose")]
public sealed partial class FullMachine
{
    private readonly FullMachineEngine _engine;
    private readonly EngineServices _services;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile FullMachineRecord _record;
    private volatile FullMachineStatus _status;
    private volatile Run? _run;
    private bool _gone;

    internal FullMachine(FullMachineEngine engine, FullMachineRecord record, FullMachineStatus status)
    {
        _engine = engine;
        _services = engine.Services;
        _record = record;
        _status = status;
    }

    /// <summary>64 hex digits.</summary>
    public string Id => _record.Id;

    /// <summary>What was asked for.</summary>
    public FullMachineRecord Record => _record;

    /// <summary>What was last observed.</summary>
    public FullMachineStatus Status => _status;

    /// <summary>Its directory on the host.</summary>
    public string DirectoryPath => _engine.DirectoryOf(Id);

    /// <summary>Where its disks are.</summary>
    public string DisksPath => $"{DirectoryPath}/disks";

    private uint User => FullMachineEngine.UserOf(_record.IdBlock);

    /// <summary>One run of its QEMU: from its start until its end was recorded.</summary>
    private sealed class Run(IMonitoredProcess process, MachineMonitor monitor)
    {
        public IMonitoredProcess Process => process;

        public MachineMonitor Monitor => monitor;

        /// <summary>Completed when the end is committed and decided upon.</summary>
        public TaskCompletionSource Recorded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>It is being ended by request.</summary>
        public volatile bool IsAsked;

        /// <summary>The operating system in it gave up.</summary>
        public volatile bool HasPanicked;
    }

    /// <summary>Its record and status as new ones.</summary>
    internal void CommitMade() => _services.Events.Commit(
        Durability.Power,
        new StateChange()
            .Put(RecordKind.Machine, Id, _record, ControlJson.Default.FullMachineRecord)
            .Put(RecordKind.MachineStatus, Id, _status, ControlJson.Default.FullMachineStatus),
        Event("create"));

    /// <summary>The ids of the sandboxes that are its own.</summary>
    internal IEnumerable<string> SandboxIds() => [Id, TpmId];

    private async Task<Gate> EnterAsync(CancellationToken cancellationToken = default)
    {
        await _gate.WaitAsync(cancellationToken);
        if (_gone)
        {
            _gate.Release();
            throw new CaissonException(ErrorKind.NotFound, $"no such machine: {_record.Name}");
        }
        return new Gate(_gate);
    }

    private readonly struct Gate(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }

    private void SetUnlocked(FullMachineStatus status, Durability durability, params ReadOnlySpan<EngineEvent> events)
    {
        _services.Events.Commit(durability, new StateChange().Put(RecordKind.MachineStatus, Id, status, ControlJson.Default.FullMachineStatus), events);
        _status = status;
    }

    private void SetUnlocked(FullMachineRecord record, params ReadOnlySpan<EngineEvent> events)
    {
        _services.Events.Commit(Durability.Power, new StateChange().Put(RecordKind.Machine, Id, record, ControlJson.Default.FullMachineRecord), events);
        _record = record;
    }

    private EngineEvent Event(string action, params ReadOnlySpan<(string Key, string Value)> facts)
    {
        Dictionary<string, string> attributes = new() { ["name"] = _record.Name };
        foreach ((string key, string value) in facts)
        {
            attributes[key] = value;
        }
        return new EngineEvent { Type = "machine", Action = action, ActorId = Id, Attributes = attributes, At = _services.Time.GetUtcNow() };
    }

    private Run RequireRun() => _run is { } run && _status.HasProcess
        ? run
        : throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} does not run; start it first (caisson machine start {_record.Name})");

    private void RequireStopped(string what)
    {
        if (_status.HasProcess)
        {
            throw new CaissonException(ErrorKind.Conflict, $"{what} machine {_record.Name}: it runs; stop it first (caisson machine stop {_record.Name})");
        }
    }

    private void RequireUsable()
    {
        if (_status.Phase == MachinePhase.Deleting)
        {
            throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} is being deleted");
        }
    }

    private void RequireChangeable(string what)
    {
        RequireUsable();
        if (_record.IsTemplate)
        {
            throw new CaissonException(ErrorKind.Conflict, $"{what} {_record.Name}: it is a template, which others stand on and which never changes; clone it (caisson machine clone {_record.Name} NAME)");
        }
    }
}

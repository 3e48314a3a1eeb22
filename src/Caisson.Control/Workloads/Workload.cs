using System.Diagnostics.CodeAnalysis;

using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>One container: the only owner of its record, its status and its process.</summary>
/// <remarks>
/// Changes go through one gate, one at a time; <see cref="Record"/> and <see cref="Status"/> are immutable snapshots that
/// anybody may read. A change is committed before it can be seen, and told after.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "the gate never makes a wait handle, so there is nothing to dispose")]
public sealed partial class Workload
{
    private readonly EngineServices _services;
    private readonly ContainerEngine _engine;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile ContainerRecord _record;
    private volatile ContainerStatus _status;
    private volatile Run? _run;
    private bool _restartingByUser;
    private bool _gone;

    internal Workload(ContainerEngine engine, EngineServices services, ContainerRecord record, ContainerStatus status)
    {
        _engine = engine;
        _services = services;
        _record = record;
        _status = status;
    }

    /// <summary>64 hex digits.</summary>
    public string Id => _record.Id;

    /// <summary>What was asked for.</summary>
    public ContainerRecord Record => _record;

    /// <summary>What was last observed.</summary>
    public ContainerStatus Status => _status;

    /// <summary>What its profile and the user's flags give up of the default profile, a sentence each, the gravest first.</summary>
    public IReadOnlyList<string> Weaknesses => EffectiveProfile.Weaknesses(_record);

    /// <summary>One run of the first process: from its start until its end was recorded.</summary>
    [SuppressMessage("Reliability", "CA1001", Justification = "the source has no timer and nobody asks for its wait handle, so there is nothing to dispose")]
    private sealed class Run(IMonitoredProcess process)
    {
        public IMonitoredProcess Process => process;

        private readonly CancellationTokenSource _over = new();

        /// <summary>Completed when the end is committed and decided upon.</summary>
        public TaskCompletionSource Recorded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Fires when the run is over, or nobody of this engine looks after it any more.</summary>
        public CancellationToken Over => _over.Token;

        /// <summary>Its checks failed, so it is being ended in order to run again.</summary>
        public bool EndsUnhealthy { get; set; }

        /// <summary>Ends what is done beside the run.</summary>
        public void Leave() => _over.Cancel();
    }

    private async Task<Gate> EnterAsync(CancellationToken cancellationToken = default)
    {
        await _gate.WaitAsync(cancellationToken);
        if (_gone)
        {
            _gate.Release();
            throw new CaissonException(ErrorKind.NotFound, $"No such container: {Id}");
        }
        return new Gate(_gate);
    }

    private readonly struct Gate(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }

    /// <summary>Commits a new status with its events; needs the gate.</summary>
    private void SetUnlocked(ContainerStatus status, Durability durability, params ReadOnlySpan<EngineEvent> events)
    {
        _services.Events.Commit(durability, new StateChange().Put(RecordKind.Status, Id, status, ControlJson.Default.ContainerStatus), events);
        _status = status;
    }

    /// <summary>Commits a new record with its events; needs the gate.</summary>
    private void SetUnlocked(ContainerRecord record, params ReadOnlySpan<EngineEvent> events)
    {
        _services.Events.Commit(
            Durability.Power, new StateChange().Put(RecordKind.Container, Id, record, ControlJson.Default.ContainerRecord), events);
        _record = record;
    }

    /// <summary>Commits a new record together with a new status; needs the gate.</summary>
    private void SetUnlocked(ContainerRecord record, ContainerStatus status, params ReadOnlySpan<EngineEvent> events)
    {
        _services.Events.Commit(
            Durability.Power,
            new StateChange()
                .Put(RecordKind.Container, Id, record, ControlJson.Default.ContainerRecord)
                .Put(RecordKind.Status, Id, status, ControlJson.Default.ContainerStatus),
            events);
        _record = record;
        _status = status;
    }

    private EngineEvent Event(string action, params ReadOnlySpan<(string Key, string Value)> facts) => EventOf(_record, action, _services.Time, facts);

    internal static EngineEvent EventOf(ContainerRecord record, string action, TimeProvider time, params ReadOnlySpan<(string Key, string Value)> facts)
    {
        Dictionary<string, string> attributes = new(record.Config.Labels ?? new Dictionary<string, string>())
        {
            ["image"] = record.Config.Image,
            ["name"] = record.Name,
        };
        foreach ((string key, string value) in facts)
        {
            attributes[key] = value;
        }
        return new EngineEvent { Type = "container", Action = action, ActorId = record.Id, Attributes = attributes, At = time.GetUtcNow() };
    }

    private CaissonException NotRunning() => new(ErrorKind.Conflict, $"container {Id} is not running");

    private Run RequireRun() => _run is { } run && _status.HasProcess ? run : throw NotRunning();

    private void RequireNotRemoving()
    {
        if (_status.Phase == ContainerPhase.Removing)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {Id} is being removed");
        }
    }
}

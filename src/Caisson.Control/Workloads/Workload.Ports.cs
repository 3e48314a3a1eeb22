using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>Publishes other ports from now on, at once when the container runs. Connections by ports that stay go on.</summary>
    /// <param name="bindings">All ports that are published afterwards.</param>
    /// <param name="from">A container that gives up those of them it has, in the same moment; empty for none. Its connections go on.</param>
    /// <param name="cancellationToken">Gives up before anything is changed.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: a port is taken, by whom is said; nothing was changed.</exception>
    private async Task PublishAsync(IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?> bindings, string from, CancellationToken cancellationToken)
    {
        Workload? other = from.Length == 0 ? null : _engine.Find(from);
        if (other is null)
        {
            using (await EnterAsync(cancellationToken))
            {
                PublishUnlocked(bindings, null);
            }
            return;
        }
        if (other == this)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"container {_record.Name} cannot take ports over from itself");
        }
        // By id, so that two that take over from each other wait for one gate and not for each other.
        (Workload first, Workload second) = string.CompareOrdinal(Id, other.Id) < 0 ? (this, other) : (other, this);
        using (await first.EnterAsync(cancellationToken))
        using (await second.EnterAsync(cancellationToken))
        {
            PublishUnlocked(bindings, other);
        }
    }

    private void PublishUnlocked(IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?> bindings, Workload? other)
    {
        RequireNotRemoving();
        List<Problem> problems = [];
        ContainerRecord after = _record with { HostConfig = _record.HostConfig with { PortBindings = bindings } };
        IReadOnlyList<PortRequest> ports = PortRequest.Read(after.HostConfig, after.Config.ExposedPorts, problems);
        NetworkAttachment? place = PublishingUnlocked();
        if (ports.Count > 0 && place is null)
        {
            problems.Add(new("/PortBindings", $"container {_record.Name} is in no network that ports can be published in: in a bridge that is not internal they can"));
        }
        ProblemsException.ThrowIfAny($"publish ports of {_record.Name}", problems);
        if (!_status.HasProcess && other is not null)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {_record.Name} is not running: it cannot take over ports that {other._record.Name} serves");
        }
        if (_status.Endpoints.FirstOrDefault(one => one.NetworkId == place?.NetworkId) is not { } before)
        {
            SetUnlocked(after, Event("update"));
            return;
        }

        EndpointRecord? theirs = other?._status.Endpoints.FirstOrDefault(one => one.Ports.Count > 0);
        var (mine, left) = _services.Networks.Publish(before, [.. ports.Select(port => port.Preferring(before.Ports))], theirs);
        ContainerRecord? otherAfter = other is null
            ? null
            : other._record with { HostConfig = PortRequest.Without(other._record.HostConfig, mine.Ports, theirs?.Ports ?? [], left?.Ports ?? []) };
        try
        {
            CommitUnlocked(after, mine, other, otherAfter, left);
        }
        catch
        {
            PutBack(before, mine, theirs);
            throw;
        }
    }

    /// <summary>Both containers change together or not at all: two that are said to have one port would be a riddle to the next engine.</summary>
    private void CommitUnlocked(ContainerRecord after, EndpointRecord mine, Workload? other, ContainerRecord? otherAfter, EndpointRecord? left)
    {
        ContainerStatus status = With(_status, mine);
        StateChange change = new StateChange()
            .Put(RecordKind.Container, Id, after, ControlJson.Default.ContainerRecord)
            .Put(RecordKind.Status, Id, status, ControlJson.Default.ContainerStatus);
        if (other is null || otherAfter is null)
        {
            _services.Events.Commit(Durability.Power, change, EventOf(after, "update", _services.Time));
        }
        else
        {
            ContainerStatus otherStatus = left is null ? other._status : With(other._status, left);
            change.Put(RecordKind.Container, other.Id, otherAfter, ControlJson.Default.ContainerRecord)
                .Put(RecordKind.Status, other.Id, otherStatus, ControlJson.Default.ContainerStatus);
            _services.Events.Commit(
                Durability.Power, change, EventOf(after, "update", _services.Time), EventOf(otherAfter, "update", _services.Time));
            (other._record, other._status) = (otherAfter, otherStatus);
        }
        (_record, _status) = (after, status);

        static ContainerStatus With(ContainerStatus status, EndpointRecord changed) =>
            status with { Endpoints = [.. status.Endpoints.Select(one => one.Id == changed.Id ? changed : one)] };
    }

    /// <summary>What could not be put on record is taken back.</summary>
    private void PutBack(EndpointRecord before, EndpointRecord mine, EndpointRecord? theirs)
    {
        try
        {
            if (theirs is not null)
            {
                _services.Networks.Publish(theirs, PortRequest.Of(theirs.Ports), mine);
            }
            _services.Networks.Publish(before, PortRequest.Of(before.Ports), null);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {Id}: take back a change of ports that could not be stored: {error.Message}; the next engine does so");
        }
    }
}

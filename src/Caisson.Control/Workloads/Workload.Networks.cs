using Caisson.Control.Events;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>Connects the container to a network, now when it runs, and at each start.</summary>
    /// <param name="reference">The network's name or id.</param>
    /// <param name="asked">What is asked for there; null for nothing.</param>
    /// <param name="cancellationToken">Gives up before anything is changed.</param>
    /// <exception cref="CaissonException">It is in it already, shares another's network, or the network refuses; nothing was changed.</exception>
    public async Task ConnectAsync(string reference, EndpointSettings? asked, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            NetworkRecord network = RequireConnectable(reference);
            if (_record.Networks.Any(attachment => attachment.NetworkId == network.Id))
            {
                throw new CaissonException(ErrorKind.PermissionDenied, $"endpoint with name {_record.Name} already exists in network {network.Name}");
            }
            List<Problem> problems = [];
            NetworkAttachment attachment = EndpointRequest.Read(network, asked, other => _engine.Find(other).Id, "/EndpointConfig", problems);
            ProblemsException.ThrowIfAny($"connect {_record.Name} to network {network.Name}", problems);

            ContainerRecord before = _record;
            ContainerRecord after = before with { Networks = [.. before.Networks, attachment] };
            SetUnlocked(after);
            if (!_status.HasProcess)
            {
                return;
            }
            try
            {
                using Namespace inside = RequireNetwork();
                EndpointRecord endpoint = _services.Networks.Connect(after, attachment, FreeDevice(), PortsFor(attachment), inside);
                SetUnlocked(
                    _status with { Endpoints = [.. _status.Endpoints, endpoint] }, Durability.Process, _services.Networks.Event(network.Id, "connect", Id));
                WriteHostsUnlocked();
            }
            catch
            {
                SetUnlocked(before);
                throw;
            }
        }
    }

    /// <summary>Takes the container out of a network, now and for its next starts.</summary>
    /// <exception cref="CaissonException">It is not in it.</exception>
    public async Task DisconnectAsync(string reference, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            NetworkAttachment attachment = _record.Networks.FirstOrDefault(one => one.NetworkId == reference || one.NetworkName == reference)
                ?? _record.Networks.FirstOrDefault(one => one.NetworkId == _services.Networks.Find(reference).Id)
                ?? throw new CaissonException(ErrorKind.PermissionDenied, $"container {Id} is not connected to network {reference}");
            if (_status.Endpoints.FirstOrDefault(one => one.NetworkId == attachment.NetworkId) is { } endpoint)
            {
                using Namespace? inside = _services.Host.OpenNetwork(Id);
                _services.Networks.Disconnect(endpoint, inside);
                SetUnlocked(
                    _status with { Endpoints = [.. _status.Endpoints.Where(one => one.Id != endpoint.Id)] },
                    Durability.Process,
                    _services.Networks.Event(attachment.NetworkId, "disconnect", Id));
                WriteHostsUnlocked();
            }
            SetUnlocked(_record with { Networks = [.. _record.Networks.Where(one => one.NetworkId != attachment.NetworkId)] });
        }
    }

    /// <summary>The id of the container whose network this one shares, which must run; null when it shares none.</summary>
    private string? RequireShared()
    {
        if (NetworkChoice.SharedWith(_record.HostConfig) is not { } id)
        {
            return null;
        }
        Workload other = _engine.Find(id);
        return other.Status.HasProcess && other != this
            ? other.Id
            : throw new CaissonException(ErrorKind.Conflict, $"cannot join network of a non running container: {other.Record.Name}");
    }

    /// <summary>The other container may have ended and its number gone to another process: only its very namespace will do.</summary>
    private void RequireSharedUnlocked(Namespace? network)
    {
        if (NetworkChoice.SharedWith(_record.HostConfig) is null)
        {
            return;
        }
        using Namespace inside = RequireNetwork();
        if (network is null || inside.Identity != network.Identity)
        {
            throw new CaissonException(ErrorKind.Conflict, "cannot join network of a non running container: it ended in this moment");
        }
    }

    private NetworkRecord RequireConnectable(string reference)
    {
        NetworkRecord network = _services.Networks.Find(reference);
        if (!ContainerNetworks.IsConnectable(network))
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"container cannot be connected to network {network.Name}; give it this network when it is created");
        }
        return NetworkChoice.IsOwn(_record.HostConfig) && _record.HostConfig.NetworkMode != "none"
            ? network
            : throw new CaissonException(
                ErrorKind.PermissionDenied, $"container {_record.Name} has network mode {_record.HostConfig.NetworkMode} and cannot be in other networks");
    }

    private Namespace RequireNetwork() => _services.Host.OpenNetwork(Id)
        ?? throw new CaissonException(ErrorKind.Unavailable, $"container {_record.Name} ended while it was connected to its networks");

    /// <summary>Connects a process that has not begun its program; what was connected is on record first of all.</summary>
    private void ConnectUnlocked()
    {
        if (_record.Networks.Count == 0)
        {
            return;
        }
        using Namespace inside = RequireNetwork();
        List<EndpointRecord> endpoints = [];
        try
        {
            foreach (NetworkAttachment attachment in _record.Networks)
            {
                endpoints.Add(_services.Networks.Connect(_record, attachment, endpoints.Count, PortsFor(attachment), inside));
            }
            SetUnlocked(
                _status with { Endpoints = endpoints },
                Durability.Process,
                (EngineEvent[])[.. endpoints.Select(endpoint => _services.Networks.Event(endpoint.NetworkId, "connect", Id))]);
            WriteHostsUnlocked();
        }
        catch
        {
            endpoints.ForEach(endpoint => _services.Networks.Disconnect(endpoint, null));
            throw;
        }
    }

    /// <summary>Takes a container that has ended out of its networks, all but in its status; a failure is told, not fatal.</summary>
    /// <returns>What is to be told.</returns>
    private EngineEvent[] DisconnectUnlocked()
    {
        foreach (EndpointRecord endpoint in _status.Endpoints)
        {
            try
            {
                _services.Networks.Disconnect(endpoint, null);
            }
            catch (CaissonException error)
            {
                _services.Log.Warn($"container {Id}: leave network {endpoint.NetworkId}: {error.Message}");
            }
        }
        return [.. _status.Endpoints.Select(endpoint => _services.Networks.Event(endpoint.NetworkId, "disconnect", Id))];
    }

    /// <summary>Ports are published in the first network that can.</summary>
    private IReadOnlyList<PortRequest> PortsFor(NetworkAttachment attachment) =>
        attachment == PublishingUnlocked()
            ? PortRequest.Read(_record.HostConfig, _record.Config.ExposedPorts, new List<Problem>())
            : [];

    private NetworkAttachment? PublishingUnlocked() => _record.Networks.FirstOrDefault(
        one => _services.Networks.TryFind(one.NetworkId) is { } network && ContainerNetworks.CanPublish(network));

    private int FreeDevice() => Enumerable.Range(0, int.MaxValue).First(number => !_status.Endpoints.Any(endpoint => endpoint.Device == $"eth{number}"));

    /// <summary>In place: the container sees the same file.</summary>
    private void WriteHostsUnlocked() => File.WriteAllText(
        $"{_services.DirectoryOf(Id)}/hosts",
        HostsFile.Hosts(_record, _status.Endpoints, [.. _status.Endpoints.Select(endpoint => _services.Networks.Find(endpoint.NetworkId))]));
}

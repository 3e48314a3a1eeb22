using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.State;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>Gives the container other further names in a network it is in, at once and for its next starts; its connections go on.</summary>
    /// <param name="reference">The network's name or id.</param>
    /// <param name="asked">Holds the names; the rest must be left open.</param>
    /// <param name="cancellationToken">Gives up before anything is changed.</param>
    /// <exception cref="CaissonException">It is not in that network, or one is no name; nothing was changed.</exception>
    public async Task ReplaceAliasesAsync(string reference, EndpointSettings? asked, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            NetworkRecord network = RequireConnectable(reference);
            NetworkAttachment attachment = _record.Networks.FirstOrDefault(one => one.NetworkId == network.Id)
                ?? throw new CaissonException(ErrorKind.Conflict, $"container {_record.Name} is not connected to network {network.Name}");
            List<Problem> problems = [];
            NetworkAttachment read = EndpointRequest.Read(network, asked, "/EndpointConfig", problems);
            ProblemsException.ThrowIfAny($"rename {_record.Name} in network {network.Name}", problems);
            SetUnlocked(_record with
            {
                Networks = [.. _record.Networks.Select(one => one == attachment ? one with { Aliases = read.Aliases } : one)],
            });
            RenameEndpointsUnlocked();
        }
    }

    /// <summary>Names of the record become those by which others find the container now.</summary>
    private void RenameEndpointsUnlocked()
    {
        if (_status.Endpoints.Count == 0)
        {
            return;
        }
        List<EndpointRecord> renamed = [];
        foreach (EndpointRecord endpoint in _status.Endpoints)
        {
            NetworkAttachment? attachment = _record.Networks.FirstOrDefault(one => one.NetworkId == endpoint.NetworkId);
            renamed.Add(attachment is null ? endpoint : _services.Networks.Rename(endpoint, _record, attachment));
        }
        SetUnlocked(_status with { Endpoints = renamed }, Durability.Process);
        WriteHostsUnlocked();
    }
}

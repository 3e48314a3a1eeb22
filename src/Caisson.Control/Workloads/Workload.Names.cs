using Caisson.Control.Model;
using Caisson.Control.Networking;
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
            NetworkAttachment read = EndpointRequest.Read(network, asked, other => _engine.Find(other).Id, "/EndpointConfig", problems);
            ProblemsException.ThrowIfAny($"rename {_record.Name} in network {network.Name}", problems);
            NetworkAttachment renamed = attachment with { Aliases = read.Aliases };
            ContainerRecord after = _record with { Networks = [.. _record.Networks.Select(one => one == attachment ? renamed : one)] };
            EndpointRecord[] endpoints =
            [
                .. _status.Endpoints.Select(endpoint => endpoint.NetworkId == network.Id
                    ? endpoint with { Aliases = [.. EndpointRequest.AliasesOf(after, renamed)] }
                    : endpoint),
            ];
            SetUnlocked(after, _status with { Endpoints = endpoints });
            Array.ForEach(endpoints, _services.Networks.Rename);
        }
    }
}

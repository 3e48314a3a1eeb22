using Caisson.Errors;
using Caisson.Linux.Nftables;
using Caisson.Networks.Services;

namespace Caisson.Networks;

public sealed partial class NetworkPlane
{
    private ServicePlan? _services;

    /// <summary>Leads connections to services, and lets through between containers what policies allow; takes the place of what was set before, at once.</summary>
    /// <param name="networkId">The network whose containers find services by name.</param>
    /// <param name="services">All of them.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no such network.</exception>
    public void SetServices(string networkId, ServicePlan services)
    {
        lock (_lock)
        {
            Find(networkId).Names.SetServices(services.Domain, services.Names);
            // A table that says what it said before is not written again: names change more often than rules.
            if (_services is { } before && before.SameRules(services))
            {
                _services = services;
                return;
            }
            _services = services;
            WriteServicesUnlocked();
        }
    }

    private void WriteServicesUnlocked()
    {
        if (_services is { } services)
        {
            _runner.Commit(new NftTransaction().Replace(ServiceRules.Table(_names, services)));
        }
    }
}

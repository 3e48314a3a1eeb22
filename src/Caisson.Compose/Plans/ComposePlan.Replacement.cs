using System.Collections.Immutable;

using Caisson.Documents;
using Caisson.Compose.Model;

namespace Caisson.Compose.Plans;

public sealed partial class ComposePlan
{
    /// <summary>Replaces containers of one service, some at a time.</summary>
    /// <remarks>
    /// <code>
    /// stop-first:   create new · stop old · remove old · rename new · start new
    /// start-first:  create new, staged · start new · wait until it is good · move names, ports · stop old · remove old · rename new
    /// </code>
    /// In the second order somebody serves at every moment: the old container answers until the new one has what clients know it by.
    /// </remarks>
    private sealed class Replacement(ComposePlan plan, ComposeService service, ImmutableArray<int> needs, ImmutableArray<int> ready)
    {
        private readonly List<int> _batch = [];
        private ImmutableArray<int> _before = [];
        private bool _told;

        /// <summary>Replaces <paramref name="old"/> by a container that is called <paramref name="name"/> in the end; the step after which it runs.</summary>
        public int Add(ObservedContainer old, string name)
        {
            BeginBatch();
            string staged = $"{(old.Id.Length > 12 ? old.Id[..12] : old.Id)}_{name}";
            int end = IsRolling(old) ? AddStartFirst(old, staged, name) : AddStopFirst(old, staged, name);
            _batch.Add(end);
            return end;
        }

        private int AddStopFirst(ObservedContainer old, string staged, string name)
        {
            int created = plan.Add(new ComposeStep.CreateContainer(service.Name, old.Number, staged, old.Id, IsStaged: false, KeepVolumes: !plan._options.RenewAnonymousVolumes), [.. needs, .. _before]);
            int removed = plan.AddRemoval(old, [created, .. ready], volumes: plan._options.RenewAnonymousVolumes);
            int renamed = plan.Add(new ComposeStep.RenameContainer(staged, name), removed);
            return plan.AddStart(service, name, ready, renamed);
        }

        private int AddStartFirst(ObservedContainer old, string staged, string name)
        {
            bool hasPorts = service.HasFixedPorts;
            int created = plan.Add(new ComposeStep.CreateContainer(service.Name, old.Number, staged, old.Id, IsStaged: true, KeepVolumes: !plan._options.RenewAnonymousVolumes), [.. needs, .. _before]);
            int started = plan.Add(new ComposeStep.StartContainer(service.Name, staged), [.. ready, created]);
            int last = plan.Add(new ComposeStep.AwaitSettled(service.Name, staged, service.Update.MonitorNanoseconds), started);
            if (service.Networks.Length > 0)
            {
                last = plan.Add(new ComposeStep.MoveNames(service.Name, staged, old.Id), last);
            }
            if (hasPorts)
            {
                last = plan.Add(new ComposeStep.MovePorts(service.Name, staged, old.Id), last);
            }
            int removed = plan.AddRemoval(old, [last], volumes: plan._options.RenewAnonymousVolumes);
            return plan.Add(new ComposeStep.RenameContainer(staged, name), removed);
        }

        private bool IsRolling(ObservedContainer old)
        {
            if (plan._options.NoStart || !old.IsRunning || !(plan._options.Rolling || service.Update.IsStartFirst))
            {
                return false;
            }
            string? hindrance =
                service.Networks.Any(network => network.Definition["ipv4_address"] is not null || network.Definition["ipv6_address"] is not null) ? "it has a fixed address"
                : service.Networks.Any(network => network.Definition["mac_address"] is not null) || service.Definition["mac_address"] is not null ? "it has a fixed MAC address"
                : service.Definition.Text("network_mode") == "host" ? "it uses the host's network"
                : null;
            if (hindrance is not null && !_told)
            {
                _told = true;
                plan._notices.Add($"service {service.Name} is stopped before its new container starts: {hindrance}, which two containers cannot have");
            }
            return hindrance is null;
        }

        private void BeginBatch()
        {
            var update = service.Update;
            if (update.Parallelism == 0 || _batch.Count < update.Parallelism)
            {
                return;
            }
            _before = [.. _batch];
            _batch.Clear();
            if (update.DelayNanoseconds > 0)
            {
                _before = [plan.Add(new ComposeStep.Delay(service.Name, update.DelayNanoseconds), [.. _before])];
            }
        }
    }
}

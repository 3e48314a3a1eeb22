using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson update</c></summary>
internal sealed class UpdateCommand : EachContainerCommand
{
    private readonly ValueOption<long> _memory, _memoryReservation, _memorySwap, _cpus, _cpuShares, _cpuPeriod, _cpuQuota, _pidsLimit, _blkioWeight;
    private readonly ValueOption<string> _cpuset, _cpusetMems, _publishFrom;
    private readonly ListOption<string> _publishAdd, _publishRemove;
    private readonly ValueOption<(string Name, int RetriesMax)> _restart;

    public UpdateCommand()
    {
        _blkioWeight = Number("blkio-weight", "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)");
        _cpuPeriod = Number("cpu-period", "Limit CPU CFS (Completely Fair Scheduler) period");
        _cpuQuota = Number("cpu-quota", "Limit CPU CFS (Completely Fair Scheduler) quota");
        _cpuShares = Number("cpu-shares", "CPU shares (relative weight)", 'c');
        _cpus = Value("cpus", "decimal", "Number of CPUs", ProcessorCount.Parse, 0L);
        _cpuset = Text("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)");
        _cpusetMems = Text("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)");
        _memory = Value("memory", "bytes", "Memory limit", ByteSize.Parse, 0L, 'm');
        _memoryReservation = Value("memory-reservation", "bytes", "Memory soft limit", ByteSize.Parse, 0L);
        _memorySwap = Value("memory-swap", "bytes", "Swap limit equal to memory plus swap: -1 to enable unlimited swap", ByteSize.ParseOrUnlimited, 0L);
        _pidsLimit = Number("pids-limit", "Tune container pids limit (set -1 for unlimited)");
        _publishAdd = List("publish-add", "Publish another port to the host, also of a running container", kind: "port");
        _publishFrom = Text("publish-from", "Take the ports of --publish-add over from this container, without a moment in between", kind: "container");
        _publishRemove = List("publish-rm", "Publish a port no more: 80[/tcp] of the container, or as it was published", kind: "port");
        _restart = Value("restart", "string", "Restart policy to apply when a container exits", ContainerOptions.RestartPolicy, ("", 0));
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["update -m 128m --memory-swap 128m web", "update --restart unless-stopped web", "update --publish-add 8443:443 --publish-rm 80 web", "update --publish-add 80:80 --publish-from blue green"];

    public override int Run(Session session)
    {
        if (!Options.Any(option => option.IsSet))
        {
            throw new UsageException("you must provide one or more flags when using this command", exitCode: 1);
        }
        if (_publishFrom.IsSet && !_publishAdd.IsSet)
        {
            throw new UsageException("--publish-from says from whom the ports of --publish-add are taken; give both", exitCode: 1);
        }
        return base.Run(session);
    }

    protected override string Act(Session session, string name)
    {
        if (_publishAdd.IsSet || _publishRemove.IsSet)
        {
            session.Engine.PublishPorts(name, Ports(session, name), _publishFrom.Value);
            if (Options.Where(option => option.IsSet).All(option => option == _publishAdd || option == _publishRemove || option == _publishFrom))
            {
                return name;
            }
        }
        var changes = new HostConfig
        {
            MemoryBytes = _memory.Value,
            MemoryReservationBytes = _memoryReservation.Value,
            MemorySwapBytes = _memorySwap.Value,
            NanoCpus = _cpus.Value,
            CpuShares = _cpuShares.Value,
            CpuPeriod = _cpuPeriod.Value,
            CpuQuota = _cpuQuota.Value,
            CpusetCpus = _cpuset.Value,
            CpusetMems = _cpusetMems.Value,
            PidsLimit = _pidsLimit.IsSet ? _pidsLimit.Value : null,
            BlkioWeight = (int)Math.Clamp(_blkioWeight.Value, 0, 1000),
            RestartPolicy = _restart.Value.Name,
            RestartRetriesMax = _restart.Value.RetriesMax,
        };
        foreach (string warning in session.Engine.UpdateContainer(name, changes))
        {
            session.Error.WriteLine("WARNING: " + warning);
        }
        return name;
    }

    /// <summary>What is published now, with what was asked for.</summary>
    private SortedDictionary<string, List<PortBinding>> Ports(Session session, string name)
    {
        using var container = session.Engine.InspectContainer(name);
        var ports = new SortedDictionary<string, List<PortBinding>>(StringComparer.Ordinal);
        if (container.RootElement.GetProperty("HostConfig").TryGetProperty("PortBindings", out var bindings) && bindings.ValueKind == JsonValueKind.Object)
        {
            foreach (var port in bindings.EnumerateObject().Where(port => port.Value.ValueKind == JsonValueKind.Array))
            {
                ports[port.Name] = [.. port.Value.EnumerateArray().Select(binding => new PortBinding(binding.GetProperty("HostIp").GetString() ?? "", binding.GetProperty("HostPort").GetString() ?? ""))];
            }
        }
        foreach (string text in _publishRemove.Values)
        {
            Remove(ports, text, name);
        }
        foreach (string text in _publishAdd.Values)
        {
            PortSpec.Publish(text, new HashSet<string>(), ports);
        }
        return ports;
    }

    /// <summary>A port alone stands for all its bindings, <c>8080:80</c> for that one.</summary>
    private static void Remove(SortedDictionary<string, List<PortBinding>> ports, string text, string name)
    {
        var removed = new SortedDictionary<string, List<PortBinding>>(StringComparer.Ordinal);
        PortSpec.Publish(text, new HashSet<string>(), removed);
        foreach (var (port, bindings) in removed)
        {
            int count = !ports.TryGetValue(port, out var published) ? 0
                : text.Contains(':', StringComparison.Ordinal) ? published.RemoveAll(bindings.Contains)
                : published.RemoveAll(_ => true);
            if (count == 0)
            {
                throw new CaissonException(ErrorKind.NotFound, $"{name} does not publish {text}");
            }
            if (published!.Count == 0)
            {
                ports.Remove(port);
            }
        }
    }
}

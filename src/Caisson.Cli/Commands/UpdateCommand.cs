using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Containers;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson update</c></summary>
internal sealed class UpdateCommand : EachContainerCommand
{
    private readonly ValueOption<long> _memory, _memoryReservation, _memorySwap, _cpus, _cpuShares, _cpuPeriod, _cpuQuota, _pidsLimit, _blkioWeight;
    private readonly ValueOption<string> _cpuset, _cpusetMems;
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
        _restart = Value("restart", "string", "Restart policy to apply when a container exits", ContainerOptions.RestartPolicy, ("", 0));
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override IReadOnlyList<string> Examples => ["update -m 128m --memory-swap 128m web", "update --restart unless-stopped web"];

    public override int Run(Session session) => Options.Any(option => option.IsSet)
        ? base.Run(session)
        : throw new UsageException("you must provide one or more flags when using this command", exitCode: 1);

    protected override string Act(Session session, string name)
    {
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
}

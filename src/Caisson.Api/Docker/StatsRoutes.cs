using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Control.Hosting;
using Caisson.Control.Workloads;
using Caisson.Linux;

namespace Caisson.Api.Docker;

/// <summary>What containers use, once or every second. Source: Docker Engine API, "Get container stats based on resource usage".</summary>
internal sealed class StatsRoutes(EngineServices services, ContainerEngine engine)
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Nanoseconds of a tick in /proc/stat (USER_HZ is 100).</summary>
    private const ulong TickNs = 10_000_000;

    private readonly ContainerProjects _projects = new(engine);

    public void AddTo(Router.Builder routes) => routes.Get("/containers/{id}/stats", Need.To("get", "containers/stats").In(_projects.Of), Stats);

    private async Task Stats(Call call)
    {
        Workload workload = engine.Find(call.Path("id"));
        bool stream = call.Flag("stream", otherwise: true);
        Reading? before = null;
        if (!stream && !call.Flag("one-shot"))
        {
            // A share of processor time needs two readings.
            before = Read(workload);
            if (before?.Usage is not null)
            {
                await Task.Delay(Period, services.Time, call.Gone);
            }
        }
        Stream output = await call.Begin("application/json");
        while (true)
        {
            Reading now = Read(workload);
            byte[] body = JsonSerializer.SerializeToUtf8Bytes(Body(workload, before, now), DockerJson.Default.StatsBody);
            await output.WriteAsync((byte[])[.. body, (byte)'\n'], call.Gone);
            await output.FlushAsync(call.Gone);
            if (!stream || workload.Status.Phase == Control.Model.ContainerPhase.Removing)
            {
                return;
            }
            before = now;
            await Task.Delay(Period, services.Time, call.Gone);
        }
    }

    private sealed record Reading(DateTimeOffset At, ContainerUsage? Usage, ulong SystemNs);

    private Reading Read(Workload workload) => new(services.Time.GetUtcNow(), workload.ReadUsage(), SystemTime());

    /// <summary>Processor time of the whole machine, idle included. Source: proc_stat(5).</summary>
    private static ulong SystemTime()
    {
        string line = (HostFiles.TryReadText("/proc/stat") ?? "").Split('\n', 2)[0];
        ulong ticks = 0;
        foreach (string word in line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8))
        {
            ticks += ulong.Parse(word, NumberStyles.None, CultureInfo.InvariantCulture);
        }
        return ticks * TickNs;
    }

    private StatsBody Body(Workload workload, Reading? before, Reading now)
    {
        ContainerUsage? usage = now.Usage;
        return new StatsBody
        {
            Name = "/" + workload.Record.Name,
            Id = workload.Id,
            Read = Times.Text(now.At),
            Preread = Times.Text(before?.At),
            PidsStats = usage is null ? new() : new() { Current = usage.Pids, Limit = usage.PidsLimit },
            CpuStats = usage is null ? new() : Cpu(usage, now.SystemNs),
            PrecpuStats = before?.Usage is { } earlier ? Cpu(earlier, before.SystemNs) : new(),
            MemoryStats = usage is null ? new() : new MemoryStatsBody
            {
                Usage = usage.MemoryBytes,
                Limit = usage.MemoryLimitBytes ?? (ulong)services.Facts.MemoryBytes,
                // Old clients subtract total_inactive_file (v1), new ones inactive_file (v2).
                Stats = new() { ["inactive_file"] = usage.MemoryInactiveFileBytes, ["total_inactive_file"] = usage.MemoryInactiveFileBytes },
            },
            BlkioStats = new BlkioStatsBody
            {
                IoServiceBytesRecursive =
                [
                    .. (usage?.Blocks ?? []).SelectMany(block => (BlkioEntryBody[])
                    [
                        new(block.Major, block.Minor, "read", block.ReadBytes),
                        new(block.Major, block.Minor, "write", block.WrittenBytes),
                    ]),
                ],
            },
            Networks = usage is { Interfaces.Count: > 0 }
                ? usage.Interfaces.ToDictionary(each => each.Name, each => new NetworkStatsBody
                {
                    RxBytes = each.ReceivedBytes,
                    RxPackets = each.ReceivedPackets,
                    TxBytes = each.SentBytes,
                    TxPackets = each.SentPackets,
                })
                : null,
        };
    }

    private CpuStatsBody Cpu(ContainerUsage usage, ulong systemNs) => new()
    {
        CpuUsage = new CpuUsageBody { TotalUsage = usage.CpuTotalNs, UsageInKernelmode = usage.CpuKernelNs, UsageInUsermode = usage.CpuUserNs },
        SystemCpuUsage = systemNs,
        OnlineCpus = services.Facts.Processors,
        ThrottlingData = new ThrottlingBody { Periods = usage.ThrottlingPeriods, ThrottledPeriods = usage.ThrottledPeriods, ThrottledTime = usage.ThrottledTimeNs },
    };
}

internal sealed record StatsBody
{
    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("read")]
    public required string Read { get; init; }

    [JsonPropertyName("preread")]
    public required string Preread { get; init; }

    [JsonPropertyName("pids_stats")]
    public required PidsStatsBody PidsStats { get; init; }

    [JsonPropertyName("blkio_stats")]
    public required BlkioStatsBody BlkioStats { get; init; }

    [JsonPropertyName("num_procs")]
    public int NumProcs { get; init; }

    [JsonPropertyName("cpu_stats")]
    public required CpuStatsBody CpuStats { get; init; }

    [JsonPropertyName("precpu_stats")]
    public required CpuStatsBody PrecpuStats { get; init; }

    [JsonPropertyName("memory_stats")]
    public required MemoryStatsBody MemoryStats { get; init; }

    [JsonPropertyName("networks")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, NetworkStatsBody>? Networks { get; init; }
}

internal sealed record PidsStatsBody
{
    [JsonPropertyName("current")]
    public ulong Current { get; init; }

    [JsonPropertyName("limit")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ulong? Limit { get; init; }
}

internal sealed record BlkioStatsBody
{
    [JsonPropertyName("io_service_bytes_recursive")]
    public IReadOnlyList<BlkioEntryBody> IoServiceBytesRecursive { get; init; } = [];
}

internal sealed record BlkioEntryBody(
    [property: JsonPropertyName("major")] ulong Major,
    [property: JsonPropertyName("minor")] ulong Minor,
    [property: JsonPropertyName("op")] string Op,
    [property: JsonPropertyName("value")] ulong Value);

internal sealed record CpuStatsBody
{
    [JsonPropertyName("cpu_usage")]
    public CpuUsageBody CpuUsage { get; init; } = new();

    [JsonPropertyName("system_cpu_usage")]
    public ulong SystemCpuUsage { get; init; }

    [JsonPropertyName("online_cpus")]
    public int OnlineCpus { get; init; }

    [JsonPropertyName("throttling_data")]
    public ThrottlingBody ThrottlingData { get; init; } = new();
}

internal sealed record CpuUsageBody
{
    [JsonPropertyName("total_usage")]
    public ulong TotalUsage { get; init; }

    [JsonPropertyName("usage_in_kernelmode")]
    public ulong UsageInKernelmode { get; init; }

    [JsonPropertyName("usage_in_usermode")]
    public ulong UsageInUsermode { get; init; }
}

internal sealed record ThrottlingBody
{
    [JsonPropertyName("periods")]
    public ulong Periods { get; init; }

    [JsonPropertyName("throttled_periods")]
    public ulong ThrottledPeriods { get; init; }

    [JsonPropertyName("throttled_time")]
    public ulong ThrottledTime { get; init; }
}

internal sealed record MemoryStatsBody
{
    [JsonPropertyName("usage")]
    public ulong Usage { get; init; }

    [JsonPropertyName("stats")]
    public Dictionary<string, ulong> Stats { get; init; } = [];

    [JsonPropertyName("limit")]
    public ulong Limit { get; init; }
}

internal sealed record NetworkStatsBody
{
    [JsonPropertyName("rx_bytes")]
    public ulong RxBytes { get; init; }

    [JsonPropertyName("rx_packets")]
    public ulong RxPackets { get; init; }

    [JsonPropertyName("rx_errors")]
    public ulong RxErrors { get; init; }

    [JsonPropertyName("rx_dropped")]
    public ulong RxDropped { get; init; }

    [JsonPropertyName("tx_bytes")]
    public ulong TxBytes { get; init; }

    [JsonPropertyName("tx_packets")]
    public ulong TxPackets { get; init; }

    [JsonPropertyName("tx_errors")]
    public ulong TxErrors { get; init; }

    [JsonPropertyName("tx_dropped")]
    public ulong TxDropped { get; init; }
}

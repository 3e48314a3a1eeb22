using System.Collections.Concurrent;

using Caisson.Api.Grpc;
using Caisson.Control.Hosting;
using Caisson.Control.Sandboxes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images.Snapshots;

namespace Caisson.Api.Cri;

internal sealed partial class RuntimeService
{
    /// <summary>How old the size of what a container has written may be: its files are counted for it.</summary>
    private static readonly TimeSpan DiskAgeMax = TimeSpan.FromSeconds(10);

    /// <summary>How old a reading must be for a rate to be made of it and the next.</summary>
    private static readonly TimeSpan RateSpanMin = TimeSpan.FromSeconds(1);

    private static readonly string[] MetricLabels = ["namespace", "pod", "container", "id", "image", "name"];

    private static readonly MetricKind[] Metrics =
    [
        new("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", true, usage => usage.CpuTotalNs / 1_000_000_000),
        new("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", true, usage => usage.CpuUserNs / 1_000_000_000),
        new("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", true, usage => usage.CpuKernelNs / 1_000_000_000),
        new("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", true, usage => usage.ThrottlingPeriods),
        new("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", true, usage => usage.ThrottledPeriods),
        new("container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", true, usage => usage.ThrottledTimeNs / 1_000_000_000),
        new("container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed.", false, usage => usage.MemoryBytes),
        new("container_memory_working_set_bytes", "Current working set in bytes.", false, WorkingSet),
        new("container_memory_rss", "Size of RSS in bytes.", false, usage => usage.MemoryAnonymousBytes),
        new("container_spec_memory_limit_bytes", "Memory limit for the container.", false, usage => usage.MemoryLimitBytes ?? 0),
        new("container_processes", "Number of processes and threads running inside the container.", false, usage => usage.Pids),
        new("container_fs_reads_bytes_total", "Cumulative count of bytes read.", true, usage => usage.Blocks.Aggregate(0UL, (sum, block) => sum + block.ReadBytes)),
        new("container_fs_writes_bytes_total", "Cumulative count of bytes written.", true, usage => usage.Blocks.Aggregate(0UL, (sum, block) => sum + block.WrittenBytes)),
    ];

    private static readonly NetworkMetricKind[] NetworkMetrics =
    [
        new("container_network_receive_bytes_total", "Cumulative count of bytes received.", usage => usage.ReceivedBytes),
        new("container_network_receive_packets_total", "Cumulative count of packets received.", usage => usage.ReceivedPackets),
        new("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted.", usage => usage.SentBytes),
        new("container_network_transmit_packets_total", "Cumulative count of packets transmitted.", usage => usage.SentPackets),
    ];

    private readonly ConcurrentDictionary<string, (SnapshotUsage Usage, DateTimeOffset At)> _disks = new();
    private readonly ConcurrentDictionary<string, (ulong CpuNs, ulong Rate, DateTimeOffset At)> _rates = new();

    private sealed record MetricKind(string Name, string Help, bool IsCounter, Func<ContainerUsage, ulong> Read);

    private sealed record NetworkMetricKind(string Name, string Help, Func<InterfaceUsage, ulong> Read);

    private V1.ContainerStatsResponse ContainerStats(V1.ContainerStatsRequest request)
    {
        (SandboxContainerRecord record, Workload workload) = pods.FindContainer(request.ContainerId);
        return new() { Stats = StatsOf(record, workload) };
    }

    private V1.ListContainerStatsResponse ListContainerStats(V1.ListContainerStatsRequest request)
    {
        var answer = new V1.ListContainerStatsResponse();
        answer.Stats.Add(AllStats(request.Filter));
        return answer;
    }

    private async Task StreamContainerStatsAsync(V1.StreamContainerStatsRequest request, GrpcSend<V1.StreamContainerStatsResponse> send, CancellationToken cancellation)
    {
        foreach (V1.ContainerStats[] chunk in AllStats(request.Filter).Chunk(ChunkItems))
        {
            await send(new V1.StreamContainerStatsResponse { ContainerStats = { chunk } });
        }
    }

    private V1.PodSandboxStatsResponse PodSandboxStats(V1.PodSandboxStatsRequest request) => new() { Stats = StatsOf(pods.Find(request.PodSandboxId)) };

    private V1.ListPodSandboxStatsResponse ListPodSandboxStats(V1.ListPodSandboxStatsRequest request)
    {
        var answer = new V1.ListPodSandboxStatsResponse();
        answer.Stats.Add(AllStats(request.Filter));
        return answer;
    }

    private async Task StreamPodSandboxStatsAsync(V1.StreamPodSandboxStatsRequest request, GrpcSend<V1.StreamPodSandboxStatsResponse> send, CancellationToken cancellation)
    {
        foreach (V1.PodSandboxStats[] chunk in AllStats(request.Filter).Chunk(ChunkItems))
        {
            await send(new V1.StreamPodSandboxStatsResponse { PodSandboxStats = { chunk } });
        }
    }

    private static V1.ListMetricDescriptorsResponse ListMetricDescriptors(V1.ListMetricDescriptorsRequest request)
    {
        var answer = new V1.ListMetricDescriptorsResponse();
        foreach (MetricKind kind in Metrics)
        {
            answer.Descriptors.Add(new V1.MetricDescriptor { Name = kind.Name, Help = kind.Help, LabelKeys = { MetricLabels } });
        }
        foreach (NetworkMetricKind kind in NetworkMetrics)
        {
            answer.Descriptors.Add(new V1.MetricDescriptor { Name = kind.Name, Help = kind.Help, LabelKeys = { MetricLabels, "interface" } });
        }
        return answer;
    }

    private V1.ListPodSandboxMetricsResponse ListPodSandboxMetrics(V1.ListPodSandboxMetricsRequest request)
    {
        var answer = new V1.ListPodSandboxMetricsResponse();
        answer.PodMetrics.Add(AllMetrics());
        return answer;
    }

    private async Task StreamPodSandboxMetricsAsync(V1.StreamPodSandboxMetricsRequest request, GrpcSend<V1.StreamPodSandboxMetricsResponse> send, CancellationToken cancellation)
    {
        foreach (V1.PodSandboxMetrics[] chunk in AllMetrics().Chunk(ChunkItems))
        {
            await send(new V1.StreamPodSandboxMetricsResponse { PodSandboxMetrics = { chunk } });
        }
    }

    private IEnumerable<V1.ContainerStats> AllStats(V1.ContainerStatsFilter? filter) => pods.Containers()
        .Where(one => one.Workload.Status.HasProcess && (filter is null
            || ((filter.Id.Length == 0 || one.Record.Id.StartsWith(filter.Id, StringComparison.Ordinal))
                && (filter.PodSandboxId.Length == 0 || one.Record.SandboxId.StartsWith(filter.PodSandboxId, StringComparison.Ordinal))
                && Has(one.Record.Labels, filter.LabelSelector))))
        .Select(one => StatsOf(one.Record, one.Workload));

    private IEnumerable<V1.PodSandboxStats> AllStats(V1.PodSandboxStatsFilter? filter) => pods.List()
        .Where(sandbox => sandbox.IsReady && (filter is null
            || ((filter.Id.Length == 0 || sandbox.Id.StartsWith(filter.Id, StringComparison.Ordinal)) && Has(sandbox.Record.Request.Labels, filter.LabelSelector))))
        .Select(StatsOf);

    private V1.ContainerStats StatsOf(SandboxContainerRecord record, Workload workload)
    {
        DateTimeOffset now = Services.Time.GetUtcNow();
        var stats = new V1.ContainerStats
        {
            Attributes = new V1.ContainerAttributes
            {
                Id = record.Id,
                Metadata = new V1.ContainerMetadata { Name = record.Name, Attempt = record.Attempt },
            },
            WritableLayer = DiskOf(record.Id, now),
        };
        CriAnswers.Copy(record.Labels, stats.Attributes.Labels);
        CriAnswers.Copy(record.Annotations, stats.Attributes.Annotations);
        if (UsageOf(workload) is { } usage)
        {
            (stats.Cpu, stats.Memory) = (CpuOf(record.Id, usage, now), MemoryOf(usage, now));
        }
        return stats;
    }

    private V1.PodSandboxStats StatsOf(PodSandbox sandbox)
    {
        DateTimeOffset now = Services.Time.GetUtcNow();
        SandboxRequest request = sandbox.Record.Request;
        var stats = new V1.PodSandboxStats
        {
            Attributes = new V1.PodSandboxAttributes
            {
                Id = sandbox.Id,
                Metadata = new V1.PodSandboxMetadata { Name = request.Identity.Name, Namespace = request.Identity.Namespace, Uid = request.Identity.Uid, Attempt = request.Identity.Attempt },
            },
            Linux = new V1.LinuxPodSandboxStats(),
        };
        CriAnswers.Copy(request.Labels, stats.Attributes.Labels);
        CriAnswers.Copy(request.Annotations, stats.Attributes.Annotations);
        (SandboxContainerRecord Record, Workload Workload)[] running = [.. pods.ContainersOf(sandbox.Id).Where(one => one.Workload.Status.HasProcess)];
        ContainerUsage[] usages = [.. running.Select(one => UsageOf(one.Workload)).OfType<ContainerUsage>()];
        ContainerUsage? holder = sandbox.Holder is { } holding ? UsageOf(holding) : null;
        ContainerUsage[] all = holder is null ? usages : [.. usages, holder];
        if (all.Length > 0)
        {
            var sum = new ContainerUsage
            {
                CpuTotalNs = Sum(all, usage => usage.CpuTotalNs),
                MemoryBytes = Sum(all, usage => usage.MemoryBytes),
                MemoryInactiveFileBytes = Sum(all, usage => usage.MemoryInactiveFileBytes),
                MemoryAnonymousBytes = Sum(all, usage => usage.MemoryAnonymousBytes),
                PageFaults = Sum(all, usage => usage.PageFaults),
                MajorPageFaults = Sum(all, usage => usage.MajorPageFaults),
                Interfaces = request.Network == NamespaceScope.Node ? [] : (holder ?? all[0]).Interfaces,
            };
            stats.Linux.Cpu = CpuOf(sandbox.Id, sum, now);
            stats.Linux.Memory = MemoryOf(sum, now);
            stats.Linux.Process = new V1.ProcessUsage { Timestamp = CriAnswers.Time(now), ProcessCount = Value(Sum(all, usage => usage.Pids)) };
            if (sum.Interfaces.Count > 0)
            {
                V1.NetworkInterfaceUsage[] interfaces = [.. sum.Interfaces.Select(one => new V1.NetworkInterfaceUsage { Name = one.Name, RxBytes = Value(one.ReceivedBytes), TxBytes = Value(one.SentBytes) })];
                stats.Linux.Network = new V1.NetworkUsage { Timestamp = CriAnswers.Time(now), DefaultInterface = interfaces[0] };
                stats.Linux.Network.Interfaces.Add(interfaces.Skip(1));
            }
        }
        stats.Linux.Containers.Add(running.Select(one => StatsOf(one.Record, one.Workload)));
        return stats;
    }

    private IEnumerable<V1.PodSandboxMetrics> AllMetrics()
    {
        long now = CriAnswers.Time(Services.Time.GetUtcNow());
        foreach (PodSandbox sandbox in pods.List().Where(sandbox => sandbox.IsReady))
        {
            SandboxIdentity pod = sandbox.Record.Request.Identity;
            var metrics = new V1.PodSandboxMetrics { PodSandboxId = sandbox.Id };
            if (sandbox.Record.Request.Network != NamespaceScope.Node && sandbox.Holder is { } holder && UsageOf(holder) is { } held)
            {
                foreach (NetworkMetricKind kind in NetworkMetrics)
                {
                    metrics.Metrics.Add(held.Interfaces.Select(one => Metric(kind.Name, true, kind.Read(one), [pod.Namespace, pod.Name, "", sandbox.Id, "", holder.Record.Name, one.Name])));
                }
            }
            foreach ((SandboxContainerRecord record, Workload workload) in pods.ContainersOf(sandbox.Id))
            {
                if (UsageOf(workload) is { } usage)
                {
                    var container = new V1.ContainerMetrics { ContainerId = record.Id };
                    string[] labels = [pod.Namespace, pod.Name, record.Name, record.Id, workload.Record.Config.Image, workload.Record.Name];
                    container.Metrics.Add(Metrics.Select(kind => Metric(kind.Name, kind.IsCounter, kind.Read(usage), labels)));
                    metrics.ContainerMetrics.Add(container);
                }
            }
            yield return metrics;
        }

        V1.Metric Metric(string name, bool isCounter, ulong value, string[] labels) => new()
        {
            Name = name,
            Timestamp = now,
            MetricType = isCounter ? V1.MetricType.Counter : V1.MetricType.Gauge,
            Value = Value(value),
            LabelValues = { labels },
        };
    }

    private static ContainerUsage? UsageOf(Workload workload)
    {
        try
        {
            return workload.ReadUsage();
        }
        catch (CaissonException error) when (error.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
        {
            return null; // it ended in this moment
        }
    }

    private V1.FilesystemUsage DiskOf(string id, DateTimeOffset now)
    {
        if (!_disks.TryGetValue(id, out (SnapshotUsage Usage, DateTimeOffset At) known) || now - known.At > DiskAgeMax)
        {
            known = (Services.Images.Snapshots.Find(id)?.Measure() ?? new SnapshotUsage(0, 0), now);
            _disks[id] = known;
        }
        return new V1.FilesystemUsage
        {
            Timestamp = CriAnswers.Time(known.At),
            FsId = new V1.FilesystemIdentifier { Mountpoint = Services.Root },
            UsedBytes = Value((ulong)known.Usage.Bytes),
            InodesUsed = Value((ulong)known.Usage.Entries),
        };
    }

    private V1.CpuUsage CpuOf(string id, ContainerUsage usage, DateTimeOffset now)
    {
        (ulong CpuNs, ulong Rate, DateTimeOffset At) next = _rates.AddOrUpdate(
            id,
            _ => (usage.CpuTotalNs, 0, now),
            (_, before) => now - before.At < RateSpanMin || usage.CpuTotalNs < before.CpuNs ? before
                : (usage.CpuTotalNs, (ulong)((usage.CpuTotalNs - before.CpuNs) / (now - before.At).TotalSeconds), now));
        return new V1.CpuUsage { Timestamp = CriAnswers.Time(now), UsageCoreNanoSeconds = Value(usage.CpuTotalNs), UsageNanoCores = Value(next.Rate) };
    }

    private static V1.MemoryUsage MemoryOf(ContainerUsage usage, DateTimeOffset now)
    {
        ulong working = WorkingSet(usage);
        return new V1.MemoryUsage
        {
            Timestamp = CriAnswers.Time(now),
            WorkingSetBytes = Value(working),
            AvailableBytes = usage.MemoryLimitBytes is { } limit ? Value(limit - Math.Min(limit, working)) : null,
            UsageBytes = Value(usage.MemoryBytes),
            RssBytes = Value(usage.MemoryAnonymousBytes),
            PageFaults = Value(usage.PageFaults),
            MajorPageFaults = Value(usage.MajorPageFaults),
        };
    }

    /// <summary>What of a container that is gone is not asked for again.</summary>
    private void Forget(string id)
    {
        _disks.TryRemove(id, out _);
        _rates.TryRemove(id, out _);
    }

    private static ulong WorkingSet(ContainerUsage usage) => usage.MemoryBytes - Math.Min(usage.MemoryBytes, usage.MemoryInactiveFileBytes);

    private static ulong Sum(IEnumerable<ContainerUsage> usages, Func<ContainerUsage, ulong> read) => usages.Aggregate(0UL, (sum, usage) => sum + read(usage));

    private static V1.UInt64Value Value(ulong value) => new() { Value = value };
}

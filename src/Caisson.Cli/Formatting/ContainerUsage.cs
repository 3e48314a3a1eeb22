using System.Globalization;
using System.Text.Json;

namespace Caisson.Cli.Formatting;

/// <summary>One reading of a container's use of resources, as numbers.</summary>
/// <remarks>Source: Docker Engine API, "Get container stats based on resource usage", how the command line calculates.</remarks>
internal sealed record ContainerUsage(
    string Container, string Id, string Name, double CpuPercent, double MemoryBytes, double MemoryLimitBytes,
    double NetworkReceivedBytes, double NetworkSentBytes, double BlockReadBytes, double BlockWrittenBytes, long Pids)
{
    public static readonly Column<ContainerUsage>[] Columns =
    [
        new("Container", "CONTAINER", usage => usage.Container),
        new("ID", "CONTAINER ID", usage => usage.Id.Length == 0 ? "--" : usage.Id),
        new("Name", "NAME", usage => usage.Name.Length == 0 ? "--" : usage.Name),
        new("CPUPerc", "CPU %", usage => Percent(usage, usage.CpuPercent)),
        new("MemUsage", "MEM USAGE / LIMIT", usage => Pair(usage, HumanSize.Binary(usage.MemoryBytes), HumanSize.Binary(usage.MemoryLimitBytes))),
        new("MemPerc", "MEM %", usage => Percent(usage, usage.MemoryLimitBytes > 0 ? usage.MemoryBytes / usage.MemoryLimitBytes * 100 : 0)),
        new("NetIO", "NET I/O", usage => Pair(usage, HumanSize.Decimal(usage.NetworkReceivedBytes), HumanSize.Decimal(usage.NetworkSentBytes))),
        new("BlockIO", "BLOCK I/O", usage => Pair(usage, HumanSize.Decimal(usage.BlockReadBytes), HumanSize.Decimal(usage.BlockWrittenBytes))),
        new("PIDs", "PIDS", usage => usage.IsKnown ? usage.Pids.ToString(CultureInfo.InvariantCulture) : "--"),
    ];

    private bool IsKnown => Id.Length > 0;

    /// <summary>A row before its first reading.</summary>
    public static ContainerUsage Unknown(string container) => new(container, "", "", 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Reads an answer of <c>/containers/{id}/stats</c>.</summary>
    public static ContainerUsage Read(string container, bool cut, JsonElement json)
    {
        string id = json.TryGetProperty("id", out var value) ? value.GetString() ?? "" : "";
        string name = json.TryGetProperty("name", out value) ? value.GetString()?.TrimStart('/') ?? "" : "";
        var memory = Get(json, "memory_stats");
        var (received, sent) = Network(json);
        var (read, written) = Blocks(json);
        return new(
            container, cut ? DisplayText.ShortId(id) : id, name, Processor(json), Memory(memory), Number(memory, "limit"),
            received, sent, read, written, (long)Number(Get(json, "pids_stats"), "current"));
    }

    private static double Processor(JsonElement json)
    {
        var now = Get(json, "cpu_stats");
        var before = Get(json, "precpu_stats");
        double used = Number(Get(now, "cpu_usage"), "total_usage") - Number(Get(before, "cpu_usage"), "total_usage");
        double system = Number(now, "system_cpu_usage") - Number(before, "system_cpu_usage");
        double processors = Number(now, "online_cpus");
        if (processors == 0 && Get(Get(now, "cpu_usage"), "percpu_usage") is { ValueKind: JsonValueKind.Array } each)
        {
            processors = each.GetArrayLength();
        }
        return used > 0 && system > 0 ? used / system * processors * 100 : 0;
    }

    /// <summary>Without the file cache that the kernel may drop: <c>inactive_file</c> of cgroup v2, <c>total_inactive_file</c> of v1.</summary>
    private static double Memory(JsonElement memory)
    {
        double usage = Number(memory, "usage");
        var detail = Get(memory, "stats");
        double cache = Number(detail, "total_inactive_file");
        cache = cache > 0 ? cache : Number(detail, "inactive_file");
        return cache < usage ? usage - cache : usage;
    }

    private static (double Received, double Sent) Network(JsonElement json)
    {
        double received = 0;
        double sent = 0;
        if (Get(json, "networks") is { ValueKind: JsonValueKind.Object } networks)
        {
            foreach (var network in networks.EnumerateObject())
            {
                received += Number(network.Value, "rx_bytes");
                sent += Number(network.Value, "tx_bytes");
            }
        }
        return (received, sent);
    }

    private static (double Read, double Written) Blocks(JsonElement json)
    {
        double read = 0;
        double written = 0;
        if (Get(Get(json, "blkio_stats"), "io_service_bytes_recursive") is { ValueKind: JsonValueKind.Array } entries)
        {
            foreach (var entry in entries.EnumerateArray())
            {
                char kind = Get(entry, "op").GetString() is { Length: > 0 } op ? char.ToLowerInvariant(op[0]) : ' ';
                read += kind == 'r' ? Number(entry, "value") : 0;
                written += kind == 'w' ? Number(entry, "value") : 0;
            }
        }
        return (read, written);
    }

    private static JsonElement Get(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : default;

    private static double Number(JsonElement json, string name) =>
        Get(json, name) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : 0;

    private static string Percent(ContainerUsage usage, double percent) =>
        usage.IsKnown ? percent.ToString("F2", CultureInfo.InvariantCulture) + "%" : "--";

    private static string Pair(ContainerUsage usage, string left, string right) => usage.IsKnown ? $"{left} / {right}" : "-- / --";
}

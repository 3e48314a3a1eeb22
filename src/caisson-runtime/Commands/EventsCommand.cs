using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Caisson.Containers.State;
using Caisson.Linux;
using Caisson.Oci.Runtime;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>events ID</c>: what a container uses, as runc prints it, once or until it stops.</summary>
internal static class EventsCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, ["stats", "interval="], 1, 1);
        var interval = ParseInterval(arguments.Value("interval") ?? "5s");
        var state = invocation.Root.Read(arguments.Words[0]);
        ulong oomKills = 0;
        while (ContainerView.StatusOf(state) != ContainerStatus.Stopped)
        {
            var cgroup = ContainerView.RequireCgroup(state);
            Write(state.Id, "stats", cgroup.ReadStatistics());
            if (arguments.Has("stats"))
            {
                return 0;
            }
            ulong now = cgroup.ReadOomKills();
            if (now > oomKills)
            {
                Write(state.Id, "oom", null);
            }
            oomKills = now;
            using var process = ContainerView.TryOpenProcess(state);
            if (process is null || process.WaitReadable((int)interval.TotalMilliseconds))
            {
                break;
            }
        }
        return arguments.Has("stats") ? throw NotRunning(state) : 0;
    }

    private static Errors.CaissonException NotRunning(RuntimeState state) => new(Errors.ErrorKind.Conflict, $"container not running: {state.Id}");

    /// <summary>Numbers with units as Go writes durations, of one unit: <c>500ms</c>, <c>5s</c>, <c>1m</c>, <c>1h</c>.</summary>
    private static TimeSpan ParseInterval(string text)
    {
        string number = text.TrimEnd("hms".ToCharArray());
        double scale = text[number.Length..] switch { "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, _ => 0 };
        return scale > 0 && double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value > 0 && value * scale < 1_000_000
            ? TimeSpan.FromSeconds(value * scale)
            : throw Arguments.Usage($"--interval needs a duration such as 500ms or 5s, not '{text}'");
    }

    private static void Write(string id, string type, CgroupStatistics? statistics)
    {
        var line = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("id", id);
            if (statistics is not null)
            {
                json.WriteStartObject("data");
                WriteCpu(json, statistics.Cpu);
                WriteMemory(json, statistics.Memory);
                json.WriteStartObject("pids");
                json.WriteNumber("current", statistics.Pids?.Current ?? 0);
                json.WriteNumber("limit", statistics.Pids?.Limit ?? 0);
                json.WriteEndObject();
                WriteIo(json, statistics.Io);
                json.WriteStartObject("hugetlb");
                json.WriteEndObject();
                json.WriteStartObject("intel_rdt");
                json.WriteEndObject();
                json.WriteNull("network_interfaces");
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        StandardOutput.Write(line.WrittenSpan);
    }

    private static void WriteCpu(Utf8JsonWriter json, CpuStatistics? cpu)
    {
        json.WriteStartObject("cpu");
        json.WriteStartObject("usage");
        json.WriteNumber("total", cpu?.UsageNs ?? 0);
        json.WriteStartArray("percpu");
        foreach (ulong ns in cpu?.PerCpuNs ?? [])
        {
            json.WriteNumberValue(ns);
        }
        json.WriteEndArray();
        json.WriteNumber("kernel", cpu?.SystemNs ?? 0);
        json.WriteNumber("user", cpu?.UserNs ?? 0);
        json.WriteEndObject();
        json.WriteStartObject("throttling");
        json.WriteNumber("periods", cpu?.Periods ?? 0);
        json.WriteNumber("throttledPeriods", cpu?.ThrottledPeriods ?? 0);
        json.WriteNumber("throttledTime", cpu?.ThrottledNs ?? 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteMemory(Utf8JsonWriter json, MemoryStatistics? memory)
    {
        json.WriteStartObject("memory");
        json.WriteNumber("cache", memory?.Details.GetValueOrDefault(memory.Details.ContainsKey("cache") ? "cache" : "file") ?? 0);
        json.WriteStartObject("usage");
        json.WriteNumber("limit", memory?.LimitBytes ?? ulong.MaxValue);
        json.WriteNumber("usage", memory?.UsageBytes ?? 0);
        json.WriteNumber("max", memory?.PeakBytes ?? 0);
        json.WriteNumber("failcnt", memory?.LimitHits ?? 0);
        json.WriteEndObject();
        json.WriteStartObject("swap");
        json.WriteNumber("limit", 0);
        json.WriteNumber("usage", memory?.SwapBytes ?? 0);
        json.WriteNumber("failcnt", 0);
        json.WriteEndObject();
        foreach (string kernel in (string[])["kernel", "kernelTCP"])
        {
            json.WriteStartObject(kernel);
            json.WriteNumber("limit", 0);
            json.WriteNumber("failcnt", 0);
            json.WriteEndObject();
        }
        json.WriteStartObject("raw");
        foreach (var (name, value) in memory?.Details ?? new Dictionary<string, ulong>())
        {
            json.WriteNumber(name, value);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteIo(Utf8JsonWriter json, IReadOnlyList<IoStatistics> devices)
    {
        json.WriteStartObject("blkio");
        Entries("ioServiceBytesRecursive", device => device.ReadBytes, device => device.WriteBytes);
        Entries("ioServicedRecursive", device => device.ReadOperations, device => device.WriteOperations);
        json.WriteEndObject();

        void Entries(string name, Func<IoStatistics, ulong> read, Func<IoStatistics, ulong> write)
        {
            json.WriteStartArray(name);
            foreach (var device in devices)
            {
                foreach (var (operation, value) in ((string, ulong)[])[("Read", read(device)), ("Write", write(device))])
                {
                    json.WriteStartObject();
                    json.WriteNumber("major", device.Device.Major);
                    json.WriteNumber("minor", device.Device.Minor);
                    json.WriteString("op", operation);
                    json.WriteNumber("value", value);
                    json.WriteEndObject();
                }
            }
            json.WriteEndArray();
        }
    }
}

using System.Globalization;

namespace Caisson.Linux;

public sealed partial class Cgroup
{
    /// <summary>A version 1 counter has no word for no limit, but this or more.</summary>
    private const ulong UnlimitedV1 = 0x7FFF_FFFF_FFFF_0000;

    private const ulong NsPerTick = 10_000_000; // USER_HZ is 100

    /// <summary>What the group and those below it have used. Each file is read once; they are not of one moment.</summary>
    public CgroupStatistics ReadStatistics() => new(ReadCpu(), ReadMemory(), ReadPids(), ReadIo());

    /// <summary>How many processes the kernel has killed in the group for lack of memory, by the group's limit or the host's.</summary>
    public ulong ReadOomKills() => _layout.Find("memory")?.Version == 2
        ? Table(Read("memory", "memory.events")).GetValueOrDefault("oom_kill")
        : Table(Read("memory", "memory.oom_control")).GetValueOrDefault("oom_kill");

    private CpuStatistics? ReadCpu()
    {
        if (DirectoryOf("") is not null && Table(Read("", "cpu.stat")) is { Count: > 0 } v2 && _layout.Find("cpuacct") is null)
        {
            return new(
                v2.GetValueOrDefault("usage_usec") * 1000,
                v2.GetValueOrDefault("user_usec") * 1000,
                v2.GetValueOrDefault("system_usec") * 1000,
                [],
                v2.GetValueOrDefault("nr_periods"),
                v2.GetValueOrDefault("nr_throttled"),
                v2.GetValueOrDefault("throttled_usec") * 1000);
        }
        if (Number(Read("cpuacct", "cpuacct.usage")) is not { } usage)
        {
            return null;
        }
        var mode = Table(Read("cpuacct", "cpuacct.stat"));
        var quota = Table(Read("cpu", "cpu.stat"));
        return new(
            usage,
            mode.GetValueOrDefault("user") * NsPerTick,
            mode.GetValueOrDefault("system") * NsPerTick,
            [.. Words(Read("cpuacct", "cpuacct.usage_percpu")).Select(word => Number(word) ?? 0)],
            quota.GetValueOrDefault("nr_periods"),
            quota.GetValueOrDefault("nr_throttled"),
            quota.GetValueOrDefault("throttled_time"));
    }

    private MemoryStatistics? ReadMemory()
    {
        var details = Table(Read("memory", "memory.stat"));
        if (_layout.Find("memory")?.Version == 2)
        {
            var events = Table(Read("memory", "memory.events"));
            return Number(Read("memory", "memory.current")) is not { } current ? null : new(
                current,
                Number(Read("memory", "memory.peak")),
                Number(Read("memory", "memory.max")),
                Number(Read("memory", "memory.swap.current")),
                events.GetValueOrDefault("max"),
                events.GetValueOrDefault("oom_kill"),
                details);
        }
        if (Number(Read("memory", "memory.usage_in_bytes")) is not { } usage)
        {
            return null;
        }
        return new(
            usage,
            Number(Read("memory", "memory.max_usage_in_bytes")),
            Number(Read("memory", "memory.limit_in_bytes")) is { } limit && limit < UnlimitedV1 ? limit : null,
            details.TryGetValue("total_swap", out ulong swap) ? swap : null,
            Number(Read("memory", "memory.failcnt")) ?? 0,
            ReadOomKills(),
            details);
    }

    private PidsStatistics? ReadPids() => Number(Read("pids", "pids.current")) is { } current
        ? new(current, Number(Read("pids", "pids.max")))
        : null;

    private List<IoStatistics> ReadIo() => _layout.Find("io") is not null
        ? ParseIo(Read("io", "io.stat"))
        : ParseBlkio(
            Read("blkio", "blkio.throttle.io_service_bytes_recursive") ?? Read("blkio", "blkio.throttle.io_service_bytes"),
            Read("blkio", "blkio.throttle.io_serviced_recursive") ?? Read("blkio", "blkio.throttle.io_serviced"));

    /// <summary>Lines of <c>8:0 rbytes=1 wbytes=2 rios=3 wios=4 …</c>.</summary>
    internal static List<IoStatistics> ParseIo(string? text)
    {
        List<IoStatistics> devices = [];
        foreach (string line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 1 && Device(words[0]) is { } device)
            {
                ulong Of(string key) => Number(words.FirstOrDefault(word => word.StartsWith(key, StringComparison.Ordinal))?[key.Length..]) ?? 0;
                devices.Add(new(device, Of("rbytes="), Of("wbytes="), Of("rios="), Of("wios=")));
            }
        }
        return devices;
    }

    /// <summary>Lines of <c>8:0 Read 1</c>, for bytes and for operations.</summary>
    internal static List<IoStatistics> ParseBlkio(string? bytes, string? operations)
    {
        Dictionary<DeviceNumber, IoStatistics> devices = [];
        foreach (var (text, isBytes) in ((string?, bool)[])[(bytes, true), (operations, false)])
        {
            foreach (string line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length != 3 || Device(words[0]) is not { } device || Number(words[2]) is not { } value)
                {
                    continue;
                }
                var known = devices.GetValueOrDefault(device) ?? new(device, 0, 0, 0, 0);
                devices[device] = (words[1], isBytes) switch
                {
                    ("Read", true) => known with { ReadBytes = value },
                    ("Write", true) => known with { WriteBytes = value },
                    ("Read", false) => known with { ReadOperations = value },
                    ("Write", false) => known with { WriteOperations = value },
                    _ => known,
                };
            }
        }
        return [.. devices.Values];
    }

    private static Dictionary<string, ulong> Table(string? text)
    {
        Dictionary<string, ulong> table = [];
        foreach (string line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space > 0 && Number(line[(space + 1)..]) is { } value)
            {
                table[line[..space]] = value;
            }
        }
        return table;
    }

    private static DeviceNumber? Device(string text)
    {
        string[] parts = text.Split(':');
        return parts.Length == 2 && Number(parts[0]) is { } major && Number(parts[1]) is { } minor
            ? new((uint)major, (uint)minor)
            : null;
    }

    /// <summary>Null also for <c>max</c>.</summary>
    private static ulong? Number(string? text) =>
        ulong.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;
}

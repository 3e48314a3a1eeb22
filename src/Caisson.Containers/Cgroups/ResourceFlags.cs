using System.Globalization;
using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

/// <summary>The flags of <c>update</c>, with runc's names, as the document they stand for. Pure.</summary>
public static class ResourceFlags
{
    /// <summary>Every flag that is understood, without the dashes.</summary>
    public static ReadOnlySpan<string> Names => new[]
    {
        "blkio-weight", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share", "cpu-rt-period", "cpu-rt-runtime", "cpuset-cpus", "cpuset-mems",
        "kernel-memory", "kernel-memory-tcp", "memory", "cpu-idle", "memory-reservation", "memory-swap", "pids-limit", "l3-cache-schema",
        "mem-bw-schema",
    };

    /// <summary>Reads flags; an empty value counts as not given, as for runc.</summary>
    /// <param name="flags">Name (without the dashes) and value; of equal names the last counts.</param>
    /// <param name="problems">Receives every fault; its path is the flag, such as <c>--memory</c>.</param>
    public static LinuxResources Parse(IEnumerable<KeyValuePair<string, string>> flags, ICollection<Problem> problems)
    {
        var memory = new LinuxMemory();
        var cpu = new LinuxCpu();
        long? pids = null;
        ushort? weight = null;
        foreach ((string name, string value) in flags)
        {
            if (value.Length == 0)
            {
                continue;
            }
            var flag = new Flag(name, value, problems);
            switch (name)
            {
                case "blkio-weight": weight = (ushort)flag.Integer(0, ushort.MaxValue); break;
                case "cpu-period": cpu = cpu with { Period = flag.Unsigned() }; break;
                case "cpu-quota": cpu = cpu with { Quota = flag.Integer() }; break;
                case "cpu-burst": cpu = cpu with { Burst = flag.Unsigned() }; break;
                case "cpu-share": cpu = cpu with { Shares = flag.Unsigned() }; break;
                case "cpu-rt-period": cpu = cpu with { RealtimePeriod = flag.Unsigned() }; break;
                case "cpu-rt-runtime": cpu = cpu with { RealtimeRuntime = flag.Integer() }; break;
                case "cpu-idle": cpu = cpu with { Idle = flag.Integer(0, 1) }; break;
                case "cpuset-cpus": cpu = cpu with { Cpus = value }; break;
                case "cpuset-mems": cpu = cpu with { Mems = value }; break;
                case "memory": memory = memory with { Limit = flag.Bytes() }; break;
                case "memory-reservation": memory = memory with { Reservation = flag.Bytes() }; break;
                case "memory-swap": memory = memory with { Swap = flag.Bytes() }; break;
                case "kernel-memory": memory = memory with { Kernel = flag.Bytes() }; break;
                case "kernel-memory-tcp": memory = memory with { KernelTcp = flag.Bytes() }; break;
                case "pids-limit": pids = flag.Integer(); break;
                case "l3-cache-schema" or "mem-bw-schema": flag.Refuse("Intel RDT is not supported by this runtime"); break;
                default: flag.Refuse("unknown flag"); break;
            }
        }
        return new LinuxResources
        {
            Memory = memory,
            Cpu = cpu,
            PidsLimit = pids,
            BlockIo = weight is null or 0 ? null : new LinuxBlockIo { Weight = weight },
        };
    }

    /// <summary>
    /// Reads a size: a number, perhaps with a fraction, and perhaps a unit of powers of 1024 in either case: <c>64m</c>, <c>1.5GB</c>,
    /// <c>2KiB</c>, <c>100</c>, <c>100b</c>. -1 is no limit.
    /// </summary>
    public static bool TryParseBytes(string text, out long bytes)
    {
        bytes = -1;
        if (text == "-1")
        {
            return true;
        }
        string unit = text.TrimStart("0123456789.".ToCharArray());
        string number = text[..^unit.Length];
        int power = unit.TrimStart(' ').ToLowerInvariant() switch
        {
            "" or "b" => 0,
            "k" or "kb" or "kib" => 1,
            "m" or "mb" or "mib" => 2,
            "g" or "gb" or "gib" => 3,
            "t" or "tb" or "tib" => 4,
            "p" or "pb" or "pib" => 5,
            _ => -1,
        };
        if (power < 0 || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
            || value > long.MaxValue >> (10 * power))
        {
            return false;
        }
        bytes = (long)(value * (1L << (10 * power)));
        return true;
    }

    /// <summary>One flag while it is read.</summary>
    private readonly struct Flag(string name, string value, ICollection<Problem> problems)
    {
        public void Refuse(string message) => problems.Add(new Problem($"--{name}", message));

        public long Integer(long min = long.MinValue, long max = long.MaxValue)
        {
            if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
                && number >= min && number <= max)
            {
                return number;
            }
            Refuse(min == long.MinValue ? $"must be an integer, not '{value}'" : $"must be {min} to {max}, not '{value}'");
            return Math.Max(min, 0);
        }

        public ulong Unsigned()
        {
            if (ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
            {
                return number;
            }
            Refuse($"must be a whole number, not '{value}'");
            return 0;
        }

        public long Bytes()
        {
            if (TryParseBytes(value, out long bytes))
            {
                return bytes;
            }
            Refuse($"must be a size such as 64m or 1.5g, or -1 for no limit, not '{value}'");
            return 0;
        }
    }
}

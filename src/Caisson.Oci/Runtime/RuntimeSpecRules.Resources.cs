namespace Caisson.Oci.Runtime;

public static partial class RuntimeSpecRules
{
    private const int CpuMax = 65535;

    private static void CheckResources(LinuxResources resources, string path, RuleReport report)
    {
        for (int i = 0; i < resources.Devices.Length; i++)
        {
            CheckDeviceRule($"{path}/devices/{i}", resources.Devices[i], report);
        }
        if (resources.Memory is { } memory)
        {
            CheckMemory($"{path}/memory", memory, report);
        }
        if (resources.Cpu is { } cpu)
        {
            CheckList($"{path}/cpu/cpus", cpu.Cpus, report);
            CheckList($"{path}/cpu/mems", cpu.Mems, report);
        }
        if (resources.BlockIo is { } io)
        {
            CheckBlockIo($"{path}/blockIO", io, report);
        }
        for (int i = 0; i < resources.HugepageLimits.Length; i++)
        {
            CheckPageSize($"{path}/hugepageLimits/{i}/pageSize", resources.HugepageLimits[i].PageSize, report);
        }
        foreach (string device in resources.Rdma.Keys)
        {
            if (device.Length == 0 || device.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
            {
                report.Problem($"{path}/rdma/{RuleReport.Segment(device)}", "is not a name of an RDMA device");
            }
        }
        for (int i = 0; i < (resources.Network?.Priorities.Length ?? 0); i++)
        {
            CheckInterfaceName($"{path}/network/priorities/{i}/name", resources.Network!.Priorities[i].Name, report);
        }
        CheckUnified($"{path}/unified", resources.Unified, report);
    }

    private static void CheckDeviceRule(string path, LinuxDeviceCgroup rule, RuleReport report)
    {
        if (rule.Type is not (null or "a" or "c" or "b" or "u"))
        {
            report.Problem($"{path}/type", $"must be a, b, c or u, not '{rule.Type}'");
        }
        if (rule.Access is null)
        {
            report.Problem($"{path}/access", "is required: letters of rwm");
        }
        else if (rule.Access.Any(c => c is not ('r' or 'w' or 'm')))
        {
            report.Problem($"{path}/access", $"must be letters of rwm, not '{rule.Access}'");
        }
    }

    private static void CheckMemory(string path, LinuxMemory memory, RuleReport report)
    {
        if (memory.Swappiness is > 100 and < ulong.MaxValue)
        {
            report.Problem($"{path}/swappiness", $"must be 0 to 100, not {memory.Swappiness}");
        }
        if (memory is { Swap: > 0, Limit: > 0 } && memory.Swap < memory.Limit)
        {
            report.Problem($"{path}/swap", $"is memory and swap together, so it must be at least the limit, {memory.Limit}");
        }
        if (memory.Kernel is not null || memory.KernelTcp is not null)
        {
            report.Warning(path, "kernel and kernelTCP are deprecated and ignored");
        }
    }

    private static void CheckBlockIo(string path, LinuxBlockIo io, RuleReport report)
    {
        CheckWeight($"{path}/weight", io.Weight, report);
        CheckWeight($"{path}/leafWeight", io.LeafWeight, report);
        for (int i = 0; i < io.WeightDevice.Length; i++)
        {
            CheckWeight($"{path}/weightDevice/{i}/weight", io.WeightDevice[i].Weight, report);
            CheckWeight($"{path}/weightDevice/{i}/leafWeight", io.WeightDevice[i].LeafWeight, report);
        }
    }

    private static void CheckWeight(string path, ushort? weight, RuleReport report)
    {
        if (weight is not (null or 0 or (>= 10 and <= 1000)))
        {
            report.Problem(path, $"must be 10 to 1000, not {weight}");
        }
    }

    /// <summary>A number and KB, MB or GB: the size becomes part of a file name.</summary>
    private static void CheckPageSize(string path, string size, RuleReport report)
    {
        bool valid = size.Length > 2
            && size.AsSpan(0, size.Length - 2).IndexOfAnyExceptInRange('0', '9') < 0
            && size[0] != '0'
            && (size.EndsWith("KB", StringComparison.Ordinal) || size.EndsWith("MB", StringComparison.Ordinal)
                || size.EndsWith("GB", StringComparison.Ordinal));
        if (!valid)
        {
            report.Problem(path, $"must be a size such as 64KB, 2MB or 1GB, not '{size}'");
        }
    }

    private static void CheckUnified(string path, IReadOnlyDictionary<string, string> unified, RuleReport report)
    {
        foreach (string file in unified.Keys)
        {
            bool valid = file.IndexOf('.', StringComparison.Ordinal) > 0
                && file.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
            if (!valid)
            {
                report.Problem($"{path}/{RuleReport.Segment(file)}", "must be a file name of the form CONTROLLER.PARAMETER");
            }
        }
    }

    /// <summary>A list of small numbers and ranges, as the kernel prints CPU sets: <c>0-3,7</c>.</summary>
    private static void CheckList(string path, string? list, RuleReport report)
    {
        if (list is not null && !Array.TrueForAll(list.Split(','), IsRange))
        {
            report.Problem(path, $"must be a list such as 0-3,7, not '{list}'");
        }
    }

    private static bool IsRange(string text)
    {
        string[] ends = text.Trim().Split('-');
        return ends.Length <= 2
            && TryNumber(ends[0], out int first)
            && TryNumber(ends[^1], out int last)
            && first <= last;
    }

    private static bool TryNumber(string text, out int number)
    {
        number = 0;
        return text.Length is > 0 and <= 5
            && text.All(char.IsAsciiDigit)
            && int.TryParse(text, out number)
            && number <= CpuMax;
    }
}

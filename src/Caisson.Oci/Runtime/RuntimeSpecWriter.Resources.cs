using System.Text.Json;

namespace Caisson.Oci.Runtime;

internal static partial class RuntimeSpecWriter
{
    public static void Resources(Utf8JsonWriter json, LinuxResources resources)
    {
        json.WriteStartObject();
        Items(json, "devices", resources.Devices, DeviceCgroup);
        if (resources.Memory is { } memory)
        {
            Memory(json, memory);
        }
        if (resources.Cpu is { } cpu)
        {
            Cpu(json, cpu);
        }
        if (resources.PidsLimit is { } pids)
        {
            json.WriteStartObject("pids");
            json.WriteNumber("limit", pids);
            json.WriteEndObject();
        }
        if (resources.BlockIo is { } io)
        {
            BlockIo(json, io);
        }
        Items(json, "hugepageLimits", resources.HugepageLimits, HugepageLimit);
        if (resources.Network is { } network)
        {
            json.WriteStartObject("network");
            Number(json, "classID", (ulong?)network.ClassId);
            Items(json, "priorities", network.Priorities, InterfacePriority);
            json.WriteEndObject();
        }
        Rdma(json, resources.Rdma);
        TextMap(json, "unified", resources.Unified);
        json.WriteEndObject();
    }

    private static void DeviceCgroup(Utf8JsonWriter json, LinuxDeviceCgroup rule)
    {
        json.WriteStartObject();
        json.WriteBoolean("allow", rule.Allow);
        Text(json, "type", rule.Type);
        Number(json, "major", rule.Major);
        Number(json, "minor", rule.Minor);
        Text(json, "access", rule.Access);
        json.WriteEndObject();
    }

    private static void Memory(Utf8JsonWriter json, LinuxMemory memory)
    {
        json.WriteStartObject("memory");
        Number(json, "limit", memory.Limit);
        Number(json, "reservation", memory.Reservation);
        Number(json, "swap", memory.Swap);
        Number(json, "kernel", memory.Kernel);
        Number(json, "kernelTCP", memory.KernelTcp);
        Number(json, "swappiness", memory.Swappiness);
        FlagOrNull(json, "disableOOMKiller", memory.DisableOomKiller);
        FlagOrNull(json, "useHierarchy", memory.UseHierarchy);
        FlagOrNull(json, "checkBeforeUpdate", memory.CheckBeforeUpdate);
        json.WriteEndObject();
    }

    private static void FlagOrNull(Utf8JsonWriter json, string name, bool? value)
    {
        if (value is { } flag)
        {
            json.WriteBoolean(name, flag);
        }
    }

    private static void Cpu(Utf8JsonWriter json, LinuxCpu cpu)
    {
        json.WriteStartObject("cpu");
        Number(json, "shares", cpu.Shares);
        Number(json, "quota", cpu.Quota);
        Number(json, "burst", cpu.Burst);
        Number(json, "period", cpu.Period);
        Number(json, "realtimeRuntime", cpu.RealtimeRuntime);
        Number(json, "realtimePeriod", cpu.RealtimePeriod);
        Text(json, "cpus", cpu.Cpus);
        Text(json, "mems", cpu.Mems);
        Number(json, "idle", cpu.Idle);
        json.WriteEndObject();
    }

    private static void BlockIo(Utf8JsonWriter json, LinuxBlockIo io)
    {
        json.WriteStartObject("blockIO");
        Number(json, "weight", (ulong?)io.Weight);
        Number(json, "leafWeight", (ulong?)io.LeafWeight);
        Items(json, "weightDevice", io.WeightDevice, WeightDevice);
        Items(json, "throttleReadBpsDevice", io.ThrottleReadBpsDevice, ThrottleDevice);
        Items(json, "throttleWriteBpsDevice", io.ThrottleWriteBpsDevice, ThrottleDevice);
        Items(json, "throttleReadIOPSDevice", io.ThrottleReadIopsDevice, ThrottleDevice);
        Items(json, "throttleWriteIOPSDevice", io.ThrottleWriteIopsDevice, ThrottleDevice);
        json.WriteEndObject();
    }

    private static void WeightDevice(Utf8JsonWriter json, LinuxWeightDevice device)
    {
        json.WriteStartObject();
        json.WriteNumber("major", device.Major);
        json.WriteNumber("minor", device.Minor);
        Number(json, "weight", (ulong?)device.Weight);
        Number(json, "leafWeight", (ulong?)device.LeafWeight);
        json.WriteEndObject();
    }

    private static void ThrottleDevice(Utf8JsonWriter json, LinuxThrottleDevice device)
    {
        json.WriteStartObject();
        json.WriteNumber("major", device.Major);
        json.WriteNumber("minor", device.Minor);
        json.WriteNumber("rate", device.Rate);
        json.WriteEndObject();
    }

    private static void HugepageLimit(Utf8JsonWriter json, LinuxHugepageLimit limit)
    {
        json.WriteStartObject();
        json.WriteString("pageSize", limit.PageSize);
        json.WriteNumber("limit", limit.Limit);
        json.WriteEndObject();
    }

    private static void InterfacePriority(Utf8JsonWriter json, LinuxInterfacePriority priority)
    {
        json.WriteStartObject();
        json.WriteString("name", priority.Name);
        json.WriteNumber("priority", priority.Priority);
        json.WriteEndObject();
    }

    private static void Rdma(Utf8JsonWriter json, IReadOnlyDictionary<string, LinuxRdma> devices)
    {
        if (devices.Count == 0)
        {
            return;
        }
        json.WriteStartObject("rdma");
        foreach ((string name, LinuxRdma limits) in devices)
        {
            json.WriteStartObject(name);
            Number(json, "hcaHandles", (ulong?)limits.HcaHandles);
            Number(json, "hcaObjects", (ulong?)limits.HcaObjects);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }
}

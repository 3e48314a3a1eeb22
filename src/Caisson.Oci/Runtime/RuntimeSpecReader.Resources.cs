using System.Collections.Immutable;
using Caisson.Oci.Json;

namespace Caisson.Oci.Runtime;

internal static partial class RuntimeSpecReader
{
    public static LinuxResources Resources(ref JsonCursor json)
    {
        var resources = new LinuxResources();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "devices": resources = resources with { Devices = json.Array(DeviceCgroup) }; break;
                case "memory": resources = resources with { Memory = Memory(ref json) }; break;
                case "cpu": resources = resources with { Cpu = Cpu(ref json) }; break;
                case "pids": resources = resources with { PidsLimit = PidsLimit(ref json) }; break;
                case "blockIO": resources = resources with { BlockIo = BlockIo(ref json) }; break;
                case "hugepageLimits": resources = resources with { HugepageLimits = json.Array(HugepageLimit) }; break;
                case "network": resources = resources with { Network = Network(ref json) }; break;
                case "rdma": resources = resources with { Rdma = json.Map(Rdma) }; break;
                case "unified": resources = resources with { Unified = json.TextMap() }; break;
                default: json.Skip(); break;
            }
        }
        return resources;
    }

    private static LinuxDeviceCgroup DeviceCgroup(ref JsonCursor json)
    {
        bool? allow = null;
        var rule = new LinuxDeviceCgroup { Allow = false };

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "allow": allow = json.Flag(); break;
                case "type": rule = rule with { Type = TextOrNull(ref json) }; break;
                case "major": rule = rule with { Major = json.Integer(-1) }; break;
                case "minor": rule = rule with { Minor = json.Integer(-1) }; break;
                case "access": rule = rule with { Access = TextOrNull(ref json) }; break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, allow, "allow");
        }
        return rule with { Allow = allow ?? false };
    }

    private static LinuxMemory Memory(ref JsonCursor json)
    {
        var memory = new LinuxMemory();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "limit": memory = memory with { Limit = json.Integer(-1) }; break;
                case "reservation": memory = memory with { Reservation = json.Integer(-1) }; break;
                case "swap": memory = memory with { Swap = json.Integer(-1) }; break;
                case "kernel": memory = memory with { Kernel = json.Integer(-1) }; break;
                case "kernelTCP": memory = memory with { KernelTcp = json.Integer(-1) }; break;
                case "swappiness": memory = memory with { Swappiness = json.Unsigned() }; break;
                case "disableOOMKiller": memory = memory with { DisableOomKiller = json.Flag() }; break;
                case "useHierarchy": memory = memory with { UseHierarchy = json.Flag() }; break;
                case "checkBeforeUpdate": memory = memory with { CheckBeforeUpdate = json.Flag() }; break;
                default: json.Skip(); break;
            }
        }
        return memory;
    }

    private static LinuxCpu Cpu(ref JsonCursor json)
    {
        var cpu = new LinuxCpu();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "shares": cpu = cpu with { Shares = json.Unsigned() }; break;
                case "quota": cpu = cpu with { Quota = json.Integer() }; break;
                case "burst": cpu = cpu with { Burst = json.Unsigned() }; break;
                case "period": cpu = cpu with { Period = json.Unsigned() }; break;
                case "realtimeRuntime": cpu = cpu with { RealtimeRuntime = json.Integer() }; break;
                case "realtimePeriod": cpu = cpu with { RealtimePeriod = json.Unsigned() }; break;
                case "cpus": cpu = cpu with { Cpus = TextOrNull(ref json) }; break;
                case "mems": cpu = cpu with { Mems = TextOrNull(ref json) }; break;
                case "idle": cpu = cpu with { Idle = json.Integer(0, 1) }; break;
                default: json.Skip(); break;
            }
        }
        return cpu;
    }

    private static long? PidsLimit(ref JsonCursor json)
    {
        long? limit = null;
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "limit": limit = json.Integer(); break;
                default: json.Skip(); break;
            }
        }
        return limit;
    }

    private static LinuxBlockIo BlockIo(ref JsonCursor json)
    {
        var io = new LinuxBlockIo();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "weight": io = io with { Weight = UInt16(ref json) }; break;
                case "leafWeight": io = io with { LeafWeight = UInt16(ref json) }; break;
                case "weightDevice": io = io with { WeightDevice = json.Array(WeightDevice) }; break;
                case "throttleReadBpsDevice": io = io with { ThrottleReadBpsDevice = json.Array(ThrottleDevice) }; break;
                case "throttleWriteBpsDevice": io = io with { ThrottleWriteBpsDevice = json.Array(ThrottleDevice) }; break;
                case "throttleReadIOPSDevice": io = io with { ThrottleReadIopsDevice = json.Array(ThrottleDevice) }; break;
                case "throttleWriteIOPSDevice": io = io with { ThrottleWriteIopsDevice = json.Array(ThrottleDevice) }; break;
                default: json.Skip(); break;
            }
        }
        return io;
    }

    private static ushort UInt16(ref JsonCursor json) => (ushort)json.Unsigned(ushort.MaxValue);

    private static LinuxWeightDevice WeightDevice(ref JsonCursor json)
    {
        long? major = null;
        long? minor = null;
        ushort? weight = null;
        ushort? leafWeight = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "major": major = json.Integer(0); break;
                case "minor": minor = json.Integer(0); break;
                case "weight": weight = UInt16(ref json); break;
                case "leafWeight": leafWeight = UInt16(ref json); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, major, "major");
            Require(ref json, minor, "minor");
        }
        return new LinuxWeightDevice(major ?? 0, minor ?? 0, weight, leafWeight);
    }

    private static LinuxThrottleDevice ThrottleDevice(ref JsonCursor json)
    {
        long? major = null;
        long? minor = null;
        ulong? rate = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "major": major = json.Integer(0); break;
                case "minor": minor = json.Integer(0); break;
                case "rate": rate = json.Unsigned(); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, major, "major");
            Require(ref json, minor, "minor");
            Require(ref json, rate, "rate");
        }
        return new LinuxThrottleDevice(major ?? 0, minor ?? 0, rate ?? 0);
    }

    private static LinuxHugepageLimit HugepageLimit(ref JsonCursor json)
    {
        string? pageSize = null;
        ulong? limit = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "pageSize": pageSize = json.Text(); break;
                case "limit": limit = json.Unsigned(); break;
                default: json.Skip(); break;
            }
        }
        if (entered && pageSize is null)
        {
            json.ReportMissing("pageSize");
        }
        if (entered)
        {
            Require(ref json, limit, "limit");
        }
        return new LinuxHugepageLimit(pageSize ?? "", limit ?? 0);
    }

    private static LinuxNetwork Network(ref JsonCursor json)
    {
        uint? classId = null;
        ImmutableArray<LinuxInterfacePriority> priorities = [];

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "classID": classId = json.UInt32(); break;
                case "priorities": priorities = json.Array(InterfacePriority); break;
                default: json.Skip(); break;
            }
        }
        return new LinuxNetwork { ClassId = classId, Priorities = priorities };
    }

    private static LinuxInterfacePriority InterfacePriority(ref JsonCursor json)
    {
        string? device = null;
        uint? priority = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "name": device = json.Text(); break;
                case "priority": priority = json.UInt32(); break;
                default: json.Skip(); break;
            }
        }
        if (entered && device is null)
        {
            json.ReportMissing("name");
        }
        if (entered)
        {
            Require(ref json, priority, "priority");
        }
        return new LinuxInterfacePriority(device ?? "", priority ?? 0);
    }

    private static LinuxRdma Rdma(ref JsonCursor json)
    {
        uint? handles = null;
        uint? objects = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "hcaHandles": handles = json.UInt32(); break;
                case "hcaObjects": objects = json.UInt32(); break;
                default: json.Skip(); break;
            }
        }
        return new LinuxRdma(handles, objects);
    }
}

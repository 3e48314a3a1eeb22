using System.Collections.Immutable;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

internal sealed partial class CgroupCompiler
{
    private void BlockIo(LinuxBlockIo? io)
    {
        if (io is null || !IsAnyGiven(io))
        {
            return;
        }
        // The controller is called blkio in version 1 and io in version 2.
        if (facts.HierarchyOf("blkio") is not null)
        {
            _used.Add("blkio");
            BlockIoV1(io);
        }
        else if (Use("io", "blockIO") is not null)
        {
            BlockIoV2(io);
        }
    }

    private static bool IsAnyGiven(LinuxBlockIo io) =>
        io.Weight > 0 || io.LeafWeight > 0 || !io.WeightDevice.IsEmpty || !io.ThrottleReadBpsDevice.IsEmpty
        || !io.ThrottleWriteBpsDevice.IsEmpty || !io.ThrottleReadIopsDevice.IsEmpty || !io.ThrottleWriteIopsDevice.IsEmpty;

    private void BlockIoV1(LinuxBlockIo io)
    {
        if (io.Weight is > 0 and { } weight)
        {
            First(new("blkio", "blkio.weight", Text((ulong)weight)), new("blkio", "blkio.bfq.weight", Text((ulong)weight)));
        }
        if (io.LeafWeight is > 0 and { } leaf)
        {
            Write("blkio", "blkio.leaf_weight", Text((ulong)leaf));
        }
        foreach (LinuxWeightDevice device in io.WeightDevice)
        {
            if (device.Weight is > 0 and { } deviceWeight)
            {
                string line = $"{device.Major}:{device.Minor} {deviceWeight}";
                First(new("blkio", "blkio.weight_device", line), new("blkio", "blkio.bfq.weight_device", line));
            }
            if (device.LeafWeight is > 0 and { } deviceLeaf)
            {
                Write("blkio", "blkio.leaf_weight_device", $"{device.Major}:{device.Minor} {deviceLeaf}");
            }
        }
        Throttle(io.ThrottleReadBpsDevice, "blkio.throttle.read_bps_device");
        Throttle(io.ThrottleWriteBpsDevice, "blkio.throttle.write_bps_device");
        Throttle(io.ThrottleReadIopsDevice, "blkio.throttle.read_iops_device");
        Throttle(io.ThrottleWriteIopsDevice, "blkio.throttle.write_iops_device");

        void Throttle(ImmutableArray<LinuxThrottleDevice> devices, string file)
        {
            foreach (LinuxThrottleDevice device in devices)
            {
                Write("blkio", file, $"{device.Major}:{device.Minor} {device.Rate}");
            }
        }
    }

    /// <summary>The BFQ scheduler's own file where it is, else the cost model's, whose weights have another range.</summary>
    private void BlockIoV2(LinuxBlockIo io)
    {
        if (io.Weight is > 0 and { } weight)
        {
            First(new("io", "io.bfq.weight", Text((ulong)weight)), new("io", "io.weight", Text((ulong)CgroupWeights.FromBlkio(weight))));
        }
        foreach (LinuxWeightDevice device in io.WeightDevice)
        {
            if (device.Weight is > 0 and { } deviceWeight)
            {
                First(
                    new("io", "io.bfq.weight", $"{device.Major}:{device.Minor} {deviceWeight}"),
                    new("io", "io.weight", $"{device.Major}:{device.Minor} {CgroupWeights.FromBlkio(deviceWeight)}"));
            }
        }
        if (io.LeafWeight > 0 || io.WeightDevice.Any(device => device.LeafWeight > 0))
        {
            Ignore("blockIO/leafWeight", "cgroup v2 has no leaf weights");
        }
        Throttle(io.ThrottleReadBpsDevice, "rbps");
        Throttle(io.ThrottleWriteBpsDevice, "wbps");
        Throttle(io.ThrottleReadIopsDevice, "riops");
        Throttle(io.ThrottleWriteIopsDevice, "wiops");

        void Throttle(ImmutableArray<LinuxThrottleDevice> devices, string key)
        {
            foreach (LinuxThrottleDevice device in devices)
            {
                Write("io", "io.max", $"{device.Major}:{device.Minor} {key}={(device.Rate == 0 ? "max" : Text(device.Rate))}");
            }
        }
    }

    private void First(params ReadOnlySpan<CgroupStep.Write> choices) => _steps.Add(new CgroupStep.WriteFirst([.. choices]));
}

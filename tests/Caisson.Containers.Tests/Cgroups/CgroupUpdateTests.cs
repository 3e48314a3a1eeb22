using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Containers.Tests.Cgroups;

public sealed class CgroupUpdateTests
{
    private readonly List<Problem> _problems = [];

    private readonly LinuxResources _current = new()
    {
        Memory = new() { Limit = 100, Swap = 300 },
        Cpu = new() { Shares = 1024, Period = 50_000 },
        PidsLimit = 5,
        BlockIo = new() { ThrottleReadBpsDevice = [new(8, 0, 1), new(8, 16, 2)] },
    };

    [Fact]
    public void In_v1_swap_is_tried_before_memory_and_written_again_after()
    {
        var update = Update(new() { Memory = new() { Limit = 200, Swap = 400 } }, CgroupHosts.V1);

        Assert.Equal(
            ["write memory memory.memsw.limit_in_bytes 400, or below",
             "write memory memory.limit_in_bytes 200",
             "write memory memory.memsw.limit_in_bytes 400"],
            update);
    }

    [Fact]
    public void In_v2_a_new_memory_limit_changes_the_swap_that_is_left()
    {
        var update = Update(new() { Memory = new() { Limit = 200 } }, CgroupHosts.V2);

        Assert.Equal(["write memory memory.swap.max 100", "write memory memory.max 200"], update);
    }

    [Fact]
    public void In_v2_swap_alone_is_counted_from_the_memory_in_force()
    {
        var update = Update(new() { Memory = new() { Swap = 150 } }, CgroupHosts.V2);

        Assert.Equal(["write memory memory.swap.max 50", "write memory memory.max 100"], update);
    }

    [Theory]
    [InlineData("v1", "write memory memory.memsw.limit_in_bytes -1, if it is there", "write memory memory.limit_in_bytes -1")]
    [InlineData("v2", "write memory memory.swap.max max, if it is there", "write memory memory.max max")]
    public void Unlimited_memory_is_unlimited_swap(string host, string first, string second)
    {
        var update = Update(new() { Memory = new() { Limit = -1 } }, CgroupHosts.Named(host));

        Assert.Equal([first, second], update);
    }

    [Fact]
    public void Usage_is_looked_at_first_when_the_caller_asks_for_it()
    {
        var update = Update(new() { Memory = new() { Limit = 50, CheckBeforeUpdate = true } }, CgroupHosts.V2);

        Assert.Equal(
            ["require memory memory.current below 300", "require memory memory.current below 50",
             "write memory memory.swap.max 250", "write memory memory.max 50"],
            update);
    }

    [Fact]
    public void A_quota_keeps_the_period_in_force()
    {
        var update = Update(new() { Cpu = new() { Quota = 10_000 } }, CgroupHosts.V2);

        Assert.Equal(["write cpu cpu.max 10000 50000"], update);
    }

    [Fact]
    public void In_v1_period_and_burst_are_tried_before_the_quota_and_written_again_after()
    {
        var update = Update(new() { Cpu = new() { Quota = 10_000, Burst = 7 } }, CgroupHosts.V1);

        Assert.Equal(
            ["write cpu cpu.cfs_period_us 50000, or below",
             "write cpu cpu.cfs_burst_us 7, or below",
             "write cpu cpu.cfs_quota_us 10000",
             "write cpu cpu.cfs_period_us 50000",
             "write cpu cpu.cfs_burst_us 7"],
            update);
    }

    [Fact]
    public void Device_rules_are_left_alone() =>
        Assert.Empty(Update(new() { Devices = [new() { Allow = false, Access = "rwm" }] }, CgroupHosts.V1));

    [Fact]
    public void Nothing_asked_is_nothing_done() =>
        Assert.Empty(Update(new() { Memory = new() { CheckBeforeUpdate = false, Limit = 0 }, Cpu = new(), BlockIo = new() }, CgroupHosts.V2));

    [Fact]
    public void What_is_in_force_afterwards_is_what_was_and_what_changed()
    {
        var change = new LinuxResources
        {
            Memory = new() { Limit = 50 },
            PidsLimit = -1,
            BlockIo = new() { Weight = 20, ThrottleReadBpsDevice = [new(8, 16, 9), new(8, 32, 3)] },
        };

        LinuxResources after = CgroupPlan.Update(change, _current, CgroupHosts.V2, _problems).Resources;

        Assert.Equal((50, 300, -1), (after.Memory!.Limit, after.Memory.Swap, after.PidsLimit));
        Assert.Equal(1024ul, after.Cpu!.Shares);
        Assert.Equal([new(8, 0, 1), new(8, 16, 9), new(8, 32, 3)], after.BlockIo!.ThrottleReadBpsDevice);
    }

    private IEnumerable<string> Update(LinuxResources change, CgroupFacts facts)
    {
        CgroupUpdate update = CgroupPlan.Update(change, _current, facts, _problems);

        Assert.Empty(_problems);
        return update.Steps.Select(step => step.ToString());
    }
}

using Caisson.Containers.Cgroups;
using Caisson.Errors;
using Xunit;

namespace Caisson.Containers.Tests.Cgroups;

public sealed class ResourceFlagsTests
{
    private readonly List<Problem> _problems = [];

    [Theory]
    [InlineData("100", 100)]
    [InlineData("100b", 100)]
    [InlineData("64m", 64 << 20)]
    [InlineData("64M", 64 << 20)]
    [InlineData("1.5GB", 3L << 29)]
    [InlineData("2 KiB", 2048)]
    [InlineData("-1", -1)]
    public void A_size_is_read_in_powers_of_1024(string text, long bytes)
    {
        Assert.True(ResourceFlags.TryParseBytes(text, out long parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("-2")]
    [InlineData("1x")]
    [InlineData("1.2.3m")]
    [InlineData("9999999p")]
    [InlineData("1e3")]
    public void Anything_else_is_no_size(string text) => Assert.False(ResourceFlags.TryParseBytes(text, out _));

    [Fact]
    public void Flags_become_a_resources_document()
    {
        var resources = ResourceFlags.Parse(
            new Dictionary<string, string>
            {
                ["memory"] = "64m",
                ["memory-swap"] = "-1",
                ["cpu-quota"] = "-1",
                ["cpu-share"] = "512",
                ["cpuset-cpus"] = "0-1",
                ["pids-limit"] = "20",
                ["blkio-weight"] = "300",
                ["cpu-period"] = "",
            },
            _problems);

        Assert.Empty(_problems);
        Assert.Equal((64 << 20, -1, 20, (ushort?)300), (resources.Memory!.Limit, resources.Memory.Swap, resources.PidsLimit, resources.BlockIo!.Weight));
        Assert.Equal((-1, 512, "0-1", null), (resources.Cpu!.Quota, resources.Cpu.Shares, resources.Cpu.Cpus, resources.Cpu.Period));
    }

    [Fact]
    public void Every_fault_is_reported_at_its_flag()
    {
        ResourceFlags.Parse(
            new Dictionary<string, string> { ["memory"] = "x", ["cpu-idle"] = "2", ["cpu-share"] = "-1", ["l3-cache-schema"] = "L3:0=f" },
            _problems);

        Assert.Equal(
            ["--memory: must be a size such as 64m or 1.5g, or -1 for no limit, not 'x'",
             "--cpu-idle: must be 0 to 1, not '2'",
             "--cpu-share: must be a whole number, not '-1'",
             "--l3-cache-schema: Intel RDT is not supported by this runtime"],
            _problems.Select(problem => problem.ToString()));
    }
}

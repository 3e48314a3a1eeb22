using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Linux.Tests.Seccomp;

public sealed class SyscallTableTests
{
    [Fact]
    public void Names_are_sorted_so_that_the_search_finds_them()
    {
        string[] names = [.. Enumerable.Range(0, SyscallTable.Count).Select(SyscallTable.NameAt)];

        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.All(names, name => Assert.True(SyscallTable.TryFind(name, out _), name));
    }

    [Theory]
    [InlineData("read", 0, 3, 0, 63)]
    [InlineData("ioctl", 16, 54, 514, 29)]
    [InlineData("mseal", 462, 462, 462, 462)]
    [InlineData("file_setattr", 469, 469, 469, 469)]
    [InlineData("sched_rr_get_interval_time64", -1, 423, -1, -1)]
    [InlineData("arch_prctl", 158, 384, 158, -1)]
    [InlineData("_llseek", -1, 140, -1, -1)]
    public void Known_calls_have_the_kernels_numbers(string name, int x64, int x86, int x32, int arm64)
    {
        Assert.True(SyscallTable.TryFind(name, out var numbers));

        Assert.Equal(new SyscallNumbers(x64, x86, x32 < 0 ? -1 : x32 | SyscallTable.X32Bit, arm64), numbers);
    }

    [Theory]
    [InlineData("")]
    [InlineData("rea")]
    [InlineData("reads")]
    [InlineData("read ")]
    [InlineData("READ")]
    [InlineData("sched_rr_get_interval_time640")]
    [InlineData("zz")]
    [InlineData("ŕead")]
    public void Other_names_are_unknown(string name) => Assert.False(SyscallTable.TryFind(name, out _));

    [Fact]
    public void No_two_calls_share_a_number()
    {
        var numbers = Enumerable.Range(0, SyscallTable.Count).Select(i =>
        {
            SyscallTable.TryFind(SyscallTable.NameAt(i), out var n);
            return n;
        }).ToList();

        Assert.All<Func<SyscallNumbers, int>>([n => n.X64, n => n.X86, n => n.X32, n => n.Arm64], column =>
        {
            var present = numbers.Select(column).Where(n => n >= 0).ToList();
            Assert.Equal(present.Count, present.Distinct().Count());
        });
    }

    [Fact]
    public void A_number_has_a_name_for_messages()
    {
        Assert.Equal("mount", SyscallTable.NameOf(165));
        Assert.Null(SyscallTable.NameOf(400));
    }
}

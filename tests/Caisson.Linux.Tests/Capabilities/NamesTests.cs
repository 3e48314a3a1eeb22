using Xunit;

namespace Caisson.Linux.Tests.Capabilities;

public sealed class NamesTests
{
    [Fact]
    public void Every_capability_is_found_by_its_name()
    {
        Assert.Equal(41, CapabilityNames.All.Length);
        foreach (var capability in CapabilityNames.All)
        {
            Assert.True(CapabilityNames.TryParse(CapabilityNames.NameOf(capability), out var found));
            Assert.Equal(capability, found);
        }
        Assert.Equal("CAP_SYS_ADMIN", CapabilityNames.NameOf(Capability.SysAdmin));
        Assert.True(CapabilityNames.TryParse("net_raw", out var raw));
        Assert.Equal(Capability.NetRaw, raw);
        Assert.False(CapabilityNames.TryParse("CAP_", out _));
        Assert.True(CapabilityNames.ReadLast() >= 40);
    }

    [Fact]
    public void A_set_has_its_members()
    {
        var set = CapabilitySet.Of(Capability.Kill, Capability.Chown).With(Capability.Bpf).Without(Capability.Kill);

        Assert.Equal([Capability.Chown, Capability.Bpf], set.Members());
        Assert.Equal("CAP_CHOWN CAP_BPF", set.ToString());
        Assert.Equal(0x1FFFFFFFFFFul, CapabilitySet.UpTo(40).Bits);
    }

    [Theory]
    [InlineData("9", Signal.KILL)]
    [InlineData("KILL", Signal.KILL)]
    [InlineData("SIGKILL", Signal.KILL)]
    [InlineData("sigterm", Signal.TERM)]
    [InlineData("RTMIN", Signal.RTMIN)]
    [InlineData("SIGRTMIN+3", (Signal)37)]
    [InlineData("SIGRTMAX-1", (Signal)63)]
    [InlineData("SIGCLD", Signal.CHLD)]
    [InlineData("64", Signal.RTMAX)]
    public void Signals_are_understood(string text, Signal expected)
    {
        Assert.True(SignalNames.TryParse(text, out var signal));
        Assert.Equal(expected, signal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("65")]
    [InlineData("SIG9")]
    [InlineData("SIGNOSUCH")]
    [InlineData("RTMIN+31")]
    [InlineData("RTMIN-1")]
    [InlineData("-9")]
    [InlineData("1e1")]
    public void Other_signals_are_not(string text)
    {
        Assert.False(SignalNames.TryParse(text, out _));
    }

    [Fact]
    public void Signals_are_named()
    {
        Assert.Equal("SIGTERM", SignalNames.NameOf(Signal.TERM));
        Assert.Equal("SIGRTMIN+3", SignalNames.NameOf((Signal)37));
        Assert.Equal(137, new ExitStatus(0, Signal.KILL).ShellCode);
        Assert.Equal("killed by SIGKILL", new ExitStatus(0, Signal.KILL).ToString());
    }

    [Fact]
    public void Limits_are_found_by_both_spellings()
    {
        Assert.True(ResourceLimitNames.TryParse("RLIMIT_NOFILE", out var limit));
        Assert.Equal(ResourceLimit.Nofile, limit);
        Assert.True(ResourceLimitNames.TryParse("rttime", out limit));
        Assert.Equal("RLIMIT_RTTIME", ResourceLimitNames.NameOf(limit));
        Assert.False(ResourceLimitNames.TryParse("16", out _));
    }

    [Fact]
    public void Mount_options_mean_what_the_manual_says()
    {
        Assert.True(MountOptions.TryFind("nosuid", out var option));
        Assert.Equal(new MountOption(MountAttributes.NoSetuid, 0, 0, false), option);
        Assert.True(MountOptions.TryFind("rrw", out option));
        Assert.Equal(new MountOption(0, MountAttributes.ReadOnly, 0, true), option);
        Assert.True(MountOptions.TryFind("noatime", out option));
        Assert.Equal(new MountOption(MountAttributes.NoAccessTime, MountAttributes.AccessTimeMask, 0, false), option);
        Assert.True(MountOptions.TryFind("rslave", out option));
        Assert.Equal(new MountOption(0, 0, MountPropagation.Slave, true), option);
        Assert.False(MountOptions.TryFind("size=65536k", out _));
        Assert.False(MountOptions.TryFind("bind", out _));
    }

    [Theory]
    [InlineData("6.18.44-fc-v445", 6, 18)]
    [InlineData("5.10", 5, 10)]
    [InlineData("4.18.0-553.el8_10.x86_64", 4, 18)]
    public void Releases_are_parsed(string release, int major, int minor)
    {
        Assert.True(KernelVersion.TryParse(release, out var version));
        Assert.Equal(new KernelVersion(major, minor), version);
        Assert.True(version.IsAtLeast(major, minor));
        Assert.False(version.IsAtLeast(major, minor + 1));
        Assert.True(version.IsAtLeast(major - 1, minor + 9));
    }

    [Fact]
    public void The_running_kernel_tells_its_facts()
    {
        var facts = KernelFacts.Read();

        Assert.True(facts.HasOpenat2 && facts.HasClone3 && facts.HasMountSetattr && facts.HasMountByDescriptor);
        Assert.Contains("overlay", facts.FileSystems);
        Assert.True(facts.NamespaceKinds.HasFlag(NamespaceKind.User | NamespaceKind.Mount | NamespaceKind.Pid));
        Assert.Equal(65534u, facts.OverflowUserId);
        Assert.Equal(facts.LandlockVersion > 0, facts.SecurityModules.Contains("landlock"));
    }
}

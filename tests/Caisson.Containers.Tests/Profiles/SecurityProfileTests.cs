using Caisson.Containers.Profiles;
using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Containers.Tests.Profiles;

public sealed class SecurityProfileTests
{
    /// <summary>Numbers that no kernel of these conventions implements, and i386 calls gone for decades.</summary>
    private static readonly string[] Undecided =
    [
        "break", "epoll_ctl_old", "epoll_wait_old", "ftime", "gtty", "idle", "lock", "mpx", "prof", "profil", "stty",
        "ulimit", "socketcall",
    ];

    public static TheoryData<string> Names => [.. SecurityProfiles.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_profile_compiles_and_names_only_calls_that_exist(string name)
    {
        var profile = SecurityProfiles.Find(name)!;
        if (profile.Seccomp is null)
        {
            return;
        }

        foreach (var policy in new[] { profile.Seccomp.Policy, profile.Seccomp.For386().Policy })
        {
            var compilation = SeccompCompiler.Compile(policy);

            Assert.Empty(compilation.UnknownNames);
            Assert.InRange(compilation.Filter.InstructionCount, 20, 1000);
        }
    }

    [Theory]
    [InlineData("default")]
    [InlineData("build")]
    [InlineData("system")]
    [InlineData("compat-podman")]
    public void Profiles_decide_on_every_call_there_is_and_say_why(string name)
    {
        var seccomp = SecurityProfiles.Find(name)!.Seccomp!;

        string[] missing = [.. Enumerable.Range(0, SyscallTable.Count)
            .Select(SyscallTable.NameAt)
            .Where(call => seccomp.Explain(call).IsEmpty)
            .Except(Undecided)];

        Assert.Empty(missing);
        Assert.All(seccomp.Groups, group => Assert.Matches("^[^\n]{20,140}$", group.Reason));
    }

    [Fact]
    public void No_call_stands_in_two_groups_of_a_profile()
    {
        foreach (var profile in SecurityProfiles.All.Where(p => p.Seccomp is not null))
        {
            var twice = profile.Seccomp!.Groups
                .SelectMany(group => group.Rules.SelectMany(rule => rule.Names).Distinct())
                .GroupBy(call => call)
                .Where(same => same.Count() > 1)
                .Select(same => same.Key);

            Assert.Empty(twice);
        }
    }

    [Theory]
    [InlineData("mount", "EPERM")]
    [InlineData("io_uring_setup", "EPERM")]
    [InlineData("ptrace", "EPERM")]
    [InlineData("keyctl", "EPERM")]
    [InlineData("clone3", "ENOSYS")]
    public void A_refusal_is_explained(string call, string errno)
    {
        var decision = Assert.Single(SecurityProfiles.Default.Seccomp!.Explain(call));

        Assert.Equal($"errno {errno}", decision.Action.ToString());
        Assert.NotEmpty(decision.Reason);
    }

    [Fact]
    public void Stricter_profiles_have_no_weakness()
    {
        Assert.Empty(SecurityProfiles.Default.Weaknesses(SecurityProfiles.Default));
        Assert.Empty(SecurityProfiles.Restricted.Weaknesses(SecurityProfiles.Default));
        Assert.Empty(SecurityProfiles.Sealed.Weaknesses(SecurityProfiles.Default));
        Assert.Empty(SecurityProfiles.Sealed.Weaknesses(SecurityProfiles.Restricted));
    }

    [Fact]
    public void The_weaknesses_of_default_against_sealed_are_what_sealed_adds()
    {
        Assert.Equal(
            [
                "processes started as root hold CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID",
                "processes may run as root of the container",
                "the root file system can be written to",
                "there is a network though none was named",
            ],
            SecurityProfiles.Default.Weaknesses(SecurityProfiles.Sealed));
    }

    [Fact]
    public void The_weaknesses_of_build_are_told()
    {
        Assert.Equal(
            [
                "processes started as root hold CAP_FSETID, CAP_NET_BIND_SERVICE, CAP_SETFCAP, CAP_SETPCAP, CAP_SYS_CHROOT",
                "processes started as another user can come to hold CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID",
                "more system calls are allowed: chroot",
                "programs may gain privileges through setuid files and file capabilities",
                "the root file system is mounted without nosuid",
                "up to 4096 processes (1024 in default)",
            ],
            SecurityProfiles.Build.Weaknesses(SecurityProfiles.Default));
    }

    [Fact]
    public void The_weaknesses_of_privileged_start_with_the_gravest()
    {
        var weaknesses = SecurityProfiles.Privileged.Weaknesses(SecurityProfiles.Default);

        Assert.Equal("root in the container is root on the host", weaknesses[0]);
        Assert.Contains("system calls are not filtered", weaknesses);
        Assert.Contains("the number of processes is not limited (1024 in default)", weaknesses);
        Assert.Contains("/sys can be written to", weaknesses);
    }

    [Fact]
    public void The_weaknesses_of_compat_docker_name_calls_and_conventions()
    {
        var weaknesses = SecurityProfiles.CompatDocker.Weaknesses(SecurityProfiles.Default);

        Assert.Contains(weaknesses, w => w.StartsWith("more system calls are allowed:", StringComparison.Ordinal)
            && w.Contains("ptrace", StringComparison.Ordinal));
        Assert.Contains(weaknesses, w => w.StartsWith("system calls are allowed with more arguments:", StringComparison.Ordinal)
            && w.Contains("ioctl", StringComparison.Ordinal) && w.Contains("socket", StringComparison.Ordinal));
        Assert.Contains("32-bit system calls are allowed", weaknesses);
        Assert.DoesNotContain(weaknesses, w => w.Contains("host", StringComparison.Ordinal));
    }

    [Fact]
    public void What_a_user_adds_to_a_profile_is_a_weakness()
    {
        var edited = SecurityProfiles.Default with { Seccomp = null, PidsMax = 5000 };

        Assert.Equal(
            ["system calls are not filtered", "up to 5000 processes (1024 in default)"],
            edited.Weaknesses(SecurityProfiles.Default));
    }

    [Fact]
    public void Profiles_are_found_by_name_alone()
    {
        Assert.Same(SecurityProfiles.Sealed, SecurityProfiles.Find("sealed"));
        Assert.Null(SecurityProfiles.Find("Sealed"));
        Assert.Equal(8, SecurityProfiles.All.Length);
    }

    [Fact]
    public void Capabilities_are_known_to_the_kernel_and_named_once()
    {
        var all = SecurityProfiles.Privileged.Capabilities;

        Assert.Equal(41, all.Distinct().Count());
        Assert.All(SecurityProfiles.All, profile =>
        {
            Assert.Empty(profile.Capabilities.Except(all));
            Assert.Empty(profile.NonRootCapabilities.Except(profile.Capabilities));
            Assert.Equal(profile.Capabilities.Length, profile.Capabilities.Distinct().Count());
        });
    }
}

using Caisson.Containers.Profiles;
using Caisson.Containers.Seccomp;
using Caisson.Errors;
using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Containers.Tests.Seccomp;

public sealed class SeccompPlansTests : IDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"caisson-seccomp-{Guid.NewGuid():n}");
    private readonly List<Problem> _problems = [];
    private readonly byte[] _json = SeccompConfig.Format(SecurityProfiles.Default.Seccomp!.Policy);

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    [Fact]
    public void A_policy_is_compiled_once()
    {
        var plans = new SeccompPlans(new SeccompFilterCache(_directory));
        var first = plans.Compile(_json, "", _problems)!;

        var second = plans.Compile(_json, "", _problems)!;

        Assert.Single(Directory.GetFiles(_directory));
        Assert.Equal(first.Filter.Program.ToArray(), second.Filter.Program.ToArray());
        Assert.Equal(first.Filter.Flags, second.Filter.Flags);
    }

    [Fact]
    public void A_policy_with_problems_is_never_kept()
    {
        var plans = new SeccompPlans(new SeccompFilterCache(_directory));

        Assert.Null(plans.Compile("""{"defaultAction": "SCMP_ACT_NOTHING"}"""u8, "", _problems));

        Assert.False(Directory.Exists(_directory));
        Assert.NotEmpty(_problems);
    }

    [Fact]
    public void A_filter_that_notifies_always_knows_its_listener()
    {
        var plans = new SeccompPlans(new SeccompFilterCache(_directory));
        byte[] json = [.. """
            {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock",
             "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}
            """u8];
        plans.Compile(json, "", _problems);

        Assert.Equal("/run/agent.sock", plans.Compile(json, "", _problems)!.ListenerPath);
    }
}

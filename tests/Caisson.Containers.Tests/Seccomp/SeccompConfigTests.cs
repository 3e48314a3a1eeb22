using System.Text;

using Caisson.Containers.Profiles;
using Caisson.Containers.Seccomp;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Containers.Tests.Seccomp;

public sealed class SeccompConfigTests
{
    private readonly List<Problem> _problems = [];

    [Fact]
    public void A_whole_object_is_read()
    {
        var config = Parse("""
            {
              "defaultAction": "SCMP_ACT_ERRNO",
              "defaultErrnoRet": 38,
              "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
              "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
              "x-comment": {"anything": [1]},
              "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "comment": "files"},
                {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [
                  {"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
                {"names": ["ptrace"], "action": "SCMP_ACT_TRACE", "errnoRet": 7, "args": null}
              ]
            }
            """);

        Assert.Empty(_problems);
        var policy = config!.Policy;
        Assert.Equal(SeccompAction.Fail(Errno.ENOSYS), policy.DefaultAction);
        Assert.Equal(SeccompArchitectures.X86, policy.Architectures);
        Assert.Equal(SeccompFilterOptions.Log, policy.Flags);
        Assert.Equal(["read", "write"], policy.Rules[0].Names);
        Assert.Equal([SeccompCondition.NoneOf(0, 2114060288)], policy.Rules[1].Conditions);
        Assert.Equal(SeccompAction.Trace(7), policy.Rules[2].Action);
    }

    [Theory]
    [InlineData("SCMP_ACT_KILL", 0x00000000u)]
    [InlineData("SCMP_ACT_KILL_THREAD", 0x00000000u)]
    [InlineData("SCMP_ACT_KILL_PROCESS", 0x80000000u)]
    [InlineData("SCMP_ACT_TRAP", 0x00030000u)]
    [InlineData("SCMP_ACT_ERRNO", 0x00050001u)]
    [InlineData("SCMP_ACT_TRACE", 0x7ff00001u)]
    [InlineData("SCMP_ACT_LOG", 0x7ffc0000u)]
    [InlineData("SCMP_ACT_ALLOW", 0x7fff0000u)]
    public void Every_action_has_the_kernels_value(string action, uint value) =>
        Assert.Equal(value, Parse($$"""{"defaultAction": "{{action}}"}""")!.Policy.DefaultAction.ReturnValue);

    [Fact]
    public void Without_flags_speculation_stays_as_it_is()
    {
        Assert.Equal(SeccompFilterOptions.SpeculationAllow, Parse("""{"defaultAction": "SCMP_ACT_ALLOW"}""")!.Policy.Flags);
        Assert.Equal(SeccompFilterOptions.None, Parse("""{"defaultAction": "SCMP_ACT_ALLOW", "flags": []}""")!.Policy.Flags);
    }

    [Fact]
    public void Conditions_on_one_argument_are_alternatives()
    {
        var config = Parse("""
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [
              {"index": 0, "value": 38, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]}]}
            """);

        Assert.Equal(2, config!.Policy.Rules.Length);
        Assert.All(config.Policy.Rules, rule => Assert.Single(rule.Conditions));
    }

    [Fact]
    public void A_filter_that_notifies_has_a_listener()
    {
        var config = Parse("""
            {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent.sock", "listenerMetadata": "x",
             "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}
            """);

        Assert.Equal("/run/agent.sock", config!.ListenerPath);
        Assert.Equal("x", config.ListenerMetadata);
    }

    [Fact]
    public void Null_is_no_filter()
    {
        Assert.Null(Parse("null"));
        Assert.Empty(_problems);
    }

    [Theory]
    [InlineData("{}", "/linux/seccomp/defaultAction", "needed")]
    [InlineData("[]", "/linux/seccomp", "must be an object")]
    [InlineData("""{"defaultAction": "ALLOW"}""", "/linux/seccomp/defaultAction", "unknown action \"ALLOW\"")]
    [InlineData("""{"defaultAction": 5}""", "/linux/seccomp/defaultAction", "must be a string")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}""", "/linux/seccomp/defaultErrnoRet", "takes no number")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1}""", "/linux/seccomp/defaultErrnoRet", "not negative")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 65536}""", "/linux/seccomp/defaultErrnoRet", "at most 65535")]
    [InlineData("""{"defaultAction": "SCMP_ACT_NOTIFY"}""", "/linux/seccomp/defaultAction", "cannot be the default")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["x86"]}""", "/linux/seccomp/architectures", "\"x86\"")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["LOG"]}""", "/linux/seccomp/flags", "\"LOG\"")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}""", "/linux/seccomp/listenerMetadata", "listenerPath")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}""", "/linux/seccomp/syscalls", "an array")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [7]}""", "/linux/seccomp/syscalls/0", "an object")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]}""", "/linux/seccomp/syscalls/0/names", "at least one")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a", 1], "action": "SCMP_ACT_LOG"}]}""", "/linux/seccomp/syscalls/0/names/1", "a string")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"]}]}""", "/linux/seccomp/syscalls/0/action", "needed")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}""", "/linux/seccomp/listenerPath", "needed")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}""", "/linux/seccomp/syscalls/0/args/0/index", "0 to 5")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 0, "op": "EQ"}]}]}""", "/linux/seccomp/syscalls/0/args/0/op", "\"EQ\"")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}]}]}""", "/linux/seccomp/syscalls/0/args/0/value", "64 bits")]
    [InlineData("""{"defaultAction": """, "/linux/seccomp", "not valid JSON")]
    [InlineData("", "/linux/seccomp", "not valid JSON")]
    public void A_fault_is_reported_at_its_place(string json, string pointer, string words)
    {
        Assert.Null(Parse(json));

        Assert.Contains(_problems, p => p.Path == pointer && p.Message.Contains(words, StringComparison.Ordinal));
    }

    [Fact]
    public void A_string_that_is_not_utf8_is_a_fault_of_the_document()
    {
        byte[] json = [.. "{\"defaultAction\": \""u8, 0xff, .. "\"}"u8];

        Assert.Null(SeccompConfig.Parse(json, "", _problems));

        Assert.Single(_problems);
    }

    [Fact]
    public void A_contradiction_is_a_fault_of_the_document()
    {
        string json = """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
              {"names": ["mount"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
              {"names": ["mount"], "action": "SCMP_ACT_TRAP", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]}
            """;

        Assert.Null(SeccompPlan.Compile(Encoding.UTF8.GetBytes(json), "/linux/seccomp", _problems));

        Assert.Contains("mount", Assert.Single(_problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_back_the_same()
    {
        foreach (var policy in SecurityProfiles.All.Where(p => p.Seccomp is not null).Select(p => p.Seccomp!.Policy))
        {
            var read = SeccompConfig.Parse(SeccompConfig.Format(policy), "", _problems)!.Policy;

            Assert.Empty(_problems);
            Assert.Equal(
                SeccompCompiler.Compile(policy).Filter.Program.ToArray(),
                SeccompCompiler.Compile(read).Filter.Program.ToArray());
            Assert.Equal(policy.Flags, read.Flags);
        }
    }

    [Fact]
    public void No_damage_to_a_document_escapes_as_an_exception()
    {
        byte[] whole = SeccompConfig.Format(SecurityProfiles.Default.Seccomp!.Policy);
        var random = new Random(5);
        for (int round = 0; round < 800; round++)
        {
            byte[] damaged = whole[..random.Next(1, whole.Length)];
            if (round % 2 == 0)
            {
                damaged = [.. whole];
                for (int i = random.Next(1, 4); i > 0; i--)
                {
                    damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
                }
            }
            _problems.Clear();

            var plan = SeccompPlan.Compile(damaged, "", _problems);

            Assert.True(plan is not null ^ _problems.Count > 0);
        }
    }

    private SeccompConfig? Parse(string json) => SeccompConfig.Parse(Encoding.UTF8.GetBytes(json), "/linux/seccomp", _problems);
}

using System.Text;
using System.Text.Json.Nodes;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Oci.Tests.Runtime;

public sealed class RuntimeSpecRulesTests
{
    private const string Good = """
        {"ociVersion":"1.2.0","root":{"path":"rootfs"},"process":{"args":["sh"],"cwd":"/"},
         "linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]}}
        """;

    private readonly List<Problem> _problems = [];
    private readonly List<Problem> _warnings = [];

    [Fact]
    public void A_plain_document_passes()
    {
        Check("{}");

        Assert.Empty(_problems);
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData("""{"ociVersion":"1"}""", "/ociVersion: must be a semantic version such as 1.3.0, not '1'")]
    [InlineData("""{"ociVersion":"2.0.0"}""", "/ociVersion: version 2.0.0 is not supported; 1.0.0 to 1.3.0 are")]
    [InlineData("""{"root":null}""", "/root: is required")]
    [InlineData("""{"root":{"path":""}}""", "/root/path: must not be empty")]
    [InlineData("""{"process":null}""", "/process: is required: it says what to run")]
    [InlineData("""{"process":{"cwd":"x"}}""", "/process/cwd: must be an absolute path, not 'x'")]
    [InlineData("""{"process":{"args":[]}}""", "/process/args: must have at least one element, the program to run")]
    [InlineData("""{"process":{"args":[""]}}""", "/process/args/0: must not be empty: it is the program to run")]
    [InlineData("""{"process":{"env":["A=","=B"]}}""", "/process/env/1: must be NAME=VALUE, not '=B'")]
    [InlineData("""{"process":{"user":{"umask":512}}}""", "/process/user/umask: must be at most 511 (octal 777)")]
    [InlineData("""{"process":{"user":{"uid":4294967295}}}""", "/process/user/uid: 4294967295 is not an id")]
    [InlineData(
        """{"process":{"rlimits":[{"type":"RLIMIT_CPU","soft":2,"hard":1}]}}""",
        "/process/rlimits/0/soft: 2 must not exceed the hard limit, 1")]
    [InlineData(
        """{"process":{"rlimits":[{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1}]}}""",
        "/process/rlimits/1/type: RLIMIT_CPU occurs twice")]
    [InlineData(
        """{"process":{"capabilities":{"effective":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL"]}}}""",
        "/process/capabilities/effective: CAP_CHOWN must also be permitted")]
    [InlineData(
        """{"process":{"capabilities":{"inheritable":["CAP_KILL"]}}}""",
        "/process/capabilities/inheritable: CAP_KILL must also be in the bounding set")]
    [InlineData(
        """{"process":{"scheduler":{"policy":"SCHED_FIFO"}}}""",
        "/process/scheduler/priority: must be 1 to 99 for a real-time policy, not 0")]
    [InlineData(
        """{"process":{"scheduler":{"policy":"SCHED_OTHER","nice":20}}}""", "/process/scheduler/nice: must be -20 to 19, not 20")]
    [InlineData(
        """{"process":{"scheduler":{"policy":"SCHED_OTHER","runtime":1}}}""",
        "/process/scheduler: runtime, deadline and period can only be given for SCHED_DEADLINE")]
    [InlineData(
        """{"process":{"execCPUAffinity":{"final":"3-1"}}}""",
        "/process/execCPUAffinity/final: must be a list such as 0-3,7, not '3-1'")]
    [InlineData("""{"hostname":"a"}""", "/hostname: needs a namespace of type uts in /linux/namespaces, or it would be the host's")]
    [InlineData("""{"mounts":[{"destination":""}]}""", "/mounts/0/destination: must not be empty")]
    [InlineData(
        """{"mounts":[{"destination":"/a","uidMappings":[{"containerID":0,"hostID":0,"size":1}]}]}""",
        "/mounts/0/gidMappings: is required: an id-mapped mount needs both mappings")]
    [InlineData("""{"hooks":{"poststop":[{"path":"a"}]}}""", "/hooks/poststop/0/path: must be an absolute path, not 'a'")]
    [InlineData("""{"annotations":{"":"a"}}""", "/annotations/: a key must not be empty")]
    [InlineData("""{"linux":{"namespaces":[{"type":"pid"},{"type":"pid"}]}}""", "/linux/namespaces/1/type: pid occurs twice")]
    [InlineData(
        """{"linux":{"namespaces":[{"type":"pid","path":"a"}]}}""", "/linux/namespaces/0/path: must be an absolute path, not 'a'")]
    [InlineData(
        """{"linux":{"timeOffsets":{"monotonic":{"secs":1}}}}""", "/linux/timeOffsets: needs a namespace of type time in /linux/namespaces")]
    [InlineData(
        """{"linux":{"namespaces":[{"type":"time"}],"timeOffsets":{"realtime":{}}}}""",
        "/linux/timeOffsets/realtime: unknown clock; known are monotonic and boottime")]
    [InlineData("""{"linux":{"devices":[{"path":"/dev/a","type":"d","major":1,"minor":1}]}}""", "/linux/devices/0/type: must be c, b, u or p, not 'd'")]
    [InlineData("""{"linux":{"devices":[{"path":"/dev/a","type":"c","major":-1,"minor":1}]}}""", "/linux/devices/0/major: must be 0 to 4095, not -1")]
    [InlineData("""{"linux":{"netDevices":{"eth0":{}}}}""", "/linux/netDevices: needs a namespace of type network in /linux/namespaces")]
    [InlineData("""{"linux":{"cgroupsPath":"/a/../../b"}}""", "/linux/cgroupsPath: must not contain '..'")]
    [InlineData("""{"linux":{"maskedPaths":["proc"]}}""", "/linux/maskedPaths/0: must be an absolute path, not 'proc'")]
    [InlineData(
        """{"linux":{"rootfsPropagation":"x"}}""",
        "/linux/rootfsPropagation: must be one of private, rprivate, slave, rslave, shared, rshared, unbindable, runbindable, not 'x'")]
    [InlineData("""{"linux":{"intelRdt":{"closID":"a"}}}""", "/linux/intelRdt: is not supported by this runtime; remove it")]
    [InlineData("""{"linux":{"memoryPolicy":{"mode":"MPOL_BIND"}}}""", "/linux/memoryPolicy/nodes: is required for this mode")]
    [InlineData("""{"linux":{"resources":{"devices":[{"allow":true}]}}}""", "/linux/resources/devices/0/access: is required: letters of rwm")]
    [InlineData(
        """{"linux":{"resources":{"devices":[{"allow":true,"type":"p","access":"r"}]}}}""",
        "/linux/resources/devices/0/type: must be a, b, c or u, not 'p'")]
    [InlineData(
        """{"linux":{"resources":{"memory":{"limit":20,"swap":10}}}}""",
        "/linux/resources/memory/swap: is memory and swap together, so it must be at least the limit, 20")]
    [InlineData("""{"linux":{"resources":{"memory":{"swappiness":101}}}}""", "/linux/resources/memory/swappiness: must be 0 to 100, not 101")]
    [InlineData("""{"linux":{"resources":{"cpu":{"cpus":"0-"}}}}""", "/linux/resources/cpu/cpus: must be a list such as 0-3,7, not '0-'")]
    [InlineData("""{"linux":{"resources":{"blockIO":{"weight":9}}}}""", "/linux/resources/blockIO/weight: must be 10 to 1000, not 9")]
    [InlineData(
        """{"linux":{"resources":{"hugepageLimits":[{"pageSize":"../../x","limit":1}]}}}""",
        "/linux/resources/hugepageLimits/0/pageSize: must be a size such as 64KB, 2MB or 1GB, not '../../x'")]
    [InlineData(
        """{"linux":{"resources":{"unified":{"../a.b":"1"}}}}""",
        "/linux/resources/unified/..~1a.b: must be a file name of the form CONTROLLER.PARAMETER")]
    public void A_fault_is_reported_at_its_place(string change, string expected)
    {
        Check(change);

        Assert.Equal([expected], _problems.Select(problem => problem.ToString()));
    }

    [Fact]
    public void Mappings_need_a_user_namespace()
    {
        Check("""{"linux":{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}}""");

        Assert.Equal([new Problem("/linux/uidMappings", "needs a namespace of type user in /linux/namespaces")], _problems);
    }

    [Fact]
    public void A_new_user_namespace_needs_mappings()
    {
        Check("""{"linux":{"namespaces":[{"type":"user"}]}}""");

        Assert.Equal(["/linux/uidMappings", "/linux/gidMappings"], _problems.Select(problem => problem.Path));
    }

    [Fact]
    public void A_joined_user_namespace_may_have_mappings_or_not()
    {
        Check("""{"linux":{"namespaces":[{"type":"user","path":"/proc/1/ns/user"}]}}""");

        Assert.Empty(_problems);
    }

    [Fact]
    public void Mappings_must_not_overlap_on_either_side_nor_run_over_the_end()
    {
        Check("""
            {"linux":{"namespaces":[{"type":"user"}],
              "uidMappings":[{"containerID":0,"hostID":100000,"size":10},{"containerID":9,"hostID":100009,"size":1},
                             {"containerID":10,"hostID":4294967295,"size":1},{"containerID":20,"hostID":0,"size":0}],
              "gidMappings":[{"containerID":0,"hostID":100000,"size":10},{"containerID":10,"hostID":100010,"size":1}]}}
            """);

        Assert.Equal(
            ["/linux/uidMappings/1/containerID", "/linux/uidMappings/1/hostID", "/linux/uidMappings/2", "/linux/uidMappings/3/size"],
            _problems.Select(problem => problem.Path));
    }

    [Fact]
    public void Ids_of_the_process_must_be_mapped()
    {
        Check("""
            {"process":{"user":{"uid":10,"gid":9,"additionalGids":[9,10]}},
             "linux":{"namespaces":[{"type":"user"}],
              "uidMappings":[{"containerID":0,"hostID":100000,"size":10}],"gidMappings":[{"containerID":0,"hostID":100000,"size":10}]}}
            """);

        Assert.Equal(["/process/user/uid", "/process/user/additionalGids/1"], _problems.Select(problem => problem.Path));
    }

    [Theory]
    [InlineData("kernel.shmmax", "ipc")]
    [InlineData("fs.mqueue.msg_max", "ipc")]
    [InlineData("fs/mqueue/msg_max", "ipc")]
    [InlineData("net.ipv4.ip_forward", "network")]
    [InlineData("net/ipv4/conf/eth0.1/rp_filter", "network")]
    [InlineData("kernel.domainname", "uts")]
    [InlineData("user.max_user_namespaces", "user")]
    public void A_sysctl_needs_its_namespace(string name, string type)
    {
        Check($$$$"""{"linux":{"sysctl":{"{{{{name}}}}":"1"}}}""");
        Assert.Contains($"needs a namespace of type {type} ", Assert.Single(_problems).Message);
        _problems.Clear();

        Check($$$$"""{"linux":{"namespaces":[{"type":"{{{{type}}}}","path":"/n"}],"sysctl":{"{{{{name}}}}":"1"}}}""");

        Assert.Empty(_problems);
    }

    [Theory]
    [InlineData("net.ipv4.ip_forward", "net/ipv4/ip_forward")]
    [InlineData("net/ipv4/conf/eth0.1/mtu", "net/ipv4/conf/eth0.1/mtu")]
    [InlineData("net.ipv4.conf.eth0/1.mtu", "net/ipv4/conf/eth0.1/mtu")]
    public void A_sysctl_is_found_under_both_spellings(string name, string path) => Assert.Equal(path, Sysctl.PathOf(name));

    [Theory]
    [InlineData("kernel.core_pattern", "1")]
    [InlineData("kernel.hostname", "1")]
    [InlineData("net", "1")]
    [InlineData("vm.swappiness", "1")]
    [InlineData("net/../kernel/core_pattern", "1")]
    [InlineData("net.//.kernel.core_pattern", "1")]
    [InlineData("net.ipv4.ip_forward", "1\\n2")]
    public void A_sysctl_of_the_host_is_refused(string name, string value)
    {
        Check($$$$"""{"linux":{"namespaces":[{"type":"network"},{"type":"uts"},{"type":"ipc"}],"sysctl":{"{{{{name}}}}":"{{{{value}}}}"}}}""");

        Assert.Single(_problems);
    }

    [Theory]
    [InlineData("""{"mounts":[{"destination":"a"}]}""", "/mounts/0/destination")]
    [InlineData("""{"process":{"capabilities":{"bounding":["CAP_NEW"]}}}""", "/process/capabilities/bounding/0")]
    [InlineData("""{"process":{"capabilities":{"ambient":["CAP_KILL"]}}}""", "/process/capabilities/ambient")]
    [InlineData("""{"process":{"consoleSize":{"height":1,"width":2}}}""", "/process/consoleSize")]
    [InlineData("""{"linux":{"personality":{"domain":"LINUX","flags":["x"]}}}""", "/linux/personality/flags")]
    [InlineData("""{"linux":{"resources":{"memory":{"kernel":1}}}}""", "/linux/resources/memory")]
    public void What_runc_accepts_with_a_warning_is_accepted_with_a_warning(string change, string path)
    {
        Check(change);

        Assert.Empty(_problems);
        Assert.Equal(path, Assert.Single(_warnings).Path);
    }

    private void Check(string change)
    {
        JsonNode document = JsonNode.Parse(Good)!;
        Merge(document.AsObject(), JsonNode.Parse(change)!.AsObject());
        var spec = RuntimeSpecJson.Read(Encoding.UTF8.GetBytes(document.ToJsonString()), _problems);
        Assert.Empty(_problems);

        RuntimeSpecRules.Check(spec!, _problems, _warnings);
    }

    /// <summary>JSON merge patch (RFC 7396), except that arrays and nulls replace.</summary>
    private static void Merge(JsonObject target, JsonObject change)
    {
        foreach ((string name, JsonNode? value) in change)
        {
            if (value is JsonObject inner && target[name] is JsonObject existing)
            {
                Merge(existing, inner);
            }
            else
            {
                target[name] = value?.DeepClone();
            }
        }
    }
}

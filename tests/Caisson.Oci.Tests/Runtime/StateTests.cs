using System.Text;
using Caisson.Errors;
using Caisson.Oci.Runtime;
using Xunit;

namespace Caisson.Oci.Tests.Runtime;

public sealed class StateTests
{
    [Fact]
    public void A_state_is_written_as_the_specification_shows_it()
    {
        var state = new State
        {
            OciVersion = "1.2.0",
            Id = "oci-container1",
            Status = ContainerStatus.Running,
            Pid = 4422,
            Bundle = "/containers/redis",
            Annotations = new Dictionary<string, string> { ["myKey"] = "myValue" },
        };

        string json = Encoding.UTF8.GetString(RuntimeSpecJson.ToUtf8(state));

        Assert.Equal(
            """{"ociVersion":"1.2.0","id":"oci-container1","status":"running","pid":4422,"bundle":"/containers/redis","annotations":{"myKey":"myValue"}}""",
            json);
    }

    [Fact]
    public void A_state_is_read_back()
    {
        byte[] json = """{"ociVersion":"1.2.0","id":"a","status":"stopped","bundle":"/b"}"""u8.ToArray();
        var problems = new List<Problem>();

        State? state = RuntimeSpecJson.ReadState(json, problems);

        Assert.Empty(problems);
        Assert.Equal((ContainerStatus.Stopped, 0, "a"), (state!.Status, state.Pid, state.Id));
    }

    [Fact]
    public void What_a_feature_document_does_not_know_is_left_out_and_what_is_not_there_is_said()
    {
        var features = new Features
        {
            OciVersionMin = "1.0.0",
            OciVersionMax = "1.3.0",
            Hooks = [],
            Linux = new LinuxFeatures { Cgroup = new CgroupFeatures(true, true, false, null, null), IdMappedMounts = true },
        };

        string json = Encoding.UTF8.GetString(RuntimeSpecJson.ToUtf8(features));

        Assert.Equal(
            """{"ociVersionMin":"1.0.0","ociVersionMax":"1.3.0","hooks":[],"linux":{"cgroup":{"v1":true,"v2":true,"systemd":false},"mountExtensions":{"idmap":{"enabled":true}}}}""",
            json);
    }
}

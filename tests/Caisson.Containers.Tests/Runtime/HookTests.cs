using System.Text.Json.Nodes;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

public sealed class HookTests
{
    [Fact]
    public void Hooks_run_in_the_order_of_the_specification_and_read_the_state()
    {
        using var bundle = new Bundle();
        AddHooks(bundle, "prestart", "createRuntime", "createContainer", "poststart", "poststop");

        Assert.Equal(0, bundle.RunContainer().Code);

        string[] lines = File.ReadAllLines(bundle.PathOf("hooks"));
        Assert.Equal(["prestart", "createRuntime", "createContainer", "poststart", "poststop"], lines.Select(line => line.Split(' ')[0]));
        Assert.Equal(
            ["creating", "creating", "creating", "running", "stopped"],
            lines.Select(line => (string?)JsonNode.Parse(line[(line.IndexOf('{', StringComparison.Ordinal))..])!["status"]));
        string own = new FileInfo("/proc/self/ns/mnt").LinkTarget!;
        Assert.Equal([true, true, false, true, true], lines.Select(line => line.Split(' ')[1] == own));
    }

    [Fact]
    public void A_hook_that_fails_ends_the_creation()
    {
        using var bundle = new Bundle();
        bundle.Config["hooks"] = JsonNode.Parse("""{"createRuntime":[{"path":"/bin/sh","args":["sh","-c","echo why >&2; exit 9"]}]}""");

        var outcome = bundle.Shell("echo never").RunContainer();

        Assert.Equal(1, outcome.Code);
        Assert.Contains("createRuntime", outcome.Errors, StringComparison.Ordinal);
        Assert.Contains("why", outcome.Errors, StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
        Assert.Empty(bundle.Cgroups());
    }

    [Fact]
    public void A_hook_in_the_container_has_no_more_rights_than_its_program()
    {
        using var bundle = new Bundle();
        bundle.Config["process"]!["capabilities"] = new JsonObject();
        bundle.Config["hooks"] = JsonNode.Parse(
            """{"startContainer":[{"path":"/bin/sh","args":["sh","-c","grep -E 'Cap(Eff|Bnd)' /proc/self/status > /tmp/rights"],"env":["PATH=/bin"]}]}""");

        Assert.Equal(0, bundle.RunContainer().Code);

        Assert.Equal("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n", File.ReadAllText(Path.Combine(bundle.Root, "tmp/rights")));
    }

    [Fact]
    public void A_hook_is_killed_when_its_time_is_over()
    {
        using var bundle = new Bundle();
        bundle.Config["hooks"] = JsonNode.Parse("""{"prestart":[{"path":"/bin/sleep","args":["sleep","1000"],"timeout":1}]}""");

        var outcome = bundle.RunContainer();

        Assert.Contains("not done within 1 seconds", outcome.Errors, StringComparison.Ordinal);
    }

    private static void AddHooks(Bundle bundle, params string[] kinds)
    {
        var hooks = new JsonObject();
        foreach (string kind in kinds)
        {
            string script = $"echo {kind} $(readlink /proc/self/ns/mnt) $(cat) >> {bundle.PathOf("hooks")}";
            hooks[kind] = new JsonArray(new JsonObject
            {
                ["path"] = "/bin/sh",
                ["args"] = new JsonArray("sh", "-c", script),
                ["env"] = new JsonArray("PATH=/bin:/usr/bin"),
            });
        }
        bundle.Config["hooks"] = hooks;
    }
}

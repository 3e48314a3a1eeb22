using System.Text.Json.Nodes;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

/// <summary>What engines and scripts expect of runc's command line.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void A_signal_of_zero_asks_and_a_stopped_container_has_no_processes()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Program("sleep", "1000");
        bundle.Create(id);
        bundle.Run("start", id);

        Assert.Equal(0, bundle.Run("kill", id, "0").Code);
        Assert.Equal("running", bundle.StatusOf(id));
        bundle.Run("kill", id, "KILL");
        bundle.WaitStopped(id);

        Assert.Equal(0, bundle.Run("kill", "-a", id, "0").Code);
        Assert.NotEqual(0, bundle.Run("kill", id, "0").Code);
        Assert.Equal("[]", bundle.Run("ps", "--format", "json", id).Output.Trim());
    }

    [Fact]
    public void The_list_as_json_is_one_line()
    {
        using var bundle = new Bundle();
        bundle.Program("sleep", "1000");
        string id = bundle.NewId();
        bundle.Create(id);

        string output = bundle.Run("list", "--format", "json").Output;

        Assert.Single(output.TrimEnd().Split('\n'));
        Assert.Equal(id, JsonNode.Parse(output)![0]!["id"]!.GetValue<string>());
    }

    [Fact]
    public void An_exec_that_the_runtime_cannot_do_ends_with_255()
    {
        using var bundle = new Bundle();
        bundle.Program("sleep", "1000");
        string id = bundle.NewId();
        bundle.Create(id);
        bundle.Run("start", id);

        Assert.Equal(255, bundle.Run("exec", id, "nosuch").Code);
        Assert.Equal(255, bundle.Run("exec", "--pid-file", "/nonexistent/pid", id, "true").Code);
        Assert.Equal(3, bundle.Run("exec", id, "sh", "-c", "exit 3").Code);
    }

    [Fact]
    public async Task An_exec_into_a_paused_container_waits_until_somebody_resumes_it()
    {
        using var bundle = new Bundle();
        bundle.Program("sleep", "1000");
        string id = bundle.NewId();
        bundle.Create(id);
        bundle.Run("start", id);
        bundle.Run("pause", id);
        Assert.Equal(255, bundle.Run("exec", id, "true").Code);

        var exec = Task.Run(() => bundle.Run("exec", "--ignore-paused", "--pid-file", bundle.PathOf("execpid"), id, "true"), TestContext.Current.CancellationToken);
        Outcome resumed;
        do
        {
            resumed = bundle.RunApart("resume", id);
        }
        while (resumed.Code != 0);

        Assert.Equal(0, (await exec).Code);
    }

    [Fact]
    public void Debugging_writes_to_the_log()
    {
        using var bundle = new Bundle();

        bundle.Run("--debug", "--log", bundle.PathOf("log"), "--log-format", "json", "list");

        Assert.Equal("debug", JsonNode.Parse(File.ReadLines(bundle.PathOf("log")).First())!["level"]!.GetValue<string>());
    }
}

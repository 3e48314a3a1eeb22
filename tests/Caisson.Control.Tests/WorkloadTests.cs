using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;

using Xunit;

namespace Caisson.Control.Tests;

public sealed class WorkloadTests
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_container_is_created_started_and_ended_and_says_so_in_order()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        using EventLog.Listener events = fixture.Services.Events.Listen(null);

        Workload workload = await fixture.StartAsync(name: "web");
        Task<WaitResult> wait = workload.WaitAsync(WaitCondition.NotRunning, None);
        fixture.Host.Running[workload.Id].End(3);
        WaitResult result = await wait;

        Assert.Equal(3, result.Code);
        Assert.Equal(ContainerPhase.Exited, workload.Status.Phase);
        Assert.Equal(3, workload.Status.ExitCode);
        List<string> actions = [];
        while (events.Reader.TryRead(out EngineEvent? entry))
        {
            if (entry.Type != "container")
            {
                continue;
            }
            actions.Add(entry.Action);
            Assert.Equal("web", entry.Attributes["name"]);
        }
        Assert.Equal(["create", "start", "die"], actions);
    }

    [Fact]
    public async Task Starting_what_runs_changes_nothing()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.StartAsync();

        Assert.False(await workload.StartAsync(None));
    }

    [Fact]
    public async Task A_start_that_fails_leaves_the_reason_and_a_shells_code()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.CreateAsync();
        fixture.Host.Refusal = new CaissonException(ErrorKind.NotFound, "execve /bin/serve: no such file or directory (ENOENT)");

        CaissonException error = await Assert.ThrowsAsync<CaissonException>(() => workload.StartAsync(None));

        Assert.Equal(ErrorKind.NotFound, error.Kind);
        Assert.Equal(127, workload.Status.ExitCode);
        Assert.Equal(error.Message, workload.Status.Error);
        Assert.Equal(ContainerPhase.Created, workload.Status.Phase);
    }

    [Fact]
    public async Task Stop_asks_with_the_containers_signal_and_kills_after_its_patience()
    {
        var time = new ManualTime();
        await using EngineFixture fixture = await EngineFixture.CreateAsync(time);
        Workload workload = await fixture.StartAsync(config: new ContainerCreate { StopSignal = "SIGUSR1" });
        fixture.Host.EndsAt = _ => false;

        Task<bool> stop = workload.StopAsync(null, 5, None);
        await UntilAsync(() => time.Waiting > 0);
        time.Advance(TimeSpan.FromSeconds(5));

        Assert.True(await stop);
        Assert.Equal(137, workload.Status.ExitCode);
        string id = workload.Id[..4];
        Assert.Equal([$"signal {id} 10", $"signal {id} 9"], fixture.Host.Calls.Where(call => call.StartsWith("signal", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_container_that_removes_itself_is_gone_when_the_wait_for_it_ends()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.CreateAsync(new HostConfig { AutoRemove = true });
        Task<WaitResult> wait = workload.WaitAsync(WaitCondition.Removed, None);
        await workload.StartAsync(None);

        fixture.Host.Running[workload.Id].End(7);

        Assert.Equal(7, (await wait).Code);
        Assert.Throws<CaissonException>(() => fixture.Engine.Find(workload.Id));
        Assert.False(Directory.Exists($"{fixture.Root}/containers/{workload.Id}"));
    }

    [Fact]
    public async Task A_running_container_is_removed_only_by_force()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.StartAsync();

        CaissonException error = await Assert.ThrowsAsync<CaissonException>(() => workload.RemoveAsync(force: false, None));
        Assert.Equal(ErrorKind.Conflict, error.Kind);
        await workload.RemoveAsync(force: true, None);

        Assert.Empty(fixture.Engine.List());
    }

    [Fact]
    public async Task Failures_are_restarted_with_growing_delays_until_the_limit()
    {
        var time = new ManualTime();
        await using EngineFixture fixture = await EngineFixture.CreateAsync(time);
        Workload workload = await fixture.StartAsync(new HostConfig { RestartPolicy = new RestartPolicy { Name = "on-failure", MaximumRetryCount = 3 } });
        List<double> delays = [];

        for (int i = 0; i < 3; i++)
        {
            fixture.Host.Running[workload.Id].End(1);
            await UntilAsync(() => time.Waiting > 0);
            delays.Add(time.Next!.Value.TotalMilliseconds);
            time.Advance(time.Next!.Value);
            await UntilAsync(() => workload.Status.Phase == ContainerPhase.Running);
        }
        fixture.Host.Running[workload.Id].End(1);
        await UntilAsync(() => workload.Status.Phase == ContainerPhase.Exited);

        Assert.Equal([100, 200, 400], delays);
        Assert.Equal(3, workload.Status.RestartCount);
    }

    [Fact]
    public async Task What_a_user_stopped_is_not_restarted()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.StartAsync(new HostConfig { RestartPolicy = new RestartPolicy { Name = "always" } });

        await workload.StopAsync(null, null, None);

        Assert.Equal(ContainerPhase.Exited, workload.Status.Phase);
    }

    [Fact]
    public async Task An_attachment_asked_for_before_the_start_is_there_before_the_program()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.CreateAsync(config: new ContainerCreate { OpenStdin = true });
        Workload.PendingAttachment pending = await workload.AttachAsync(new AttachOptions(true, true, true), None);
        fixture.Host.Born = process => Assert.Single(process.Streams).Send("first"u8);

        await workload.StartAsync(None);

        await using Attachment attachment = Assert.IsAssignableFrom<Attachment>(await pending.ConnectAsync(None));
        byte[] buffer = new byte[16];
        int count = await attachment.ReadAsync(buffer, None);
        Assert.Equal("first"u8, buffer.AsSpan(0, count));
    }

    [Fact]
    public async Task An_exec_runs_with_the_containers_settings_and_reports_its_code()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.StartAsync();
        fixture.Host.Born = process => process.End(4);

        ExecSession session = workload.CreateExec(new ExecConfig { Cmd = ["/bin/ls", "-l"] });
        await workload.StartExecAsync(session, null, null, None);
        await UntilAsync(() => session.ExitCode is not null);

        Assert.Equal(4, session.ExitCode);
        Assert.False(session.Running);
        Assert.Contains($"exec {workload.Id[..4]} /bin/ls -l", fixture.Host.Calls);
        await Assert.ThrowsAsync<CaissonException>(() => workload.StartExecAsync(session, null, null, None));
    }

    [Fact]
    public async Task A_new_engine_finds_what_runs_and_records_what_ended_meanwhile()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload running = await fixture.StartAsync(name: "running");
        Workload ended = await fixture.StartAsync(name: "ended");
        Workload lost = await fixture.StartAsync(name: "lost");
        fixture.Host.Left[running.Id] = fixture.Host.Running[running.Id];
        var over = new FakeProcess(ended.Id, []);
        over.End(9);
        fixture.Host.Left[ended.Id] = over;
        fixture.Host.Running.TryRemove(lost.Id, out _);

        await fixture.ReplaceEngineAsync();

        Assert.Equal(ContainerPhase.Running, fixture.Engine.Find("running").Status.Phase);
        Assert.Equal(ContainerPhase.Exited, fixture.Engine.Find("ended").Status.Phase);
        Assert.Equal(9, fixture.Engine.Find("ended").Status.ExitCode);
        Assert.Equal(255, fixture.Engine.Find("lost").Status.ExitCode);

        Task<WaitResult> wait = fixture.Engine.Find("running").WaitAsync(WaitCondition.NextExit, None);
        fixture.Host.Running[running.Id].End(5);
        Assert.Equal(5, (await wait).Code);
    }

    [Fact]
    public async Task A_run_that_began_and_ended_while_no_engine_looked_is_on_record_once()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload created = await fixture.CreateAsync(name: "created");
        var over = new FakeProcess(created.Id, []);
        over.End(9);

        fixture.Host.Left[created.Id] = over;
        await fixture.ReplaceEngineAsync();
        ContainerStatus first = fixture.Engine.Find("created").Status;
        fixture.Host.Left[created.Id] = over; // as when the engine died before it removed the traces
        await fixture.ReplaceEngineAsync();
        ContainerStatus second = fixture.Engine.Find("created").Status;

        Assert.Equal((ContainerPhase.Exited, 9, 1L), (first.Phase, first.ExitCode, first.StartOrder));
        Assert.Equal(first, second);
    }

    [Fact]
    public async Task An_update_gives_the_limits_that_were_in_force_also_to_a_new_engine()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload workload = await fixture.StartAsync(new HostConfig { CpuPeriod = 50_000, CpuQuota = 20_000 }, name: "limited");
        fixture.Host.Left[workload.Id] = fixture.Host.Running[workload.Id];
        await fixture.ReplaceEngineAsync();

        await fixture.Engine.Find("limited").UpdateAsync(new UpdateConfig { CpuQuota = 10_000 }, None);

        Assert.Equal(20_000, fixture.Host.LastLimits?.Cpu?.Quota);
        Assert.Equal(50_000UL, fixture.Host.LastLimits?.Cpu?.Period);
        Assert.False(fixture.Engine.Find("limited").Status.LimitsPending);
    }

    [Fact]
    public async Task A_new_engine_starts_what_always_runs_in_the_order_of_before_and_deletes_what_is_nobodys()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        var always = new HostConfig { RestartPolicy = new RestartPolicy { Name = "unless-stopped" } };
        Workload first = await fixture.StartAsync(always, name: "first");
        Workload second = await fixture.StartAsync(always, name: "second");
        Workload stopped = await fixture.StartAsync(always, name: "stopped");
        await stopped.StopAsync(null, null, None);
        Directory.CreateDirectory($"{fixture.Root}/containers/{new string('a', 64)}");
        fixture.Host.Calls.Clear();
        fixture.Host.Running.Clear();

        await fixture.ReplaceEngineAsync();

        Assert.Equal(
            [$"start {first.Id[..4]}", $"start {second.Id[..4]}"],
            fixture.Host.Calls.Where(call => call.StartsWith("start", StringComparison.Ordinal)));
        Assert.Equal(ContainerPhase.Exited, fixture.Engine.Find("stopped").Status.Phase);
        Assert.False(Directory.Exists($"{fixture.Root}/containers/{new string('a', 64)}"));
    }

    [Fact]
    public async Task Names_are_unique_and_can_be_changed_and_reused()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload one = await fixture.CreateAsync(name: "one");

        CaissonException taken = await Assert.ThrowsAsync<CaissonException>(() => fixture.CreateAsync(name: "one"));
        Assert.Equal(ErrorKind.AlreadyExists, taken.Kind);
        await one.RenameAsync("other", None);
        await fixture.CreateAsync(name: "one");

        Assert.Equal(one.Id, fixture.Engine.Find("other").Id);
        Assert.Equal(one.Id, fixture.Engine.Find(one.Id[..12]).Id);
    }

    [Fact]
    public async Task Each_container_has_a_block_of_ids_of_its_own_which_is_given_back()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        Workload one = await fixture.CreateAsync();
        Workload two = await fixture.CreateAsync();

        Assert.NotEqual(one.Record.IdBlock, two.Record.IdBlock);
        int? block = one.Record.IdBlock;
        await one.RemoveAsync(force: false, None);

        Assert.Equal(block, (await fixture.CreateAsync()).Record.IdBlock);
    }

    internal static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            await Task.Delay(2, patience.Token);
        }
    }
}

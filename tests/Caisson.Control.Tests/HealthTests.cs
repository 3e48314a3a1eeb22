using System.Net;
using System.Net.Sockets;

using Caisson.Control.Events;
using Caisson.Control.Health;
using Caisson.Control.Listing;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci;

using Xunit;

namespace Caisson.Control.Tests;

public sealed class HealthTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;
    private static readonly HealthCheck Check = new() { Probe = new HealthProbe.Command(["/bin/check"]), Retries = 3, StartPeriod = TimeSpan.FromSeconds(10) };

    private readonly List<Problem> _problems = [];

    [Fact]
    public void Failures_of_the_start_period_do_not_count_until_something_has_succeeded()
    {
        HealthState state = HealthDecision.After(new HealthState(), Check, Result(1, 5), Start);
        Assert.Equal((HealthStatus.Starting, 0), (state.Status, state.FailingStreak));

        state = HealthDecision.After(state, Check, Result(0, 6), Start);
        Assert.Equal((HealthStatus.Healthy, 0), (state.Status, state.FailingStreak));

        state = HealthDecision.After(state, Check, Result(1, 7), Start);
        Assert.Equal((HealthStatus.Healthy, 1), (state.Status, state.FailingStreak));
    }

    [Fact]
    public void So_many_failures_in_a_row_make_it_unhealthy_and_one_success_healthy()
    {
        HealthState state = new() { Status = HealthStatus.Healthy };
        List<HealthStatus> seen = [];
        foreach (int code in (int[])[1, 1, 0, 1, HealthResult.TimedOut, 2, 3, 0])
        {
            state = HealthDecision.After(state, Check, Result(code, 60), Start);
            seen.Add(state.Status);
        }

        Assert.Equal(
            [
                HealthStatus.Healthy, HealthStatus.Healthy, HealthStatus.Healthy, HealthStatus.Healthy, HealthStatus.Healthy, HealthStatus.Unhealthy,
                HealthStatus.Unhealthy, HealthStatus.Healthy,
            ],
            seen);
        Assert.Equal([1, -1, 2, 3, 0], state.Log.Select(result => result.ExitCode));
    }

    [Fact]
    public void Checks_come_faster_while_it_comes_up()
    {
        HealthState starting = new();

        Assert.Equal(Check.StartInterval, HealthDecision.Delay(starting, Check, TimeSpan.FromSeconds(9)));
        Assert.Equal(Check.Interval, HealthDecision.Delay(starting, Check, TimeSpan.FromSeconds(10)));
        Assert.Equal(Check.Interval, HealthDecision.Delay(starting with { Status = HealthStatus.Healthy }, Check, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void An_unhealthy_container_waits_longer_each_time_until_it_was_healthy_once()
    {
        HealthState never = new() { Status = HealthStatus.Unhealthy };
        HealthState once = never with { WasHealthy = true };

        Assert.Equal(TimeSpan.FromMilliseconds(100), HealthDecision.RestartDelay(never, TimeSpan.Zero));
        Assert.Equal(TimeSpan.FromMilliseconds(400), HealthDecision.RestartDelay(never, TimeSpan.FromMilliseconds(200)));
        Assert.Equal(TimeSpan.FromMinutes(1), HealthDecision.RestartDelay(never, TimeSpan.FromMinutes(1)));
        Assert.Equal(TimeSpan.FromMilliseconds(100), HealthDecision.RestartDelay(once, TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public void What_is_asked_for_is_merged_into_the_images_check_member_by_member()
    {
        var image = new HealthcheckConfig { Test = ["CMD", "check"], IntervalNs = 7_000_000_000, Retries = 5 };

        HealthCheck? merged = HealthCheck.Read(
            HealthCheck.Merge(new HealthcheckConfig { IntervalNs = 2_000_000_000 }, image, new Dictionary<string, string>()), null, _problems);

        Assert.Equal(["check"], Assert.IsType<HealthProbe.Command>(merged!.Probe).Args);
        Assert.Equal((TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30), 5), (merged.Interval, merged.Timeout, merged.Retries));
        Assert.Empty(_problems);
    }

    [Theory]
    [InlineData("http://:8080/healthz?a=b", "localhost:8080", "/healthz?a=b", 8080)]
    [InlineData("http://localhost", "localhost", "/", 80)]
    [InlineData("http://10.0.0.7:81/x#y", "10.0.0.7:81", "/x", 81)]
    [InlineData("http://[::1]:82", "[::1]:82", "/", 82)]
    [InlineData("http://[::1]/a", "[::1]", "/a", 80)]
    public void An_address_to_get_may_leave_out_nearly_everything(string url, string host, string target, int port)
    {
        var probe = Assert.IsType<HealthProbe.Http>(Read("HTTP", url)!.Probe);

        Assert.Equal((host, target, port), (probe.Host, probe.Target, probe.Endpoints[0].Port));
        Assert.Empty(_problems);
    }

    [Theory]
    [InlineData("HTTP", "https://:1/", "https is not supported")]
    [InlineData("HTTP", "http://example.org/", "is not an address")]
    [InlineData("HTTP", "http://:x/", "is not a port")]
    [InlineData("HTTP", "http://:1/a\r\nEvil: yes", "not an address of the form")]
    [InlineData("TCP", "0", "is not a port")]
    [InlineData("TCP", "db:5432", "is not an address")]
    [InlineData("CMD-SHELL", null, "it needs one")]
    [InlineData("UDP", "1", "unknown type of health check")]
    public void A_check_that_cannot_be_made_is_refused_with_the_reason(string kind, string? argument, string reason)
    {
        Assert.Null(argument is null ? Read(kind) : Read(kind, argument));

        Assert.Contains(reason, Assert.Single(_problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_check_makes_a_container_unhealthy_and_healthy_and_says_so_once_each()
    {
        var time = new ManualTime();
        await using EngineFixture fixture = await EngineFixture.CreateAsync(time);
        int code = 1;
        fixture.Host.Born = process =>
        {
            if (process.Args is ["/bin/sh", "-c", "check"])
            {
                process.Say("no\n");
                process.End(code);
            }
        };
        Workload workload = await fixture.StartAsync(config: Checked("CMD-SHELL", "check") with { Healthcheck = new() { Test = ["CMD-SHELL", "check"], Retries = 2 } });
        using EventLog.Listener events = fixture.Services.Events.Listen((DateTimeOffset?)null);
        Assert.Equal("Up Less than a second (health: starting)", HumanTime.StatusText(workload.Status, time.GetUtcNow()));

        await CheckOnceAsync(time, workload);
        Assert.Equal((HealthStatus.Starting, 1), (workload.Status.Health!.Status, workload.Status.Health.FailingStreak));
        await CheckOnceAsync(time, workload);
        Assert.Equal(HealthStatus.Unhealthy, workload.Status.Health.Status);
        await CheckOnceAsync(time, workload);
        code = 0;
        await CheckOnceAsync(time, workload);

        Assert.Equal(HealthStatus.Healthy, workload.Status.Health.Status);
        Assert.EndsWith("(healthy)", HumanTime.StatusText(workload.Status, time.GetUtcNow()), StringComparison.Ordinal);
        Assert.Equal(["no\n", "no\n", "no\n", "no\n"], workload.Status.Health.Log.Select(result => result.Output));
        List<string> told = [];
        while (events.Reader.TryRead(out EngineEvent? entry))
        {
            told.Add(entry.Action);
        }
        Assert.Equal(["health_status: unhealthy", "health_status: healthy"], told);
    }

    [Fact]
    public async Task A_check_that_takes_too_long_is_ended_and_counts_as_a_failure()
    {
        var time = new ManualTime();
        await using EngineFixture fixture = await EngineFixture.CreateAsync(time);
        FakeProcess? check = null;
        fixture.Host.Born = process => check = process.Args is ["/bin/check"] ? process : check;
        Workload workload = await fixture.StartAsync(config: Checked("CMD", "/bin/check"));

        await WaitAsync(() => time.Waiting > 0);
        time.Advance(TimeSpan.FromSeconds(30));
        await WaitAsync(() => check is { Streams.Count: > 0 });
        time.Advance(TimeSpan.FromSeconds(30));
        await WaitAsync(() => workload.Status.Health!.Log.Count > 0);

        HealthResult result = workload.Status.Health!.Log[0];
        Assert.Equal((HealthResult.TimedOut, "Health check exceeded timeout (30s)"), (result.ExitCode, result.Output));
        Assert.True(check!.Exited.IsCompleted);
    }

    [Fact]
    public async Task Health_survives_the_engine_and_is_checked_by_the_next()
    {
        var time = new ManualTime();
        await using EngineFixture fixture = await EngineFixture.CreateAsync(time);
        fixture.Host.Born = process =>
        {
            if (process.Args is ["/bin/check"])
            {
                process.End(0);
            }
        };
        string id = (await fixture.StartAsync(config: Checked("CMD", "/bin/check"))).Id;
        await CheckOnceAsync(time, fixture.Engine.Find(id));
        fixture.Host.Left[id] = fixture.Host.Running[id];

        await fixture.ReplaceEngineAsync();
        Workload workload = fixture.Engine.Find(id);
        Assert.Equal(HealthStatus.Healthy, workload.Status.Health!.Status);
        int before = workload.Status.Health.Log.Count;
        time.Advance(TimeSpan.FromSeconds(31));

        await WaitAsync(() => workload.Status.Health!.Log.Count > before);
    }

    [Fact]
    public async Task What_is_unhealthy_is_ended_and_runs_again_when_that_is_asked_for()
    {
        var time = new ManualTime();
        await using EngineFixture fixture = await EngineFixture.CreateAsync(time);
        fixture.Host.Born = process =>
        {
            if (process.Args is ["/bin/check"])
            {
                process.End(1);
            }
        };
        Workload workload = await fixture.StartAsync(
            new HostConfig { RestartUnhealthy = true },
            new ContainerCreate { Healthcheck = new HealthcheckConfig { Test = ["CMD", "/bin/check"], Retries = 1 } });

        await WaitAsync(() => time.Waiting > 0);
        time.Advance(TimeSpan.FromSeconds(30));
        await WaitAsync(() => workload.Status.Phase == ContainerPhase.Restarting);
        await WaitAsync(() => time.Next is { } next && next <= TimeSpan.FromMilliseconds(100));
        time.Advance(TimeSpan.FromMilliseconds(100));
        await WaitAsync(() => workload.Status.Phase == ContainerPhase.Running);

        Assert.Equal(1, workload.Status.RestartCount);
        Assert.Equal(HealthStatus.Starting, workload.Status.Health!.Status);
    }

    [Fact]
    public async Task Restarting_what_nobody_checks_is_refused()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        var error = await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(new HostConfig { RestartUnhealthy = true }));

        Assert.Contains("nothing checks the health", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 0, "HTTP/1.1 204 No Content")]
    [InlineData("HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n", 0, "HTTP/1.0 302 Found")]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ndown", 1, "HTTP/1.1 503 Service Unavailable\ndown")]
    [InlineData("SSH-2.0-OpenSSH\r\n", 1, "the answer is not HTTP")]
    [InlineData("", 1, "closed without an answer")]
    public async Task A_get_from_within_the_network_says_what_came(string answer, int code, string output)
    {
        using Namespace network = Namespace.CreateNetwork();
        Socket? listener = null;
        network.RunInside(() =>
        {
            LoopbackUp();
            listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(1);
        });
        using Socket serving = listener!;
        int port = ((IPEndPoint)serving.LocalEndPoint!).Port;
        Task serve = Task.Run(async () =>
        {
            using Socket client = await serving.AcceptAsync();
            byte[] request = new byte[1_024];
            Assert.True(await client.ReceiveAsync(request, SocketFlags.None) > 0);
            await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(answer), SocketFlags.None);
        }, TestContext.Current.CancellationToken);
        var probe = Assert.IsType<HealthProbe.Http>(Read("HTTP", $"http://:{port}/")!.Probe);

        (int got, string said) = await NetworkProbe.GetAsync(network, probe, 4_096, TestContext.Current.CancellationToken);
        await serve;

        Assert.Equal(code, got);
        Assert.Contains(output, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_nobody_listens_on_within_the_network_is_refused()
    {
        using Namespace network = Namespace.CreateNetwork();
        network.RunInside(LoopbackUp);
        var probe = Assert.IsType<HealthProbe.Tcp>(Read("TCP", "5432")!.Probe);

        (int code, string output) = await NetworkProbe.ConnectAsync(network, probe, TestContext.Current.CancellationToken);

        Assert.Equal((1, "connect to 127.0.0.1:5432: connection refused"), (code, output));
    }

    private static void LoopbackUp()
    {
        using var route = RouteSocket.Open();
        route.Execute(new RouteRequest.Up("lo"));
    }

    private static ContainerCreate Checked(params string[] test) => new() { Healthcheck = new HealthcheckConfig { Test = test } };

    private static async Task CheckOnceAsync(ManualTime time, Workload workload)
    {
        HealthResult? last = Last(workload);
        await WaitAsync(() => time.Waiting > 0);
        time.Advance(TimeSpan.FromSeconds(30));
        await WaitAsync(() => Last(workload) is { } result && result != last);
    }

    private static HealthResult? Last(Workload workload) => workload.Status.Health is { Log: [.., var last] } ? last : null;

    private static async Task WaitAsync(Func<bool> holds)
    {
        for (int i = 0; i < 1_000; i++)
        {
            if (holds())
            {
                return;
            }
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        Assert.Fail("it did not come to hold");
    }

    private HealthCheck? Read(params string[] test) => HealthCheck.Read(new HealthcheckConfig { Test = test }, null, _problems);

    private static HealthResult Result(int code, int second) => new() { ExitCode = code, Start = Start.AddSeconds(second), End = Start.AddSeconds(second) };
}

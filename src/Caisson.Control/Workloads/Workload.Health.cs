using Caisson.Control.Health;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>How much of what a check says is kept.</summary>
    private const int HealthOutputMax = 4_096;

    /// <summary>How long the end of a check's process may be later than the end of its output.</summary>
    private static readonly TimeSpan HealthExitPatience = TimeSpan.FromSeconds(1);

    /// <summary>How it is checked; null for not at all.</summary>
    private HealthCheck? Check => HealthCheck.Read(_record.Config.Healthcheck, _record.Config.Shell, new List<Problem>());

    /// <summary>What is known of a run that begins; null without checks.</summary>
    private HealthState? FirstHealth() => Check is null ? null : new HealthState { Log = _status.Health?.Log ?? [] };

    /// <summary>Checks a run until it ends. Between two checks there is one timer, and nothing else.</summary>
    private void WatchHealth(Run run)
    {
        if (Check is { } check)
        {
            _ = WatchHealthAsync(run, check);
        }
    }

    private async Task WatchHealthAsync(Run run, HealthCheck check)
    {
        try
        {
            while (true)
            {
                ContainerStatus status = _status;
                TimeSpan ran = _services.Time.GetUtcNow() - (status.StartedAt ?? DateTimeOffset.MinValue);
                await Task.Delay(HealthDecision.Delay(status.Health ?? new HealthState(), check, ran), _services.Time, run.Over);
                if (_engine.IsStopping)
                {
                    return; // the next engine goes on
                }
                if (_status.Phase == ContainerPhase.Paused)
                {
                    continue; // its processes cannot answer
                }
                HealthResult result = await ProbeAsync(run, check);
                using (await EnterAsync(run.Over))
                {
                    if (_run != run || _engine.IsStopping)
                    {
                        return;
                    }
                    if (_status.Phase == ContainerPhase.Paused)
                    {
                        continue; // paused while it was asked, which says nothing of its health
                    }
                    TellHealthUnlocked(check, result);
                }
                if (_status.Health?.Status == HealthStatus.Unhealthy && _record.HostConfig.RestartUnhealthy)
                {
                    await EndUnhealthyAsync(run);
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
        catch (CaissonException error)
        {
            if (!_gone)
            {
                _services.Log.Warn($"container {Id}: its health is not checked any more: {error.Message}");
            }
        }
    }

    private void TellHealthUnlocked(HealthCheck check, HealthResult result)
    {
        HealthState before = _status.Health ?? new HealthState();
        HealthState after = HealthDecision.After(before, check, result, _status.StartedAt ?? DateTimeOffset.MinValue);
        ContainerStatus status = _status with { Health = after };
        if (after.Status != before.Status)
        {
            SetUnlocked(status, Durability.Process, Event($"health_status: {after.Word}"));
        }
        else if (after.FailingStreak != before.FailingStreak)
        {
            SetUnlocked(status, Durability.Process);
        }
        else
        {
            _status = status; // only the log is new: a check that finds what the last one found is not worth a write to the disk
        }
    }

    /// <summary>Makes one check of a running container, which is not its own: nothing is recorded.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: it does not run.</exception>
    internal async Task<HealthResult> ProbeAsync(HealthProbe probe, TimeSpan timeout)
    {
        Run run = RequireRun();
        try
        {
            return await ProbeAsync(run, new HealthCheck { Probe = probe, Timeout = timeout });
        }
        catch (OperationCanceledException)
        {
            throw NotRunning();
        }
    }

    private async Task<HealthResult> ProbeAsync(Run run, HealthCheck check)
    {
        DateTimeOffset start = _services.Time.GetUtcNow();
        using var timeout = new CancellationTokenSource(check.Timeout, _services.Time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, run.Over);
        (int Code, string Output) answer;
        try
        {
            answer = check.Probe switch
            {
                HealthProbe.Command command => await RunCheckAsync(command.Args, end.Token),
                HealthProbe.Http http => await InNetworkAsync(network => NetworkProbe.GetAsync(network, http, HealthOutputMax, end.Token)),
                HealthProbe.Tcp tcp => await InNetworkAsync(network => NetworkProbe.ConnectAsync(network, tcp, end.Token)),
                _ => throw new System.Diagnostics.UnreachableException("a health check of unknown kind"),
            };
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !run.Over.IsCancellationRequested)
        {
            answer = (HealthResult.TimedOut, $"Health check exceeded timeout ({check.Timeout.TotalSeconds:0.###}s)");
        }
        catch (Exception error) when (error is CaissonException or IOException or System.Net.Sockets.SocketException)
        {
            run.Over.ThrowIfCancellationRequested();
            answer = (CodeOf(error), error.Message);
        }
        return new HealthResult { Start = start, End = _services.Time.GetUtcNow(), ExitCode = answer.Code, Output = answer.Output };
    }

    private async Task<(int Code, string Output)> InNetworkAsync(Func<Namespace, Task<(int Code, string Output)>> probe)
    {
        using Namespace network = RequireNetwork();
        return await probe(network);
    }

    /// <summary>As an exec, but for its events: a check each few seconds would push everything else out of the log of events.</summary>
    private async Task<(int Code, string Output)> RunCheckAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        (IMonitoredProcess process, Attachment? attachment) = await LaunchExecAsync(
            Names.NewId(), new ExecConfig { Cmd = args }, new AttachOptions(Stdin: false, Stdout: true, Stderr: true), cancellationToken);
        try
        {
            string output = attachment is null ? "" : await ReadOutputAsync(attachment, cancellationToken);
            ProcessExit exit = await process.Exited.WaitAsync(cancellationToken);
            return (exit.Code, output);
        }
        catch (OperationCanceledException)
        {
            _ = process.TrySignal((int)Signal.KILL);
            await Task.WhenAny(process.Exited, Task.Delay(HealthExitPatience, CancellationToken.None));
            throw;
        }
        finally
        {
            if (attachment is not null)
            {
                await attachment.DisposeAsync();
            }
            await process.DisposeAsync();
        }
    }

    private static async Task<string> ReadOutputAsync(Attachment attachment, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[HealthOutputMax];
        var output = new OutputBeginning(HealthOutputMax);
        while (await attachment.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            output.Take(buffer.AsSpan(0, count));
        }
        return output.ToString();
    }
}

using System.Globalization;
using System.Runtime.InteropServices;

using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Compose.Running;
using Caisson.Errors;

namespace Caisson.Cli.Composing;

/// <summary><c>up</c> without <c>-d</c>: shows what containers say until all have ended; an interrupt stops them, a second one kills them.</summary>
internal sealed class UpAttachment : IDisposable
{
    private readonly Session _session;
    private readonly ComposeProject _project;
    private readonly HashSet<string> _services;
    private readonly IReadOnlyCollection<string> _selected;
    private readonly string _since;
    private readonly object _lock = new();
    private readonly Dictionary<string, Thread> _followed = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _interrupted = new();
    private readonly PosixSignalRegistration[] _signals;
    private AggregatedLogs? _logs;
    private int _interrupts;
    private bool _stopping;
    private int? _exitCode;

    /// <param name="session">Of the command.</param>
    /// <param name="project">What is brought up.</param>
    /// <param name="selected">The services that are: they are stopped again.</param>
    /// <param name="services">Those of them whose output is shown.</param>
    public UpAttachment(Session session, ComposeProject project, IReadOnlyCollection<string> selected, HashSet<string> services)
    {
        (_session, _project, _selected, _services) = (session, project, selected, services);
        long ticks = (session.Clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;
        _since = string.Create(CultureInfo.InvariantCulture, $"{ticks / TimeSpan.TicksPerSecond}.{ticks % TimeSpan.TicksPerSecond * 100:D9}");
        _signals = [.. ((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM]).Select(signal => PosixSignalRegistration.Create(signal, Interrupt))];
    }

    public bool NoColor { get; init; }

    public bool NoPrefix { get; init; }

    public bool Timestamps { get; init; }

    public int? TimeoutSeconds { get; init; }

    public bool AbortOnExit { get; init; }

    public bool AbortOnFailure { get; init; }

    public string ExitCodeFrom { get; init; } = "";

    /// <summary>The user wants no more of it.</summary>
    public CancellationToken Interrupted => _interrupted.Token;

    private AggregatedLogs Logs => _logs ??= new(_session, _project.Name, NoColor, NoPrefix);

    /// <summary>Shows what a container says from when this began.</summary>
    public void Follow(string name)
    {
        ObservedContainer? container = ProjectObserver.Containers(_session.Engine, _project.Name).FirstOrDefault(container => container.Name == name);
        if (container is not null)
        {
            Follow(container);
        }
    }

    /// <summary>Blocks until all containers have ended.</summary>
    /// <param name="plan">What was run: containers that it started and that have ended since are shown, too.</param>
    /// <returns>The exit code of the command.</returns>
    public int Run(ComposePlan plan)
    {
        var started = plan.Steps.Where(step => step.Step is ComposeStep.StartContainer or ComposeStep.RenameContainer).Select(step => step.Step.Subject).ToHashSet(StringComparer.Ordinal);
        var containers = ProjectObserver.Containers(_session.Engine, _project.Name).Where(container => !container.IsOneOff && _selected.Contains(container.Service)).ToList();
        lock (_lock)
        {
            Logs.Reserve(containers.Where(container => _services.Contains(container.Service)).Select(container => container.Name));
        }
        foreach (var container in containers.Where(container => container.IsRunning || started.Contains($"Container {container.Name}")))
        {
            Follow(container);
        }
        while (Next() is { } thread)
        {
            thread.Join();
            lock (_lock)
            {
                foreach (string id in _followed.Where(pair => pair.Value == thread).Select(pair => pair.Key).ToList())
                {
                    _followed.Remove(id);
                }
            }
        }
        lock (_lock)
        {
            return _interrupts > 0 ? 130 : _exitCode ?? 0;
        }
    }

    public void Dispose()
    {
        Array.ForEach(_signals, signal => signal.Dispose());
        _interrupted.Dispose();
    }

    private Thread? Next()
    {
        lock (_lock)
        {
            return _followed.Values.FirstOrDefault();
        }
    }

    private void Follow(ObservedContainer container)
    {
        lock (_lock)
        {
            if (_followed.ContainsKey(container.Id))
            {
                return;
            }
            var logs = Logs;
            var thread = new Thread(() => Show(logs, container)) { IsBackground = true, Name = container.Name };
            _followed[container.Id] = thread;
            thread.Start();
        }
    }

    private void Show(AggregatedLogs logs, ObservedContainer container)
    {
        string since = _since;
        try
        {
            while (true)
            {
                if (_services.Contains(container.Service))
                {
                    logs.Copy(container.Id, container.Name, new(Follow: true, Timestamps, "all", since, "", Details: false));
                }
                int code;
                using (var wait = _session.Engine.WaitContainer(container.Id, "not-running"))
                {
                    code = wait.Result().StatusCode;
                }
                since = string.Create(CultureInfo.InvariantCulture, $"{_session.Clock.GetUtcNow().ToUnixTimeSeconds()}");
                if (_services.Contains(container.Service))
                {
                    logs.Say(container.Name, string.Create(CultureInfo.InvariantCulture, $"exited with code {code}"));
                }
                if (!Restarts(container.Id))
                {
                    Ended(container, code);
                    return;
                }
            }
        }
        catch (Exception e) when (LogEnds.IsGone(e))
        {
            // Removed, or replaced by a newer one: nothing more will come.
        }
    }

    /// <summary>Whether a container that ended is to run again by its policy.</summary>
    private bool Restarts(string id)
    {
        using var json = _session.Engine.InspectContainer(id);
        return json.RootElement.GetProperty("State").TryGetProperty("Status", out var status) && status.GetString() is "restarting" or "running";
    }

    /// <summary>Whether others only start when this one is done: its end, without an error, is what they wait for.</summary>
    private bool IsAwaited(ObservedContainer container, int code) => code == 0 && container.Service != ExitCodeFrom && _project.Services.Values
        .SelectMany(service => service.DependsOn)
        .Any(dependency => dependency.Service == container.Service && dependency.Condition == DependencyCondition.CompletedSuccessfully);

    private void Ended(ObservedContainer container, int code)
    {
        if (IsAwaited(container, code))
        {
            return;
        }
        bool stop;
        lock (_lock)
        {
            if (ExitCodeFrom.Length > 0 ? container.Service == ExitCodeFrom && _exitCode is null : _exitCode is null && (AbortOnExit || (AbortOnFailure && code != 0)) && !_stopping)
            {
                _exitCode = code;
            }
            stop = !_stopping && (AbortOnExit || (AbortOnFailure && code != 0));
            _stopping |= stop;
        }
        if (stop)
        {
            _session.Error.WriteLine($"Aborting on container {(AbortOnExit ? "exit" : "failure")}...");
            Stop();
        }
    }

    private void Interrupt(PosixSignalContext context)
    {
        context.Cancel = true;
        int count;
        lock (_lock)
        {
            count = ++_interrupts;
            _stopping = true;
        }
        if (count == 1)
        {
            _interrupted.Cancel();
            _session.Error.WriteLine("Gracefully Stopping... press Ctrl+C again to force");
            new Thread(Stop) { IsBackground = true, Name = "stop" }.Start();
        }
        else
        {
            new Thread(Kill) { IsBackground = true, Name = "kill" }.Start();
        }
    }

    private void Stop()
    {
        try
        {
            var observed = ProjectObserver.Observe(_session.Engine, _project);
            using var progress = new ComposeProgress(_session);
            ComposeCommand.Runner(_session, _project, observed, progress).Run(ComposePlan.CompileStop(_project, observed, [.. _selected], TimeoutSeconds), CancellationToken.None);
        }
        catch (CaissonException e)
        {
            _session.Error.WriteLine($"caisson: stop project {_project.Name}: {e.Message}");
        }
    }

    private void Kill()
    {
        foreach (var container in ProjectObserver.Containers(_session.Engine, _project.Name).Where(container => container.IsRunning && !container.IsOneOff && _selected.Contains(container.Service)))
        {
            try
            {
                _session.Engine.KillContainer(container.Id, "SIGKILL");
            }
            catch (CaissonException e)
            {
                _session.Error.WriteLine($"caisson: kill {container.Name}: {e.Message}");
            }
        }
    }
}

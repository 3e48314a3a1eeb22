using System.Globalization;

using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Images.Users;

namespace Caisson.Control.Workloads;

/// <summary>A further process in a container: asked for, running, or ended. Lives as long as its container's run.</summary>
public sealed class ExecSession
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile IMonitoredProcess? _process;

    internal ExecSession(Workload container, ExecConfig config)
    {
        Container = container;
        Config = config;
    }

    /// <summary>64 hex digits.</summary>
    public string Id { get; } = Names.NewId();

    /// <summary>Where it runs.</summary>
    public Workload Container { get; }

    /// <summary>What was asked for.</summary>
    public ExecConfig Config { get; }

    /// <summary>Whether the process exists.</summary>
    public bool Running { get; internal set; }

    /// <summary>What the process returned; null before that.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>The process in the host's numbers; 0 before the start.</summary>
    public int Pid { get; internal set; }

    /// <summary>Completed when <see cref="ExitCode"/> is known.</summary>
    public Task Ended => _ended.Task;

    internal int Started;

    /// <summary>Ends the process.</summary>
    public void Kill() => _process?.TrySignal((int)Linux.Signal.KILL);

    internal IMonitoredProcess? Process
    {
        get => _process;
        set => _process = value;
    }

    internal void End(int code)
    {
        ExitCode = code;
        Running = false;
        _ended.TrySetResult();
    }

    /// <summary>Sets the size of the process's terminal.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: it does not run.</exception>
    public ValueTask ResizeAsync(ushort rows, ushort columns, CancellationToken cancellationToken) =>
        _process is { } process && Running
            ? process.ResizeAsync(rows, columns, cancellationToken)
            : throw new CaissonException(ErrorKind.Conflict, $"exec process {Id} is not running");
}

public sealed partial class Workload
{
    /// <summary>Enough for tools that poll by exec; a client that only creates cannot use up the engine's memory.</summary>
    private const int ExecSessionsMax = 1_024;

    /// <summary>A shell's code for a program that is there and cannot be run.</summary>
    private const int CannotRun = 126;

    private readonly Dictionary<string, ExecSession> _execs = [];

    /// <summary>Ids of the execs that run or are still to run.</summary>
    public IReadOnlyList<string> ExecIds
    {
        get
        {
            lock (_execs)
            {
                return [.. _execs.Values.Where(session => session.ExitCode is null).Select(session => session.Id)];
            }
        }
    }

    /// <summary>Prepares a further process; nothing runs yet.</summary>
    public ExecSession CreateExec(ExecConfig config)
    {
        if (config.Cmd is null or { Count: 0 } or [""])
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "no exec command specified");
        }
        RequireExecutable();
        var session = new ExecSession(this, config);
        lock (_execs)
        {
            if (_execs.Count >= ExecSessionsMax)
            {
                DropEndedExecs();
            }
            if (_execs.Count >= ExecSessionsMax)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"container {Id} has {ExecSessionsMax} execs that have not ended");
            }
            _execs.Add(session.Id, session);
        }
        _engine.Register(session);
        _services.Events.Commit(Durability.Process, new StateChange(), Event($"exec_create: {string.Join(' ', config.Cmd)}", ("execID", session.Id)));
        return session;
    }

    /// <summary>Runs a prepared process.</summary>
    /// <param name="session">The process; each runs once.</param>
    /// <param name="attach">The streams to attach; null for none.</param>
    /// <param name="size">Rows and columns of its terminal; null for what was asked at creation.</param>
    /// <param name="cancellationToken">Abandons the start.</param>
    /// <returns>The streams, which the caller disposes; null when none were asked for or it has ended already.</returns>
    public async Task<Attachment?> StartExecAsync(ExecSession session, AttachOptions? attach, IReadOnlyList<int>? size, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref session.Started, 1) != 0)
        {
            throw new CaissonException(ErrorKind.Conflict, $"exec {session.Id} has already run");
        }
        RequireExecutable();
        try
        {
            ExecConfig config = size is null ? session.Config : session.Config with { ConsoleSize = size };
            (IMonitoredProcess process, Attachment? attachment) = await LaunchExecAsync(session.Id, config, attach, cancellationToken);
            session.Process = process;
            session.Pid = process.Pid;
            session.Running = true;
            _services.Events.Commit(
                Durability.Process, new StateChange(), Event($"exec_start: {string.Join(' ', config.Cmd ?? [])}", ("execID", session.Id)));
            _ = WatchExecAsync(session, process);
            return attachment;
        }
        catch (Exception error)
        {
            session.End(CodeOf(error) == 127 ? 127 : CannotRun);
            throw;
        }
    }

    /// <summary>Runs a further process; its streams are attached before its program runs, so that nothing of them is missed.</summary>
    /// <returns>The process and its streams, which the caller disposes; no streams when none were asked for or it has ended already.</returns>
    private async Task<(IMonitoredProcess Process, Attachment? Attachment)> LaunchExecAsync(
        string id, ExecConfig config, AttachOptions? attach, CancellationToken cancellationToken)
    {
        Attachment? attachment = null;
        try
        {
            async Task AttachFirst(IMonitoredProcess started, CancellationToken token)
            {
                if (attach is { } options)
                {
                    attachment = await started.AttachAsync(options, token);
                }
            }
            IMonitoredProcess process = IsMachine
                ? await LaunchMachineExecAsync(id, config, attach?.Stdin == true, AttachFirst, cancellationToken)
                : await LaunchContainerExecAsync(id, config, attach?.Stdin == true, AttachFirst, cancellationToken);
            if (attachment is null && attach is { } late)
            {
                var pending = new PendingAttachment(late);
                await ConnectAsync(process, pending, cancellationToken);
                attachment = await pending.ConnectAsync(cancellationToken);
            }
            return (process, attachment);
        }
        catch
        {
            if (attachment is not null)
            {
                await attachment.DisposeAsync();
            }
            throw;
        }
    }

    private Task<IMonitoredProcess> LaunchContainerExecAsync(
        string id, ExecConfig config, bool openStdin, Func<IMonitoredProcess, CancellationToken, Task> beforeRun, CancellationToken cancellationToken)
    {
        ResolvedUser user = ResolveExecUser(config.User);
        SpecCompiler.Facts facts = FactsOf(user);
        return _services.Host.ExecAsync(
            new ExecLaunch
            {
                Id = id,
                ContainerId = Id,
                Spec = SpecCompiler.Compile(_record, facts),
                Process = SpecCompiler.Exec(_record, config, facts),
                Seccomp = config.Privileged ? null : Filter(),
                OpenStdin = openStdin,
                BeforeRun = beforeRun,
            },
            cancellationToken);
    }

    private ResolvedUser ResolveExecUser(string user)
    {
        try
        {
            return WithRootUnlocked(root => user.Length > 0 ? new UserDatabase(root).Resolve(user) : Who(root));
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
        {
            // "Not found" is what a shell says of the program.
            throw new CaissonException(ErrorKind.InvalidArgument, error.Message, error);
        }
    }

    private async Task WatchExecAsync(ExecSession session, IMonitoredProcess process)
    {
        ProcessExit exit = await process.Exited;
        session.End(exit.Code);
        await process.DisposeAsync();
        if (_engine.IsStopping || _gone)
        {
            return;
        }
        try
        {
            _services.Events.Commit(
                Durability.Process,
                new StateChange(),
                Event("exec_die", ("execID", session.Id), ("exitCode", exit.Code.ToString(CultureInfo.InvariantCulture))));
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"exec {session.Id}: tell its end: {error.Message}");
        }
    }

    private void RequireExecutable()
    {
        if (_status.Phase == ContainerPhase.Paused)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {Id} is paused, unpause the container before exec");
        }
        if (_status.Phase == ContainerPhase.Restarting)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {Id} is restarting, wait until the container is running");
        }
        _ = RequireRun();
    }

    /// <summary>At the end of a run: what never started never will. What has ended can still be inspected until the next start or removal.</summary>
    private void ForgetExecs()
    {
        lock (_execs)
        {
            foreach (ExecSession session in _execs.Values.Where(session => session.Started == 0).ToArray())
            {
                _execs.Remove(session.Id);
                _engine.Unregister(session);
            }
        }
    }

    private void DropAllExecs()
    {
        lock (_execs)
        {
            foreach (ExecSession session in _execs.Values)
            {
                _engine.Unregister(session);
            }
            _execs.Clear();
        }
    }

    private void DropEndedExecs()
    {
        foreach (ExecSession session in _execs.Values.Where(session => session.ExitCode is not null).ToArray())
        {
            _execs.Remove(session.Id);
            _engine.Unregister(session);
        }
    }
}

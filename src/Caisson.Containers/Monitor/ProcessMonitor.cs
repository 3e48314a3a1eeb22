using Caisson.Containers.Launch;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Linux.Processes;

namespace Caisson.Containers.Monitor;

/// <summary>One process, its plan, its standard streams, its exit. Runs in a process of its own, forked by the keeper; allocates nothing once the program runs.</summary>
internal sealed partial class ProcessMonitor
{
    private const ulong EngineKey = 0;
    private const ulong SyncKey = 1;
    private const ulong ListenerKey = 2;
    private const ulong ExitKey = 3;
    private const ulong StdinKey = 4;
    private const ulong StdoutKey = 5;
    private const ulong StderrKey = 6;
    private const ulong FirstClientKey = 16;

    private enum Phase
    {
        Launching,
        Waiting,
        Going,
        Running,
        Draining,
    }

    private readonly MonitorRequest _request;
    private readonly UnixSocket _engine;
    private readonly DirectoryDescriptor _directory;
    private readonly LogWriter? _log;
    private readonly Epoll _epoll = Epoll.Create();
    private UnixSocket? _listener;
    private LaunchedProcess? _launched;
    private Phase _phase;

    private ProcessMonitor(MonitorRequest request, UnixSocket engine, IReadOnlyList<Descriptor> descriptors)
    {
        _request = request;
        _engine = engine;
        _directory = HostFiles.OpenDirectory(descriptors[0].ProcPath);
        _log = request.HasLog ? new LogWriter(descriptors[2]) : null;
        _sources = [new OutputSource(0, StdoutKey, !request.Terminal), new OutputSource(1, StderrKey, !request.Terminal)];
        for (int i = 0; i < _clients.Length; i++)
        {
            _clients[i] = new MonitorClient();
        }
    }

    /// <summary>Runs one request to its end and does not return. The caller is the forked child, and has given up what it does not need.</summary>
    public static void Run(MonitorRequest request, UnixSocket engine, IReadOnlyList<Descriptor> descriptors)
    {
        ProcessMonitor? monitor = null;
        try
        {
            OwnProcess.BecomeSessionLeader();
            OwnProcess.SetName("caisson-monitor");
            monitor = new ProcessMonitor(request, engine, descriptors);
            monitor.Start(descriptors);
            monitor.Loop();
            OwnProcess.Exit(0);
        }
#pragma warning disable CA1031 // the last frame of this process: whatever happened is told, and nothing stays behind
        catch (Exception error)
#pragma warning restore CA1031
        {
            monitor?.Abandon(new MonitorReport.Refused(error is CaissonException ? error.Message : $"monitor: {error}"));
            OwnProcess.Exit(1);
        }
    }

    private void Start(IReadOnlyList<Descriptor> descriptors)
    {
        // Of a monitor that was killed before this attempt.
        _directory.Unlink(MonitorCall.SocketName);
        _directory.Unlink(ExitRecord.FileName);
        _listener = UnixSocket.Listen($"{_directory.ProcPath}/{MonitorCall.SocketName}", UnixSocketKind.Stream);
        _epoll.Add(_listener, EpollEvents.Readable, ListenerKey);
        _epoll.Add(_engine, EpollEvents.Readable, EngineKey);

        var image = LaunchImage.FromBytes(HostFiles.Read(descriptors[1].ProcPath, 64 << 20));
        int next = _request.HasLog ? 3 : 2;
        var inherited = new Descriptor?[_request.Inputs.Length];
        for (int i = 0; i < inherited.Length; i++)
        {
            inherited[i] = _request.Inputs[i] switch
            {
                MonitorInput.Stdin => MakeStdin(),
                MonitorInput.Stdout => MakeOutput(_sources[0]),
                MonitorInput.Stderr => MakeOutput(_sources[1]),
                _ => descriptors[next++],
            };
        }
        _launched = Launcher.Start(image, inherited);
        foreach (Descriptor? descriptor in inherited)
        {
            descriptor?.Dispose(); // the child has its own; only when ours are gone does the end of a stream show
        }
        descriptors[0].Dispose();
        descriptors[1].Dispose();
        _epoll.Add(_launched.Signal, EpollEvents.Readable, SyncKey);
    }

    private Descriptor MakeStdin()
    {
        if (!_request.OpenStdin)
        {
            return HostFiles.OpenNull();
        }
        var pipe = Pipe.Create();
        pipe.Writer.SetNonBlocking(true);
        pipe.Writer.SetOwner(_request.StdioUser, _request.StdioGroup);
        _stdin = pipe.Writer;
        return pipe.Reader;
    }

    private Descriptor MakeOutput(OutputSource source)
    {
        var pipe = Pipe.Create();
        pipe.Reader.SetNonBlocking(true);
        pipe.Reader.SetOwner(_request.StdioUser, _request.StdioGroup);
        source.Descriptor = pipe.Reader;
        return pipe.Writer;
    }

    /// <summary>What the child says on its way to the program.</summary>
    private void OnSync()
    {
        switch (_launched!.Next())
        {
            case LaunchReport.Checkpoint { Point: (int)LaunchPoint.MapIds }:
                HostFiles.WriteOnce($"/proc/{_launched.Pid}/uid_map", _request.UserMap);
                HostFiles.WriteOnce($"/proc/{_launched.Pid}/gid_map", _request.GroupMap);
                _launched.Continue();
                break;
            case LaunchReport.Checkpoint { Point: (int)LaunchPoint.Ready }:
                _phase = Phase.Waiting;
                _engine.Send(new MonitorReport.Ready(_launched.Pid).Encode());
                break;
            case LaunchReport.Checkpoint:
                _launched.Continue(); // the places of hooks, which are the engine's own work
                break;
            case LaunchReport.Received { Purpose: (int)LaunchOutput.Terminal } terminal:
                TakeTerminal(terminal.Descriptor);
                break;
            case LaunchReport.Received other:
                other.Descriptor.Dispose();
                throw new CaissonException(ErrorKind.Unimplemented, $"monitor: the launch sent a descriptor of kind {other.Purpose}, which nobody here takes");
            case LaunchReport.Cloned:
                break;
            case LaunchReport.Failed failed:
                Abandon(new MonitorReport.Failed(failed));
                OwnProcess.Exit(1);
                break;
            case LaunchReport.Executed when _phase != Phase.Going:
                throw new CaissonException(ErrorKind.Internal, "monitor: the process ended before its program ran");
            case LaunchReport.Executed:
                BeginRunning();
                break;
        }
    }

    /// <summary>The engine's byte lets the program go; without the engine nobody wants it.</summary>
    private void OnEngine()
    {
        Span<byte> go = stackalloc byte[1];
        if (_engine.ReadNow(go) == 1 && _phase == Phase.Waiting)
        {
            _phase = Phase.Going;
            _launched!.Continue();
        }
        else if (_phase == Phase.Going)
        {
            _epoll.Remove(_engine); // it died with the go given: the next one finds the process
        }
        else
        {
            Abandon(new MonitorReport.Refused("the start was abandoned"));
            OwnProcess.Exit(1);
        }
    }

    private void BeginRunning()
    {
        _phase = Phase.Running;
        _epoll.Remove(_launched!.Signal);
        _epoll.Add(_launched.Process, EpollEvents.Readable, ExitKey);
        _engine.TrySend(new MonitorReport.Started().Encode());
        _engine.Dispose();
        foreach (OutputSource source in _sources)
        {
            Rewatch(source);
        }
    }

    /// <summary>Ends the process, puts its end on record, and tells the engine while that listens: before the program runs.</summary>
    private void Abandon(MonitorReport report)
    {
        string reason = report is MonitorReport.Refused refused ? refused.Reason : "";
        ExitRecord record = _exit;
        if (_phase != Phase.Draining)
        {
            _launched?.Process.TrySignal(Signal.KILL);
            record = new ExitRecord(_launched?.Process.WaitExit() ?? new ExitStatus(0, Signal.KILL), DateTimeOffset.UtcNow, 0);
        }
        bool ran = _phase is Phase.Running or Phase.Draining;
        _ = (record with { Kind = ran ? ExitKind.MonitorFailed : ExitKind.NeverRan, Reason = reason }).TryWrite(_directory);
        if (_listener is not null)
        {
            _directory.Unlink(MonitorCall.SocketName);
        }
        if (!ran)
        {
            _engine.TrySend(report.Encode());
        }
    }
}

using Caisson.Containers.Launch;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Linux.Processes;

namespace Caisson.Containers.Monitor;

/// <summary>
/// Brings one process to its program: reads the request, makes the streams, walks the plan, answers the engine. Runs in a process of its own
/// that the monitor forks, because a start needs much memory once and a monitor little for long: it ends when the program runs.
/// </summary>
/// <remarks>The process is its sibling, the monitor's child. If it dies on the way, the child finds nobody to let it go on, and the monitor ends.</remarks>
internal sealed class ProcessLauncher
{
    private const ulong EngineKey = 0;
    private const ulong SyncKey = 1;
    private const ulong MonitorKey = 2;

    /// <summary>How long a connected engine may take to send its request.</summary>
    private const int RequestMs = 2_000;

    private enum Phase
    {
        Launching,
        Waiting,
        Going,
    }

    private readonly UnixSocket _engine;
    private readonly UnixSocket _monitor;
    private readonly int _monitorPid;
    private readonly Epoll _epoll = Epoll.Create();
    private MonitorRequest _request = new();
    private DirectoryDescriptor? _directory;
    private UnixSocket? _listener;
    private FileDescriptor? _log;
    private DirectoryDescriptor? _logDirectory;
    private Descriptor? _stdin;
    private readonly Descriptor?[] _outputs = new Descriptor?[2];
    private LaunchedProcess? _launched;
    private Phase _phase;

    private ProcessLauncher(UnixSocket engine, UnixSocket monitor, int monitorPid) => (_engine, _monitor, _monitorPid) = (engine, monitor, monitorPid);

    /// <summary>Answers the one request of <paramref name="engine"/> and does not return. The caller is the forked child.</summary>
    public static void Run(UnixSocket engine, UnixSocket monitor, int monitorPid)
    {
        ProcessLauncher? launcher = null;
        try
        {
            OwnProcess.SetName("caisson-launch");
            launcher = new ProcessLauncher(engine, monitor, monitorPid);
            if (launcher.Receive() is { } descriptors)
            {
                launcher.Start(descriptors);
                launcher.Lead();
                OwnProcess.Exit(0);
            }
        }
#pragma warning disable CA1031 // the last frame of this process: whatever happened is told, and nothing stays behind
        catch (Exception error)
#pragma warning restore CA1031
        {
            // Without its monitor a start fails in many ways, and none of them is the reason: the engine hears nothing, and asks again.
            MonitorReport report = launcher is { HasMonitor: false }
                ? new MonitorReport.Lost()
                : new MonitorReport.Refused(error is CaissonException or FormatException ? error.Message : $"monitor: {error}");
            launcher?.Abandon(report);
        }
        OwnProcess.Exit(1);
    }

    /// <summary>
    /// Whether the parent is still the monitor. The end of the socket says it too, but later for as long as somebody looks at the monitor's
    /// descriptors in <c>/proc</c>, and by then the process may have followed its parent.
    /// </summary>
    private bool HasMonitor => OwnProcess.ParentId == _monitorPid && !_monitor.WaitReadable(0);

    /// <summary>Null when there is nobody to answer.</summary>
    private List<Descriptor>? Receive()
    {
        if (_engine.PeerCredentials.UserId != 0 || !_engine.WaitReadable(RequestMs))
        {
            return null; // the socket's mode lets in nobody else; a peer that says nothing has died
        }
        byte[] buffer = new byte[MonitorRequest.BytesMax];
        List<Descriptor> descriptors = [];
        int length = _engine.Receive(buffer, descriptors);
        if (length == 0)
        {
            return null;
        }
        _request = MonitorRequest.Decode(buffer.AsSpan(0, length));
        if (descriptors.Count != _request.Descriptors)
        {
            throw new FormatException($"request to the keeper: came with {descriptors.Count} descriptors, {_request.Descriptors} belong to it");
        }
        if (!Memfd.IsSealed(descriptors[1]))
        {
            throw new FormatException("request to the keeper: its launch image is not sealed");
        }
        return descriptors;
    }

    private void Start(List<Descriptor> descriptors)
    {
        _directory = HostFiles.OpenDirectory(descriptors[0].ProcPath);
        _log = _request.HasLog ? FileDescriptor.From(descriptors[2]) : null;
        _logDirectory = _request.HasLogDirectory ? DirectoryDescriptor.From(descriptors[3]) : null;

        // Of an attempt whose monitor was killed.
        _directory.Unlink(MonitorCall.SocketName);
        _directory.Unlink(ExitRecord.FileName);
        _listener = UnixSocket.Listen($"{_directory.ProcPath}/{MonitorCall.SocketName}", UnixSocketKind.Stream);

        var image = LaunchImage.FromBytes(HostFiles.Read(descriptors[1].ProcPath, 64 << 20));
        int next = _request.HasLogDirectory ? 4 : _request.HasLog ? 3 : 2;
        var inherited = new Descriptor?[_request.Inputs.Length];
        for (int i = 0; i < inherited.Length; i++)
        {
            inherited[i] = _request.Inputs[i] switch
            {
                MonitorInput.Stdin => MakeStdin(),
                MonitorInput.Stdout => MakeOutput(0),
                MonitorInput.Stderr => MakeOutput(1),
                _ => descriptors[next++],
            };
        }
        _launched = Launcher.Start(LaunchParent.Ours, image, inherited);
        foreach (Descriptor? descriptor in inherited)
        {
            descriptor?.Dispose(); // the child has its own; only when ours are gone does the end of a stream show
        }
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

    private Descriptor MakeOutput(int stream)
    {
        var pipe = Pipe.Create();
        pipe.Reader.SetNonBlocking(true);
        pipe.Reader.SetOwner(_request.StdioUser, _request.StdioGroup);
        _outputs[stream] = pipe.Reader;
        return pipe.Writer;
    }

    /// <summary>Until the program runs.</summary>
    private void Lead()
    {
        _epoll.Add(_engine, EpollEvents.Readable, EngineKey);
        _epoll.Add(_launched!.Signal, EpollEvents.Readable, SyncKey);
        // Its one word is taken when it is due, so here it is heard to end: the engine may be waiting for its answer at a socket that this process holds too.
        _epoll.Add(_monitor, EpollEvents.Readable, MonitorKey);
        Span<EpollAnswer> answers = stackalloc EpollAnswer[3];
        bool runs = false;
        while (!runs)
        {
            int count = _epoll.Wait(answers);
            for (int i = 0; i < count && !runs; i++)
            {
                switch (answers[i].Key)
                {
                    case EngineKey:
                        OnEngine();
                        break;
                    case MonitorKey:
                        GiveUp();
                        break;
                    default:
                        runs = OnSync();
                        break;
                }
            }
        }
    }

    /// <summary>What the child says on its way to the program; true when it has got there.</summary>
    private bool OnSync()
    {
        switch (_launched!.Next())
        {
            case LaunchReport.Checkpoint { Point: (int)LaunchPoint.MapIds }:
                HostFiles.WriteOnce($"/proc/{_launched.Pid}/uid_map", _request.UserMap);
                HostFiles.WriteOnce($"/proc/{_launched.Pid}/gid_map", _request.GroupMap);
                _launched.Continue();
                break;
            case LaunchReport.Checkpoint { Point: (int)LaunchPoint.Ready }:
                HandOver();
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
                GiveUp();
                break;
            case LaunchReport.Executed:
                _monitor.Send([MonitorHandover.Runs]);
                _engine.TrySend(new MonitorReport.Started().Encode());
                return true;
        }
        return false;
    }

    /// <summary>The process has ended on its way, or goes with the monitor that has.</summary>
    private void GiveUp()
    {
        Abandon(HasMonitor ? new MonitorReport.Lost($"the process {HowItEnded()} before its program ran") : new MonitorReport.Lost());
        OwnProcess.Exit(1);
    }

    /// <summary>It failed in no step, so it was killed: by a limit of its memory, with its pid namespace, by somebody.</summary>
    private string HowItEnded()
    {
        _launched!.Process.WaitReadable(); // the end of its descriptors is not yet the end of it
        int status = ProcessSnapshot.Read(_launched.Pid)?.WaitStatus ?? 0;
        return (status & 0x7f) == 0 ? "ended" : $"was killed ({(Signal)(status & 0x7f)})";
    }

    private void TakeTerminal(Descriptor terminal)
    {
        terminal.SetNonBlocking(true);
        _outputs[0] = terminal;
        _stdin = _request.OpenStdin ? terminal.Duplicate() : null; // its own number, so that the monitor can watch both directions apart
    }

    /// <summary>Before the engine hears that the process is ready, for it may attach at once; so the monitor has to listen by then.</summary>
    private void HandOver()
    {
        var handover = new MonitorHandover
        {
            Process = _launched!.Process,
            Directory = _directory!,
            Listener = _listener!,
            Joiner = _launched.Joiner,
            Log = _log,
            LogDirectory = _logDirectory,
            LogSettings = _request.Log,
            Stdin = _stdin,
            Stdout = _outputs[0],
            Stderr = _outputs[1],
            IsTerminal = _request.Terminal,
        };
        handover.Send(_monitor);
        if (_monitor.Receive(stackalloc byte[1], []) == 0)
        {
            throw new CaissonException(ErrorKind.Unavailable, "monitor: it ended before the program ran");
        }
    }

    /// <summary>The engine's byte lets the program go; without the engine nobody wants it.</summary>
    private void OnEngine()
    {
        Span<byte> go = stackalloc byte[1];
        if (_engine.ReadNow(go) == 1 && _phase == Phase.Waiting)
        {
            try
            {
                _launched!.Continue();
                _phase = Phase.Going;
            }
            catch (LinuxException error) when (error.Errno is Errno.EPIPE or Errno.ECONNRESET)
            {
                GiveUp();
            }
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

    /// <summary>The process ends, why is on record, the engine hears it while it listens. The monitor, whose child it is, reaps it.</summary>
    private void Abandon(MonitorReport report)
    {
        if (_launched is { } launched)
        {
            launched.Process.TrySignal(Signal.KILL);
            launched.Process.WaitReadable();
        }
        if (_listener is not null)
        {
            _directory!.Unlink(MonitorCall.SocketName);
        }
        if (report is MonitorReport.Lost { Reason: "" })
        {
            return;
        }
        if (_listener is not null && report is not MonitorReport.Lost)
        {
            string reason = report is MonitorReport.Refused refused ? refused.Reason : "";
            new ExitRecord(new ExitStatus(0, Signal.KILL), DateTimeOffset.UtcNow, 0, ExitKind.NeverRan, reason).TryWrite(_directory!);
        }
        _engine.TrySend(report.Encode());
    }
}

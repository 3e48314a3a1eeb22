using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Memory;
using Caisson.Linux.Processes;

namespace Caisson.Containers.Monitor;

/// <summary>One process while it runs: its standard streams, its log, its exit. A process of its own, forked by the keeper.</summary>
/// <remarks>
/// There is one of these for each container, and nearly always it waits; so what it costs is the pages that it writes to. It forks a
/// <see cref="ProcessLauncher"/> for the start and receives descriptors from it, allocates a few small objects then and for each connection,
/// has its buffers outside the heap, and gives back what it can when nothing has happened for a while.
/// </remarks>
internal sealed partial class ProcessMonitor
{
    private const ulong LauncherKey = 0;
    private const ulong ListenerKey = 1;
    private const ulong ExitKey = 2;
    private const ulong StdinKey = 3;
    private const ulong StdoutKey = 4;
    private const ulong StderrKey = 5;
    private const ulong FirstClientKey = 16;

    private enum Phase
    {
        Launching,
        Running,
        Draining,
    }

    private readonly UnixSocket _launcher;
    private readonly int _launcherPid;
    private readonly MonitorHandover _process;
    private readonly LogWriter? _log;
    private readonly Epoll _epoll = Epoll.Create();
    private Phase _phase;

    private ProcessMonitor(UnixSocket launcher, int launcherPid, MonitorHandover process, ScratchMemory input)
    {
        _input = input;
        _launcher = launcher;
        _launcherPid = launcherPid;
        _process = process;
        _log = process.Log is { } log ? new LogWriter(log, process.LogSettings, process.LogDirectory, TellRotated) : null;
        _stdin = process.Stdin;
        _sources =
        [
            new OutputSource(0, StdoutKey, !process.IsTerminal) { Descriptor = process.Stdout },
            new OutputSource(1, StderrKey, !process.IsTerminal) { Descriptor = process.Stderr },
        ];
        process.Listener.Listen(); // here, so that whoever connects sees whether the monitor lives
        launcher.Send([MonitorHandover.Taken]);
        _epoll.Add(launcher, EpollEvents.Readable, LauncherKey);
        _epoll.Add(process.Listener, EpollEvents.Readable, ListenerKey);
    }

    /// <summary>Runs the one request of <paramref name="engine"/> to its end and does not return. The caller is the forked child, and has given up what it does not need.</summary>
    public static void Run(UnixSocket engine)
    {
        ProcessMonitor? monitor = null;
        try
        {
            OwnProcess.BecomeSessionLeader();
            OwnProcess.SetName("caisson-monitor");
            var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.SequencedPacket);
            int self = OwnProcess.Id;
            int launcher = OwnProcess.Fork();
            if (launcher == 0)
            {
                ours.Dispose();
                ProcessLauncher.Run(engine, theirs, self);
            }
            theirs.Dispose();
            engine.Dispose();
            var input = new ScratchMemory(32 * 1024);
            if (MonitorHandover.Receive(ours, input.Span) is { } process)
            {
                monitor = new ProcessMonitor(ours, launcher, process, input);
                monitor.Loop();
            }
            OwnProcess.Exit(0);
        }
#pragma warning disable CA1031 // the last frame of this process: whatever happened is on record, and nothing stays behind
        catch (Exception error)
#pragma warning restore CA1031
        {
            string reason = error is CaissonException ? error.Message : $"monitor: {error}";
            if (!engine.IsClosed)
            {
                engine.TrySend(new MonitorReport.Refused(reason).Encode());
            }
            monitor?.Abandon(reason);
            OwnProcess.Exit(1);
        }
    }

    /// <summary>The launcher says that the program runs, and ends; if it ends without a word, it has told the engine why, or died.</summary>
    private void OnLauncher()
    {
        Span<byte> word = stackalloc byte[1];
        if (_launcher.ReadNow(word) == 1)
        {
            _phase = Phase.Running;
            _epoll.Add(_process.Process, EpollEvents.Readable, ExitKey);
            foreach (OutputSource source in _sources)
            {
                Rewatch(source);
            }
            return;
        }
        if (_phase == Phase.Launching)
        {
            Abandon("the launcher ended before the program ran");
            OwnProcess.Exit(1);
        }
        _epoll.Remove(_launcher);
        _launcher.Dispose();
        _process.Joiner?.WaitExit();
        _process.Joiner?.Dispose();
        OwnProcess.Reap(_launcherPid);
    }

    /// <summary>The process ends, and its end is on record: without a monitor nobody has another word of it.</summary>
    private void Abandon(string reason)
    {
        ExitRecord record = _exit;
        if (_phase != Phase.Draining)
        {
            _process.Process.TrySignal(Signal.KILL);
            record = new ExitRecord(_process.Process.WaitExit(), DateTimeOffset.UtcNow, 0);
        }
        using (FileDescriptor? launchers = _process.Directory.TryOpenPath(ExitRecord.FileName))
        {
            if (launchers is null) // it knew why
            {
                record = record with { Kind = _phase == Phase.Launching ? ExitKind.NeverRan : ExitKind.MonitorFailed, Reason = reason };
                record.TryWrite(_process.Directory);
            }
        }
        _process.Directory.Unlink(MonitorCall.SocketName);
    }
}

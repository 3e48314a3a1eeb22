using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Agent;
using Caisson.Machines.Files;
using Caisson.Machines.Plan;
using Caisson.Machines.Remote;
using Caisson.Qmp;

namespace Caisson.Machines.Hosting;

/// <summary>Runs one machine to its end: QEMU as a child, its monitor, the agent, the programs and their streams.</summary>
/// <remarks>
/// One thread, one wait. For whoever started it, it is the machine's program: it has its streams, gets its signals and ends with its code. The guest
/// may be hostile; what it sends is bounded, and breaking the agent's protocol ends the machine.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "what is open is open during Run alone, which closes it")]
public sealed class MachineHost
{
    internal const ulong FirstProgramKey = 1 << 16;

    private const ulong AgentKey = 1;
    private const ulong QmpKey = 2;
    private const ulong QemuKey = 3;
    private const ulong ConsoleKey = 4;
    private const ulong SignalKey = 5;
    private const ulong ListenerKey = 6;
    private const ulong ResolverKey = 7;
    private const ulong MemoryKey = 8;
    private const ulong FilesKey = 9;
    private const ulong FirstClientKey = 64;

    private const int BootAttemptsMax = 2;
    private const int MonitorMs = 10_000;
    private const int SeedBytes = 64;

    /// <summary>How long a machine may take to go on from a template; a tenth of a second is usual.</summary>
    private const int RestoreMs = 20_000;

    /// <summary>How long a machine may take to put its disks in order.</summary>
    private const int EndMs = 10_000;

    private const int MachineFailed = 125;

    private enum Phase
    {
        Booting,
        Greeted,
        Running,
        Ending,
    }

    private readonly MachineLaunch _launch;
    private readonly MachineStreams _streams;
    private readonly Signalfd _signals;
    private readonly UnixSocket? _listener;
    private readonly IReadOnlyList<Descriptor> _interfaces;
    private readonly Dictionary<ushort, HostProgram> _programs = [];
    private readonly Dictionary<ulong, MachineClient> _clients = [];
    private readonly List<Signal> _early = [];
    private Epoll _epoll = Epoll.Create();
    private QemuProcess? _qemu;
    private FileServerProcess? _files;
    private QmpClient? _qmp;
    private AgentLink? _link;
    private UnixSocket? _agent;
    private UnixSocket? _filesLine;
    private HostResolver? _resolver;
    private EpollEvents _linkWatched;
    private Phase _phase;
    private long _since;
    private int _attempt;
    private bool _restores;
    private FileDescriptor? _memory;
    private ushort _lastChannel;
    private ulong _lastClient = FirstClientKey;
    private ProgramEnd? _end;

    /// <summary>A machine that does not run yet.</summary>
    /// <param name="launch">What to run.</param>
    /// <param name="streams">Of the first program; stay the caller's.</param>
    /// <param name="signals">What comes goes on to the first program; stays the caller's.</param>
    /// <param name="listener">Where further programs are asked for, by <see cref="MachineExec"/>; null for nowhere. Stays the caller's.</param>
    /// <param name="interfaces">The devices of its interfaces; stay the caller's.</param>
    public MachineHost(MachineLaunch launch, MachineStreams streams, Signalfd signals, UnixSocket? listener, IReadOnlyList<Descriptor> interfaces)
    {
        _launch = launch;
        _streams = streams;
        _signals = signals;
        _listener = listener;
        _interfaces = interfaces;
        _restores = launch.Restore.Length > 0;
    }

    /// <summary>Boots, runs the first program and ends the machine.</summary>
    /// <returns>How the first program ended.</returns>
    public ProgramEnd Run()
    {
        try
        {
            BootOrRestore();
            Span<EpollAnswer> answers = stackalloc EpollAnswer[32];
            while (_phase != Phase.Ending || _qemu is not null)
            {
                int count = _epoll.Wait(answers, TimeoutMs());
                for (int i = 0; i < count && _qemu is not null; i++)
                {
                    On(answers[i]);
                }
                if (count == 0)
                {
                    OnTime();
                }
                RewatchLink();
            }
        }
        catch (Exception error) when (error is CaissonException or FormatException)
        {
            Fail(error.Message);
        }
        finally
        {
            Release();
            _memory?.Dispose();
            _epoll.Dispose();
        }
        return _end ?? new ProgramEnd(MachineFailed, "the machine ended without a word");
    }

    private void BootOrRestore()
    {
        try
        {
            Boot();
        }
        catch (CaissonException error) when (_restores)
        {
            if (!TryBootInstead(error.Message))
            {
                throw;
            }
        }
    }

    private void Boot()
    {
        _phase = Phase.Booting;
        _since = Stopwatch.GetTimestamp();
        _attempt += _restores ? 0 : 1;
        using FileDescriptor? state = _restores ? HostFiles.OpenRead($"{MachineLaunch.TemplateDirectory}/{MachineLaunch.StateName}") : null;
        if (_launch.Settings.HasShares)
        {
            _files = FileServerProcess.Start();
            _epoll.Add(_files.Process, EpollEvents.Readable, FilesKey);
        }
        bool isRemote = _launch.BootModules.Length > 0;
        UnixSocket? theirs = null;
        if (isRemote && _files is not null)
        {
            (_filesLine, theirs) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        }
        using (theirs)
        {
            _qemu = QemuProcess.Start(_restores ? _launch.Restore : _launch.Qemu, _launch.QemuUser, _interfaces, theirs ?? _files?.Line, state);
        }
        _epoll.Add(_qemu.Process, EpollEvents.Readable, QemuKey);
        _epoll.Add(_qemu.ConsoleOutput, EpollEvents.Readable, ConsoleKey);
        _epoll.Add(_signals, EpollEvents.Readable, SignalKey);
        if (_listener is not null)
        {
            _epoll.Add(_listener, EpollEvents.Readable, ListenerKey);
        }
        _agent = isRemote ? RemoteAgent.Start(new RemoteParts(_qemu.Agent, _filesLine, _files?.Line, _launch.BootModules, _launch.NetworkModules, _launch.FilesModules)) : null;
        _link = new AgentLink(_agent ?? _qemu.Agent);
        _linkWatched = EpollEvents.Readable;
        _epoll.Add(_link.Port, _linkWatched, AgentKey);
        try
        {
            var limit = TimeSpan.FromMilliseconds(MonitorMs);
            if (_restores)
            {
                AnswerMemory();
            }
            _qmp = QmpClient.Open(_qemu.Qmp, limit);
            if (_restores)
            {
                Restore(limit);
            }
            else if (_qmp.Execute("query-status", null, limit).GetProperty("status").GetString() is var status and not "running")
            {
                throw new CaissonException(ErrorKind.Unavailable, $"qemu does not run the machine: it is {status}");
            }
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.Unavailable || _restores)
        {
            string words = _qemu.LastWords(3);
            throw new CaissonException(ErrorKind.FailedPrecondition, $"start the machine: {(words.Length > 0 ? words : error.Message)}", error);
        }
        _epoll.Add(_qmp.Signal, EpollEvents.Readable, QmpKey);
    }

    /// <summary>Goes on where the template stopped: its agent has said hello already, and waits for what it is to be.</summary>
    private void Restore(TimeSpan limit)
    {
        _qmp!.IgnoreSharedMemory(limit);
        _qmp.Execute("migrate-incoming", writer => writer.WriteString("uri", string.Create(CultureInfo.InvariantCulture, $"fd:{MachinePlan.StateDescriptor}")), limit);
        _epoll.Add(_qemu!.MemoryRequests!, EpollEvents.Readable, MemoryKey);
        _phase = Phase.Greeted;
        SendSettings();
    }

    /// <summary>QEMU asks for its memory before it says anything.</summary>
    private void AnswerMemory()
    {
        Descriptor requests = _qemu!.MemoryRequests
            ?? throw new CaissonException(ErrorKind.Internal, "qemu started without a way to ask for the template's memory");
        _memory ??= HostFiles.OpenRead($"{MachineLaunch.TemplateDirectory}/{MachineLaunch.MemoryName}");
        using Epoll either = Epoll.Create();
        either.Add(requests, EpollEvents.Readable, MemoryKey);
        either.Add(_qemu.Qmp, EpollEvents.Readable, QmpKey);
        either.Add(_qemu.Process, EpollEvents.Readable, QemuKey);
        Span<EpollAnswer> answers = stackalloc EpollAnswer[4];
        while (true)
        {
            int count = either.Wait(answers, MonitorMs);
            foreach (EpollAnswer answer in answers[..count])
            {
                if (answer.Key != MemoryKey)
                {
                    return; // the conversation begins, or says that there is nobody
                }
                SeccompNotification.TryAnswerOpen(requests, _memory);
            }
            if (count == 0)
            {
                throw new CaissonException(ErrorKind.Unavailable, "qemu did not ask for the template's memory");
            }
        }
    }

    private int TimeoutMs() => _phase switch
    {
        Phase.Booting or Phase.Greeted => Left(_restores ? RestoreMs : _launch.BootTimeoutMs),
        Phase.Ending => Left(EndMs),
        _ => -1,
    };

    private int Left(int limitMs) => (int)Math.Max(0, limitMs - Stopwatch.GetElapsedTime(_since).TotalMilliseconds);

    private void OnTime()
    {
        if (TimeoutMs() != 0)
        {
            return;
        }
        if (_phase == Phase.Ending)
        {
            End(); // what it did not put in order, its file system's journal will
            return;
        }
        if (TryBootInstead($"it said nothing for {RestoreMs / 1_000} s"))
        {
            return;
        }
        if (_attempt < BootAttemptsMax)
        {
            Again();
            return;
        }
        throw new CaissonException(ErrorKind.Unavailable, string.Create(
            CultureInfo.InvariantCulture,
            $"the machine did not boot within {_launch.BootTimeoutMs / 1_000} s, twice; the last it said: {Words()}"));
    }

    /// <summary>A template that cannot be used costs a boot and a warning, not the machine.</summary>
    private bool TryBootInstead(string reason)
    {
        if (!_restores || _phase is not (Phase.Booting or Phase.Greeted))
        {
            return false;
        }
        _streams.Errors.WriteNow(PathText.Encode($"caisson: the machine boots, since its template could not be used: {reason}\n"));
        Note(MachineLaunch.Booted);
        Again();
        return true;
    }

    /// <summary>For the engine, which throws away a template that is of no use; where there is no file for it, nobody asked.</summary>
    private static void Note(byte word)
    {
        try
        {
            using FileDescriptor note = HostFiles.OpenOrCreate(MachineLaunch.NotePath, 0x180);
            note.WriteAt([word], 0);
        }
        catch (LinuxException error) when (error.Errno is Errno.EROFS or Errno.EACCES or Errno.ENOENT)
        {
            // The root of the sandbox is read-only, and nothing was put there.
        }
    }

    /// <summary>Starts from the beginning; who asked for something meanwhile asks again.</summary>
    private void Again()
    {
        foreach (HostProgram further in _programs.Values.ToArray())
        {
            further.Finish(new ProgramEnd(MachineFailed, "the machine did not boot at once; try again"));
        }
        _programs.Clear();
        foreach (MachineClient client in _clients.Values)
        {
            client.Dispose();
        }
        _clients.Clear();
        Release();
        _epoll.Dispose();
        _epoll = Epoll.Create();
        _restores = false;
        Boot();
    }

    private string Words() => _qemu?.LastWords(5) is { Length: > 0 } words ? words : "nothing";

    private void On(EpollAnswer answer)
    {
        switch (answer.Key)
        {
            case AgentKey:
                Hear();
                break;
            case QmpKey:
                HearMonitor();
                break;
            case ConsoleKey:
                if (!_qemu!.ReadConsole())
                {
                    _epoll.Remove(_qemu.ConsoleOutput);
                }
                break;
            case QemuKey:
                OnEnd();
                break;
            case SignalKey:
                OnSignal();
                break;
            case ListenerKey:
                Accept();
                break;
            case FilesKey:
                OnFilesEnd();
                break;
            case MemoryKey:
                SeccompNotification.TryAnswerOpen(_qemu!.MemoryRequests!, _memory!);
                break;
            case ResolverKey:
                _resolver!.Answer(_link!);
                break;
            case >= FirstProgramKey when _programs.TryGetValue(HostProgram.ChannelOf(answer.Key), out HostProgram? program):
                program.On(answer.Key);
                Forget(program);
                break;
            case >= FirstClientKey when _clients.TryGetValue(answer.Key, out MachineClient? client):
                OnClient(answer.Key, client);
                break;
        }
    }

    private void Hear()
    {
        _link!.Flush();
        _link.Fill();
        while (_link is not null && _link.TryTake(out AgentFrame frame, out ReadOnlySpan<byte> bytes))
        {
            switch (frame.Kind)
            {
                case AgentFrameKind.Hello when _phase == Phase.Booting:
                    Greet(bytes);
                    break;
                case AgentFrameKind.Ready when _phase == Phase.Greeted:
                    _phase = Phase.Running;
                    if (_restores)
                    {
                        Note(MachineLaunch.Restored);
                    }
                    StartFirst();
                    break;
                case AgentFrameKind.Question when _interfaces.Count > 0:
                    Resolver().Ask(bytes);
                    break;
                case AgentFrameKind.Trouble:
                    throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine cannot go on: {PlainText(bytes)}");
                case AgentFrameKind.Goodbye when _phase == Phase.Ending:
                    End();
                    return;
                default:
                    if (_programs.TryGetValue(frame.Channel, out HostProgram? program))
                    {
                        program.Hear(frame, bytes);
                        Forget(program);
                    }
                    break;
            }
        }
        if (_link is { IsClosed: true })
        {
            _epoll.Remove(_link.Port); // QEMU's own end says the rest
        }
    }

    private void Greet(ReadOnlySpan<byte> bytes)
    {
        if (AgentLink.Number(bytes, 0) is not AgentFrame.Version and var version)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"the machine's agent speaks version {version} and the host {AgentFrame.Version}: caisson-init is of another engine");
        }
        _phase = Phase.Greeted;
        SendSettings();
    }

    /// <summary>What makes it this machine and no other: also the time, and chance that nobody else has.</summary>
    private void SendSettings()
    {
        MachineSettings settings = _launch.Settings with { Now = DateTimeOffset.UtcNow, Seed = KernelRandom.Take(SeedBytes) };
        _link!.Send(AgentFrameKind.Settings, 0, settings.Encode());
    }

    private void StartFirst()
    {
        var program = new HostProgram(0, _launch.Program, _streams, _link!, _epoll, end =>
        {
            _end = end;
            Finish();
        });
        _programs.Add(0, program);
        _early.ForEach(program.Signal);
        program.Launch();
        foreach (HostProgram further in _programs.Values.Where(further => further.Channel != 0))
        {
            further.Launch(); // asked for while the machine booted
        }
    }

    private HostResolver Resolver()
    {
        if (_resolver is null)
        {
            _resolver = new HostResolver();
            _epoll.Add(_resolver.Socket, EpollEvents.Readable, ResolverKey);
        }
        return _resolver;
    }

    private void Forget(HostProgram program)
    {
        if (program.IsOver)
        {
            _programs.Remove(program.Channel);
        }
    }

    /// <summary>The first program has ended, and the machine with it.</summary>
    private void Finish()
    {
        if (_phase == Phase.Ending)
        {
            return;
        }
        _phase = Phase.Ending;
        _since = Stopwatch.GetTimestamp();
        foreach (HostProgram other in _programs.Values.Where(other => other.Channel != 0).ToArray())
        {
            other.Finish(new ProgramEnd(137));
        }
        _link?.Send(AgentFrameKind.Shutdown, 0, []);
    }

    private void HearMonitor()
    {
        if (!_qmp!.Pump())
        {
            _epoll.Remove(_qmp.Signal);
            return;
        }
        while (_qmp.TakeEvent() is { } told)
        {
            if (told.Name is "GUEST_PANICKED" or "WATCHDOG" && _phase != Phase.Ending)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"the machine's kernel gave up; the last it said: {Words()}");
            }
        }
    }

    private void OnEnd()
    {
        if (_phase != Phase.Ending)
        {
            // What the agent said before the end may still be there.
            while (_link is { IsClosed: false } link && link.Fill())
            {
                Hear();
            }
        }
        if (TryBootInstead($"QEMU ended; the last it said: {Words()}"))
        {
            return;
        }
        if (_phase != Phase.Ending)
        {
            ExitStatus status = _qemu!.Process.WaitExit();
            string how = status.KilledBy != 0 ? $"QEMU was killed ({SignalNames.NameOf(status.KilledBy)})"
                : status.Code != 0 ? string.Create(CultureInfo.InvariantCulture, $"QEMU ended with code {status.Code}")
                : "the machine ended by itself";
            Fail($"{how}; the last it said: {Words()}", isReaped: true);
            return;
        }
        End();
    }

    /// <summary>Without the files of its volumes a machine has lost what it works on.</summary>
    private void OnFilesEnd()
    {
        _epoll.Remove(_files!.Process);
        if (_phase != Phase.Ending)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"the server of the machine's volumes ended; the last it said: {_files.LastWords()}");
        }
    }

    private void OnSignal()
    {
        while (_signals.TryTake(out Signal signal, out _))
        {
            if (signal == Signal.CHLD)
            {
                continue;
            }
            _programs.TryGetValue(0, out HostProgram? program);
            if (signal == Signal.WINCH && Terminal.TryGetSize(_streams.Output) is { } size)
            {
                program?.Resize(size);
            }
            else if (program is not null)
            {
                program.Signal(signal);
            }
            else if (_phase is Phase.Booting or Phase.Greeted)
            {
                _early.Add(signal);
            }
        }
    }

    private void Accept()
    {
        UnixSocket socket = _listener!.Accept();
        var client = new MachineClient(socket);
        ulong key = ++_lastClient;
        if (key >= FirstProgramKey)
        {
            _lastClient = key = FirstClientKey + 1; // long ended, those that had these
        }
        if (!_clients.TryAdd(key, client))
        {
            client.Dispose();
            return;
        }
        _epoll.Add(socket, EpollEvents.Readable, key);
    }

    private void OnClient(ulong key, MachineClient client)
    {
        switch (client.Receive())
        {
            case MachineClientCall.Run run when client.Program is null:
                StartFurther(client, run);
                break;
            case MachineClientCall.Signal signal:
                client.Program?.Signal(signal.Number);
                break;
            case MachineClientCall.Resize resize:
                client.Program?.Resize(resize.Size);
                break;
            case MachineClientCall.Run surplus:
                surplus.Dispose();
                break;
            case null:
                _epoll.Remove(client.Socket);
                _clients.Remove(key);
                if (client.Program is { IsOver: false } orphan)
                {
                    // Its monitor was killed, or it was itself: nobody takes what it writes, so it ends.
                    orphan.Abandon();
                    orphan.Signal(Signal.KILL);
                }
                client.Dispose();
                break;
        }
    }

    private void StartFurther(MachineClient client, MachineClientCall.Run run)
    {
        if (_phase == Phase.Ending)
        {
            client.Tell(new ProgramEnd(MachineFailed, "the machine does not run"));
            run.Dispose();
            return;
        }
        do
        {
            _lastChannel = _lastChannel == ushort.MaxValue ? (ushort)1 : (ushort)(_lastChannel + 1);
        }
        while (_programs.ContainsKey(_lastChannel));
        GuestLaunch launch = GuestLaunch.DecodeWhole(HostFiles.Read(run.Path, AgentFrame.PartsBytesMax));
        var program = new HostProgram(_lastChannel, launch, run.Streams, _link!, _epoll, client.Tell);
        client.Take(program, run);
        _programs.Add(program.Channel, program);
        if (_phase == Phase.Running)
        {
            program.Launch();
        }
    }

    private void RewatchLink()
    {
        if (_link is not { IsClosed: false } link || _qemu is null)
        {
            return;
        }
        EpollEvents wanted = EpollEvents.Readable | (link.HasOutput ? EpollEvents.Writable : 0);
        if (wanted != _linkWatched)
        {
            _epoll.Change(link.Port, wanted, AgentKey);
            _linkWatched = wanted;
        }
    }

    private void Fail(string reason, bool isReaped = false)
    {
        _end ??= new ProgramEnd(MachineFailed, reason);
        foreach (HostProgram program in _programs.Values.ToArray())
        {
            if (program.Channel != 0)
            {
                program.Finish(new ProgramEnd(137, "the machine ended"));
            }
        }
        _phase = Phase.Ending;
        if (isReaped)
        {
            _qemu?.Dispose();
            _qemu = null;
        }
        End();
    }

    private void End()
    {
        _phase = Phase.Ending;
        Release();
    }

    /// <summary>QEMU ends, if it has not; it holds nothing that is not on disk.</summary>
    private void Release()
    {
        if (_qemu is { } qemu)
        {
            qemu.Kill();
            qemu.Dispose();
        }
        if (_files is { } files)
        {
            files.Kill();
            files.Dispose();
        }
        _files = null;
        _resolver?.Dispose();
        _resolver = null;
        _agent?.Dispose();
        _agent = null;
        _filesLine?.Dispose();
        _filesLine = null;
        _qemu = null;
        _qmp = null;
        _link = null;
    }

    private static string PlainText(ReadOnlySpan<byte> bytes) => string.Concat(PathText.Decode(bytes[..Math.Min(bytes.Length, 1_024)]).Where(c => !char.IsControl(c)));
}

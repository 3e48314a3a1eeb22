using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Machines.Hosting;

/// <summary>The standard streams of a program in a machine, here on the host.</summary>
/// <param name="Input">Read for it.</param>
/// <param name="Output">Gets what it writes.</param>
/// <param name="Errors">Gets its errors; with a terminal nothing.</param>
public sealed record MachineStreams(Descriptor Input, Descriptor Output, Descriptor Errors);

/// <summary>How a program in a machine ended, or why it never ran.</summary>
/// <param name="Code">As a shell has it.</param>
/// <param name="Reason">Why it never ran; empty when it did.</param>
public readonly record struct ProgramEnd(int Code, string Reason = "");

/// <summary>A program in a machine, seen from the host: its streams, and how much of them is on the way.</summary>
internal sealed class HostProgram
{
    private const ulong InputKey = 1;
    private const ulong OutputKey = 2;
    private const ulong ErrorsKey = 3;
    private const int KeysEach = 4;

    /// <summary>What the steps that find and execute the program are there for; how a launch plan words it.</summary>
    private const string ProgramStep = "the program";

    private const string FindStep = "find '";

    private static readonly byte[] Buffer = new byte[32 * 1024];

    private readonly AgentLink _link;
    private readonly Epoll _epoll;
    private readonly GuestLaunch _launch;
    private readonly Sink _output;
    private readonly Sink _errors;
    private readonly Action<ProgramEnd> _ended;
    private readonly List<Signal> _early = [];
    private Descriptor? _input;
    private int _credit = AgentFrame.Window;
    private bool _isInputWatched;
    private bool _runs;

    public HostProgram(ushort channel, GuestLaunch launch, MachineStreams streams, AgentLink link, Epoll epoll, Action<ProgramEnd> ended)
    {
        Channel = channel;
        _launch = launch;
        _link = link;
        _epoll = epoll;
        _ended = ended;
        _input = streams.Input;
        _output = new Sink(AgentFrameKind.Output, OutputKey, streams.Output);
        _errors = new Sink(AgentFrameKind.Errors, ErrorsKey, streams.Errors);
        foreach (Descriptor stream in (Descriptor[])[streams.Input, streams.Output, streams.Errors])
        {
            stream.SetNonBlocking(true);
        }
    }

    /// <summary>Where it is heard of.</summary>
    public ushort Channel { get; }

    /// <summary>Set when it has ended and all of its output is written.</summary>
    public bool IsOver { get; private set; }

    private ProgramEnd? End { get; set; }

    /// <summary>The channel that a key of the wait belongs to.</summary>
    public static ushort ChannelOf(ulong key) => (ushort)((key - MachineHost.FirstProgramKey) / KeysEach);

    /// <summary>Asks for it.</summary>
    public void Launch() => _link.Send(AgentFrameKind.Launch, Channel, _launch.Encode());

    /// <summary>Sends it a signal; one that comes before it runs waits until it does.</summary>
    public void Signal(Signal signal)
    {
        if (_runs)
        {
            _link.SendNumbers(AgentFrameKind.Signal, Channel, (int)signal);
        }
        else
        {
            _early.Add(signal);
        }
    }

    /// <summary>Tells it the size of its terminal.</summary>
    public void Resize(TerminalSize size)
    {
        if (_launch.Terminal && _runs)
        {
            _link.Send(AgentFrameKind.Resize, Channel, [(byte)size.Rows, (byte)(size.Rows >> 8), (byte)size.Columns, (byte)(size.Columns >> 8)]);
        }
    }

    /// <summary>The agent says something of it.</summary>
    public void Hear(AgentFrame frame, ReadOnlySpan<byte> bytes)
    {
        switch (frame.Kind)
        {
            case AgentFrameKind.Started:
                _runs = true;
                if (!_output.IsGone && Terminal.TryGetSize(_output.Target) is { Rows: > 0 } size)
                {
                    Resize(size);
                }
                _early.ForEach(Signal);
                RewatchInput();
                break;
            case AgentFrameKind.Failed:
                Finish(Meaning(GuestFailure.Decode(bytes)));
                break;
            case AgentFrameKind.Output:
                Write(_output, bytes);
                break;
            case AgentFrameKind.Errors:
                Write(_errors, bytes);
                break;
            case AgentFrameKind.Credit when bytes.Length == 5:
                _credit = Math.Min(AgentFrame.Window, _credit + Math.Clamp(AgentLink.Number(bytes[1..], 0), 0, AgentFrame.Window));
                RewatchInput();
                break;
            case AgentFrameKind.Exited:
                int killedBy = AgentLink.Number(bytes, 1);
                Finish(new ProgramEnd(killedBy is > 0 and <= 64 ? 128 + killedBy : AgentLink.Number(bytes, 0) & 0xFF));
                break;
        }
    }

    /// <summary>Something happened to what <paramref name="key"/> stands for.</summary>
    public void On(ulong key)
    {
        switch (key % KeysEach)
        {
            case InputKey:
                ReadInput();
                break;
            case OutputKey:
                Flush(_output);
                break;
            case ErrorsKey:
                Flush(_errors);
                break;
        }
    }

    /// <summary>It ends with its machine.</summary>
    public void Finish(ProgramEnd end)
    {
        if (End is not null)
        {
            return;
        }
        End = end;
        CloseInput();
        Settle();
    }

    /// <summary>Nobody is there any more who would take its output.</summary>
    public void Abandon()
    {
        foreach (Sink sink in (Sink[])[_output, _errors])
        {
            if (sink.IsWatched)
            {
                _epoll.Remove(sink.Target);
                sink.IsWatched = false;
            }
            sink.Abandon();
        }
        CloseInput();
    }

    private ulong Key(ulong kind) => MachineHost.FirstProgramKey + ((ulong)Channel * KeysEach) + kind;

    /// <summary>The codes of a shell: 127 for a program that is not there, 126 for one that cannot be run.</summary>
    private ProgramEnd Meaning(GuestFailure failure)
    {
        var steps = failure.Stage switch { 0 => _launch.WorldSteps, 1 => _launch.SelfSteps, _ => [] };
        if (failure.Step < 0 || failure.Step >= steps.Length)
        {
            return new ProgramEnd(125, failure.Text.Length > 0 ? failure.Text : "the machine's agent could not start the program");
        }
        var errno = (Errno)failure.Error;
        string step = steps[failure.Step];
        if (failure.Stage == 1 && (step == ProgramStep || step.StartsWith(FindStep, StringComparison.Ordinal)))
        {
            string? search = steps.FirstOrDefault(text => text.StartsWith(FindStep, StringComparison.Ordinal));
            string program = search?[FindStep.Length..search.LastIndexOf('\'')] ?? "";
            return new ProgramEnd(errno is Errno.ENOENT or Errno.ENOTDIR ? 127 : 126, $"exec: \"{program}\": {Words(program, errno)}");
        }
        return new ProgramEnd(125, $"{step}: {LinuxException.Describe(errno)}");
    }

    private static string Words(string program, Errno errno) => errno switch
    {
        Errno.ENOENT when program.Contains('/', StringComparison.Ordinal) => $"stat {program}: no such file or directory",
        Errno.ENOENT => "executable file not found in $PATH",
        Errno.EACCES => "permission denied",
        Errno.ENOEXEC => "exec format error",
        _ => LinuxException.Describe(errno),
    };

    private void Write(Sink sink, ReadOnlySpan<byte> bytes)
    {
        if (sink.Waiting + bytes.Length > AgentFrame.Window)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the machine's agent sent more output than it may: it is not ours any more");
        }
        sink.Add(bytes);
        Flush(sink);
    }

    private void Flush(Sink sink)
    {
        int written = sink.Flush();
        if (written > 0 && End is null)
        {
            _link.SendCredit(Channel, sink.Kind, written);
        }
        bool wanted = sink.Waiting > 0;
        if (wanted != sink.IsWatched)
        {
            if (wanted)
            {
                _epoll.Add(sink.Target, EpollEvents.Writable, Key(sink.WaitKey));
            }
            else
            {
                _epoll.Remove(sink.Target);
            }
            sink.IsWatched = wanted;
        }
        Settle();
    }

    private void Settle()
    {
        if (End is { } end && !IsOver && _output.Waiting == 0 && _errors.Waiting == 0)
        {
            IsOver = true;
            _ended(end);
        }
    }

    private void ReadInput()
    {
        if (_input is not { } input || _credit == 0)
        {
            return;
        }
        int count = input.ReadNow(Buffer.AsSpan(0, Math.Min(Buffer.Length, _credit)));
        if (count == -(int)Errno.EAGAIN)
        {
            return;
        }
        if (count <= 0)
        {
            CloseInput();
            _link.Send(AgentFrameKind.Input, Channel, []);
            return;
        }
        _credit -= count;
        _link.Send(AgentFrameKind.Input, Channel, Buffer.AsSpan(0, count), isLast: false);
        RewatchInput();
    }

    private void RewatchInput()
    {
        bool wanted = _runs && _input is not null && _credit > 0;
        if (wanted == _isInputWatched)
        {
            return;
        }
        if (!wanted)
        {
            _epoll.Remove(_input!);
            _isInputWatched = false;
            return;
        }
        try
        {
            _epoll.Add(_input!, EpollEvents.Readable, Key(InputKey));
            _isInputWatched = true;
        }
        catch (LinuxException error) when (error.Errno == Errno.EPERM)
        {
            ReadInput(); // a file or /dev/null is always ready, and cannot be waited for
        }
    }

    private void CloseInput()
    {
        if (_input is not null && _isInputWatched)
        {
            _epoll.Remove(_input);
        }
        _isInputWatched = false;
        _input = null;
    }

    /// <summary>Where one output goes, and what waits until it is taken.</summary>
    private sealed class Sink(AgentFrameKind kind, ulong waitKey, Descriptor target)
    {
        private byte[] _waiting = [];
        private int _start;
        private int _end;

        public bool IsGone { get; private set; }

        public AgentFrameKind Kind => kind;

        public ulong WaitKey => waitKey;

        public Descriptor Target => target;

        public bool IsWatched { get; set; }

        public int Waiting => _end - _start;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            if (_end + bytes.Length > _waiting.Length)
            {
                byte[] larger = Waiting + bytes.Length > _waiting.Length ? new byte[Math.Max(4_096, (Waiting + bytes.Length) * 2)] : _waiting;
                _waiting.AsSpan(_start.._end).CopyTo(larger);
                (_waiting, _start, _end) = (larger, 0, Waiting);
            }
            bytes.CopyTo(_waiting.AsSpan(_end));
            _end += bytes.Length;
        }

        /// <summary>Writes what goes now; how much the other side need no longer hold.</summary>
        public int Flush()
        {
            int done = 0;
            while (Waiting > 0)
            {
                int count = IsGone ? Waiting : target.WriteNow(_waiting.AsSpan(_start.._end));
                if (count == -(int)Errno.EAGAIN)
                {
                    break;
                }
                if (count <= 0)
                {
                    IsGone = true; // nobody reads it; the program goes on
                    continue;
                }
                _start += count;
                done += count;
            }
            return done;
        }

        public void Abandon()
        {
            IsGone = true;
            _start = _end = 0;
        }
    }
}

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>A program in the machine: its process, its streams, and how much of them may be on the way.</summary>
internal sealed class GuestProgram
{
    private const ulong ProcessKey = 1;
    private const ulong OutputKey = 2;
    private const ulong ErrorsKey = 3;
    private const ulong InputKey = 4;
    private const int KeysEach = 8;

    /// <summary>What a child that a launch plan walks sends.</summary>
    private const int TerminalPurpose = 1;

    private static readonly byte[] Buffer = new byte[32 * 1024];

    private readonly AgentLink _link;
    private readonly Epoll _epoll;
    private readonly LaunchedProcess _launched;
    private readonly GuestStream _output = new(AgentFrameKind.Output, OutputKey);
    private readonly GuestStream _errors = new(AgentFrameKind.Errors, ErrorsKey);
    private readonly Queue<byte[]> _input = new();
    private int _inputDone;
    private int _inputBytes;
    private bool _inputEnds;
    private bool _isInputWatched;
    private Descriptor? _stdin;
    private Descriptor? _terminal;
    private ExitStatus? _exit;

    private GuestProgram(ushort channel, AgentLink link, Epoll epoll, LaunchedProcess launched)
    {
        Channel = channel;
        _link = link;
        _epoll = epoll;
        _launched = launched;
    }

    /// <summary>Where it is heard of.</summary>
    public ushort Channel { get; }

    /// <summary>The process.</summary>
    public Pidfd Process => _launched.Process;

    /// <summary>The channel that a key of the wait belongs to; keys of the link itself are smaller than all of these.</summary>
    public static ushort ChannelOf(ulong key) => (ushort)((key / KeysEach) - 1);

    /// <summary>Walks the launch to its end; null when a step of it failed.</summary>
    public static GuestProgram? Start(
        ushort channel, GuestLaunch launch, MountTree root, Pidfd? first, AgentLink link, Epoll epoll, out GuestFailure? failure)
    {
        List<Descriptor> own = [];
        Pipe?[] pipes = new Pipe?[3];
        try
        {
            Descriptor?[] inherited = [.. launch.Inputs.Select(input => Open(input, launch, root, first, own, pipes))];
            var program = new GuestProgram(channel, link, epoll, Launcher.Start(LaunchImage.FromBytes(launch.World.ToArray()), inherited));
            if (!program.Lead(out failure))
            {
                return null;
            }
            program.Take(pipes);
            return program;
        }
        finally
        {
            own.ForEach(descriptor => descriptor.Dispose());
        }
    }

    /// <summary>Watches the process and its streams.</summary>
    public void Watch()
    {
        if (_exit is null)
        {
            _epoll.Add(Process, EpollEvents.Readable, Key(ProcessKey));
        }
        Rewatch(_output);
        Rewatch(_errors);
    }

    /// <summary>Something happened to what <paramref name="key"/> stands for.</summary>
    public void On(ulong key)
    {
        switch (key % KeysEach)
        {
            case ProcessKey when _exit is null:
                _exit = Process.WaitExit();
                _epoll.Remove(Process);
                break;
            case OutputKey:
                Read(_output);
                break;
            case ErrorsKey:
                Read(_errors);
                break;
            case InputKey:
                WriteInput();
                break;
        }
    }

    /// <summary>The host says something.</summary>
    public void Hear(AgentFrame frame, ReadOnlySpan<byte> bytes)
    {
        switch (frame.Kind)
        {
            case AgentFrameKind.Input:
                if (_inputBytes + bytes.Length > AgentFrame.Window)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, "the host sent more input than was asked for");
                }
                if (!bytes.IsEmpty)
                {
                    _input.Enqueue(bytes.ToArray());
                    _inputBytes += bytes.Length;
                }
                _inputEnds |= frame.IsLast;
                WriteInput();
                break;
            case AgentFrameKind.Credit when bytes.Length == 5:
                GuestStream stream = bytes[0] == (byte)AgentFrameKind.Errors ? _errors : _output;
                stream.Credit = Math.Min(AgentFrame.Window, stream.Credit + Math.Clamp(AgentLink.Number(bytes[1..], 0), 0, AgentFrame.Window));
                Rewatch(stream);
                break;
            case AgentFrameKind.Signal:
                if (_exit is null && AgentLink.Number(bytes, 0) is > 0 and <= 64 and var signal)
                {
                    Process.TrySignal((Signal)signal);
                }
                break;
            case AgentFrameKind.Resize when _terminal is { } terminal && bytes.Length == 4:
                Terminal.SetSize(terminal, new TerminalSize(BitConverter.ToUInt16(bytes), BitConverter.ToUInt16(bytes[2..])));
                break;
        }
    }

    /// <summary>Says how it ended, once it has and its output is sent; then it is over.</summary>
    public bool TryEnd()
    {
        if (_exit is not { } exit)
        {
            return false;
        }
        // What still holds the streams is nobody of a first program's, whose process namespace ended with it; behind an exec it is not waited for.
        Drain(_output);
        Drain(_errors);
        if (_output.HasMore || _errors.HasMore)
        {
            return false;
        }
        _link.SendNumbers(AgentFrameKind.Exited, Channel, exit.Code, (int)exit.KilledBy);
        Close(_output);
        Close(_errors);
        CloseInput();
        _terminal?.Dispose();
        _launched.Dispose();
        return true;
    }

    /// <summary>Ends it, and waits until it is gone.</summary>
    public void Kill()
    {
        if (_exit is null)
        {
            Process.TrySignal(Signal.KILL);
            _exit = Process.WaitExit();
        }
    }

    private ulong Key(ulong kind) => (((ulong)Channel + 1) * KeysEach) + kind;

    private static Descriptor? Open(GuestInput input, GuestLaunch launch, MountTree root, Pidfd? first, List<Descriptor> own, Pipe?[] pipes)
    {
        switch (input.Kind)
        {
            case GuestInputKind.Self:
                return Own(Memfd.CreateSealed("caisson-init", launch.Self.Span));
            case GuestInputKind.Root:
                return root;
            case GuestInputKind.Cgroup:
                return Own(HostFiles.OpenDirectory(input.Path));
            case GuestInputKind.Program:
                return first ?? throw new CaissonException(ErrorKind.Conflict, "the machine's program has ended");
            case GuestInputKind.Stdio when input.Number is >= 0 and <= 2:
                Pipe pipe = pipes[input.Number] = Pipe.Create();
                return Own(input.Number == 0 ? pipe.Reader : pipe.Writer);
            case GuestInputKind.Bind:
                MountTree bind = MountTree.Clone(input.Path, recursive: input.Number == 1);
                bind.SetAttributes(0, propagation: MountPropagation.Private, recursive: input.Number == 1);
                return Own(bind);
            default:
                throw new CaissonException(ErrorKind.Unimplemented, $"the host gave a program what this agent does not know: {input}");
        }

        T Own<T>(T descriptor) where T : Descriptor
        {
            own.Add(descriptor);
            return descriptor;
        }
    }

    /// <summary>Answers the process until it executes its program.</summary>
    private bool Lead(out GuestFailure? failure)
    {
        failure = null;
        while (true)
        {
            switch (_launched.Next())
            {
                case LaunchReport.Checkpoint:
                    _launched.Continue();
                    break;
                case LaunchReport.Received { Purpose: TerminalPurpose } terminal:
                    _terminal = terminal.Descriptor;
                    break;
                case LaunchReport.Received other:
                    other.Descriptor.Dispose();
                    break;
                case LaunchReport.Failed failed:
                    failure = new GuestFailure((int)failed.Stage, failed.Index, (int)failed.Errno, "");
                    Process.WaitExit();
                    _launched.Dispose();
                    return false;
                case LaunchReport.Executed:
                    _exit = Process.TryWaitExit(); // whoever is quick has ended by now
                    return true;
                case LaunchReport.Cloned:
                    break;
            }
        }
    }

    private void Take(Pipe?[] pipes)
    {
        if (_terminal is { } terminal)
        {
            terminal.SetNonBlocking(true);
            _output.Source = terminal.Duplicate(); // numbers of their own, so that both directions can be watched apart
            _stdin = terminal.Duplicate();
            return;
        }
        _stdin = pipes[0]?.Writer;
        _output.Source = pipes[1]?.Reader;
        _errors.Source = pipes[2]?.Reader;
        foreach (Descriptor? stream in (Descriptor?[])[_stdin, _output.Source, _errors.Source])
        {
            stream?.SetNonBlocking(true);
        }
    }

    private void Read(GuestStream stream)
    {
        if (stream.Source is not { } source || stream.Credit == 0)
        {
            return;
        }
        int count = source.ReadNow(Buffer.AsSpan(0, Math.Min(Buffer.Length, stream.Credit)));
        if (count == -(int)Errno.EAGAIN)
        {
            stream.IsDry = true;
            return;
        }
        if (count <= 0)
        {
            Close(stream); // a terminal says EIO when its last user is gone
            return;
        }
        stream.Credit -= count;
        _link.Send(stream.Kind, Channel, Buffer.AsSpan(0, count), isLast: false);
        Rewatch(stream);
    }

    private void Drain(GuestStream stream)
    {
        stream.IsDry = false;
        while (stream is { Source: not null, Credit: > 0, IsDry: false })
        {
            Read(stream);
        }
    }

    private void Rewatch(GuestStream stream)
    {
        bool wanted = stream is { Source: not null, Credit: > 0 };
        if (wanted == stream.IsWatched)
        {
            return;
        }
        if (wanted)
        {
            _epoll.Add(stream.Source!, EpollEvents.Readable, Key(stream.WaitKey));
        }
        else if (stream.Source is not null)
        {
            _epoll.Remove(stream.Source);
        }
        stream.IsWatched = wanted;
    }

    private void Close(GuestStream stream)
    {
        if (stream.Source is { } source)
        {
            if (stream.IsWatched)
            {
                _epoll.Remove(source);
                stream.IsWatched = false;
            }
            source.Dispose();
            stream.Source = null;
        }
    }

    private void WriteInput()
    {
        int consumed = 0;
        while (_stdin is not null && _input.TryPeek(out byte[]? piece))
        {
            int count = _stdin.WriteNow(piece.AsSpan(_inputDone));
            if (count == -(int)Errno.EAGAIN)
            {
                break;
            }
            if (count <= 0)
            {
                CloseInput(); // the program reads no more
                break;
            }
            consumed += count;
            _inputDone += count;
            if (_inputDone == piece.Length)
            {
                _input.Dequeue();
                _inputDone = 0;
            }
        }
        if (_stdin is null)
        {
            consumed += _inputBytes; // nobody takes it; the host may go on
            _input.Clear();
            _inputDone = 0;
        }
        consumed = Math.Min(consumed, _inputBytes);
        _inputBytes -= consumed;
        if (consumed > 0)
        {
            _link.SendCredit(Channel, AgentFrameKind.Input, consumed);
        }
        if (_inputEnds && _input.Count == 0 && _terminal is null)
        {
            CloseInput();
        }
        bool watched = _stdin is not null && _input.Count > 0;
        if (_stdin is not null && watched != _isInputWatched)
        {
            if (watched)
            {
                _epoll.Add(_stdin, EpollEvents.Writable, Key(InputKey));
            }
            else
            {
                _epoll.Remove(_stdin);
            }
            _isInputWatched = watched;
        }
    }

    private void CloseInput()
    {
        if (_stdin is not null && _isInputWatched)
        {
            _epoll.Remove(_stdin);
        }
        _isInputWatched = false;
        _stdin?.Dispose();
        _stdin = null;
    }

    /// <summary>One of the two outputs.</summary>
    private sealed class GuestStream(AgentFrameKind kind, ulong waitKey)
    {
        public AgentFrameKind Kind => kind;

        public ulong WaitKey => waitKey;

        public Descriptor? Source { get; set; }

        public int Credit { get; set; } = AgentFrame.Window;

        public bool IsWatched { get; set; }

        /// <summary>The last read found nothing.</summary>
        public bool IsDry { get; set; }

        /// <summary>There may be more, and the host has not yet taken what was sent.</summary>
        public bool HasMore => Source is not null && !IsDry;
    }
}

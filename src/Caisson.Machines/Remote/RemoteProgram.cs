using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Machines.Agent;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Remote;

/// <summary>A program in a machine that is led from here: its process, its streams, and how much of them may be on the way. All numbers are the machine's descriptors.</summary>
internal sealed class RemoteProgram
{
    private const int ReadBytesMax = 32 * 1024;
    private const int ReportBytes = 16;
    private const int DescriptorAt = 16;
    private const int InformationBytes = 128;
    private const int CodeAt = 8;
    private const int StatusAt = 24;
    private const int NoDescriptor = -1;

    /// <summary>What a child that a launch plan walks sends.</summary>
    private const int TerminalPurpose = 1;

    private readonly RemoteKernel _kernel;
    private readonly AgentLink _link;
    private readonly RemoteStream _output = new(AgentFrameKind.Output);
    private readonly RemoteStream _errors = new(AgentFrameKind.Errors);
    private readonly Queue<byte[]> _input = new();
    private int _inputDone;
    private int _inputBytes;
    private bool _inputEnds;
    private int _stdin = NoDescriptor;
    private int _terminal = NoDescriptor;
    private ExitStatus? _exit;

    private RemoteProgram(ushort channel, RemoteKernel kernel, AgentLink link) => (Channel, _kernel, _link) = (channel, kernel, link);

    /// <summary>Where it is heard of.</summary>
    public ushort Channel { get; }

    /// <summary>The process.</summary>
    public int Process { get; private set; } = NoDescriptor;

    /// <summary>Walks the launch to its end; null when a step of it failed.</summary>
    /// <param name="channel">Where it is heard of.</param>
    /// <param name="launch">What to run.</param>
    /// <param name="root">The root file system.</param>
    /// <param name="first">The machine's first program; null when it has ended.</param>
    /// <param name="kernel">The machine.</param>
    /// <param name="link">To the host.</param>
    /// <param name="failure">Which step failed.</param>
    public static RemoteProgram? Start(ushort channel, GuestLaunch launch, int root, int? first, RemoteKernel kernel, AgentLink link, out GuestFailure? failure)
    {
        var program = new RemoteProgram(channel, kernel, link);
        var make = new LaunchProgram(LaunchStage.World);
        Block sync = Block.Buffer(8, "the socket of a launch");
        make.Add(SystemCall.socketpair, "a socket for a launch", AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync);
        Slot world = MakeMemory(make, "caisson-launch");
        Dictionary<int, Block> pipes = [];
        Slot[] slots = new Slot[launch.Inputs.Length];
        for (int i = 0; i < slots.Length; i++)
        {
            slots[i] = Open(make, launch.Inputs[i], launch, root, first, pipes);
        }
        RemoteAnswer made = kernel.Run(make, [sync, .. pipes.Values]);
        (int ours, int theirs) = Pair(made, sync);
        int[] inherited = [.. launch.Inputs.Select((input, i) => input.Kind == GuestInputKind.Stdio
            ? (input.Number == 0 ? Pair(made, pipes[input.Number]).Reader : Pair(made, pipes[input.Number]).Writer) : made.Number(slots[i]))];
        foreach ((int number, Block pipe) in pipes)
        {
            (int reader, int writer) = Pair(made, pipe);
            program.Keep(number, number == 0 ? writer : reader);
        }
        program.Clone(launch, made.Number(world), theirs, inherited, root);
        bool runs = program.Lead(ours, out failure);
        program.Close(ours);
        if (!runs)
        {
            program.Reap(wait: true);
            program.CloseAll();
            return null;
        }
        program.TakeTerminal();
        return program;
    }

    /// <summary>What is to be waited for: the machine's descriptors with the events of poll(2).</summary>
    public IEnumerable<(int Descriptor, int Events)> Waits()
    {
        if (_exit is null)
        {
            yield return (Process, POLLIN);
        }
        foreach (RemoteStream stream in (RemoteStream[])[_output, _errors])
        {
            if (stream is { Source: >= 0, Credit: > 0 })
            {
                yield return (stream.Source, POLLIN);
            }
        }
        if (_stdin >= 0 && _input.Count > 0)
        {
            yield return (_stdin, POLLOUT);
        }
    }

    /// <summary>Something happened to one of them.</summary>
    public void On(int number, int events)
    {
        if (number == Process && _exit is null)
        {
            _exit = Reap(wait: false);
        }
        else if (number == _output.Source && (events & ~POLLOUT) != 0)
        {
            Read(_output);
        }
        else if (number == _errors.Source)
        {
            Read(_errors);
        }
        if (number == _stdin && _input.Count > 0)
        {
            WriteInput();
        }
    }

    /// <summary>The host says something.</summary>
    public void Hear(AgentFrame frame, ReadOnlySpan<byte> bytes)
    {
        switch (frame.Kind)
        {
            case AgentFrameKind.Input:
                if (!bytes.IsEmpty)
                {
                    _input.Enqueue(bytes.ToArray());
                    _inputBytes += bytes.Length;
                }
                _inputEnds |= frame.IsLast;
                WriteInput();
                break;
            case AgentFrameKind.Credit when bytes.Length == 5:
                RemoteStream stream = bytes[0] == (byte)AgentFrameKind.Errors ? _errors : _output;
                stream.Credit = Math.Min(AgentFrame.Window, stream.Credit + Math.Clamp(AgentLink.Number(bytes[1..], 0), 0, AgentFrame.Window));
                break;
            case AgentFrameKind.Signal:
                if (_exit is null && AgentLink.Number(bytes, 0) is > 0 and <= 64 and var signal)
                {
                    _kernel.Try("send a signal", SystemCall.pidfd_send_signal, Process, signal, 0, 0);
                }
                break;
            case AgentFrameKind.Resize when _terminal >= 0 && bytes.Length == 4:
                byte[] size = new byte[8];
                bytes.CopyTo(size);
                _kernel.Try("tell the terminal its size", SystemCall.ioctl, _terminal, TIOCSWINSZ, Block.Of(size, "size"));
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
        foreach (RemoteStream stream in (RemoteStream[])[_output, _errors])
        {
            while (stream is { Source: >= 0, Credit: > 0 } && Read(stream))
            {
                // On to what is left.
            }
            if (stream is { Source: >= 0, Credit: 0 })
            {
                return false;
            }
        }
        _link.SendNumbers(AgentFrameKind.Exited, Channel, exit.Code, (int)exit.KilledBy);
        CloseAll();
        return true;
    }

    /// <summary>Ends it, and waits until it is gone.</summary>
    public void Kill()
    {
        if (_exit is null)
        {
            _kernel.Try("end it", SystemCall.pidfd_send_signal, Process, (int)Signal.KILL, 0, 0);
            _exit = Reap(wait: true);
        }
    }

    private static Slot MakeMemory(LaunchProgram make, string name)
    {
        Slot slot = make.NewSlot(name);
        make.Add(SystemCall.memfd_create, $"memory for {name}", name, MFD_CLOEXEC | MFD_ALLOW_SEALING).Into(slot);
        return slot;
    }

    private static Slot Open(LaunchProgram make, GuestInput input, GuestLaunch launch, int root, int? first, Dictionary<int, Block> pipes)
    {
        Slot slot = make.NewSlot(input.Kind.ToString());
        const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        switch (input.Kind)
        {
            case GuestInputKind.Self:
                make.Add(SystemCall.memfd_create, "the second stage", "caisson-init", MFD_CLOEXEC | MFD_ALLOW_SEALING).Into(slot);
                make.Add(SystemCall.write, "the second stage", slot, Block.Of(launch.Self.Span, "the executable"), launch.Self.Length);
                make.Add(SystemCall.fcntl, "the second stage", slot, F_ADD_SEALS, seals);
                break;
            case GuestInputKind.Root:
                make.Add(SystemCall.fcntl, "the root file system", root, F_DUPFD_CLOEXEC, 0).Into(slot);
                break;
            case GuestInputKind.Cgroup:
                make.Add(SystemCall.openat, "the control group", AT_FDCWD, input.Path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0).Into(slot);
                break;
            case GuestInputKind.Program:
                int process = first ?? throw new CaissonException(ErrorKind.Conflict, "the machine's program has ended");
                make.Add(SystemCall.fcntl, "the first program", process, F_DUPFD_CLOEXEC, 0).Into(slot);
                break;
            case GuestInputKind.Stdio when input.Number is >= 0 and <= 2:
                pipes[input.Number] = Block.Buffer(8, string.Create(CultureInfo.InvariantCulture, $"stream {input.Number}"));
                make.Add(SystemCall.pipe2, "a stream", pipes[input.Number], O_CLOEXEC);
                break;
            case GuestInputKind.Bind:
                make.Add(SystemCall.open_tree, $"bind {input.Path}", AT_FDCWD, input.Path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (input.Number == 1 ? AT_RECURSIVE : 0)).Into(slot);
                make.Add(
                    SystemCall.mount_setattr, $"bind {input.Path}", slot, "", AT_EMPTY_PATH | (input.Number == 1 ? AT_RECURSIVE : 0), Block.Words("MS_PRIVATE", 0, 0, MS_PRIVATE, 0), 32);
                break;
            default:
                throw new CaissonException(ErrorKind.Unimplemented, $"a machine of another architecture is not given {input}");
        }
        return slot;
    }

    private static (int Reader, int Writer) Pair(RemoteAnswer answer, Block pair)
    {
        ReadOnlySpan<int> numbers = MemoryMarshal.Cast<byte, int>(answer.Content(pair));
        return (numbers[0], numbers[1]);
    }

    private void Keep(int stream, int descriptor)
    {
        switch (stream)
        {
            case 0:
                _stdin = descriptor;
                break;
            case 1:
                _output.Source = descriptor;
                break;
            default:
                _errors.Source = descriptor;
                break;
        }
        _kernel.Try("a stream", SystemCall.fcntl, descriptor, F_SETFL, (stream == 0 ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
    }

    /// <summary>A copy of the server executes the first stage, with the descriptors that it is to have and no others.</summary>
    private void Clone(GuestLaunch launch, int memory, int sync, int[] inherited, int root)
    {
        const string reason = "begin a launch";
        byte[] elf = ServedLaunch.ToElf(launch.World.Span, sync, inherited);
        Block pidfd = Block.Buffer(8, "pidfd");
        Block arguments = ServedLaunch.CloneArguments(launch.World.Span, pidfd, inherited);
        var program = new LaunchProgram(LaunchStage.World);
        Slot child = program.NewSlot("child");
        Label parent = new();
        program.Add(SystemCall.write, reason, memory, Block.Of(elf, "the first stage"), elf.Length);
        program.Add(SystemCall.clone3, reason, arguments, arguments.Content.Length).Into(child);
        program.Add(SystemCall.Branch, reason, child).Then(parent);
        foreach (int descriptor in inherited.Append(sync))
        {
            program.Add(SystemCall.fcntl, reason, descriptor, F_SETFD, 0).ExpectAny();
        }
        program.Add(SystemCall.execveat, reason, memory, "", Block.TextList(["caisson-launch"]), Block.TextList([]), AT_EMPTY_PATH).ExpectAny();
        program.Add(SystemCall.exit_group, reason, 127);
        program.Mark(parent);
        foreach (int descriptor in inherited.Append(sync).Append(memory).Where(descriptor => descriptor != root))
        {
            program.Add(SystemCall.close, reason, descriptor);
        }
        Process = BinaryPrimitives.ReadInt32LittleEndian(_kernel.Run(program, pidfd).Content(pidfd));
    }

    /// <summary>Answers the process until it executes its program.</summary>
    private bool Lead(int sync, out GuestFailure? failure)
    {
        failure = null;
        while (true)
        {
            var program = new LaunchProgram(LaunchStage.World);
            Block report = Block.Buffer(ReportBytes, "report");
            Block message = Block.DescriptorMessage(report, out Block control);
            BinaryPrimitives.WriteInt32LittleEndian(control.Content[DescriptorAt..], NoDescriptor);
            Slot count = program.NewSlot("count");
            program.Add(SystemCall.recvmsg, "hear of a launch", sync, message, MSG_CMSG_CLOEXEC).Into(count);
            RemoteAnswer answer = _kernel.Run(program, report, control);
            if (answer.Result(count) == 0)
            {
                _exit = Reap(wait: false); // whoever is quick has ended by now
                return true;
            }
            ReadOnlySpan<int> words = MemoryMarshal.Cast<byte, int>(answer.Content(report));
            int received = BinaryPrimitives.ReadInt32LittleEndian(answer.Content(control)[DescriptorAt..]);
            switch ((LaunchReportKind)words[0])
            {
                case LaunchReportKind.Failed:
                    failure = new GuestFailure(words[3], words[1], words[2], "");
                    return false;
                case LaunchReportKind.Checkpoint:
                    _kernel.Try("go on with a launch", SystemCall.sendto, sync, Block.Of([1], "go on"), 1, 0, 0, 0);
                    break;
                case LaunchReportKind.Descriptor when words[1] == TerminalPurpose:
                    _terminal = received;
                    break;
                case LaunchReportKind.Descriptor:
                    Close(received);
                    break;
                case LaunchReportKind.Cloned:
                    Become(words[1]);
                    break;
                default:
                    throw new CaissonException(ErrorKind.InvalidArgument, "a launch in the machine reported what none does");
            }
        }
    }

    /// <summary>The joining child is done: hold the process it made, and reap it.</summary>
    private void Become(int pid)
    {
        var program = new LaunchProgram(LaunchStage.World);
        Slot process = program.NewSlot("process");
        program.Add(SystemCall.pidfd_open, "hold the process that joined", pid, 0).Into(process);
        int joined = _kernel.Run(program).Number(process);
        Reap(wait: true);
        Close(Process);
        Process = joined;
    }

    private void TakeTerminal()
    {
        if (_terminal >= 0)
        {
            _kernel.Try("a terminal", SystemCall.fcntl, _terminal, F_SETFL, O_RDWR | O_NONBLOCK);
            (_stdin, _output.Source) = (_terminal, _terminal);
        }
    }

    private ExitStatus? Reap(bool wait)
    {
        var program = new LaunchProgram(LaunchStage.World);
        Block information = Block.Buffer(InformationBytes, "siginfo");
        program.Add(SystemCall.waitid, "wait for a process", P_PIDFD, Process, information, WEXITED | __WALL | (wait ? 0 : WNOHANG), 0);
        ReadOnlySpan<byte> told = _kernel.Run(program, information).Content(information);
        int status = BinaryPrimitives.ReadInt32LittleEndian(told[StatusAt..]);
        return BinaryPrimitives.ReadInt32LittleEndian(told[CodeAt..]) switch
        {
            0 => null,
            CLD_EXITED => new ExitStatus(status),
            var code => new ExitStatus(0, (Signal)status, code == CLD_DUMPED),
        };
    }

    /// <summary>Reads once and sends it on; false when nothing was there.</summary>
    private bool Read(RemoteStream stream)
    {
        int read = _kernel.Read(stream.Source, Math.Min(ReadBytesMax, stream.Credit), out byte[] bytes);
        if (read == -(int)Errno.EAGAIN)
        {
            return false;
        }
        if (read <= 0)
        {
            CloseStream(stream); // a terminal says EIO when its last user is gone
            return false;
        }
        stream.Credit -= read;
        _link.Send(stream.Kind, Channel, bytes, isLast: false);
        return true;
    }

    private void WriteInput()
    {
        int consumed = 0;
        while (_stdin >= 0 && _input.TryPeek(out byte[]? piece))
        {
            var program = new LaunchProgram(LaunchStage.World);
            Slot count = program.NewSlot("count");
            program.Add(SystemCall.write, "write what it reads", _stdin, Block.Of(piece.AsSpan(_inputDone), "bytes"), piece.Length - _inputDone).Into(count).ExpectAny();
            long written = _kernel.Run(program).Result(count);
            if (written == -(int)Errno.EAGAIN)
            {
                break;
            }
            if (written <= 0)
            {
                CloseInput(); // the program reads no more
                break;
            }
            consumed += (int)written;
            _inputDone += (int)written;
            if (_inputDone >= piece.Length)
            {
                _input.Dequeue();
                _inputDone = 0;
            }
        }
        if (_stdin < 0)
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
        if (_inputEnds && _input.Count == 0 && _terminal < 0)
        {
            CloseInput();
        }
    }

    private void CloseInput()
    {
        if (_stdin >= 0 && _stdin != _terminal)
        {
            Close(_stdin);
        }
        _stdin = NoDescriptor;
    }

    private void CloseStream(RemoteStream stream)
    {
        if (stream.Source >= 0 && stream.Source != _terminal)
        {
            Close(stream.Source);
        }
        stream.Source = NoDescriptor;
    }

    private void CloseAll()
    {
        CloseInput();
        CloseStream(_output);
        CloseStream(_errors);
        Close(_terminal);
        Close(Process);
        (_terminal, Process) = (NoDescriptor, NoDescriptor);
    }

    private void Close(int descriptor)
    {
        if (descriptor >= 0)
        {
            _kernel.Try("close", SystemCall.close, descriptor);
        }
    }

    /// <summary>One of the two outputs.</summary>
    private sealed class RemoteStream(AgentFrameKind kind)
    {
        public AgentFrameKind Kind => kind;

        public int Source { get; set; } = NoDescriptor;

        public int Credit { get; set; } = AgentFrame.Window;
    }
}

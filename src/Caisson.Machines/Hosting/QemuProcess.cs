using System.Buffers.Binary;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Linux.Seccomp;
using Caisson.Machines.Plan;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Hosting;

/// <summary>A QEMU of ours: its process, the sockets it was born with, and the last of what it and the guest's console said.</summary>
internal sealed class QemuProcess : IDisposable
{
    private const int ConsoleBytesMax = 16 * 1024;

    private readonly LaunchedProcess _launched;
    private readonly byte[] _console = new byte[ConsoleBytesMax];
    private int _consoleEnd;
    private bool _hasWrapped;

    private QemuProcess(LaunchedProcess launched, UnixSocket qmp, UnixSocket agent, Descriptor console) =>
        (_launched, Qmp, Agent, ConsoleOutput) = (launched, qmp, agent, console);

    /// <summary>The process; it ends with this one, whatever happens.</summary>
    public Pidfd Process => _launched.Process;

    /// <summary>To its monitor.</summary>
    public UnixSocket Qmp { get; }

    /// <summary>To the agent's port.</summary>
    public UnixSocket Agent { get; }

    /// <summary>Where the console and QEMU's own words arrive.</summary>
    public Descriptor ConsoleOutput { get; }

    /// <summary>Where QEMU asks for its memory, which is answered with a template's; null when it has memory of its own.</summary>
    public Descriptor? MemoryRequests { get; private init; }

    /// <summary>Starts QEMU.</summary>
    /// <param name="arguments">Of <see cref="MachineLaunch"/>.</param>
    /// <param name="user">The user and group that it runs as; 0: as its parent.</param>
    /// <param name="interfaces">Devices of the machine's interfaces, in order; stay the caller's.</param>
    /// <param name="files">The line to the server of directories of the host; null where there are none. Stays the caller's.</param>
    /// <param name="state">
    /// The state of a template's devices, to go on from; stays the caller's. QEMU then asks for its memory at <see cref="MemoryRequests"/>. Null: it boots.
    /// </param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it cannot be executed.</exception>
    public static QemuProcess Start(IReadOnlyList<string> arguments, int user, IReadOnlyList<Descriptor> interfaces, Descriptor? files = null, Descriptor? state = null)
    {
        Descriptor? requests = null;
        var (qmp, theirQmp) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        var (agent, theirAgent) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        Pipe console = Pipe.Create();
        LaunchedProcess? launched = null;
        try
        {
            using FileDescriptor nothing = HostFiles.OpenNull();
            LaunchProgram program = Compile(arguments, user, interfaces.Count, files is not null, state is not null);
            launched = Launcher.Start(program.Encode(), [nothing, console.Writer, theirQmp, theirAgent, files ?? nothing, state ?? nothing, .. interfaces]);
            while (launched.Next() is { } report and not LaunchReport.Executed)
            {
                if (report is LaunchReport.Received { Descriptor: var received })
                {
                    requests = received;
                }
                else if (report is LaunchReport.Failed failed)
                {
                    throw new CaissonException(
                        ErrorKind.FailedPrecondition, $"start {arguments[0]}: {program.Steps[failed.Index].Reason}: {LinuxException.Describe(failed.Errno)}");
                }
            }
            console.Reader.SetNonBlocking(true);
            return new QemuProcess(launched, qmp, agent, console.Reader) { MemoryRequests = requests };
        }
        catch
        {
            requests?.Dispose();
            qmp.Dispose();
            agent.Dispose();
            console.Reader.Dispose();
            launched?.Dispose();
            throw;
        }
        finally
        {
            theirQmp.Dispose();
            theirAgent.Dispose();
            console.Writer.Dispose();
        }
    }

    /// <summary>Keeps what was said; false at the end.</summary>
    public bool ReadConsole()
    {
        Span<byte> buffer = stackalloc byte[2_048];
        while (true)
        {
            int count = ConsoleOutput.ReadNow(buffer);
            if (count <= 0)
            {
                return count == -(int)Errno.EAGAIN;
            }
            foreach (byte one in buffer[..count])
            {
                _console[_consoleEnd] = one;
                _consoleEnd = (_consoleEnd + 1) % ConsoleBytesMax;
                _hasWrapped |= _consoleEnd == 0;
            }
        }
    }

    /// <summary>The last lines that were said, in one line for a message; a guest's words are only ever shown as plain text.</summary>
    public string LastWords(int lines)
    {
        ReadConsole();
        string text = _hasWrapped
            ? Encoding.UTF8.GetString(_console.AsSpan(_consoleEnd)) + Encoding.UTF8.GetString(_console.AsSpan(0, _consoleEnd))
            : Encoding.UTF8.GetString(_console.AsSpan(0, _consoleEnd));
        IEnumerable<string> said = text.Split('\n')
            .Select(line => string.Concat(line.Where(c => !char.IsControl(c))).Trim())
            .Where(line => line.Length > 0)
            .TakeLast(lines);
        return string.Join("; ", said);
    }

    /// <summary>Ends it at once and reaps it.</summary>
    public ExitStatus Kill()
    {
        Process.TrySignal(Signal.KILL);
        return Process.WaitExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Qmp.Dispose();
        Agent.Dispose();
        ConsoleOutput.Dispose();
        MemoryRequests?.Dispose();
        _launched.Dispose();
    }

    private static LaunchProgram Compile(IReadOnlyList<string> arguments, int user, int interfaces, bool hasFiles, bool restores)
    {
        const string streams = "arrange QEMU's descriptors";
        var program = new LaunchProgram(LaunchStage.World);
        Slot nothing = program.Inherit("nothing");
        Slot console = program.Inherit("console");
        Slot qmp = program.Inherit("qmp");
        Slot agent = program.Inherit("agent");
        Slot files = program.Inherit("files");
        Slot state = program.Inherit("state");
        Slot[] devices = [.. Enumerable.Range(0, interfaces).Select(i => program.Inherit($"net{i}"))];
        program.Add(SystemCall.setsid, "a session of its own");
        program.Add(SystemCall.rt_sigprocmask, "signals arrive", Argument.Of(SIG_SETMASK, "SIG_SETMASK"), Block.Words("none", 0), 0, 8);
        program.Add(SystemCall.rt_sigaction, "a pipe that broke ends it", Argument.Of(Signal.PIPE), Block.Buffer(32, "SIG_DFL"), 0, 8);
        Put(nothing, 0);
        Put(console, 1);
        Put(console, 2);
        Put(qmp, MachinePlan.QmpDescriptor);
        Put(agent, MachinePlan.AgentDescriptor);
        if (hasFiles)
        {
            Put(files, MachinePlan.FilesDescriptor);
        }
        if (restores)
        {
            Put(state, MachinePlan.StateDescriptor);
        }
        for (int i = 0; i < devices.Length; i++)
        {
            Put(devices[i], MachinePlan.InterfaceDescriptor + i);
        }
        if (user != 0)
        {
            program.Add(SystemCall.setgroups, "QEMU is nobody's group", 0, 0);
            program.Add(SystemCall.setresgid, "QEMU is not root", user, user, user);
            program.Add(SystemCall.setresuid, "QEMU is not root", user, user, user);
        }
        // After the change of user, which would clear it.
        program.Add(SystemCall.prctl, "it ends with its host", Argument.Of(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), (long)Signal.KILL);
        program.Add(SystemCall.prctl, "no program gives it more", Argument.Of(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0);
        if (restores)
        {
            AskForMemory(program);
        }
        program.Add(SystemCall.execve, "execute it", arguments[0], Block.TextList(arguments), Block.TextList(["LC_ALL=C", "PATH=/usr/sbin:/usr/bin"]));
        return program;

        void Put(Slot slot, int number) => program.Add(SystemCall.dup3, streams, slot, number, 0);
    }

    /// <summary>
    /// QEMU opens the file of its memory for writing, also when it maps it privately, and a template must not be writable for anybody. So calls with
    /// just this flag wait for their host, which answers with the template's memory, opened for reading. What else opens so is a test of locks on /dev/null.
    /// </summary>
    private static void AskForMemory(LaunchProgram program)
    {
        const string reason = "ask the host for the memory";
        SeccompFilter filter = SeccompCompiler.Compile(new SeccompPolicy(
            SeccompAction.Allow, [new SeccompRule(SeccompAction.Notify, "openat", new SeccompCondition(2, SeccompComparison.Equal, O_RDWR))])).Filter;
        Block instructions = Block.Of(filter.Program.Span, "openat");
        byte[] header = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)filter.InstructionCount);
        Slot listener = program.NewSlot("listener");
        program.Add(SystemCall.seccomp, reason, Argument.Of(1, "SECCOMP_SET_MODE_FILTER"), Argument.Of(filter.Flags), Block.Of(header, "the filter", (8, instructions, 0))).Into(listener);
        byte[] report = new byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(report, (int)LaunchReportKind.Descriptor);
        Block message = Block.DescriptorMessage(Block.Of(report, "listener"), out Block control);
        program.Add(SystemCall.Store, reason, Argument.At(control, 16), listener);
        program.Add(SystemCall.sendmsg, reason, Slot.Sync, message, 0);
        program.Add(SystemCall.close, reason, listener);
    }
}

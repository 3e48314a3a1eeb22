using System.Text;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
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

    /// <summary>Starts QEMU as <see cref="MachineLaunch"/> says.</summary>
    /// <param name="launch">What to start.</param>
    /// <param name="interfaces">Devices of the machine's interfaces, in order; stay the caller's.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it cannot be executed.</exception>
    public static QemuProcess Start(MachineLaunch launch, IReadOnlyList<Descriptor> interfaces)
    {
        var (qmp, theirQmp) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        var (agent, theirAgent) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        Pipe console = Pipe.Create();
        LaunchedProcess? launched = null;
        try
        {
            using FileDescriptor nothing = HostFiles.OpenNull();
            LaunchProgram program = Compile(launch, interfaces.Count);
            launched = Launcher.Start(program.Encode(), [nothing, console.Writer, theirQmp, theirAgent, .. interfaces]);
            while (launched.Next() is { } report and not LaunchReport.Executed)
            {
                if (report is LaunchReport.Failed failed)
                {
                    throw new CaissonException(
                        ErrorKind.FailedPrecondition, $"start {launch.Qemu[0]}: {program.Steps[failed.Index].Reason}: {LinuxException.Describe(failed.Errno)}");
                }
            }
            console.Reader.SetNonBlocking(true);
            return new QemuProcess(launched, qmp, agent, console.Reader);
        }
        catch
        {
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
        _launched.Dispose();
    }

    private static LaunchProgram Compile(MachineLaunch launch, int interfaces)
    {
        const string streams = "arrange QEMU's descriptors";
        var program = new LaunchProgram(LaunchStage.World);
        Slot nothing = program.Inherit("nothing");
        Slot console = program.Inherit("console");
        Slot qmp = program.Inherit("qmp");
        Slot agent = program.Inherit("agent");
        Slot[] devices = [.. Enumerable.Range(0, interfaces).Select(i => program.Inherit($"net{i}"))];
        program.Add(SystemCall.setsid, "a session of its own");
        program.Add(SystemCall.rt_sigprocmask, "signals arrive", Argument.Of(SIG_SETMASK, "SIG_SETMASK"), Block.Words("none", 0), 0, 8);
        program.Add(SystemCall.rt_sigaction, "a pipe that broke ends it", Argument.Of(Signal.PIPE), Block.Buffer(32, "SIG_DFL"), 0, 8);
        Put(nothing, 0);
        Put(console, 1);
        Put(console, 2);
        Put(qmp, MachinePlan.QmpDescriptor);
        Put(agent, MachinePlan.AgentDescriptor);
        for (int i = 0; i < devices.Length; i++)
        {
            Put(devices[i], MachinePlan.InterfaceDescriptor + i);
        }
        if (launch.QemuUser != 0)
        {
            program.Add(SystemCall.setgroups, "QEMU is nobody's group", 0, 0);
            program.Add(SystemCall.setresgid, "QEMU is not root", launch.QemuUser, launch.QemuUser, launch.QemuUser);
            program.Add(SystemCall.setresuid, "QEMU is not root", launch.QemuUser, launch.QemuUser, launch.QemuUser);
        }
        // After the change of user, which would clear it.
        program.Add(SystemCall.prctl, "it ends with its host", Argument.Of(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), (long)Signal.KILL);
        program.Add(SystemCall.prctl, "no program gives it more", Argument.Of(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0);
        program.Add(SystemCall.execve, "execute it", launch.Qemu[0], Block.TextList(launch.Qemu), Block.TextList(["LC_ALL=C", "PATH=/usr/sbin:/usr/bin"]));
        return program;

        void Put(Slot slot, int number) => program.Add(SystemCall.dup3, streams, slot, number, 0);
    }
}

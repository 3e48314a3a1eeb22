using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Machines.Files;

/// <summary>The process that serves a machine's directories of the host: this program again, as a <see cref="FileServer"/> with nothing in sight but those directories.</summary>
/// <remarks>
/// It is root of the sandbox with the four capabilities that owners of files need, in a root directory of its own that holds the directories and a <c>/proc</c>
/// for its own descriptors: no disk, no template, no program of the host. It ends with its parent and when its line ends.
/// </remarks>
public sealed class FileServerProcess : IDisposable
{
    /// <summary>Its root directory, in the sandbox.</summary>
    public const string RootPath = "/files";

    /// <summary>Where the directories are, in that root: each called by its number.</summary>
    public const string SharesPath = "/share";

    /// <summary>The word by which this program is asked to serve.</summary>
    public const string Command = "files";

    /// <summary>What it may do once it runs.</summary>
    private static readonly Capability[] Kept = [Capability.Chown, Capability.DacOverride, Capability.Fowner, Capability.Fsetid];

    /// <summary>What whoever starts it needs, and it loses.</summary>
    private static readonly Capability[] Dropped = [Capability.Kill, Capability.NetAdmin, Capability.Setgid, Capability.Setuid, Capability.SysChroot, Capability.Setpcap];

    private const int WordBytesMax = 4_096;

    private readonly LaunchedProcess _launched;
    private readonly Descriptor _words;

    private FileServerProcess(LaunchedProcess launched, UnixSocket line, Descriptor words) => (_launched, Line, _words) = (launched, line, words);

    /// <summary>What a sandbox must be allowed so that it can be started: by the names of capabilities(7).</summary>
    public static IEnumerable<string> Capabilities => Kept.Concat([Capability.SysChroot, Capability.Setpcap]).Select(CapabilityNames.NameOf);

    /// <summary>The process.</summary>
    public Pidfd Process => _launched.Process;

    /// <summary>The other end of its line, for QEMU.</summary>
    public UnixSocket Line { get; }

    /// <summary>Starts it, from a process whose executable is that of <c>caisson-machine</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: a step of the start was refused.</exception>
    public static FileServerProcess Start()
    {
        var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        Pipe words = Pipe.Create();
        LaunchedProcess? launched = null;
        try
        {
            LaunchProgram program = Compile();
            launched = Launcher.Start(program.Encode(), [theirs, words.Writer]);
            while (launched.Next() is { } report and not LaunchReport.Executed)
            {
                if (report is LaunchReport.Failed failed)
                {
                    throw new CaissonException(
                        ErrorKind.FailedPrecondition, $"start the server of the machine's volumes: {program.Steps[failed.Index].Reason}: {LinuxException.Describe(failed.Errno)}");
                }
            }
            words.Reader.SetNonBlocking(true);
            return new FileServerProcess(launched, ours, words.Reader);
        }
        catch
        {
            ours.Dispose();
            words.Reader.Dispose();
            launched?.Dispose();
            throw;
        }
        finally
        {
            theirs.Dispose();
            words.Writer.Dispose();
        }
    }

    /// <summary>Serves, as the process that was started.</summary>
    public static void Serve()
    {
        using Descriptor line = Descriptor.FromInherited(0);
        using var server = new FileServer(line, HostFiles.OpenDirectory(SharesPath));
        server.Run();
    }

    /// <summary>What it said when it ended too early.</summary>
    public string LastWords()
    {
        Span<byte> buffer = stackalloc byte[WordBytesMax];
        int count = _words.ReadNow(buffer);
        return count > 0 ? PathText.Decode(buffer[..count]).Trim() : "nothing";
    }

    /// <summary>Ends it at once and reaps it.</summary>
    public void Kill()
    {
        Process.TrySignal(Signal.KILL);
        Process.WaitExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Line.Dispose();
        _words.Dispose();
        _launched.Dispose();
    }

    private static LaunchProgram Compile()
    {
        var program = new LaunchProgram(LaunchStage.World);
        Slot line = program.Inherit("line");
        Slot words = program.Inherit("words");
        program.Add(SystemCall.setsid, "a session of its own");
        program.Add(SystemCall.rt_sigprocmask, "signals arrive", Argument.Of(SIG_SETMASK, "SIG_SETMASK"), Block.Words("none", 0), 0, 8);
        program.Add(SystemCall.rt_sigaction, "a line that broke ends it", Argument.Of(Signal.PIPE), Block.Buffer(32, "SIG_DFL"), 0, 8);
        program.Add(SystemCall.dup3, "its line", line, 0, 0);
        program.Add(SystemCall.dup3, "its words", words, 1, 0);
        program.Add(SystemCall.dup3, "its words", words, 2, 0);
        program.Add(SystemCall.chroot, "it sees what it serves and nothing else", RootPath);
        program.Add(SystemCall.chdir, "it sees what it serves and nothing else", "/");
        foreach (Capability capability in Dropped)
        {
            program.Add(SystemCall.prctl, "it may do what owners of files need", Argument.Of(PR_CAPBSET_DROP, "PR_CAPBSET_DROP"), Argument.Of((long)capability, CapabilityNames.NameOf(capability)));
        }
        program.Add(SystemCall.prctl, "it ends with its host", Argument.Of(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), (long)Signal.KILL);
        program.Add(SystemCall.prctl, "no program gives it more", Argument.Of(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0);
        program.Add(SystemCall.execve, "execute it", "/proc/self/exe", Block.TextList(["caisson-machine", Command]), Block.TextList(["PATH=/"]));
        return program;
    }
}

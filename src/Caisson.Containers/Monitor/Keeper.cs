using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Processes;

namespace Caisson.Containers.Monitor;

/// <summary>
/// The process that forks a monitor for each process that is to run. One for each run directory; single-threaded and small, because every
/// monitor is a copy of it.
/// </summary>
public static class Keeper
{
    /// <summary>The file name of the keeper's socket in the run directory.</summary>
    public const string SocketName = "keeper.sock";

    /// <summary>What the keeper prints once it listens; anything else is why it does not.</summary>
    public const string ReadyText = "ready";

    private const string LockName = "keeper.lock";

    /// <summary>Without work for so long, the keeper ends; the engine starts another when it needs one.</summary>
    private const int IdleMs = 5_000;

    /// <summary>How long the lock may still be held by a keeper that is ending, or by a monitor that a killed one has just forked.</summary>
    private const int TurnMs = 1_000;

    /// <summary>After so long without an event, with monitors that run, it gives back what it does not need for waiting.</summary>
    private const int RestMs = 300;

    /// <summary>Runs the keeper: <c>caisson-runtime keeper RUN_DIRECTORY</c>.</summary>
    /// <param name="args">The whole command line: <c>keeper</c> and the absolute run directory.</param>
    /// <returns>The exit code.</returns>
    public static int Main(ReadOnlySpan<string> args)
    {
        // Number 1 itself stays what it is: across the exec, and later as a place for /dev/null.
        var standard = Descriptor.FromInherited(1);
        standard.SetCloseOnExec(false);
        using var output = standard.Duplicate();
        standard.SetHandleAsInvalid();
        if (args is not ["keeper", ['/', ..] directory])
        {
            output.Write("usage: caisson-runtime keeper RUN_DIRECTORY\n"u8);
            return 2;
        }
        try
        {
            if (!OwnProcess.IsSealed)
            {
                // Nothing that a container can reach leads to a file of the host that we execute (CVE-2019-5736).
                // Blocked from here on, signals are so in every thread of the new image too, which makes its signalfd the only way to them.
                Signalfd.Block([Signal.CHLD, Signal.TERM, Signal.INT, Signal.HUP, Signal.PIPE]);
                OwnProcess.ExecuteSealed("caisson-keeper", "keeper", directory);
            }
            Serve(directory, output);
            return 0;
        }
        catch (CaissonException error)
        {
            Tell(output, PathText.Encode($"{error.Message}\n"));
            return 1;
        }
    }

    private static void Serve(string directory, Descriptor output)
    {
        OwnProcess.BecomeSessionLeader();
        OwnProcess.LeaveWorkingDirectory();
        OwnProcess.SetName("caisson-keeper");
        OwnProcess.BecomeSubreaper();

        using var turn = HostFiles.OpenOrCreate($"{directory}/{LockName}", 0x180);
        for (int waitedMs = 0; !turn.TryLock(); waitedMs += 5)
        {
            if (waitedMs >= TurnMs)
            {
                throw new CaissonException(ErrorKind.Conflict, $"keeper of {directory}: another one runs");
            }
            Thread.Sleep(5);
        }
        using var run = HostFiles.OpenDirectory(directory);
        run.Unlink(SocketName); // of a keeper that was killed: nobody else can hold the lock
        using var listener = UnixSocket.Listen($"{directory}/{SocketName}", UnixSocketKind.SequencedPacket);
        using var signals = Signalfd.Create([Signal.CHLD, Signal.TERM, Signal.INT], nonBlocking: true);
        using var epoll = Epoll.Create();
        epoll.Add(listener, EpollEvents.Readable, 0);
        epoll.Add(signals, EpollEvents.Readable, 1);
        Tell(output, "ready\n"u8);
        output.Dispose();
        OwnProcess.SilenceStandardStreams();

        // Done once before the first fork, what it needs at its first time is not made again in each monitor.
        OwnProcess.ReleaseCode();

        // What lives on moves together, so that a monitor that closes what it does not need writes to few pages.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();

        Span<EpollAnswer> answers = stackalloc EpollAnswer[2];
        bool hasChildren = false;
        bool rests = false;
        while (true)
        {
            int count = epoll.Wait(answers, !hasChildren ? IdleMs : rests ? -1 : RestMs);
            hasChildren = OwnProcess.ReapChildren();
            if (count == 0 && !hasChildren)
            {
                break;
            }
            rests = count == 0;
            if (rests)
            {
                OwnProcess.ReleaseCode();
            }
            for (int i = 0; i < count; i++)
            {
                if (answers[i].Key == 0)
                {
                    Answer(listener, epoll, signals, turn, run);
                    hasChildren = true;
                }
                else if (signals.TryTake(out Signal signal, out _) && signal != Signal.CHLD)
                {
                    run.Unlink(SocketName);
                    return;
                }
            }
        }
        run.Unlink(SocketName);
    }

    /// <summary>An engine that was killed meanwhile does not read it; the next one finds the socket.</summary>
    private static void Tell(Descriptor output, ReadOnlySpan<byte> text)
    {
        try
        {
            output.Write(text);
        }
        catch (LinuxException error) when (error.Errno == Errno.EPIPE)
        {
        }
    }

    /// <summary>
    /// The monitor and its launcher do all of the work: what the keeper writes to between two forks, every monitor has a copy of.
    /// </summary>
    private static void Answer(UnixSocket listener, params ReadOnlySpan<Descriptor> own)
    {
        using UnixSocket engine = listener.Accept();
        try
        {
            if (OwnProcess.Fork() == 0)
            {
                listener.Dispose();
                foreach (Descriptor descriptor in own)
                {
                    descriptor.Dispose();
                }
                ProcessMonitor.Run(engine);
            }
        }
        catch (CaissonException error)
        {
            engine.TrySend(new MonitorReport.Refused(error.Message).Encode());
        }
    }
}

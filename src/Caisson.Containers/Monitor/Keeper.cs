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

    /// <summary>How long a connected engine may take to send its request.</summary>
    private const int RequestMs = 2_000;

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

        Span<EpollAnswer> answers = stackalloc EpollAnswer[2];
        byte[] buffer = new byte[MonitorRequest.BytesMax];
        while (true)
        {
            int count = epoll.Wait(answers, IdleMs);
            bool hasChildren = OwnProcess.ReapChildren();
            if (count == 0 && !hasChildren)
            {
                break;
            }
            for (int i = 0; i < count; i++)
            {
                if (answers[i].Key == 0)
                {
                    Answer(listener, buffer, epoll, signals, turn, run);
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

    private static void Answer(UnixSocket listener, byte[] buffer, params ReadOnlySpan<Descriptor> own)
    {
        using UnixSocket engine = listener.Accept();
        if (engine.PeerCredentials.UserId != 0 || !engine.WaitReadable(RequestMs))
        {
            return; // the socket's mode lets in nobody else; a peer that says nothing has died
        }
        List<Descriptor> descriptors = [];
        try
        {
            int length = engine.Receive(buffer, descriptors);
            if (length == 0)
            {
                return;
            }
            var request = MonitorRequest.Decode(buffer.AsSpan(0, length));
            if (descriptors.Count != request.Descriptors)
            {
                throw new FormatException($"request to the keeper: came with {descriptors.Count} descriptors, {request.Descriptors} belong to it");
            }
            if (!Memfd.IsSealed(descriptors[1]))
            {
                throw new FormatException("request to the keeper: its launch image is not sealed");
            }
            if (OwnProcess.Fork() == 0)
            {
                listener.Dispose();
                foreach (Descriptor descriptor in own)
                {
                    descriptor.Dispose();
                }
                ProcessMonitor.Run(request, engine, descriptors);
            }
        }
        catch (Exception error) when (error is CaissonException or FormatException)
        {
            engine.TrySend(new MonitorReport.Refused(error.Message).Encode());
        }
        finally
        {
            descriptors.ForEach(descriptor => descriptor.Dispose());
        }
    }
}

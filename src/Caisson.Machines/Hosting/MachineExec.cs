using System.Buffers.Binary;
using System.Diagnostics;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Hosting;

/// <summary>A process beside a machine that stands for a further program in it: gives its streams away, passes signals on, ends with its code.</summary>
public static class MachineExec
{
    /// <summary>The machine's socket for this, in the sandbox.</summary>
    public const string SocketPath = "/run/machine.sock";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Runs the program that the file at <paramref name="path"/> describes.</summary>
    /// <param name="path">Of the launch, as the machine's host sees it.</param>
    /// <param name="streams">Its streams; stay the caller's.</param>
    /// <param name="signals">What comes goes on to it; stays the caller's.</param>
    /// <param name="socketPath">Where the machine's host listens.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: the machine is not there, or went away.</exception>
    public static ProgramEnd Run(string path, MachineStreams streams, Signalfd signals, string socketPath = SocketPath)
    {
        using UnixSocket socket = Connect(socketPath);
        socket.Send([MachineClient.RunCall, .. PathText.Encode(path)], streams.Input, streams.Output, streams.Errors);
        using Epoll epoll = Epoll.Create();
        epoll.Add(socket, EpollEvents.Readable, 0);
        epoll.Add(signals, EpollEvents.Readable, 1);
        Span<EpollAnswer> answers = stackalloc EpollAnswer[2];
        byte[] message = new byte[MachineClient.MessageBytesMax];
        while (true)
        {
            int count = epoll.Wait(answers);
            for (int i = 0; i < count; i++)
            {
                if (answers[i].Key == 1)
                {
                    PassOn(signals, socket, streams);
                    continue;
                }
                int length = socket.Receive(message);
                return length >= 4
                    ? new ProgramEnd(BinaryPrimitives.ReadInt32LittleEndian(message), PathText.Decode(message.AsSpan(4..length)))
                    : throw new CaissonException(ErrorKind.Unavailable, "the machine ended");
            }
        }
    }

    /// <summary>Whoever is quick comes before the machine's host listens.</summary>
    private static UnixSocket Connect(string path)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return UnixSocket.Connect(path, UnixSocketKind.SequencedPacket);
            }
            catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ECONNREFUSED)
            {
                if (Stopwatch.GetElapsedTime(start) > Patience)
                {
                    throw new CaissonException(ErrorKind.Unavailable, "the machine does not run", error);
                }
                Thread.Sleep(1);
            }
        }
    }

    private static void PassOn(Signalfd signals, UnixSocket socket, MachineStreams streams)
    {
        while (signals.TryTake(out Signal signal, out _))
        {
            if (signal == Signal.WINCH && Terminal.TryGetSize(streams.Output) is { } size)
            {
                socket.TrySend([MachineClient.ResizeCall, (byte)size.Rows, (byte)(size.Rows >> 8), (byte)size.Columns, (byte)(size.Columns >> 8)]);
            }
            else if (signal != Signal.CHLD)
            {
                socket.TrySend([MachineClient.SignalCall, (byte)signal]);
            }
        }
    }
}

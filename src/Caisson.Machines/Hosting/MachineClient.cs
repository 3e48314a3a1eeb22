using System.Buffers.Binary;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Hosting;

/// <summary>What somebody beside a machine asks of it.</summary>
internal abstract record MachineClientCall
{
    private MachineClientCall() { }

    /// <summary>Run what the file at <paramref name="Path"/> says, with these streams.</summary>
    internal sealed record Run(string Path, MachineStreams Streams) : MachineClientCall, IDisposable
    {
        public void Dispose()
        {
            Streams.Input.Dispose();
            Streams.Output.Dispose();
            Streams.Errors.Dispose();
        }
    }

    /// <summary>A signal for it.</summary>
    internal sealed record Signal(Linux.Signal Number) : MachineClientCall;

    /// <summary>The size of its terminal.</summary>
    internal sealed record Resize(TerminalSize Size) : MachineClientCall;
}

/// <summary>A process that stands for a further program of the machine, as the machine's host sees it.</summary>
internal sealed class MachineClient(UnixSocket socket) : IDisposable
{
    internal const byte RunCall = 1;
    internal const byte SignalCall = 2;
    internal const byte ResizeCall = 3;
    internal const int MessageBytesMax = 8 * 1024;

    private MachineClientCall.Run? _run;
    private bool _isGone;

    /// <summary>To be watched.</summary>
    public UnixSocket Socket => socket;

    /// <summary>The program that it stands for; null before it asked for one.</summary>
    public HostProgram? Program { get; private set; }

    /// <summary>The next call; null when it is gone or says what nobody understands.</summary>
    public MachineClientCall? Receive()
    {
        Span<byte> buffer = stackalloc byte[MessageBytesMax];
        List<Descriptor> descriptors = [];
        try
        {
            int count = socket.Receive(buffer, descriptors);
            ReadOnlySpan<byte> bytes = buffer[..count];
            switch (bytes)
            {
                case [RunCall, .. var path] when descriptors.Count == 3:
                    return new MachineClientCall.Run(PathText.Decode(path), new MachineStreams(descriptors[0], descriptors[1], descriptors[2]));
                case [SignalCall, var signal] when descriptors.Count == 0:
                    return new MachineClientCall.Signal((Signal)signal);
                case [ResizeCall, _, _, _, _] when descriptors.Count == 0:
                    return new MachineClientCall.Resize(new TerminalSize(BinaryPrimitives.ReadUInt16LittleEndian(bytes[1..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[3..])));
            }
        }
        catch (Exception error) when (error is LinuxException or CaissonException)
        {
            // A broken or hostile peer is a peer that is gone.
        }
        descriptors.ForEach(descriptor => descriptor.Dispose());
        return null;
    }

    /// <summary>From now on it stands for <paramref name="program"/>.</summary>
    public void Take(HostProgram program, MachineClientCall.Run run) => (Program, _run) = (program, run);

    /// <summary>Tells how the program ended; one that is gone need not know.</summary>
    public void Tell(ProgramEnd end)
    {
        if (_isGone)
        {
            return;
        }
        byte[] reason = PathText.Encode(end.Reason.Length > MessageBytesMax / 2 ? end.Reason[..(MessageBytesMax / 2)] : end.Reason);
        byte[] message = new byte[4 + reason.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, end.Code);
        reason.CopyTo(message, 4);
        socket.TrySend(message);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isGone = true;
        socket.Dispose();
        _run?.Dispose();
    }
}

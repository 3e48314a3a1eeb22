using System.Net.Sockets;

namespace Caisson.Control.Hosting;

/// <summary>
/// The standard streams of a process as one two-way stream. What is read comes with a terminal as it is, and without in
/// Docker's frames: stream number, three zero bytes, big-endian length, bytes. What is written goes to stdin.
/// </summary>
public abstract class Attachment : IAsyncDisposable
{
    /// <summary>Reads output; 0 when the process has closed it.</summary>
    public abstract ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Writes to stdin.</summary>
    public abstract ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Ends stdin; output goes on.</summary>
    public abstract void CompleteInput();

    /// <summary>Detaches; the process goes on.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>An attachment over a connected stream socket, where half-close ends stdin.</summary>
public sealed class SocketAttachment(Socket socket) : Attachment
{
    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0; // the monitor has ended with bytes of ours unread
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None, cancellationToken)..];
        }
    }

    /// <inheritdoc/>
    public override void CompleteInput()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The other side is gone; its stdin has ended with it.
        }
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}

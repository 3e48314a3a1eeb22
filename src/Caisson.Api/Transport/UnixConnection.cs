using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Caisson.Api.Transport;

/// <summary>One accepted connection: two pipes and the loops between them and the socket.</summary>
/// <remarks>
/// A client that has finished sending (FIN) still reads: only the input ends then, and <see cref="ConnectionClosed"/> fires
/// when the client is gone altogether. Found in <c>HttpContext.Features</c> by its own type; a handler that takes the
/// connection over (a hijack) uses <see cref="Transport"/> and ends with <see cref="FinishAsync"/>.
/// </remarks>
internal sealed class UnixConnection : ConnectionContext, IConnectionTransportFeature, IConnectionIdFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IConnectionEndPointFeature
{
    private static readonly PipeOptions InputOptions = new(pauseWriterThreshold: 256 << 10, resumeWriterThreshold: 128 << 10, useSynchronizationContext: false);
    private static readonly PipeOptions OutputOptions = new(pauseWriterThreshold: 64 << 10, resumeWriterThreshold: 32 << 10, useSynchronizationContext: false);

    private static long s_last;

    private readonly Socket _socket;
    private readonly Pipe _input = new(InputOptions);
    private readonly Pipe _output = new(OutputOptions);
    private readonly CancellationTokenSource _closed = new();
    private Task _receiving = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;
    private int _aborted;
    private volatile bool _peerFinished;

    private UnixConnection(Socket socket)
    {
        _socket = socket;
        ConnectionId = $"u{Interlocked.Increment(ref s_last)}";
        Transport = new Ends(_input.Reader, _output.Writer);
        ConnectionClosed = _closed.Token;
        Features = new FeatureCollection();
        Features.Set<IConnectionTransportFeature>(this);
        Features.Set<IConnectionIdFeature>(this);
        Features.Set<IConnectionItemsFeature>(this);
        Features.Set<IConnectionLifetimeFeature>(this);
        Features.Set<IConnectionEndPointFeature>(this);
        Features.Set(this);
    }

    public override string ConnectionId { get; set; }

    public override IFeatureCollection Features { get; }

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override IDuplexPipe Transport { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public static UnixConnection Start(Socket socket)
    {
        var connection = new UnixConnection(socket);
        connection._receiving = connection.ReceiveAsync();
        connection._sending = connection.SendAsync();
        return connection;
    }

    /// <summary>After a takeover: sends what was written, then ends the connection in both directions.</summary>
    public async Task FinishAsync()
    {
        await Transport.Output.CompleteAsync();
        await _sending;
        Abort(new ConnectionAbortedException("taken over and finished"));
    }

    /// <summary>
    /// True when the client has closed the socket altogether. Sending nothing tells it from a half-close: the kernel
    /// answers EPIPE only when the other side can no longer read (unix(7)).
    /// </summary>
    public bool PeerIsGone()
    {
        if (!_peerFinished)
        {
            return false;
        }
        try
        {
            _ = _socket.Send(ReadOnlySpan<byte>.Empty, SocketFlags.None, out SocketError error);
            return error is not (SocketError.Success or SocketError.WouldBlock);
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.Exchange(ref _aborted, 1) != 0)
        {
            return;
        }
        _socket.Dispose();
        _output.Reader.CancelPendingRead();
        // Continuations of the token run elsewhere: they may belong to anyone.
        ThreadPool.UnsafeQueueUserWorkItem(static connection => connection._closed.Cancel(), this, preferLocal: false);
    }

    public override async ValueTask DisposeAsync()
    {
        await Transport.Output.CompleteAsync();
        await Transport.Input.CompleteAsync();
        await _sending;
        Abort(new ConnectionAbortedException("done"));
        await _receiving;
        await base.DisposeAsync();
    }

    private async Task ReceiveAsync()
    {
        PipeWriter writer = _input.Writer;
        try
        {
            while (true)
            {
                // Waits without a buffer, so that an idle connection holds none.
                _ = await _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);
                int count = await _socket.ReceiveAsync(writer.GetMemory(4_096), SocketFlags.None);
                if (count == 0)
                {
                    break;
                }
                writer.Advance(count);
                FlushResult flushed = await writer.FlushAsync();
                if (flushed.IsCompleted || flushed.IsCanceled)
                {
                    break;
                }
            }
            _peerFinished = true;
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // A reset, or our own Abort: for the reader the input has ended, and nobody is left to write to.
            Abort(new ConnectionAbortedException("the client reset the connection", error));
        }
        await writer.CompleteAsync();
        if (PeerIsGone())
        {
            Abort(new ConnectionAbortedException("the client closed the connection"));
        }
        else if (Features.Get<IConnectionHeartbeatFeature>() is { } heartbeat)
        {
            // Half-closed: whether the client still reads shows only by asking, once a second with Kestrel's own heart.
            heartbeat.OnHeartbeat(static state => ((UnixConnection)state).AbortIfPeerIsGone(), this);
        }
    }

    private void AbortIfPeerIsGone()
    {
        if (_aborted == 0 && PeerIsGone())
        {
            Abort(new ConnectionAbortedException("the client closed the connection"));
        }
    }

    private async Task SendAsync()
    {
        PipeReader reader = _output.Reader;
        try
        {
            while (true)
            {
                ReadResult read = await reader.ReadAsync();
                if (read.IsCanceled)
                {
                    break;
                }
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    for (ReadOnlyMemory<byte> rest = segment; !rest.IsEmpty;)
                    {
                        rest = rest[await _socket.SendAsync(rest, SocketFlags.None)..];
                    }
                }
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Abort(new ConnectionAbortedException("the client no longer reads", error));
        }
        await reader.CompleteAsync();
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}

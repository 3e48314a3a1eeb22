using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

using Caisson.Control.Access;

using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Caisson.Api.Transport;

/// <summary>One accepted connection: two pipes and the loops between them and the wire.</summary>
/// <remarks>
/// A client that has finished sending (FIN) still reads: only the input ends then, and <see cref="ConnectionClosed"/> fires
/// when the client is gone altogether. Found in <c>HttpContext.Features</c> by its own type; a handler that takes the
/// connection over (a hijack) says so with <see cref="TakeOverAsync"/>, uses <see cref="Transport"/> and ends with <see cref="FinishAsync"/>.
/// </remarks>
internal sealed class EngineConnection : ConnectionContext, IConnectionTransportFeature, IConnectionIdFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IConnectionEndPointFeature
{
    private static readonly PipeOptions InputOptions = new(pauseWriterThreshold: 256 << 10, resumeWriterThreshold: 128 << 10, useSynchronizationContext: false);
    private static readonly PipeOptions OutputOptions = new(pauseWriterThreshold: 64 << 10, resumeWriterThreshold: 32 << 10, useSynchronizationContext: false);

    /// <summary>How long a client that has finished sending on TCP is taken to still read, unless it took the connection over.</summary>
    private static readonly TimeSpan FinishedPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long what a client still sends is thrown away after all was sent to it: closing at once would reset what it has not read yet.</summary>
    private static readonly TimeSpan LingerPatience = TimeSpan.FromSeconds(1);

    /// <summary>How long a client may take to read the head of a stream before what follows is sent all the same.</summary>
    private static readonly TimeSpan HeadPatience = TimeSpan.FromSeconds(1);

    private static long s_last;

    private readonly Wire _wire;
    private readonly Pipe _input = new(InputOptions);
    private readonly Pipe _output = new(OutputOptions);
    private readonly CancellationTokenSource _closed = new();
    private Task<bool> _opening = Task.FromResult(true);
    private Task _receiving = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;
    private int _aborted;
    private volatile bool _takenOver;
    private int _head;
    private long _peerFinishedAt;

    private EngineConnection(Wire wire, HostNames hosts)
    {
        _wire = wire;
        Hosts = hosts;
        ConnectionId = $"u{Interlocked.Increment(ref s_last)}";
        Transport = new Ends(new UnhurriedReader(_input.Reader), _output.Writer);
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

    /// <summary>The names by which clients of this listener call it.</summary>
    public HostNames Hosts { get; }

    /// <summary>What the connection says of its client; it cannot change.</summary>
    public Credential Credential => _wire.Credential;

    /// <summary>Starts the loops.</summary>
    /// <param name="wire">Owned by the connection from here on.</param>
    /// <param name="hosts">The names by which clients call this listener.</param>
    /// <param name="refused">Told why a client was not let in.</param>
    public static EngineConnection Start(Wire wire, HostNames hosts, Action<string>? refused = null)
    {
        var connection = new EngineConnection(wire, hosts);
        connection._opening = connection.OpenAsync(refused);
        connection._receiving = connection.ReceiveAsync();
        connection._sending = connection.SendAsync();
        return connection;
    }

    /// <summary>Says that this connection is no longer HTTP: the end of what the client sends is then no sign that it left.</summary>
    /// <param name="head">What is sent first. What follows goes out when the client has read it: some (docker-py among them) read the head
    /// through a buffer that they throw away, and with it what had come behind the head.</param>
    public async Task TakeOverAsync(byte[] head)
    {
        Volatile.Write(ref _head, head.Length);
        _takenOver = true;
        await Transport.Output.WriteAsync(head);
    }

    /// <summary>After a takeover: sends what was written, then ends the connection in both directions.</summary>
    public async Task FinishAsync()
    {
        await Transport.Output.CompleteAsync();
        await _sending;
        await LingerAsync();
        Abort(new ConnectionAbortedException("taken over and finished"));
    }

    /// <summary>True when the client has closed its side altogether.</summary>
    public bool PeerIsGone()
    {
        long finishedAt = Volatile.Read(ref _peerFinishedAt);
        if (finishedAt == 0)
        {
            return false;
        }
        try
        {
            return _wire.PeerIsGone()
                || (!_wire.TellsGoneFromFinished && !_takenOver && Stopwatch.GetElapsedTime(finishedAt) > FinishedPatience);
        }
        catch (Exception error) when (error is ObjectDisposedException or SocketException)
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
        _wire.Dispose();
        _output.Reader.CancelPendingRead();
        // Continuations of the token run elsewhere: they may belong to anyone.
        ThreadPool.UnsafeQueueUserWorkItem(static connection => connection._closed.Cancel(), this, preferLocal: false);
    }

    public override async ValueTask DisposeAsync()
    {
        await Transport.Output.CompleteAsync();
        await _sending;
        if (!_wire.TellsGoneFromFinished)
        {
            await PartAsync();
        }
        await Transport.Input.CompleteAsync();
        Abort(new ConnectionAbortedException("done"));
        await _receiving;
        await base.DisposeAsync();
    }

    private async Task<bool> OpenAsync(Action<string>? refused)
    {
        try
        {
            await _wire.OpenAsync();
            return true;
        }
        catch (Exception error) when (error is AuthenticationException or OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            string reason = error is OperationCanceledException ? "it took too long to show a certificate" : (error.InnerException ?? error).Message;
            refused?.Invoke(reason);
            Abort(new ConnectionAbortedException("not let in", error));
            return false;
        }
    }

    private async Task ReceiveAsync()
    {
        PipeWriter writer = _input.Writer;
        try
        {
            while (await _opening)
            {
                // Waits without a buffer, so that an idle connection holds none.
                _ = await _wire.ReceiveAsync(Memory<byte>.Empty);
                int count = await _wire.ReceiveAsync(writer.GetMemory(4_096));
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
            Volatile.Write(ref _peerFinishedAt, Stopwatch.GetTimestamp());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException)
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
            heartbeat.OnHeartbeat(static state => ((EngineConnection)state).AbortIfPeerIsGone(), this);
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
            while (await _opening)
            {
                ReadResult read = await reader.ReadAsync();
                if (read.IsCanceled)
                {
                    break;
                }
                // Looked at once: a client may ask for a stream while what it was answered before is still being accounted for here.
                int head = Volatile.Read(ref _head);
                ReadOnlySequence<byte> bytes = head == 0 ? read.Buffer : read.Buffer.Slice(0, Math.Min(head, read.Buffer.Length));
                foreach (ReadOnlyMemory<byte> segment in bytes)
                {
                    await _wire.SendAsync(segment);
                }
                bool last = read.IsCompleted && bytes.Length == read.Buffer.Length;
                reader.AdvanceTo(bytes.End);
                if (last)
                {
                    break;
                }
                if (head > 0)
                {
                    head -= (int)bytes.Length;
                    Volatile.Write(ref _head, head);
                    if (head == 0)
                    {
                        await HeadReadAsync();
                    }
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException)
        {
            Abort(new ConnectionAbortedException("the client no longer reads", error));
        }
        await reader.CompleteAsync();
    }

    private async Task HeadReadAsync()
    {
        long sent = Stopwatch.GetTimestamp();
        while (!_wire.PeerHasRead() && Stopwatch.GetElapsedTime(sent) < HeadPatience)
        {
            await Task.Delay(1);
        }
    }

    /// <summary>TCP: closing while something is being received resets the connection, and what the client has not read yet is lost.</summary>
    private async Task PartAsync()
    {
        if (_aborted != 0)
        {
            return;
        }
        try
        {
            await _wire.FinishSendingAsync();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            return; // it is gone
        }
        await Task.WhenAny(_receiving, Task.Delay(LingerPatience));
    }

    /// <summary>Says that nothing more comes, and throws away what the client sends until it has finished as well.</summary>
    private async Task LingerAsync()
    {
        if (_aborted != 0)
        {
            return;
        }
        using var patience = new CancellationTokenSource(LingerPatience);
        try
        {
            await _wire.FinishSendingAsync();
            while (true)
            {
                ReadResult read = await Transport.Input.ReadAsync(patience.Token);
                Transport.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted || read.IsCanceled)
                {
                    return;
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // It goes on sending, or is gone: either way there is nothing left to be said to it.
        }
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}

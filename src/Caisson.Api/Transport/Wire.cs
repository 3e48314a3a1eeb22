using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Caisson.Api.Transport;

/// <summary>What the bytes of one connection travel on: a unix socket, TCP, or TLS over TCP.</summary>
internal abstract class Wire(Socket socket) : IDisposable
{
    private int _disposed;

    /// <summary>Runs once when the wire is closed.</summary>
    public Action? Closed { get; init; }

    /// <summary>
    /// Whether a client that is gone can be told from one that has only finished sending. TCP cannot: the same FIN says both.
    /// </summary>
    public virtual bool TellsGoneFromFinished => false;

    protected Socket Socket => socket;

    /// <summary>What must happen before the first byte; throws when the client is not let in.</summary>
    public virtual Task OpenAsync() => Task.CompletedTask;

    /// <summary>Receives at least a byte; 0 at the end. An empty buffer waits for a byte without taking it.</summary>
    public virtual ValueTask<int> ReceiveAsync(Memory<byte> buffer) => socket.ReceiveAsync(buffer, SocketFlags.None);

    /// <summary>Sends all of <paramref name="bytes"/>.</summary>
    public virtual async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
        }
    }

    /// <summary>Tells the client that nothing more comes; receiving goes on.</summary>
    public virtual Task FinishSendingAsync()
    {
        socket.Shutdown(SocketShutdown.Send);
        return Task.CompletedTask;
    }

    /// <summary>After the client has finished sending: whether it no longer reads either, as far as the kernel knows.</summary>
    public virtual bool PeerIsGone() => socket.Poll(0, SelectMode.SelectError);

    /// <summary>Whether the client has taken all that was sent, as far as the kernel knows: TCP knows only what has arrived.</summary>
    public virtual bool PeerHasRead() => true;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        Release();
        socket.Dispose();
        Closed?.Invoke();
    }

    protected virtual void Release()
    {
    }
}

/// <summary>A unix socket.</summary>
internal class UnixWire(Socket socket) : Wire(socket)
{
    // socket(7), linux/sock_diag.h: SO_MEMINFO is an array of 32-bit numbers.
    private const int SOL_SOCKET = 1, SO_MEMINFO = 55, SK_MEMINFO_WMEM_ALLOC = 2, SK_MEMINFO_VARS = 9;

    public override bool TellsGoneFromFinished => true;

    /// <summary>Sending nothing tells: the kernel answers EPIPE only when the other side can no longer read (unix(7)).</summary>
    public override bool PeerIsGone()
    {
        _ = Socket.Send(ReadOnlySpan<byte>.Empty, SocketFlags.None, out SocketError error);
        return error is not (SocketError.Success or SocketError.WouldBlock);
    }

    /// <summary>What the client has not read is charged to this socket.</summary>
    public override bool PeerHasRead()
    {
        Span<uint> memory = stackalloc uint[SK_MEMINFO_VARS];
        _ = Socket.GetRawSocketOption(SOL_SOCKET, SO_MEMINFO, MemoryMarshal.AsBytes(memory));
        return memory[SK_MEMINFO_WMEM_ALLOC] == 0;
    }
}

/// <summary>TCP without encryption.</summary>
internal sealed class TcpWire(Socket socket) : Wire(socket);

/// <summary>TLS: nobody is let in without a certificate of our authority.</summary>
internal sealed class TlsWire : Wire
{
    /// <summary>How long a client may take to show its certificate.</summary>
    private static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(10);

    private readonly SslStream _stream;
    private readonly SslServerAuthenticationOptions _options;

    public TlsWire(Socket socket, SslServerAuthenticationOptions options) : base(socket)
    {
        _stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
        _options = options;
    }

    public override async Task OpenAsync()
    {
        using var deadline = new CancellationTokenSource(HandshakePatience);
        await _stream.AuthenticateAsServerAsync(_options, deadline.Token);
    }

    public override ValueTask<int> ReceiveAsync(Memory<byte> buffer) => _stream.ReadAsync(buffer);

    public override ValueTask SendAsync(ReadOnlyMemory<byte> bytes) => _stream.WriteAsync(bytes);

    public override async Task FinishSendingAsync()
    {
        try
        {
            await _stream.ShutdownAsync();
        }
#pragma warning disable CA1031 // a client that is gone shows as an exception of OpenSSL's whose type .NET keeps to itself
        catch (Exception)
#pragma warning restore CA1031
        {
            // What it says is only that nothing more comes; the end of the connection says so, too.
        }
        await base.FinishSendingAsync();
    }

    protected override void Release() => _stream.Dispose();
}

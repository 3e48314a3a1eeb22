using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;

using Caisson.Control.Access;

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

    /// <summary>What it says of who is at the other end; asked when <see cref="OpenAsync"/> has ended.</summary>
    public abstract Credential Credential { get; }

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
/// <param name="socket">Owned by the wire.</param>
/// <param name="group">The group of the socket that the client connected to.</param>
internal class UnixWire(Socket socket, uint group) : Wire(socket)
{
    // socket(7), asm-generic/socket.h, linux/sock_diag.h: SO_MEMINFO and SO_PEERGROUPS are arrays of 32-bit numbers, SO_PEERCRED is three of them.
    private const int SOL_SOCKET = 1, SO_PEERCRED = 17, SO_PEERGROUPS = 59, PeerGroupsMax = 65_536, ERANGE = 34;
    private const int SO_MEMINFO = 55, SK_MEMINFO_WMEM_ALLOC = 2, SK_MEMINFO_VARS = 9;

    private Credential? _credential;

    public override bool TellsGoneFromFinished => true;

    /// <summary>As the kernel saw the client when it connected; it cannot become another.</summary>
    public override Credential Credential => _credential ??= ReadCredential();

    /// <summary>Sending nothing tells: the kernel answers EPIPE only when the other side can no longer read (unix(7)).</summary>
    public override bool PeerIsGone()
    {
        _ = Socket.Send(ReadOnlySpan<byte>.Empty, SocketFlags.None, out SocketError error);
        return error is not (SocketError.Success or SocketError.WouldBlock);
    }

    private Credential.UnixPeer ReadCredential()
    {
        Span<uint> peer = stackalloc uint[3]; // process, user, group
        if (Socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, MemoryMarshal.AsBytes(peer)) != 3 * sizeof(uint))
        {
            throw new UnreachableException("SO_PEERCRED has another size");
        }
        return new(peer[1], peer[1] != 0 && (peer[2] == group || IsInGroup()));
    }

    private bool IsInGroup()
    {
        for (int room = 64; room <= PeerGroupsMax; room *= 32)
        {
            uint[] groups = new uint[room];
            try
            {
                int bytes = Socket.GetRawSocketOption(SOL_SOCKET, SO_PEERGROUPS, MemoryMarshal.AsBytes(groups.AsSpan()));
                return groups.AsSpan(0, bytes / sizeof(uint)).Contains(group);
            }
            catch (SocketException error) when (error.NativeErrorCode == ERANGE)
            {
                // It is in more groups than there was room for.
            }
        }
        return false;
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
internal sealed class TcpWire(Socket socket) : Wire(socket)
{
    public override Credential Credential { get; } = new Credential.LocalAddress();
}

/// <summary>TLS: nobody is let in without a certificate of our authority.</summary>
internal sealed class TlsWire : Wire
{
    /// <summary>How long a client may take to show its certificate.</summary>
    private static readonly TimeSpan HandshakePatience = TimeSpan.FromSeconds(10);

    // RFC 4519: commonName, organizationName.
    private const string CommonName = "2.5.4.3";
    private const string Organization = "2.5.4.10";

    private readonly SslStream _stream;
    private readonly SslServerAuthenticationOptions _options;
    private volatile Credential _credential = new Credential.Nobody();

    public TlsWire(Socket socket, SslServerAuthenticationOptions options) : base(socket)
    {
        _stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
        _options = options;
    }

    public override Credential Credential => _credential;

    public override async Task OpenAsync()
    {
        using var deadline = new CancellationTokenSource(HandshakePatience);
        await _stream.AuthenticateAsServerAsync(_options, deadline.Token);
        if (_stream.RemoteCertificate is X509Certificate2 certificate)
        {
            _credential = Read(certificate);
        }
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

    private static Credential.Certificate Read(X509Certificate2 certificate)
    {
        string name = "";
        List<string> organizations = [];
        foreach (X500RelativeDistinguishedName part in certificate.SubjectName.EnumerateRelativeDistinguishedNames().Where(part => !part.HasMultipleElements))
        {
            switch (part.GetSingleElementType().Value)
            {
                case CommonName:
                    name = part.GetSingleElementValue() ?? "";
                    break;
                case Organization when part.GetSingleElementValue() is { Length: > 0 } organization:
                    organizations.Add(organization);
                    break;
            }
        }
        return new(name, organizations);
    }
}

using Caisson.Linux;

namespace Caisson.Client.Http;

/// <summary>What the bytes of a connection to an engine travel on. One thread may receive while another sends.</summary>
internal abstract class Transport : IDisposable
{
    /// <summary>Opens the transport that <paramref name="endpoint"/> needs.</summary>
    /// <exception cref="LinuxException">A unix socket: nobody listens, or the caller may not connect.</exception>
    /// <exception cref="Errors.CaissonException">An address: it cannot be reached, or one side does not trust the other.</exception>
    public static Transport Connect(EngineEndpoint endpoint) => endpoint.Remote is { } remote
        ? TcpTransport.Connect(remote)
        : new UnixTransport(UnixSocket.Connect(endpoint.SocketPath, UnixSocketKind.Stream));

    /// <summary>Receives at least a byte; 0 at the end.</summary>
    /// <exception cref="IOException">The connection broke; the message says how.</exception>
    public abstract int Receive(Span<byte> buffer);

    /// <summary>Sends all of <paramref name="bytes"/>.</summary>
    /// <exception cref="IOException">The connection broke; the message says how.</exception>
    public abstract void Send(ReadOnlySpan<byte> bytes);

    /// <summary>Whether something can be received at once.</summary>
    public abstract bool HasInput { get; }

    /// <summary>Says that nothing more will be sent; receiving goes on. No error when the connection has ended.</summary>
    public abstract void FinishSending();

    /// <summary>Ends both ways: a thread that receives sees the end. No error when the connection has ended.</summary>
    public abstract void Abort();

    public abstract void Dispose();

    private sealed class UnixTransport(UnixSocket socket) : Transport
    {
        public override bool HasInput => socket.WaitReadable(0);

        public override int Receive(Span<byte> buffer)
        {
            try
            {
                return socket.Read(buffer);
            }
            catch (LinuxException e)
            {
                throw new IOException(LinuxException.Describe(e.Errno), e);
            }
        }

        public override void Send(ReadOnlySpan<byte> bytes)
        {
            try
            {
                socket.Send(bytes);
            }
            catch (LinuxException e)
            {
                throw new IOException(LinuxException.Describe(e.Errno), e);
            }
        }

        public override void FinishSending()
        {
            try
            {
                socket.ShutdownWrite();
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOTCONN)
            {
                // The other side closed first: what was to be said is said.
            }
        }

        public override void Abort()
        {
            try
            {
                socket.Shutdown();
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOTCONN)
            {
                // Already ended.
            }
        }

        public override void Dispose() => socket.Dispose();
    }
}

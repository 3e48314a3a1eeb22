using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

using Caisson.Errors;

namespace Caisson.Control.FullMachines.Migration;

/// <summary>Another engine, and streams to it: by its socket on this host, or by ssh on another.</summary>
/// <remarks>A stream is a request that is upgraded, as clients attach. Source: RFC 9110 7.8.</remarks>
internal sealed class EnginePeer
{
    private const int HeadBytesMax = 16 << 10;

    private readonly string _socket = "";
    private readonly string[] _ssh = [];

    private EnginePeer(string address, string socket, string[] ssh) => (Address, _socket, _ssh) = (address, socket, ssh);

    /// <summary>As it was given.</summary>
    public string Address { get; }

    /// <summary>Reads <c>unix:///path</c> or <c>ssh://[user@]host[:port]</c>.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is neither.</exception>
    public static EnginePeer Parse(string address)
    {
        if (address.StartsWith("unix://", StringComparison.Ordinal) && address[7..] is ['/', ..] path)
        {
            return new EnginePeer(address, path, []);
        }
        if (Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme == "ssh" && uri.Host.Length > 0 && uri.Host[0] != '-' && uri.UserInfo is not ['-', ..] && uri.AbsolutePath is "/" or "")
        {
            string[] port = uri!.Port > 0 ? ["-p", uri.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)] : [];
            string host = uri.UserInfo.Length > 0 ? $"{uri.UserInfo}@{uri.Host}" : uri.Host;
            return new EnginePeer(address, "", ["-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", .. port, "--", host, "caisson", "system", "dial-stdio"]);
        }
        throw new CaissonException(ErrorKind.InvalidArgument, $"'{address}' is no engine: unix:///path/of/its/docker.sock or ssh://[user@]host[:port]");
    }

    /// <summary>Asks for a stream; the caller disposes it.</summary>
    /// <param name="path">The path of the request.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="CaissonException">The engine cannot be reached, or refuses; with its reason.</exception>
    public async Task<Stream> OpenAsync(string path, CancellationToken cancellation)
    {
        var (status, body, stream) = await AskAsync("POST", path, "Connection: Upgrade\r\nUpgrade: tcp\r\n", cancellation);
        if (status == 101)
        {
            return stream;
        }
        await stream.DisposeAsync();
        throw new CaissonException(status == 404 ? ErrorKind.NotFound : ErrorKind.FailedPrecondition, $"the engine at {Address} refuses: {Message(body)}");
    }

    /// <summary>Asks for a document; the status and its bytes.</summary>
    public async Task<(int Status, string Body)> GetAsync(string path, CancellationToken cancellation)
    {
        var (status, body, stream) = await AskAsync("GET", path, "Connection: close\r\n", cancellation);
        await using (stream)
        {
            return (status, body);
        }
    }

    private async Task<(int Status, string Body, Stream Stream)> AskAsync(string method, string path, string headers, CancellationToken cancellation)
    {
        Stream stream = await ConnectAsync(cancellation);
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{method} {path} HTTP/1.1\r\nHost: caisson\r\n{headers}Content-Length: 0\r\n\r\n"), cancellation);
            string head = await ReadHeadAsync(stream, cancellation);
            string[] words = head.Split(' ', 3);
            int status = words.Length > 1 && int.TryParse(words[1], out int number) ? number : 0;
            if (status == 101)
            {
                return (status, "", stream);
            }
            using var rest = new MemoryStream();
            byte[] buffer = new byte[4_096];
            long length = Length(head);
            int count;
            while (rest.Length < Math.Min(length, 4 << 20) && (count = await stream.ReadAsync(buffer, cancellation)) > 0)
            {
                rest.Write(buffer, 0, count);
            }
            return (status, Encoding.UTF8.GetString(rest.GetBuffer(), 0, (int)rest.Length), stream);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            await stream.DisposeAsync();
            throw Unreachable(error);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellation)
    {
        if (_socket.Length > 0)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException error)
            {
                socket.Dispose();
                throw Unreachable(error);
            }
        }
        var start = new ProcessStartInfo("ssh", _ssh) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            return new ProcessStream(Process.Start(start)!);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "an engine on another host is reached by ssh, which is not installed on this host; install it (Debian: apt-get install openssh-client)", error);
        }
    }

    private CaissonException Unreachable(Exception error) => new(ErrorKind.Unavailable, $"the engine at {Address} cannot be reached: {error.Message.TrimEnd('.')}", error);

    private async Task<string> ReadHeadAsync(Stream stream, CancellationToken cancellation)
    {
        // A byte at a time, since what follows the head is the stream's.
        var head = new StringBuilder();
        byte[] one = new byte[1];
        while (head.Length < HeadBytesMax)
        {
            if (await stream.ReadAsync(one, cancellation) == 0)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"the engine at {Address} ended the connection{(stream as ProcessStream)?.Words()}");
            }
            head.Append((char)one[0]);
            if (one[0] == '\n' && head.Length >= 4 && head[^2] == '\r' && head[^3] == '\n')
            {
                return head.ToString();
            }
        }
        throw new CaissonException(ErrorKind.Unavailable, $"what answers at {Address} is no engine");
    }

    private static long Length(string head)
    {
        string? line = head.Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return line is not null && long.TryParse(line["Content-Length:".Length..].Trim(), out long length) ? length : long.MaxValue;
    }

    private static string Message(string body)
    {
        try
        {
            int open = body.IndexOf('{', StringComparison.Ordinal);
            using var document = System.Text.Json.JsonDocument.Parse(open < 0 ? "{}" : body[open..(body.LastIndexOf('}') + 1)]);
            return document.RootElement.TryGetProperty("message", out var message) ? message.GetString() ?? "" : body.Trim();
        }
        catch (System.Text.Json.JsonException)
        {
            return body.Trim();
        }
    }

    /// <summary>A program's two streams as one.</summary>
    private sealed class ProcessStream(Process process) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        /// <summary>What it complained about.</summary>
        internal string Words()
        {
            string words = process.StandardError.ReadToEnd().Trim();
            return words.Length > 0 ? $": {words}" : "";
        }

        public override int Read(byte[] buffer, int offset, int count) => process.StandardOutput.BaseStream.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => process.StandardOutput.BaseStream.ReadAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => process.StandardInput.BaseStream.Write(buffer, offset, count);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await process.StandardInput.BaseStream.WriteAsync(buffer, cancellationToken);
            await process.StandardInput.BaseStream.FlushAsync(cancellationToken);
        }

        public override void Flush() => process.StandardInput.BaseStream.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                try
                {
                    process.Kill();
                }
                catch (InvalidOperationException)
                {
                    // It has ended by itself.
                }
                process.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}

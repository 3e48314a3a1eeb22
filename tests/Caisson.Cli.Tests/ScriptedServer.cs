using System.Net.Sockets;
using System.Text;

namespace Caisson.Cli.Tests;

/// <summary>A unix socket whose connections follow a script: it says exactly these bytes, whatever comes.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-cli-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<string> _requests = [];

    public ScriptedServer(params Action<Conversation>[] connections)
    {
        SocketPath = Path.Combine(_directory, "s");
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen(16);
        new Thread(() => Serve(connections)) { IsBackground = true }.Start();
    }

    public string SocketPath { get; }

    /// <summary>Heads and bodies received so far.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Serve(Action<Conversation>[] connections)
    {
        foreach (var script in connections)
        {
            Socket socket;
            try
            {
                socket = _listener.Accept();
            }
            catch (SocketException)
            {
                return;
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            new Thread(() => Converse(script, socket)) { IsBackground = true }.Start();
        }
    }

    private void Converse(Action<Conversation> script, Socket socket)
    {
        using (socket)
        {
            try
            {
                script(new Conversation(socket, request =>
                {
                    lock (_requests)
                    {
                        _requests.Add(request);
                    }
                }));
            }
            catch (SocketException)
            {
                // The client had enough: that is part of what is tested.
            }
        }
    }

    /// <summary>One connection.</summary>
    internal sealed class Conversation(Socket socket, Action<string> received)
    {
        private readonly List<byte> _buffer = [];

        /// <summary>Reads one request with its body and remembers it.</summary>
        public string Receive()
        {
            int end;
            while ((end = Text().IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0)
            {
                More();
            }
            string head = Text()[..end];
            int length = end + 4;
            if (head.Contains("Transfer-Encoding: chunked", StringComparison.Ordinal))
            {
                int last;
                while ((last = Text().IndexOf("0\r\n\r\n", length, StringComparison.Ordinal)) < 0)
                {
                    More();
                }
                length = last + 5;
            }
            else if (head.Split("Content-Length: ") is [_, var rest])
            {
                length += int.Parse(rest.Split('\r')[0], System.Globalization.CultureInfo.InvariantCulture);
                while (_buffer.Count < length)
                {
                    More();
                }
            }
            string request = Text()[..length];
            _buffer.RemoveRange(0, length);
            received(request);
            return request;
        }

        /// <summary>Bytes until the client closes its side.</summary>
        public string ReceiveToEnd()
        {
            while (TryMore())
            {
            }
            string text = Text();
            _buffer.Clear();
            return text;
        }

        public void Send(string text) => Send(Encoding.Latin1.GetBytes(text));

        public void Send(byte[] bytes) => socket.Send(bytes);

        /// <summary>Sends each byte by itself.</summary>
        public void Dribble(string text)
        {
            foreach (byte one in Encoding.Latin1.GetBytes(text))
            {
                socket.Send([one]);
            }
        }

        public void Json(string json, string status = "200 OK") =>
            Send($"HTTP/1.1 {status}\r\nApi-Version: 1.43\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}");

        public void CloseSending() => socket.Shutdown(SocketShutdown.Send);

        private string Text() => Encoding.Latin1.GetString([.. _buffer]);

        private void More()
        {
            if (!TryMore())
            {
                throw new SocketException((int)SocketError.ConnectionReset);
            }
        }

        private bool TryMore()
        {
            byte[] block = new byte[4096];
            int count = socket.Receive(block);
            _buffer.AddRange(block.AsSpan(0, count));
            return count > 0;
        }
    }
}

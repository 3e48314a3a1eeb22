using System.Buffers.Binary;
using Caisson.Linux;

namespace Caisson.Networks.Names;

internal sealed partial class Resolver
{
    private void AcceptConnections(ContainerNames container)
    {
        for (int i = 0; i < 16 && container.Connections.Accept() is { } socket; i++)
        {
            if (container.Pending >= PendingMax)
            {
                socket.Dispose();
                continue;
            }
            container.Pending++;
            new Connection(this, container, socket).Begin();
        }
    }

    /// <summary>A container's connection; it may ask several questions, and be answered in another order. Source: RFC 7766.</summary>
    private sealed class Connection(Resolver resolver, ContainerNames container, InternetSocket socket) : Timed
    {
        private readonly FramedStream _framed = new(socket);
        private ulong _key;
        private bool _closed;

        internal void Begin()
        {
            _key = resolver.Watch(socket, EpollEvents.Readable, Work);
            resolver._timed.Add(this);
            DeadlineMs = Environment.TickCount64 + IdleTimeoutMs;
        }

        internal override void Expire() => Close();

        internal override void Abandon() => Close();

        private void Work(EpollEvents events)
        {
            DeadlineMs = Environment.TickCount64 + IdleTimeoutMs;
            bool open = (events & ~EpollEvents.Writable) == 0 || _framed.Read(resolver._buffer);
            while (!_closed && _framed.TryTake() is { } message)
            {
                resolver.Ask(container, message, DnsMessage.MessageBytesMax, Reply);
            }
            if (!_closed && (!open || !_framed.Flush()))
            {
                Close();
            }
            else if (!_closed)
            {
                resolver._epoll.Change(socket, _framed.IsFlushed ? EpollEvents.Readable : EpollEvents.Readable | EpollEvents.Writable, _key);
            }
        }

        private void Reply(byte[] answer)
        {
            if (_closed)
            {
                return;
            }
            _framed.Enqueue(answer);
            if (!_framed.Flush())
            {
                Close();
            }
            else if (!_framed.IsFlushed)
            {
                resolver._epoll.Change(socket, EpollEvents.Readable | EpollEvents.Writable, _key);
            }
        }

        private void Close()
        {
            if (!_closed)
            {
                _closed = true;
                container.Pending--;
                resolver._handlers.Remove(_key);
                resolver._timed.Remove(this);
                socket.Dispose();
            }
        }
    }

    /// <summary>Messages on a stream, each after its length in two bytes. Source: RFC 1035 §4.2.2.</summary>
    private sealed class FramedStream(InternetSocket socket)
    {
        /// <summary>What one side may have waiting; who sends more without reading is cut off.</summary>
        private const int BytesMax = 2 * DnsMessage.MessageBytesMax;

        private readonly List<byte> _in = [];
        private readonly List<byte> _out = [];

        internal bool IsFlushed => _out.Count == 0;

        internal void Enqueue(byte[] message)
        {
            _out.AddRange([(byte)(message.Length >> 8), (byte)message.Length]);
            _out.AddRange(message);
        }

        /// <summary>Sends what goes; false when the stream is broken or its reader does not read.</summary>
        internal bool Flush()
        {
            while (_out.Count > 0)
            {
                int count = socket.SendNow(_out.ToArray());
                if (count < 0)
                {
                    return count is -(int)Errno.EAGAIN or -(int)Errno.ENOTCONN && _out.Count <= BytesMax;
                }
                _out.RemoveRange(0, count);
            }
            return true;
        }

        /// <summary>Reads what is there; false at the end of the stream.</summary>
        internal bool Read(byte[] buffer)
        {
            while (_in.Count <= BytesMax)
            {
                int count = socket.ReadNow(buffer);
                if (count <= 0)
                {
                    return count is -(int)Errno.EAGAIN;
                }
                _in.AddRange(buffer.AsSpan(0, count));
            }
            return false;
        }

        /// <summary>The next whole message; null when there is none yet.</summary>
        internal byte[]? TryTake()
        {
            if (_in.Count < 2)
            {
                return null;
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian([_in[0], _in[1]]);
            if (_in.Count < 2 + length)
            {
                return null;
            }
            byte[] message = [.. _in.Slice(2, length)];
            _in.RemoveRange(0, 2 + length);
            return message;
        }
    }
}

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using Caisson.Linux;

namespace Caisson.Networks.Names;

internal sealed partial class Resolver
{
    private const int ServerTimeoutMs = 2000;
    private const int Rounds = 2;
    private const int IdleTimeoutMs = 10000;

    /// <summary>What ends by itself when its time is over. Of the resolver's thread only.</summary>
    private readonly HashSet<Timed> _timed = [];

    private abstract class Timed
    {
        internal long DeadlineMs { get; set; }

        internal abstract void Expire();

        internal abstract void Abandon();
    }

    private void Expire()
    {
        if (_timed.Count == 0)
        {
            return;
        }
        long now = Environment.TickCount64;
        foreach (var timed in _timed.Where(timed => timed.DeadlineMs <= now).ToList())
        {
            timed.Expire();
        }
    }

    private void CloseAll()
    {
        foreach (var timed in _timed.ToList())
        {
            timed.Abandon();
        }
    }

    private void Forward(
        ContainerNames container, byte[] message, DnsRequest request, ImmutableArray<InternetEndpoint> servers, bool stream, Action<byte[]> reply)
    {
        container.Pending++;
        new Forwarding(this, container, message, request, servers, stream, reply).Try();
    }

    /// <summary>A question that others are asked, one server after the other, each by a socket, and so a port, and a number of its own.</summary>
    private sealed class Forwarding(
        Resolver resolver, ContainerNames container, byte[] message, DnsRequest request, ImmutableArray<InternetEndpoint> servers, bool stream,
        Action<byte[]> reply) : Timed
    {
        private readonly ushort _id = (ushort)RandomNumberGenerator.GetInt32(65536);
        private InternetSocket? _socket;
        private FramedStream? _framed;
        private ulong _key;
        private int _attempt;

        internal void Try()
        {
            while (_attempt < servers.Length * Rounds)
            {
                var server = servers[_attempt++ % servers.Length];
                if (TryAsk(server))
                {
                    DeadlineMs = Environment.TickCount64 + ServerTimeoutMs;
                    resolver._timed.Add(this);
                    return;
                }
            }
            Finish(DnsWriter.Answer(request, DnsStatus.ServerFailure, [], 0, stream ? DnsMessage.MessageBytesMax : request.UdpBytesMax));
        }

        internal override void Expire() => Next();

        internal override void Abandon()
        {
            CloseSocket();
            resolver._timed.Remove(this);
        }

        private bool TryAsk(InternetEndpoint server)
        {
            try
            {
                _socket = InternetSocket.Open(stream ? TransportProtocol.Tcp : TransportProtocol.Udp, server.Address.IsIPv6);
            }
            catch (LinuxException)
            {
                return false; // no such family here, or no descriptor left: as a server that does not answer
            }
            byte[] question = [.. message];
            BinaryPrimitives.WriteUInt16BigEndian(question, _id);
            if (_socket.Connect(server) != Errno.None || (!stream && _socket.SendNow(question) < 0))
            {
                CloseSocket();
                return false;
            }
            if (stream)
            {
                _framed = new(_socket);
                _framed.Enqueue(question);
            }
            _key = resolver.Watch(_socket, stream ? EpollEvents.Readable | EpollEvents.Writable : EpollEvents.Readable, Receive);
            return true;
        }

        private void Receive(EpollEvents events)
        {
            if (_framed is { } framed)
            {
                if (!framed.Flush())
                {
                    Next();
                    return;
                }
                resolver._epoll.Change(_socket!, framed.IsFlushed ? EpollEvents.Readable : EpollEvents.Readable | EpollEvents.Writable, _key);
                if ((events & ~EpollEvents.Writable) == 0)
                {
                    return;
                }
                bool open = framed.Read(resolver._buffer);
                if (framed.TryTake() is { } whole)
                {
                    Take(whole);
                }
                else if (!open)
                {
                    Next();
                }
                return;
            }
            int count = _socket!.ReadNow(resolver._buffer);
            if (count >= 0)
            {
                Take(resolver._buffer.AsSpan(0, count));
            }
            else if (count != -(int)Errno.EAGAIN)
            {
                Next(); // nobody listens there
            }
        }

        /// <summary>What is not the answer is as if it had not come.</summary>
        private void Take(ReadOnlySpan<byte> answer)
        {
            if (DnsMessage.IsAnswerTo(answer, _id, request.Section))
            {
                byte[] mine = answer.ToArray();
                BinaryPrimitives.WriteUInt16BigEndian(mine, request.Id);
                Finish(mine);
            }
        }

        private void Next()
        {
            CloseSocket();
            Try();
        }

        private void Finish(byte[] answer)
        {
            CloseSocket();
            resolver._timed.Remove(this);
            container.Pending--;
            reply(answer);
        }

        private void CloseSocket()
        {
            resolver._handlers.Remove(_key);
            _socket?.Dispose();
            (_socket, _framed) = (null, null);
        }
    }
}

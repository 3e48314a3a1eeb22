using System.Collections.Concurrent;
using System.Collections.Immutable;
using Caisson.Linux;

namespace Caisson.Networks.Names;

/// <summary>Answers the questions of all containers: one thread, one epoll, no process.</summary>
/// <remarks>
/// While no engine runs nobody answers: a container's connection is refused at once instead of waiting. A new engine opens new sockets in
/// the same namespaces. Containers of internal networks are told that names of the rest of the world do not exist, and nothing is forwarded.
/// </remarks>
internal sealed partial class Resolver : IDisposable
{
    private const int PendingMax = 128;
    private const int TickMs = 500;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, ContainerNames> _containers = [];
    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly Epoll _epoll = Epoll.Create();
    private readonly Eventfd _wake = Eventfd.Create(nonBlocking: true);
    private readonly Dictionary<ulong, Action<EpollEvents>> _handlers = [];
    private readonly byte[] _buffer = new byte[DnsMessage.MessageBytesMax];
    private readonly Func<ImmutableArray<InternetEndpoint>> _nameServers;
    private readonly Thread _thread;
    private ulong _lastKey;
    private int _turn;
    private bool _ending;

    private Resolver(Namespace? host, ImmutableArray<InternetEndpoint> nameServers)
    {
        var file = new HostNameServers();
        _nameServers = () => nameServers.IsDefaultOrEmpty ? file.Now() : nameServers;
        _thread = new(() =>
        {
            host?.EnterOnThisThread();
            Loop();
        })
        { IsBackground = true, Name = "names" };
        Watch(_wake, EpollEvents.Readable, _ => RunCommands());
    }

    /// <summary>Starts the thread; what it forwards goes out by <paramref name="host"/>, or the network of the process.</summary>
    internal static Resolver Start(Namespace? host, ImmutableArray<InternetEndpoint> nameServers)
    {
        var resolver = new Resolver(host, nameServers);
        resolver._thread.Start();
        return resolver;
    }

    /// <summary>Lets a container ask for the names of one more network. The calling thread is in the container's network namespace.</summary>
    internal void Join(string containerId, JoinedNetwork network, ImmutableArray<InternetEndpoint> nameServers)
    {
        lock (_lock)
        {
            if (!_containers.TryGetValue(containerId, out var container))
            {
                var opened = container = ContainerNames.Open();
                _containers.Add(containerId, container);
                Command(() => Serve(opened));
            }
            container.Networks = container.Networks.Add(network);
            container.NameServers = nameServers.IsDefaultOrEmpty ? container.NameServers : nameServers;
        }
    }

    /// <summary>The opposite; with its last network its sockets are closed.</summary>
    internal void Leave(string containerId, NameTable network)
    {
        lock (_lock)
        {
            if (!_containers.TryGetValue(containerId, out var container))
            {
                return;
            }
            container.Networks = container.Networks.RemoveAll(one => one.Table == network);
            if (container.Networks.IsEmpty)
            {
                _containers.Remove(containerId);
                // A descriptor that is closed leaves epoll by itself; its handler stays unreachable.
                Command(() => Close(container));
            }
        }
    }

    /// <summary>Ends the thread and closes all sockets.</summary>
    public void Dispose()
    {
        Command(() => _ending = true);
        _thread.Join();
        lock (_lock)
        {
            foreach (var container in _containers.Values)
            {
                container.Dispose();
            }
            _containers.Clear();
        }
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Command(Action command)
    {
        _commands.Enqueue(command);
        _wake.Add();
    }

    private void RunCommands()
    {
        _wake.Take();
        while (_commands.TryDequeue(out var command))
        {
            command();
        }
    }

    private void Loop()
    {
        var answers = new EpollAnswer[64];
        while (!_ending)
        {
            int count = _epoll.Wait(answers, _timed.Count > 0 ? TickMs : -1);
            for (int i = 0; i < count; i++)
            {
                if (_handlers.TryGetValue(answers[i].Key, out var handler))
                {
                    handler(answers[i].Events);
                }
            }
            Expire();
        }
        CloseAll();
    }

    private ulong Watch(Descriptor descriptor, EpollEvents events, Action<EpollEvents> handler)
    {
        ulong key = ++_lastKey;
        _handlers.Add(key, handler);
        _epoll.Add(descriptor, events, key);
        return key;
    }

    private readonly Dictionary<ContainerNames, (ulong Datagrams, ulong Connections)> _served = [];

    private void Serve(ContainerNames container) => _served.Add(container, (
        Watch(container.Datagrams, EpollEvents.Readable, _ => ReadDatagrams(container)),
        Watch(container.Connections, EpollEvents.Readable, _ => AcceptConnections(container))));

    private void Close(ContainerNames container)
    {
        if (_served.Remove(container, out var keys))
        {
            _handlers.Remove(keys.Datagrams);
            _handlers.Remove(keys.Connections);
        }
        container.Dispose();
    }

    private void ReadDatagrams(ContainerNames container)
    {
        // Some, so that a container that asks without pause does not keep others waiting.
        for (int i = 0; i < 32; i++)
        {
            int count = container.Datagrams.ReceiveFrom(_buffer, out var sender);
            if (count < 0)
            {
                return;
            }
            Ask(container, _buffer.AsSpan(0, count), DnsMessage.UdpBytesPlain, answer => Send(container, answer, sender));
        }
    }

    /// <summary>An answer that does not go is as one that was lost: the asker asks again.</summary>
    private static void Send(ContainerNames container, byte[] answer, InternetEndpoint receiver)
    {
        if (!container.Datagrams.IsClosed)
        {
            container.Datagrams.SendTo(answer, receiver);
        }
    }

    /// <summary>Answers one message now or, when others must be asked, later.</summary>
    /// <param name="container">Who asks.</param>
    /// <param name="message">What it sent.</param>
    /// <param name="bytesMax">512 for datagrams, of which the asker may allow more; else of a stream.</param>
    /// <param name="reply">Takes the answer, once or never.</param>
    private void Ask(ContainerNames container, ReadOnlySpan<byte> message, int bytesMax, Action<byte[]> reply)
    {
        var status = DnsMessage.TryReadRequest(message, out var request);
        if (request is null)
        {
            if (status is { } refusal)
            {
                reply(DnsWriter.Refuse(message, refusal));
            }
            return;
        }
        bool stream = bytesMax == DnsMessage.MessageBytesMax;
        int limit = stream ? bytesMax : request.UdpBytesMax;
        var networks = container.Networks;
        if (NameAnswers.TryAnswer(request, networks, _turn++ & int.MaxValue, limit) is { } answer)
        {
            reply(answer);
            return;
        }
        if (!networks.Any(network => network.Forwards))
        {
            reply(DnsWriter.Answer(request, DnsStatus.NoSuchName, [], 0, limit));
            return;
        }
        var servers = container.NameServers.IsDefaultOrEmpty ? _nameServers() : container.NameServers;
        if (servers.IsDefaultOrEmpty || container.Pending >= PendingMax)
        {
            reply(DnsWriter.Answer(request, DnsStatus.ServerFailure, [], 0, limit));
            return;
        }
        Forward(container, message.ToArray(), request, servers, stream, reply);
    }
}

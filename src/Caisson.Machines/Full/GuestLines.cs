using System.Collections.Concurrent;

using Caisson.Linux;

namespace Caisson.Machines.Full;

/// <summary>Serves the lines of all machines: one thread, one epoll.</summary>
/// <remarks>Safe for concurrent use. While no engine runs nobody answers; leases are for ever, so machines keep their addresses.</remarks>
public sealed class GuestLines : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (GuestLine Line, ulong FirstKey)> _lines = [];
    private readonly ConcurrentDictionary<ulong, Action> _handlers = new();
    private readonly Epoll _epoll = Epoll.Create();
    private readonly Eventfd _wake = Eventfd.Create(nonBlocking: true);
    private Thread? _thread;
    private ulong _lastKey;
    private volatile bool _ending;

    /// <summary>Serves a line from now on; it is owned.</summary>
    /// <param name="id">Of the machine's place in the network; one that is served already is replaced.</param>
    /// <param name="line">The line.</param>
    public void Add(string id, GuestLine line)
    {
        Remove(id);
        lock (_lock)
        {
            if (_ending)
            {
                line.Dispose();
                return;
            }
            if (_thread is null)
            {
                _epoll.Add(_wake, EpollEvents.Readable, 0);
                _thread = new Thread(Loop, 256 << 10) { IsBackground = true, Name = "guest lines" };
                _thread.Start();
            }
            _lines.Add(id, (line, _lastKey + 1));
            Watch(line.Leases, line.ServeLeases);
            Watch(line.Questions, line.PassQuestions);
            Watch(line.Answers, line.PassAnswers);
        }
    }

    /// <summary>Ends a line; no error when it is not served.</summary>
    public void Remove(string id)
    {
        lock (_lock)
        {
            if (_lines.Remove(id, out var known))
            {
                for (ulong key = known.FirstKey; key < known.FirstKey + 3; key++)
                {
                    _handlers.TryRemove(key, out _);
                }
                known.Line.Dispose(); // what is closed leaves epoll by itself
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending = true;
        _wake.Add();
        _thread?.Join();
        lock (_lock)
        {
            foreach ((GuestLine line, _) in _lines.Values)
            {
                line.Dispose();
            }
            _lines.Clear();
        }
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Watch(InternetSocket socket, Action handler)
    {
        ulong key = ++_lastKey;
        _handlers[key] = handler;
        _epoll.Add(socket, EpollEvents.Readable, key);
    }

    private void Loop()
    {
        var answers = new EpollAnswer[32];
        while (!_ending)
        {
            int count = _epoll.Wait(answers, -1);
            for (int i = 0; i < count && !_ending; i++)
            {
                if (_handlers.TryGetValue(answers[i].Key, out Action? handler))
                {
                    try
                    {
                        handler();
                    }
                    catch (ObjectDisposedException)
                    {
                        // The machine ended in this moment.
                    }
                }
            }
        }
    }
}

using System.Text.Json;
using System.Threading.Channels;

using Caisson.Control.Json;
using Caisson.Control.State;

namespace Caisson.Control.Events;

/// <summary>What has happened, in order: stored with the change that made it true, then sent to everyone who listens.</summary>
public sealed class EventLog
{
    /// <summary>How many events can be asked for again.</summary>
    private const int KeptMax = 2_048;

    /// <summary>How many events a listener may be behind before it is cut off.</summary>
    private const int BehindMax = 8_192;

    private readonly Lock _lock = new();
    private readonly IStateStore _store;
    private readonly EngineRest? _rest;
    private readonly Queue<EngineEvent> _kept = new();
    private readonly List<Channel<EngineEvent>> _listeners = [];

    /// <summary>Begins with what <paramref name="store"/> has kept; what happens is work, of which <paramref name="rest"/> is told.</summary>
    public EventLog(IStateStore store, EngineRest? rest = null)
    {
        _store = store;
        _rest = rest;
        foreach (StoredEvent stored in store.Events(KeptMax))
        {
            if (JsonSerializer.Deserialize(stored.Value, ControlJson.Default.EngineEvent) is { } entry)
            {
                _kept.Enqueue(entry with { Sequence = stored.Sequence });
            }
        }
    }

    /// <summary>Commits <paramref name="change"/> together with <paramref name="events"/>, then tells the listeners.</summary>
    public void Commit(Durability durability, StateChange change, params ReadOnlySpan<EngineEvent> events)
    {
        lock (_lock)
        {
            foreach (EngineEvent entry in events)
            {
                change.Append(JsonSerializer.SerializeToUtf8Bytes(entry, ControlJson.Default.EngineEvent));
            }
            long last = _store.Commit(durability, change);
            for (int i = 0; i < events.Length; i++)
            {
                Send(events[i] with { Sequence = last - events.Length + 1 + i });
            }
        }
        _rest?.Note();
    }

    /// <summary>Listens, beginning with kept events not before <paramref name="since"/>; null begins with the next one.</summary>
    /// <returns>Events in order. The caller completes by disposing; falling behind too far ends the stream with an error.</returns>
    public Listener Listen(DateTimeOffset? since)
    {
        // Completing with an error beats blocking the engine and beats a gap nobody sees.
        var channel = Channel.CreateBounded<EngineEvent>(new BoundedChannelOptions(BehindMax) { SingleReader = true });
        lock (_lock)
        {
            if (since is { } from)
            {
                foreach (EngineEvent entry in _kept)
                {
                    if (entry.At >= from)
                    {
                        channel.Writer.TryWrite(entry);
                    }
                }
            }
            _listeners.Add(channel);
        }
        return new Listener(this, channel);
    }

    /// <summary>Listens from the event after number <paramref name="sequence"/> on, without a gap.</summary>
    /// <exception cref="Errors.CaissonException">
    /// <see cref="Errors.ErrorKind.FailedPrecondition"/>: some of what comes after it is not kept any more.
    /// </exception>
    public Listener ListenAfter(long sequence)
    {
        lock (_lock)
        {
            if (_kept.TryPeek(out EngineEvent? oldest) && sequence < oldest.Sequence - 1)
            {
                throw new Errors.CaissonException(
                    Errors.ErrorKind.FailedPrecondition,
                    $"events after {sequence} are asked for, and the oldest that is kept is {oldest.Sequence}; list what there is, and listen from now on");
            }
            var channel = Channel.CreateBounded<EngineEvent>(new BoundedChannelOptions(BehindMax) { SingleReader = true });
            foreach (EngineEvent entry in _kept)
            {
                if (entry.Sequence > sequence)
                {
                    channel.Writer.TryWrite(entry);
                }
            }
            _listeners.Add(channel);
            return new Listener(this, channel);
        }
    }

    private void Send(EngineEvent entry)
    {
        _kept.Enqueue(entry);
        if (_kept.Count > KeptMax)
        {
            _kept.Dequeue();
        }
        for (int i = _listeners.Count - 1; i >= 0; i--)
        {
            if (!_listeners[i].Writer.TryWrite(entry))
            {
                _listeners[i].Writer.TryComplete(new Errors.CaissonException(
                    Errors.ErrorKind.ResourceExhausted, $"the listener fell more than {BehindMax} events behind"));
                _listeners.RemoveAt(i);
            }
        }
    }

    /// <summary>One reader of events.</summary>
    public sealed class Listener : IDisposable
    {
        private readonly EventLog _log;
        private readonly Channel<EngineEvent> _channel;

        internal Listener(EventLog log, Channel<EngineEvent> channel)
        {
            _log = log;
            _channel = channel;
        }

        /// <summary>Events as they come.</summary>
        public ChannelReader<EngineEvent> Reader => _channel.Reader;

        /// <summary>Stops listening.</summary>
        public void Dispose()
        {
            lock (_log._lock)
            {
                _log._listeners.Remove(_channel);
            }
            _channel.Writer.TryComplete();
        }
    }
}

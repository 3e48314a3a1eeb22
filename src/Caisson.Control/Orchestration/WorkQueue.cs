using Caisson.Kubernetes.Objects;

namespace Caisson.Control.Orchestration;

/// <summary>Keys that somebody should look at: each once, now or at a time.</summary>
internal sealed class WorkQueue(TimeProvider time) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<ObjectKey> _due = new();
    private readonly HashSet<ObjectKey> _isDue = [];
    private readonly Dictionary<ObjectKey, DateTimeOffset> _later = [];
    private readonly SemaphoreSlim _some = new(0);
    private ITimer? _timer;
    private bool _disposed;

    /// <summary>Now, unless it is waiting already.</summary>
    public void Add(ObjectKey key)
    {
        lock (_lock)
        {
            if (!_disposed && _isDue.Add(key))
            {
                _due.Enqueue(key);
                _some.Release();
            }
        }
    }

    /// <summary>At a time, unless it is to be looked at sooner.</summary>
    public void AddAt(ObjectKey key, DateTimeOffset at)
    {
        lock (_lock)
        {
            if (!_later.TryGetValue(key, out DateTimeOffset before) || at < before || before <= time.GetUtcNow())
            {
                _later[key] = at;
                SetTimerUnlocked();
            }
        }
    }

    /// <summary>The next key.</summary>
    public async Task<ObjectKey> TakeAsync(CancellationToken cancellationToken)
    {
        await _some.WaitAsync(cancellationToken);
        lock (_lock)
        {
            ObjectKey key = _due.Dequeue();
            _isDue.Remove(key);
            return key;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _timer?.Dispose();
        }
    }

    private void SetTimerUnlocked()
    {
        if (_later.Count == 0 || _disposed)
        {
            return;
        }
        TimeSpan wait = _later.Values.Min() - time.GetUtcNow();
        wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : wait;
        _timer ??= time.CreateTimer(_ => OnTime(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    private void OnTime()
    {
        ObjectKey[] due;
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            due = [.. _later.Where(pair => pair.Value <= now).Select(pair => pair.Key)];
            foreach (ObjectKey key in due)
            {
                _later.Remove(key);
            }
            SetTimerUnlocked();
        }
        foreach (ObjectKey key in due)
        {
            Add(key);
        }
    }
}

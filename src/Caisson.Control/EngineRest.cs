using Caisson.Linux.Processes;

namespace Caisson.Control;

/// <summary>Gives memory back once the engine has had nothing to do for a moment.</summary>
/// <remarks>
/// The engine waits nearly always, and a collector that is not asked keeps what the last burst of work needed. The timer is set by work alone:
/// an engine at rest does not wake for it. Safe for concurrent use.
/// </remarks>
public sealed class EngineRest : IDisposable
{
    /// <summary>Long enough that a script which runs one command after the other never meets a collection.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(500);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _lastWork;
    private int _isSet;

    /// <summary>Begins at work.</summary>
    public EngineRest(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Note();
    }

    /// <summary>Says that there was work just now; costs next to nothing.</summary>
    public void Note()
    {
        Volatile.Write(ref _lastWork, _time.GetTimestamp());
        SetTimer(Quiet);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void SetTimer(TimeSpan delay)
    {
        if (Interlocked.Exchange(ref _isSet, 1) == 0)
        {
            _timer.Change(delay, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnTimer()
    {
        Volatile.Write(ref _isSet, 0);
        TimeSpan left = Quiet - _time.GetElapsedTime(Volatile.Read(ref _lastWork));
        if (left > TimeSpan.Zero)
        {
            SetTimer(left);
            return;
        }
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        OwnProcess.ReleaseCode();
    }
}

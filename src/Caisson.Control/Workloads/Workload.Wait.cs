namespace Caisson.Control.Workloads;

/// <summary>What a wait is for. Source: Docker Engine API, "Wait for a container".</summary>
public enum WaitCondition
{
    /// <summary>It does not run, now or later.</summary>
    NotRunning,

    /// <summary>Its next end, even when it does not run yet.</summary>
    NextExit,

    /// <summary>It is gone.</summary>
    Removed,
}

/// <summary>How a wait ended.</summary>
/// <param name="Code">What the program returned.</param>
/// <param name="Error">What kept it from running properly; null in the ordinary case.</param>
public readonly record struct WaitResult(int Code, string? Error);

public sealed partial class Workload
{
    private readonly Lock _waitersLock = new();
    private readonly List<TaskCompletionSource<WaitResult>> _exitWaiters = [];
    private readonly List<TaskCompletionSource<WaitResult>> _removalWaiters = [];

    /// <summary>Completes when <paramref name="condition"/> holds; that it will be noticed is certain when this returns.</summary>
    public Task<WaitResult> WaitAsync(WaitCondition condition, CancellationToken cancellationToken)
    {
        TaskCompletionSource<WaitResult> waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_waitersLock)
        {
            if (condition == WaitCondition.NotRunning && !_status.IsActive)
            {
                return Task.FromResult(new WaitResult(_status.ExitCode, _status.Error.Length > 0 ? _status.Error : null));
            }
            (condition == WaitCondition.Removed ? _removalWaiters : _exitWaiters).Add(waiter);
        }
        return cancellationToken.CanBeCanceled ? AbandonableAsync(waiter, cancellationToken) : waiter.Task;
    }

    private async Task<WaitResult> AbandonableAsync(TaskCompletionSource<WaitResult> waiter, CancellationToken cancellationToken)
    {
        try
        {
            return await waiter.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            lock (_waitersLock)
            {
                _exitWaiters.Remove(waiter);
                _removalWaiters.Remove(waiter);
            }
            throw;
        }
    }

    private void CompleteExitWaiters(WaitResult result) => Complete(_exitWaiters, result);

    /// <summary>Whoever waits for an end waits in vain once the container is gone, so they hear of it too.</summary>
    private void CompleteAllWaiters(WaitResult result)
    {
        Complete(_exitWaiters, result);
        Complete(_removalWaiters, result);
    }

    private void Complete(List<TaskCompletionSource<WaitResult>> waiters, WaitResult result)
    {
        TaskCompletionSource<WaitResult>[] waiting;
        lock (_waitersLock)
        {
            waiting = [.. waiters];
            waiters.Clear();
        }
        foreach (TaskCompletionSource<WaitResult> waiter in waiting)
        {
            waiter.TrySetResult(result);
        }
    }
}

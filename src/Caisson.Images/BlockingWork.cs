namespace Caisson.Images;

/// <summary>Work that waits for disks: on threads of its own, so that it never takes the pool's few from those who serve.</summary>
internal static class BlockingWork
{
    /// <summary>Runs <paramref name="work"/> on a new thread.</summary>
    public static Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation) =>
        Task.Factory.StartNew(work, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}

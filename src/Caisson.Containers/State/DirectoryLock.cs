using Caisson.Errors;

namespace Caisson.Containers.State;

/// <summary>An exclusive lock of a directory among processes, held by its file <c>lock</c>; released when disposed or when the process ends.</summary>
/// <remarks>The lock is flock(2), which .NET takes for a file opened with <see cref="FileShare.None"/>; the descriptor is closed on exec.</remarks>
internal sealed class DirectoryLock : IDisposable
{
    public const string FileName = "lock";

    private const int EAGAIN = 11;
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly FileStream _file;

    private DirectoryLock(FileStream file) => _file = file;

    /// <summary>Waits for the lock; null when the directory does not exist or vanished meanwhile.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: somebody has held it for ten seconds.</exception>
    public static DirectoryLock? TryAcquire(string directory)
    {
        string path = Path.Combine(directory, FileName);
        long deadline = Environment.TickCount64 + (long)WaitMax.TotalMilliseconds;
        while (true)
        {
            try
            {
                var file = new FileStream(path, new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    BufferSize = 0,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
                if (IsLinked(file))
                {
                    return new DirectoryLock(file);
                }
                file.Dispose(); // the holder before us deleted the directory; what we locked is no longer the lock
            }
            catch (DirectoryNotFoundException)
            {
                return null;
            }
            catch (IOException e) when (e.HResult == EAGAIN && Environment.TickCount64 < deadline)
            {
                Thread.Sleep(Pause); // the kernel can wait for a lock, but not for one with a deadline
            }
            catch (IOException e) when (e.HResult == EAGAIN)
            {
                throw new CaissonException(
                    ErrorKind.Unavailable, $"lock {directory}: another command has held it for {WaitMax.TotalSeconds:0} seconds", e);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The kernel marks the name of an open file that was removed.</summary>
    private static bool IsLinked(FileStream file)
    {
        string link = $"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}";
        return new FileInfo(link).LinkTarget is { } target && !target.EndsWith(" (deleted)", StringComparison.Ordinal);
    }
}

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Containers.State;

/// <summary>An exclusive lock of a directory among processes, held by the open directory itself; released when disposed or when the process ends.</summary>
internal sealed class DirectoryLock : IDisposable
{
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly FileDescriptor _directory;

    private DirectoryLock(FileDescriptor directory) => _directory = directory;

    /// <summary>Waits for the lock; null when the directory does not exist or vanished meanwhile.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: somebody has held it for ten seconds.</exception>
    public static DirectoryLock? TryAcquire(string path)
    {
        FileDescriptor directory;
        try
        {
            directory = HostFiles.OpenRead(path);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
        long deadline = Environment.TickCount64 + (long)WaitMax.TotalMilliseconds;
        while (!directory.TryLock())
        {
            if (Environment.TickCount64 >= deadline)
            {
                directory.Dispose();
                throw new CaissonException(
                    ErrorKind.Unavailable, $"lock {path}: another command has held it for {WaitMax.TotalSeconds:0} seconds");
            }
            Thread.Sleep(Pause); // the kernel can wait for a lock, but not for one with a deadline
        }
        if (directory.Status.Links > 0)
        {
            return new(directory);
        }
        directory.Dispose(); // the holder before us removed it; what we locked has no name any more
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}

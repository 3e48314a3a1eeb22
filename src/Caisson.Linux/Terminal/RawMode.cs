namespace Caisson.Linux.Terminal;

/// <summary>A terminal in raw mode, until it is disposed.</summary>
/// <remarks>Disposing may happen on any thread, more than once.</remarks>
public sealed class RawMode : IDisposable
{
    private readonly int _fd;
    private readonly TerminalCalls.TermiosState _before;
    private int _restored;

    internal RawMode(int fd, TerminalCalls.TermiosState before)
    {
        _fd = fd;
        _before = before;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _restored, 1) == 0)
        {
            // The terminal may be gone (hang-up): there is nothing left to restore then.
            _ = TerminalCalls.tcsetattr(_fd, TerminalCalls.TCSANOW, _before);
        }
    }
}

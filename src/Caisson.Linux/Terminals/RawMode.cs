namespace Caisson.Linux.Terminals;

/// <summary>A terminal in raw mode, until it is disposed.</summary>
/// <remarks>Disposing may happen on any thread, more than once.</remarks>
public sealed class RawMode : IDisposable
{
    private readonly Descriptor _terminal;
    private readonly TerminalModes _before;
    private int _restored;

    internal RawMode(Descriptor terminal, TerminalModes before)
    {
        _terminal = terminal;
        _before = before;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _restored, 1) != 0)
        {
            return;
        }
        try
        {
            Terminal.Restore(_terminal, _before);
        }
        catch (LinuxException e) when (e.Errno is Errno.EIO or Errno.ENOTTY)
        {
            // The terminal is gone (hang-up): there is nothing left to restore.
        }
    }
}

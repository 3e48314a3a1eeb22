using System.Runtime.InteropServices;

using Caisson.Errors;
using Caisson.Linux.Terminals;

namespace Caisson.Cli.Attaching;

/// <summary>The user's terminal while it is the terminal of a container: raw, and its size passed on.</summary>
internal sealed class TerminalLink : IDisposable
{
    private readonly RawMode? _raw;
    private readonly Action<int, int> _resize;
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <param name="session">Whose terminal.</param>
    /// <param name="input">Keys go to the container: raw mode.</param>
    /// <param name="resize">Tells the container height and width.</param>
    public TerminalLink(Session session, bool input, Action<int, int> resize)
    {
        _resize = resize;
        if (input && session.IsTerminal(StandardDescriptor.Input))
        {
            _raw = TerminalDevice.EnterRawMode(StandardDescriptor.Input);
            // Ended from outside, the user still gets a usable terminal back.
            Restore(PosixSignal.SIGTERM);
            Restore(PosixSignal.SIGHUP);
        }
    }

    /// <summary>Passes the size on, now and whenever it changes. Call once the process runs.</summary>
    public void FollowSize()
    {
        SendSize();
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => SendSize()));
    }

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _raw?.Dispose();
    }

    private void Restore(PosixSignal signal) =>
        _registrations.Add(PosixSignalRegistration.Create(signal, _ => _raw?.Dispose()));

    private void SendSize()
    {
        if (TerminalDevice.Size(StandardDescriptor.Output) is not { } size)
        {
            return;
        }
        try
        {
            _resize(size.Height, size.Width);
        }
        catch (CaissonException)
        {
            // A process that ended meanwhile needs no size.
        }
    }
}

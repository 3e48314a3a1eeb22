using System.Runtime.InteropServices;

using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Attaching;

/// <summary>Signals of the command line become signals of the container's process.</summary>
internal sealed class SignalProxy : IDisposable
{
    /// <summary>Asking that often means it: the command line ends, the container goes on.</summary>
    private const int InterruptsMax = 3;

    // Numbers of Linux on x86-64 and arm64; signal(7).
    private static readonly (PosixSignal Signal, string Name)[] Forwarded =
    [
        (PosixSignal.SIGHUP, "HUP"),
        (PosixSignal.SIGINT, "INT"),
        (PosixSignal.SIGQUIT, "QUIT"),
        ((PosixSignal)10, "USR1"),
        ((PosixSignal)12, "USR2"),
        (PosixSignal.SIGTERM, "TERM"),
    ];

    private readonly EngineClient _engine;
    private readonly string _container;
    private readonly PosixSignalRegistration[] _registrations;
    private int _interrupts;

    public SignalProxy(EngineClient engine, string container)
    {
        _engine = engine;
        _container = container;
        _registrations = Array.ConvertAll(Forwarded, forwarded =>
            PosixSignalRegistration.Create(forwarded.Signal, context => Forward(context, forwarded.Name)));
    }

    /// <summary>Set once the process runs; until then a signal ends the command line itself.</summary>
    public volatile bool Started;

    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());

    private void Forward(PosixSignalContext context, string name)
    {
        bool ends = name is "INT" or "TERM" && Interlocked.Increment(ref _interrupts) >= InterruptsMax;
        if (!Started || ends)
        {
            return;
        }
        context.Cancel = true;
        try
        {
            _engine.KillContainer(_container, name);
        }
        catch (CaissonException)
        {
            // It ended meanwhile, or the engine went away: the main thread sees that by itself.
        }
    }
}

using System.Runtime.InteropServices;
using Caisson.Linux;

namespace Caisson.Runtime.Running;

/// <summary>Stands between the user and a process in the foreground: passes signals on, and the terminal's bytes where there is one.</summary>
internal sealed class Foreground : IDisposable
{
    private static readonly Descriptor Input = Descriptor.TakeOver(0);
    private static readonly Descriptor Output = Descriptor.TakeOver(1);

    private readonly List<PosixSignalRegistration> _signals = [];
    private Descriptor? _terminal;
    private TerminalModes? _modes;
    private Thread? _reader;

    /// <summary>Takes the controlling side of the process's terminal.</summary>
    public void Take(Descriptor terminal)
    {
        _terminal = terminal;
        if (Terminal.TryGetSize(Output) is null)
        {
            Terminal.StopCarriageReturns(terminal);
        }
        CopySize();
    }

    /// <summary>Waits for the process, a child of ours, to end.</summary>
    /// <returns>Its exit code, as shells have it.</returns>
    public int Wait(Pidfd process)
    {
        foreach (Signal signal in (Signal[])[Signal.HUP, Signal.INT, Signal.QUIT, Signal.TERM, Signal.USR1, Signal.USR2, Signal.ALRM])
        {
            _signals.Add(PosixSignalRegistration.Create((PosixSignal)(int)signal, context =>
            {
                context.Cancel = true;
                process.TrySignal(signal);
            }));
        }
        if (_terminal is not null)
        {
            _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => CopySize()));
            _modes = Terminal.TryMakeRaw(Input);
            _reader = new Thread(CopyOutput, 256 * 1024) { IsBackground = true };
            _reader.Start();
            new Thread(CopyInput, 256 * 1024) { IsBackground = true }.Start();
        }
        var status = process.WaitExit();
        _reader?.Join(1000); // others may hold the terminal open; what they write later has no reader
        return status.ShellCode;
    }

    public void Dispose()
    {
        _signals.ForEach(registration => registration.Dispose());
        if (_modes is { } modes)
        {
            Terminal.Restore(Input, modes);
        }
    }

    private void CopySize()
    {
        if (_terminal is { } terminal && Terminal.TryGetSize(Input) is { } size)
        {
            Terminal.SetSize(terminal, size);
        }
    }

    private void CopyInput() => Copy(Input, _terminal!);

    private void CopyOutput() => Copy(_terminal!, Output);

    private static void Copy(Descriptor from, Descriptor to)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            while (from.Read(buffer) is > 0 and var count)
            {
                to.Write(buffer.AsSpan(0, count));
            }
        }
        catch (LinuxException e) when (e.Errno is Errno.EIO or Errno.EPIPE)
        {
            // The other side of the terminal is closed: that is its end.
        }
    }
}

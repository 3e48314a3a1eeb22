using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A terminal's size in characters. Source: ioctl_tty(2), TIOCGWINSZ.</summary>
public readonly record struct TerminalSize(ushort Rows, ushort Columns);

/// <summary>A terminal's modes as they were, to be given back to <see cref="Terminal.Restore"/>.</summary>
public sealed class TerminalModes
{
    internal TerminalModes(termios value) => Value = value;

    internal termios Value { get; }
}

/// <summary>Size and modes of any descriptor that is a terminal: either side of a pty, or stdin. Source: ioctl_tty(2), termios(3).</summary>
public static class Terminal
{
    /// <summary>The size; null when <paramref name="descriptor"/> is no terminal.</summary>
    public static unsafe TerminalSize? TryGetSize(Descriptor descriptor)
    {
        using var fd = descriptor.Hold();
        winsize size = default;
        return Libc.syscall(SYS_ioctl, fd, TIOCGWINSZ, (nint)(&size)) == 0 ? new(size.ws_row, size.ws_col) : null;
    }

    /// <summary>Sets the size; the foreground processes get SIGWINCH if it is a new one.</summary>
    public static unsafe void SetSize(Descriptor descriptor, TerminalSize value)
    {
        using var fd = descriptor.Hold();
        var size = new winsize { ws_row = value.Rows, ws_col = value.Columns };
        Libc.Check(Libc.syscall(SYS_ioctl, fd, TIOCSWINSZ, (nint)(&size)), "ioctl TIOCSWINSZ", descriptor);
    }

    /// <summary>Turns off echo, line editing, signals by key and output processing (cfmakeraw(3)); null when it is no terminal.</summary>
    public static unsafe TerminalModes? TryMakeRaw(Descriptor descriptor)
    {
        using var fd = descriptor.Hold();
        termios modes = default;
        if (Libc.syscall(SYS_ioctl, fd, TCGETS, (nint)(&modes)) != 0)
        {
            return null;
        }

        termios raw = modes;
        raw.c_iflag &= ~(uint)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.c_oflag &= ~(uint)OPOST;
        raw.c_lflag &= ~(uint)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
        raw.c_cflag = (raw.c_cflag & ~(uint)(CSIZE | PARENB)) | CS8;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        Libc.Check(Libc.Restart(SYS_ioctl, fd, TCSETS, (nint)(&raw)), "ioctl TCSETS", descriptor);
        return new(modes);
    }

    /// <summary>Lets lines go out as they are written, without a carriage return (ONLCR): whoever reads may be no screen.</summary>
    public static unsafe void StopCarriageReturns(Descriptor descriptor)
    {
        using var fd = descriptor.Hold();
        termios modes = default;
        Libc.Check(Libc.syscall(SYS_ioctl, fd, TCGETS, (nint)(&modes)), "ioctl TCGETS", descriptor.ToString());
        modes.c_oflag &= ~(uint)ONLCR;
        Libc.Check(Libc.Restart(SYS_ioctl, fd, TCSETS, (nint)(&modes)), "ioctl TCSETS", descriptor.ToString());
    }

    /// <summary>Gives a terminal its former modes back, after what was written has gone out.</summary>
    public static unsafe void Restore(Descriptor descriptor, TerminalModes modes)
    {
        using var fd = descriptor.Hold();
        termios value = modes.Value;
        Libc.Check(Libc.Restart(SYS_ioctl, fd, TCSETSW, (nint)(&value)), "ioctl TCSETSW", descriptor);
    }
}

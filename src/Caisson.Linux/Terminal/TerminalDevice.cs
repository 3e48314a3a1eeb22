using System.Runtime.InteropServices;

namespace Caisson.Linux.Terminal;

/// <summary>What a program may ask of the terminal behind one of its standard streams.</summary>
/// <remarks>Source: termios(3), isatty(3), ioctl_tty(2).</remarks>
public static class TerminalDevice
{
    /// <summary>True when the stream is a terminal.</summary>
    public static bool IsTerminal(StandardDescriptor descriptor) => TerminalCalls.tcgetattr((int)descriptor, out _) == 0;

    /// <summary>Height and width in characters; null when the stream is no terminal or does not know.</summary>
    public static (int Height, int Width)? Size(StandardDescriptor descriptor) =>
        TerminalCalls.ioctl_winsize((int)descriptor, TerminalCalls.TIOCGWINSZ, out var size) == 0 && size is { ws_row: > 0, ws_col: > 0 }
            ? (size.ws_row, size.ws_col)
            : null;

    /// <summary>Hands every key to the program as it is typed, without echo and without signals.</summary>
    /// <returns>Disposing it brings the former mode back.</returns>
    /// <exception cref="LinuxException">The stream is no terminal.</exception>
    public static RawMode EnterRawMode(StandardDescriptor descriptor)
    {
        int fd = (int)descriptor;
        if (TerminalCalls.tcgetattr(fd, out var before) != 0)
        {
            throw new LinuxException("tcgetattr", (Errno)Marshal.GetLastPInvokeError(), descriptor.ToString());
        }
        var raw = before;
        TerminalCalls.cfmakeraw(ref raw);
        if (TerminalCalls.tcsetattr(fd, TerminalCalls.TCSADRAIN, raw) != 0)
        {
            throw new LinuxException("tcsetattr", (Errno)Marshal.GetLastPInvokeError(), descriptor.ToString());
        }
        return new RawMode(fd, before);
    }
}

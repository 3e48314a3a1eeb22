using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Caisson.Linux.Terminal;

/// <summary>The calls a command line needs of its own terminal and streams. Source: termios(3), ioctl_tty(2), read(2), poll(2).</summary>
internal static partial class TerminalCalls
{
    public const int TCSANOW = 0;
    public const int TCSADRAIN = 1;
    public const nuint TIOCGWINSZ = 0x5413;
    public const short POLLIN = 1;
    public const short POLLOUT = 4;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int tcgetattr(int fd, out TermiosState state);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int tcsetattr(int fd, int actions, in TermiosState state);

    [LibraryImport("libc")]
    internal static partial void cfmakeraw(ref TermiosState state);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int ioctl_winsize(int fd, nuint request, out WindowSize size);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial nint read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static unsafe partial nint write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(ref PollEntry fds, nuint count, int timeoutMs);

    /// <summary>struct termios of glibc on x86-64 and arm64: 60 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct TermiosState
    {
        public uint c_iflag;
        public uint c_oflag;
        public uint c_cflag;
        public uint c_lflag;
        public byte c_line;
        public ControlCharacters c_cc;
        public uint c_ispeed;
        public uint c_ospeed;
    }

    [InlineArray(32)]
    internal struct ControlCharacters
    {
        private byte _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct WindowSize
    {
        public ushort ws_row;
        public ushort ws_col;
        public ushort ws_xpixel;
        public ushort ws_ypixel;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct PollEntry
    {
        public int fd;
        public short events;
        public short revents;
    }
}

namespace Caisson.Linux.Terminals;

/// <summary>What a program may ask of the terminal behind one of its standard streams.</summary>
/// <remarks>Source: termios(3), isatty(3), ioctl_tty(2).</remarks>
public static class TerminalDevice
{
    /// <summary>True when the stream is a terminal.</summary>
    public static bool IsTerminal(StandardDescriptor descriptor) => Terminal.TryGetSize(StandardDescriptors.Of(descriptor)) is not null;

    /// <summary>Height and width in characters; null when the stream is no terminal or does not know.</summary>
    public static (int Height, int Width)? Size(StandardDescriptor descriptor) =>
        Terminal.TryGetSize(StandardDescriptors.Of(descriptor)) is { Rows: > 0, Columns: > 0 } size ? (size.Rows, size.Columns) : null;

    /// <summary>Hands every key to the program as it is typed, without echo and without signals.</summary>
    /// <returns>Disposing it brings the former mode back.</returns>
    /// <exception cref="LinuxException">The stream is no terminal.</exception>
    public static RawMode EnterRawMode(StandardDescriptor descriptor)
    {
        var terminal = StandardDescriptors.Of(descriptor);
        return Terminal.TryMakeRaw(terminal) is { } before
            ? new RawMode(terminal, before)
            : throw new LinuxException("tcgetattr", Errno.ENOTTY, descriptor.ToString());
    }
}

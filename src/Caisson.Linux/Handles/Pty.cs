using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>The master side of a pseudo terminal. Source: pty(7), ioctl_tty(2).</summary>
public sealed class Pty : Descriptor
{
    private Pty(nint fd) : base(fd) { }

    /// <summary>Creates a terminal in the devpts that <paramref name="multiplexer"/> (an open <c>ptmx</c>, used up by this call) belongs to.</summary>
    public static unsafe Pty From(Descriptor multiplexer)
    {
        var pty = new Pty(multiplexer.Release());
        try
        {
            int unlock = 0;
            pty.Control(TIOCSPTLCK, (nint)(&unlock), "TIOCSPTLCK");
            return pty;
        }
        catch
        {
            pty.Dispose();
            throw;
        }
    }

    /// <summary>Creates a terminal in the host's devpts, by <c>/dev/ptmx</c>.</summary>
    public static Pty Open() => From(HostFiles.Open("/dev/ptmx", O_RDWR | O_NOCTTY));

    /// <summary>The side for the program, reached without a path (TIOCGPTPEER), so also where its devpts is not mounted.</summary>
    public Descriptor OpenPeer()
    {
        using var fd = Hold();
        return TakeOver((int)Libc.Check(Libc.syscall(SYS_ioctl, fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "ioctl TIOCGPTPEER", "pty"));
    }

    /// <summary>The N of <c>/dev/pts/N</c>.</summary>
    public unsafe int Index
    {
        get
        {
            int index = 0;
            Control(unchecked((nint)TIOCGPTN), (nint)(&index), "TIOCGPTN");
            return index;
        }
    }

    private void Control(nint request, nint argument, string name)
    {
        using var fd = Hold();
        Libc.Check(Libc.syscall(SYS_ioctl, fd, request, argument), $"ioctl {name}", "pty");
    }
}

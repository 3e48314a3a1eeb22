namespace Caisson.Linux.Abi;

// termios(3), ioctl_tty(2), asm-generic/termbits.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int TCGETS = 0x5401;
    public const int TCSETS = 0x5402;
    public const int TCSETSW = 0x5403;
    public const int TCSETSF = 0x5404;
    public const int TIOCSCTTY = 0x540E;
    public const int TIOCNOTTY = 0x5422;
    public const int TIOCSPTLCK = 0x40045431;
    public const uint TIOCGPTN = 0x80045430;
    public const int TIOCGPTPEER = 0x5441;
    public const int TIOCGWINSZ = 0x5413;
    public const int TIOCSWINSZ = 0x5414;
    public const int FIONREAD = 0x541B;
    public const int FIONBIO = 0x5421;
    public const int IGNBRK = 1;
    public const int BRKINT = 2;
    public const int PARMRK = 8;
    public const int INPCK = 16;
    public const int ISTRIP = 32;
    public const int INLCR = 64;
    public const int IGNCR = 128;
    public const int ICRNL = 256;
    public const int IXON = 1024;
    public const int IXOFF = 4096;
    public const int IXANY = 2048;
    public const int OPOST = 1;
    public const int ONLCR = 4;
    public const int CSIZE = 48;
    public const int CS8 = 48;
    public const int PARENB = 256;
    public const int ISIG = 1;
    public const int ICANON = 2;
    public const int ECHO = 8;
    public const int ECHOE = 16;
    public const int ECHOK = 32;
    public const int ECHONL = 64;
    public const int IEXTEN = 32768;
    public const int VMIN = 6;
    public const int VTIME = 5;
#pragma warning restore CS1591
}

using System.Globalization;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>A process held by file descriptor, so its pid cannot be reused under us. Readable once the process has ended.</summary>
/// <remarks>Linux 5.3 or newer (waiting: 5.4). Source: pidfd_open(2), pidfd_send_signal(2), waitid(2).</remarks>
public sealed class Pidfd : Descriptor
{
    internal Pidfd(nint fd) : base(fd) { }

    /// <summary>Opens the process <paramref name="pid"/> of the caller's pid namespace.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ESRCH"/>: it has already been reaped.</exception>
    public static Pidfd Open(int pid) => new(Libc.Check(Libc.syscall(SYS_pidfd_open, pid, 0), "pidfd_open", $"pid {pid}"));

    /// <summary>Opens as <see cref="Open"/>; null when there is no such process.</summary>
    public static Pidfd? TryOpen(int pid)
    {
        nint fd = Libc.syscall(SYS_pidfd_open, pid, 0);
        return fd >= 0 ? new(fd)
            : Libc.LastErrno is Errno.ESRCH or Errno.EINVAL ? null
            : throw LinuxException.FromErrno("pidfd_open", $"pid {pid}");
    }

    /// <summary>Owns a descriptor received from another process; the caller knows that it is a pidfd.</summary>
    public static Pidfd From(Descriptor received) => new(received.Release());

    /// <summary>The process's pid in this process's pid namespace, as it is or was. Source: pidfd_open(2), <c>/proc/self/fdinfo</c>.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ESRCH"/>: it has been reaped, or lives in another pid namespace.</exception>
    public int ReadProcessId()
    {
        string text = PathText.Decode(HostFiles.Read(ProcPath.Replace("/fd/", "/fdinfo/", StringComparison.Ordinal)));
        string? line = text.Split('\n').FirstOrDefault(line => line.StartsWith("Pid:", StringComparison.Ordinal));
        return int.TryParse((line ?? "Pid:").AsSpan(4).Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int pid) && pid > 0
            ? pid
            : throw new LinuxException("read fdinfo", Errno.ESRCH, ToString());
    }

    /// <summary>Sends <paramref name="signal"/> (0 only asks); false when the process has already exited and been reaped.</summary>
    public bool TrySignal(Signal signal)
    {
        using var fd = Hold();
        return Libc.syscall(SYS_pidfd_send_signal, fd, (nint)signal, 0, 0) == 0
            || (Libc.LastErrno == Errno.ESRCH ? false : throw LinuxException.FromErrno("pidfd_send_signal", SignalNames.NameOf(signal)));
    }

    /// <summary>Whether the process has ended; it may still be waiting for its parent.</summary>
    public bool HasExited => WaitReadable(0);

    /// <summary>Waits for a child of ours to end, and reaps it.</summary>
    /// <exception cref="LinuxException"><see cref="Errno.ECHILD"/>: not our child, or SIGCHLD is ignored in this process.</exception>
    public ExitStatus WaitExit() => Wait(0) ?? throw new LinuxException("waitid", Errno.ECHILD, ToString());

    /// <summary>Reaps a child of ours that has ended; null when it still runs.</summary>
    public ExitStatus? TryWaitExit() => Wait(WNOHANG);

    private unsafe ExitStatus? Wait(int options)
    {
        using var fd = Hold();
        siginfo_t info = default;
        Libc.Check(
            Libc.Restart(SYS_waitid, P_PIDFD, fd, (nint)(&info), WEXITED | __WALL | options, 0), "waitid", this);
        return info.si_code switch
        {
            0 => null,
            CLD_EXITED => new ExitStatus(info.si_status),
            _ => new ExitStatus(0, (Signal)info.si_status, info.si_code == CLD_DUMPED),
        };
    }
}

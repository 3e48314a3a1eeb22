using System.Runtime.InteropServices;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Processes;

/// <summary>What a process of ours does to itself: copies, names, detaches and ends itself, and adopts orphans.</summary>
public static partial class OwnProcess
{
    /// <summary>Copies this process, by the bare system call. Source: fork(2).</summary>
    /// <returns>0 in the copy; the copy's pid in the original.</returns>
    /// <remarks>
    /// Sound only where this is the one thread that runs managed code, in an ahead-of-time compiled process without a background
    /// collector: the copy has no other thread, so no finalizer runs in it and nothing may wait for one. It must end by
    /// <see cref="Exit"/>, since an orderly shutdown waits for the threads that it does not have. The C library's fork would put its locks and
    /// lists of threads in order, on eight pages that the copy shares no more; no other thread of ours holds such a lock, because none allocates.
    /// </remarks>
    /// <exception cref="LinuxException"><see cref="Errno.EAGAIN"/>, <see cref="Errno.ENOMEM"/>: too many processes, too little memory.</exception>
    public static int Fork() => (int)Libc.Check(Libc.syscall(SYS_fork), "fork", "this process");

    /// <summary>This process, asked of the kernel: in a forked child, what .NET remembers is the parent's. Source: getpid(2).</summary>
    public static int Id => (int)Libc.syscall(SYS_getpid);

    /// <summary>The process whose child this is now; another one once the parent has ended. Source: getppid(2).</summary>
    public static int ParentId => (int)Libc.syscall(SYS_getppid);

    /// <summary>Ends this process at once: nothing is flushed, no finalizer runs. Source: exit_group(2).</summary>
    public static void Exit(int code) => Libc.syscall(SYS_exit_group, code);

    /// <summary>Makes children of descendants that have died children of this process. Source: PR_SET_CHILD_SUBREAPER(2const).</summary>
    public static void BecomeSubreaper() => Libc.Check(Libc.syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1), "prctl", "PR_SET_CHILD_SUBREAPER");

    /// <summary>Leads a session of its own, without a terminal; nothing happens when it does already. Source: setsid(2).</summary>
    public static void BecomeSessionLeader()
    {
        if (Libc.syscall(SYS_setsid) < 0 && Libc.LastErrno != Errno.EPERM)
        {
            throw LinuxException.FromErrno("setsid", "this process");
        }
    }

    /// <summary>Makes <c>/</c> the working directory, so that no other directory is kept busy.</summary>
    public static unsafe void LeaveWorkingDirectory()
    {
        byte* root = stackalloc byte[] { (byte)'/', 0 };
        Libc.Check(Libc.syscall(SYS_chdir, (nint)root), "chdir", "/");
    }

    /// <summary>
    /// Puts a detached mount over <c>/</c> and makes it the root directory, as the first process of a machine leaves its initial file system:
    /// that one can be neither unmounted nor pivoted away. Source: chroot(2), kernel Documentation/filesystems/ramfs-rootfs-initramfs.rst.
    /// </summary>
    public static unsafe void EnterRoot(MountTree tree)
    {
        using (FileDescriptor root = HostFiles.OpenPath("/"))
        {
            tree.Attach(root);
        }
        byte* here = stackalloc byte[] { (byte)'.', 0 };
        using var fd = tree.Hold();
        Libc.Check(Libc.syscall(SYS_fchdir, fd), "fchdir", tree);
        Libc.Check(Libc.syscall(SYS_chroot, (nint)here), "chroot", tree);
    }

    /// <summary>The name that <c>ps</c> shows of this thread; at most 15 bytes count. Source: PR_SET_NAME(2const).</summary>
    public static unsafe void SetName(string name)
    {
        var text = new CString(name, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            Libc.Check(Libc.syscall(SYS_prctl, PR_SET_NAME, (nint)bytes), "prctl", "PR_SET_NAME");
        }
    }

    /// <summary>Puts <c>/dev/null</c> in the place of standard input, output and error.</summary>
    public static void SilenceStandardStreams()
    {
        using var nothing = HostFiles.Open("/dev/null", O_RDWR);
        using var fd = nothing.Hold();
        for (int i = 0; i < 3; i++)
        {
            Libc.Check(Libc.syscall(SYS_dup3, fd, i, 0), "dup3", "/dev/null");
        }
    }

    /// <summary>Reaps every child that has ended. Source: waitid(2).</summary>
    /// <returns>Whether children are left that run.</returns>
    public static unsafe bool ReapChildren()
    {
        while (true)
        {
            siginfo_t info = default;
            nint result = Libc.Restart(SYS_waitid, P_ALL, 0, (nint)(&info), WEXITED | WNOHANG | __WALL, 0);
            if (result < 0)
            {
                return Libc.LastErrno == Errno.ECHILD ? false : throw LinuxException.FromErrno("waitid", "any child");
            }
            if (info.si_pid == 0)
            {
                return true;
            }
        }
    }

    /// <summary>Waits for the child <paramref name="pid"/> to end, and reaps it. Source: waitid(2).</summary>
    public static unsafe void Reap(int pid)
    {
        siginfo_t info = default;
        Libc.Check(Libc.Restart(SYS_waitid, P_PID, pid, (nint)(&info), WEXITED | __WALL, 0), "waitid", "child");
    }

    /// <summary>Whether this process's executable is a sealed file in memory, which nobody can change or reach by path.</summary>
    public static bool IsSealed
    {
        get
        {
            using var file = HostFiles.OpenRead("/proc/self/exe");
            return Memfd.IsSealed(file);
        }
    }

    /// <summary>Executes a sealed copy, in memory, of this process's own executable with the same environment. Returns only by throwing.</summary>
    /// <param name="arguments">With the program's name in front.</param>
    public static unsafe void ExecuteSealed(params ReadOnlySpan<string> arguments)
    {
        using var copy = Memfd.Create(arguments[0]);
        using (var file = HostFiles.OpenRead("/proc/self/exe"))
        {
            byte[] buffer = new byte[1 << 20];
            int count;
            while ((count = file.Read(buffer)) > 0)
            {
                copy.Write(buffer.AsSpan(0, count));
            }
        }
        copy.Seal();

        byte[] environment = HostFiles.Read("/proc/self/environ", 4 << 20);
        byte** argv = (byte**)NativeMemory.AllocZeroed((nuint)(arguments.Length + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < arguments.Length; i++)
        {
            byte[] text = PathText.Encode(arguments[i]);
            argv[i] = (byte*)NativeMemory.AllocZeroed((nuint)text.Length + 1);
            text.CopyTo(new Span<byte>(argv[i], text.Length));
        }
        int variables = environment.AsSpan().Count((byte)0);
        byte** envp = (byte**)NativeMemory.AllocZeroed((nuint)(variables + 1), (nuint)sizeof(byte*));
        byte empty = 0;
        fixed (byte* text = environment)
        {
            int start = 0;
            for (int i = 0; i < variables; i++)
            {
                envp[i] = text + start;
                start += environment.AsSpan(start).IndexOf((byte)0) + 1;
            }
            using var fd = copy.Hold();
            // The memory is given back by the exec, or with the process that ends because of the error.
            Libc.Check(Libc.syscall(SYS_execveat, fd, (nint)(&empty), (nint)argv, (nint)envp, AT_EMPTY_PATH), "execveat", arguments[0]);
        }
    }
}

using System.Runtime.InteropServices;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Launch;

/// <summary>Starts children that walk launch images.</summary>
/// <remarks>
/// Two ways, chosen by the program. <see cref="LaunchMode.Shared"/>: the child shares our memory (CLONE_VM) on a stack of its own, which
/// costs the same however large this process is. <see cref="LaunchMode.Copied"/>: a plain copy, for a child that enters namespaces in which
/// strangers live, since whoever could trace it would see this process's memory. In both, the child runs machine code only: no managed frame,
/// no garbage-collector poll, no signal handler (all signals are blocked around the clone).
/// </remarks>
public static unsafe class Launcher
{
    private const nuint StackSize = 64 * 1024;
    private static readonly delegate* unmanaged<clone_args*, nuint, byte*, long> Spawn = LoadInterpreter();

    /// <summary>Starts a child that walks <paramref name="image"/>.</summary>
    /// <param name="image">Encoded by <see cref="LaunchProgram.Encode"/>, possibly in another process.</param>
    /// <param name="inherited">What the slots of <see cref="LaunchProgram.Inherited"/> hold, in their order; stays the caller's.</param>
    /// <returns>The child with its synchronisation socket; the caller disposes it, after the child has executed its program or ended.</returns>
    /// <exception cref="LinuxException">clone3 failed: EAGAIN, ENOMEM, ENOSPC (nested too deep), EPERM.</exception>
    public static LaunchedProcess Start(LaunchImage image, params ReadOnlySpan<Descriptor?> inherited) => Start(LaunchParent.Caller, image, inherited);

    /// <summary>Starts a child as <see cref="Start(LaunchImage, ReadOnlySpan{Descriptor?})"/>, of the parent that <paramref name="parent"/> says.</summary>
    public static LaunchedProcess Start(LaunchParent parent, LaunchImage image, params ReadOnlySpan<Descriptor?> inherited)
    {
        var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.SequencedPacket);
        LaunchMemory? memory = null;
        try
        {
            memory = LaunchMemory.Allocate((nuint)image.Bytes.Length, StackSize);
            var bytes = memory.Image;
            image.Bytes.Span.CopyTo(bytes);
            LaunchImage.Relocate(bytes, memory.Address);

            using var sync = theirs.Hold();
            LaunchImage.SetSlot(bytes, Slot.Sync.Index, sync.Number);
            for (int i = 0; i < inherited.Length; i++)
            {
                LaunchImage.SetSlot(bytes, Slot.Sync.Index + 1 + i, inherited[i]?.DangerousGetHandle() ?? -1);
            }

            var cgroup = image.CgroupSlot == 0 ? null : inherited[image.CgroupSlot - Slot.Sync.Index - 1];
            var launched = Clone(parent, image, memory, ours, (int)(cgroup?.DangerousGetHandle() ?? -1));
            for (int i = 0; i < inherited.Length; i++)
            {
                GC.KeepAlive(inherited[i]);
            }
            theirs.Dispose();
            return launched;
        }
        catch
        {
            ours.Dispose();
            theirs.Dispose();
            memory?.Dispose();
            throw;
        }
    }

    private static LaunchedProcess Clone(LaunchParent parent, LaunchImage image, LaunchMemory memory, UnixSocket sync, int cgroup)
    {
        bool shared = image.Mode == LaunchMode.Shared;
        int pidfd = -1;
        clone_args arguments = new()
        {
            flags = (ulong)(uint)image.Namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (shared ? (ulong)CLONE_VM : 0)
                | (parent == LaunchParent.Ours ? (ulong)CLONE_PARENT : 0)
                | (cgroup >= 0 ? (ulong)CLONE_INTO_CGROUP : 0),
            pidfd = (ulong)&pidfd,
            exit_signal = parent == LaunchParent.Ours ? 0 : (ulong)Signal.CHLD, // a sibling ends with the signal that we end with
            stack = shared ? (ulong)memory.Stack : 0,
            stack_size = shared ? StackSize : 0,
            cgroup = cgroup >= 0 ? (ulong)cgroup : 0,
        };

        ulong every = ulong.MaxValue;
        ulong before = 0;
        Libc.Check(Libc.syscall(SYS_rt_sigprocmask, SIG_SETMASK, (nint)(&every), (nint)(&before), 8), "rt_sigprocmask", "block all");
        long pid;
        try
        {
            pid = Spawn(&arguments, (nuint)sizeof(clone_args), (byte*)memory.Address);
        }
        finally
        {
            Libc.Check(Libc.syscall(SYS_rt_sigprocmask, SIG_SETMASK, (nint)(&before), 0, 8), "rt_sigprocmask", "restore");
        }
        if (pid < 0)
        {
            throw new LinuxException("clone3", (Errno)(-pid), $"with new namespaces {image.Namespaces}{(cgroup >= 0 ? ", into a cgroup of version 2" : "")}");
        }
        return new((int)pid, new Pidfd(pidfd), sync, memory, parent);
    }

    private static delegate* unmanaged<clone_args*, nuint, byte*, long> LoadInterpreter()
    {
        nint page = Libc.Check(
            Libc.syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap", "interpreter");
        Interpreter.CodeOf(KernelArchitectures.Own).CopyTo(new Span<byte>((void*)page, 4096));
        Libc.Check(Libc.syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC), "mprotect", "interpreter");
        return (delegate* unmanaged<clone_args*, nuint, byte*, long>)page;
    }
}

/// <summary>Whether a child shares the memory of the process that starts it.</summary>
public enum LaunchMode
{
    /// <summary>Shares it, on a stack of its own, until it executes.</summary>
    Shared = 0,

    /// <summary>Has a copy.</summary>
    Copied = 1,
}

/// <summary>Whose child a launched process is.</summary>
public enum LaunchParent
{
    /// <summary>The child of the process that starts it.</summary>
    Caller = 0,

    /// <summary>The child of our own parent, which waits for it; we may end before it does. Source: clone(2), CLONE_PARENT.</summary>
    Ours = 1,
}

/// <summary>The memory a child walks: the relocated image, a guard page, the stack. Must live until the child has executed or ended.</summary>
internal sealed unsafe class LaunchMemory : SafeHandle
{
    private readonly nuint _size;
    private readonly nuint _imageSize;

    private LaunchMemory(nint address, nuint size, nuint imageSize) : base(0, ownsHandle: true)
    {
        SetHandle(address);
        _size = size;
        _imageSize = imageSize;
    }

    public override bool IsInvalid => handle is 0 or -1;

    internal nint Address => handle;

    /// <summary>The lowest address of the stack.</summary>
    internal nint Stack { get; private set; }

    internal Span<byte> Image => new((void*)handle, (int)_imageSize);

    internal static LaunchMemory Allocate(nuint imageSize, nuint stackSize)
    {
        nuint imagePages = (imageSize + 4095) & ~(nuint)4095;
        nuint size = imagePages + 4096 + stackSize;
        nint address = Libc.Check(
            Libc.syscall(SYS_mmap, 0, (nint)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap", "launch image");
        LaunchMemory memory = new(address, size, imageSize) { Stack = address + (nint)imagePages + 4096 };
        Libc.Check(Libc.syscall(SYS_mprotect, address + (nint)imagePages, 4096, 0), "mprotect", "guard page");
        return memory;
    }

    protected override bool ReleaseHandle() => Libc.syscall(SYS_munmap, handle, (nint)_size) == 0;
}

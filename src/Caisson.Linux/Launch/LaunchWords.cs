using Caisson.Linux.Seccomp;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Launch;

/// <summary>Steps in the words of the machine that they are for: numbers of calls, and the flags of open(2). Nothing else that plans say differs.</summary>
/// <remarks>Source: arch/arm64/include/uapi/asm/fcntl.h.</remarks>
internal static class LaunchWords
{
    private const int FlagsOfOpenat = 2;
    private const long Arm64Directory = 0x4000;
    private const long Arm64NoFollow = 0x8000;
    private const long Arm64LargeFile = 0x20000;

    /// <summary>The number of a call; the interpreter's own verbs are the same everywhere.</summary>
    public static long Number(SystemCall call, KernelArchitecture architecture)
    {
        if (architecture == KernelArchitecture.X64 || call < 0)
        {
            return (long)call;
        }
        return SyscallTable.TryFind(call.ToString(), out SyscallNumbers numbers) && numbers.Arm64 >= 0
            ? numbers.Arm64
            : throw new InvalidOperationException($"{architecture} has no {call}");
    }

    /// <summary>The number that is argument <paramref name="index"/> of <paramref name="call"/>.</summary>
    public static long Argument(SystemCall call, int index, long number, KernelArchitecture architecture) =>
        call == SystemCall.openat && index == FlagsOfOpenat ? OpenFlags(number, architecture) : number;

    /// <summary>Flags of open(2), as our own kernel has them, for another.</summary>
    public static long OpenFlags(long flags, KernelArchitecture architecture)
    {
        if (architecture == KernelArchitectures.Own)
        {
            return flags;
        }
        return architecture == KernelArchitecture.Arm64
            ? (flags & ~(long)(O_DIRECTORY | O_NOFOLLOW | O_LARGEFILE))
                | ((flags & O_DIRECTORY) != 0 ? Arm64Directory : 0)
                | ((flags & O_NOFOLLOW) != 0 ? Arm64NoFollow : 0)
                | ((flags & O_LARGEFILE) != 0 ? Arm64LargeFile : 0)
            : throw new InvalidOperationException($"launches for {architecture} are compiled there alone");
    }
}

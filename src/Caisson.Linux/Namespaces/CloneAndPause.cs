using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Machine code that makes a child which does nothing until it is killed, and never touches memory.</summary>
/// <remarks>
/// Sound because the child uses registers only: not the stack it shares with the calling thread, no thread-local storage, no managed code.
/// The parent's thread makes the call in preemptive mode (an unmanaged function pointer), so a garbage collection never waits for it.
/// </remarks>
internal static unsafe class CloneAndPause
{
    private static readonly delegate* unmanaged<clone_args*, nuint, long> Code = Load();

    /// <summary>clone3(2); the child's pid, or a negative errno.</summary>
    internal static long Run(clone_args* arguments, nuint size) => Code(arguments, size);

    private static delegate* unmanaged<clone_args*, nuint, long> Load()
    {
        ReadOnlySpan<byte> code =
        [
            0xB8, 0xB3, 0x01, 0x00, 0x00,       // mov eax, 435 (clone3)      rdi, rsi: as called
            0x0F, 0x05,                         // syscall
            0x48, 0x85, 0xC0,                   // test rax, rax
            0x74, 0x01,                         // jz child
            0xC3,                               // ret
            0xB8, 0x9D, 0x00, 0x00, 0x00,       // child: mov eax, 157 (prctl)
            0xBF, 0x01, 0x00, 0x00, 0x00,       // mov edi, 1 (PR_SET_PDEATHSIG)
            0xBE, 0x09, 0x00, 0x00, 0x00,       // mov esi, 9 (SIGKILL)
            0x0F, 0x05,                         // syscall
            0xB8, 0x25, 0x00, 0x00, 0x00,       // mov eax, 37 (alarm)
            0xBF, 0x1E, 0x00, 0x00, 0x00,       // mov edi, 30
            0x0F, 0x05,                         // syscall
            0xB8, 0x22, 0x00, 0x00, 0x00,       // again: mov eax, 34 (pause)
            0x0F, 0x05,                         // syscall
            0xEB, 0xF7,                         // jmp again
        ];
        nint page = Libc.Check(
            Libc.syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap", "code page");
        code.CopyTo(new Span<byte>((void*)page, 4096));
        Libc.Check(Libc.syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC), "mprotect", "code page");
        return (delegate* unmanaged<clone_args*, nuint, long>)page;
    }
}

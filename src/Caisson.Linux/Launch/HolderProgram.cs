namespace Caisson.Linux.Launch;

/// <summary>The program of a container that is there for its namespaces alone: waits for ever, and lets ended children go by themselves.</summary>
/// <remarks>
/// Machine code, because there is one for each pod. As the first process of its namespace it gets no signal that it does not handle, so only
/// SIGKILL from outside ends it. Source: signal(7), sigaction(2) "SIG_IGN for SIGCHLD", pid_namespaces(7).
/// </remarks>
public static class HolderProgram
{
    /// <summary>The code; it needs no data and can be anywhere.</summary>
    public static ReadOnlySpan<byte> Code =>
    [
        0x48, 0x83, 0xec, 0x20,                               // sub rsp, 32            struct kernel_sigaction
        0x48, 0xc7, 0x04, 0x24, 0x01, 0x00, 0x00, 0x00,       // mov qword [rsp], 1     SIG_IGN
        0x48, 0xc7, 0x44, 0x24, 0x08, 0x00, 0x00, 0x00, 0x00, // mov qword [rsp+8], 0   flags
        0x48, 0xc7, 0x44, 0x24, 0x10, 0x00, 0x00, 0x00, 0x00, // mov qword [rsp+16], 0  restorer
        0x48, 0xc7, 0x44, 0x24, 0x18, 0x00, 0x00, 0x00, 0x00, // mov qword [rsp+24], 0  mask
        0xbf, 0x11, 0x00, 0x00, 0x00,                         // mov edi, 17            SIGCHLD
        0x48, 0x89, 0xe6,                                     // mov rsi, rsp
        0x31, 0xd2,                                           // xor edx, edx
        0x41, 0xba, 0x08, 0x00, 0x00, 0x00,                   // mov r10d, 8
        0xb8, 0x0d, 0x00, 0x00, 0x00,                         // mov eax, 13            rt_sigaction
        0x0f, 0x05,                                           // syscall
        0xb8, 0x22, 0x00, 0x00, 0x00,                         // mov eax, 34            pause
        0x0f, 0x05,                                           // syscall
        0xeb, 0xf7,                                           // jmp back to pause
    ];

    /// <summary>The bytes of the executable.</summary>
    public static byte[] ToElf()
    {
        byte[] elf = new byte[SelfProgram.EntryOffset + Code.Length];
        SelfProgram.WriteHeader(elf, KernelArchitecture.X64);
        SelfProgram.WriteSegment(elf.AsSpan(64), type: 1, flags: 5, offset: 0, SelfProgram.CodeAddress, elf.Length); // PT_LOAD, R-X
        SelfProgram.WriteSegment(elf.AsSpan(120), type: 0, flags: 0, 0, 0, 0); // PT_NULL
        SelfProgram.WriteSegment(elf.AsSpan(176), type: 0x6474e551, flags: 6, 0, 0, 0); // PT_GNU_STACK: not executable
        Code.CopyTo(elf.AsSpan(SelfProgram.EntryOffset));
        return elf;
    }
}

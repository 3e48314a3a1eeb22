using System.Runtime.InteropServices;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Processes;

public static partial class OwnProcess
{
    /// <summary>
    /// Lets go of the pages of this program's file that are not written to, code and constants, until they are used again: they stay in
    /// the page cache, so what comes back costs a minor fault. For the moment before a long wait, which needs few of them. Allocates nothing.
    /// </summary>
    /// <remarks>Source: elf(5), getauxval(3), madvise(2) MADV_DONTNEED, which never loses content of a mapping that nobody wrote to.</remarks>
    public static unsafe void ReleaseCode()
    {
        var headers = (Elf64_Phdr*)getauxval(AT_PHDR);
        int count = (int)getauxval(AT_PHNUM);
        ulong moved = 0; // how far from the addresses in the file: 0 unless it is position independent
        for (int i = 0; i < count; i++)
        {
            if (headers[i].p_type == PT_PHDR)
            {
                moved = (ulong)headers - headers[i].p_vaddr;
            }
        }
        for (int i = 0; i < count; i++)
        {
            Elf64_Phdr segment = headers[i];
            if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0)
            {
                ulong start = (moved + segment.p_vaddr) & ~4095ul;
                ulong end = (moved + segment.p_vaddr + segment.p_filesz + 4095) & ~4095ul;
                // A refusal, as of pages that are locked in memory, costs memory and nothing else.
                Libc.syscall(SYS_madvise, (nint)start, (nint)(end - start), MADV_DONTNEED);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "getauxval")]
    private static partial nuint getauxval(nuint type);
}

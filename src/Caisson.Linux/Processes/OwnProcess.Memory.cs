using System.Runtime.InteropServices;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Processes;

public static partial class OwnProcess
{
    /// <summary>
    /// Lets go of the pages of this program's file that are not written to, code and constants, until they are used again: they stay in
    /// the page cache, so what comes back costs a minor fault. For the moment before a long wait, which needs few of them.
    /// </summary>
    /// <remarks>
    /// A page that was written to stays: the runtime makes a page of its constants writable for a moment at the start and puts the cookie there
    /// with which functions guard their stack, so a page's protection does not tell. Source: elf(5), getauxval(3), madvise(2) MADV_DONTNEED, proc_pid_pagemap(5).
    /// </remarks>
    public static unsafe void ReleaseCode()
    {
        using var map = HostFiles.OpenRead("/proc/self/pagemap");
        using var mapFd = map.Hold();
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
                ReleaseUnwritten(mapFd, start, end);
            }
        }
    }

    private static unsafe void ReleaseUnwritten(nint map, ulong start, ulong end)
    {
        const ulong Present = 1ul << 63, Swapped = 1ul << 62, OfFile = 1ul << 61;
        ulong* pages = stackalloc ulong[64]; // little, since what the stack once had it keeps
        while (start < end)
        {
            nint size = (nint)Math.Min((end - start) / 4096, 64) * 8;
            if (Libc.syscall(SYS_pread64, map, (nint)pages, size, (nint)(start / 4096 * 8)) != size)
            {
                return; // what cannot be known stays
            }
            ulong run = start;
            for (int i = 0; i < size / 8; i++, start += 4096)
            {
                bool written = (pages[i] & Swapped) != 0 || (pages[i] & (Present | OfFile)) == Present;
                if (written)
                {
                    Release(run, start);
                    run = start + 4096;
                }
            }
            Release(run, start);
        }
    }

    /// <summary>A refusal, as of pages that are locked in memory, costs memory and nothing else.</summary>
    private static void Release(ulong start, ulong end)
    {
        if (start < end)
        {
            Libc.syscall(SYS_madvise, (nint)start, (nint)(end - start), MADV_DONTNEED);
        }
    }

    [LibraryImport("libc", EntryPoint = "getauxval")]
    private static partial nuint getauxval(nuint type);
}

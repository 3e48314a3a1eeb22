using System.Buffers.Binary;
using System.Diagnostics;
using Caisson.Linux.Abi;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux.Kvm;

/// <summary>
/// A machine of four kilobytes whose processor counts down in ring 0 and halts: how fast it does that says whether a device runs kernels, or emulates
/// them instruction by instruction.
/// </summary>
/// <remarks>Opening <c>/dev/kvm</c> and creating machines proves nothing: both work where ring 0 is emulated. Source: kernel Documentation/virt/kvm/api.rst.</remarks>
public static class RingZeroLoop
{
    private const int Memory = 0x1000;
    private const int ExitReasonOffset = 8;

    /// <summary>The registers and segments as KVM_GET_SREGS gives them; the code segment is the first, its base the first word, its selector at 12.</summary>
    private const int SegmentsSize = 312;

    /// <summary>Instructions that the loop takes: two each time round.</summary>
    public const int Instructions = 40_000;

    /// <summary>Runs the loop; null when this machine has no KVM or does not let this process use it.</summary>
    public static TimeSpan? TryMeasure()
    {
        FileDescriptor? device = TryOpen();
        if (device is null)
        {
            return null;
        }
        using (device)
        {
            try
            {
                return Measure(device);
            }
            catch (LinuxException)
            {
                return null; // a device that cannot do the least of what a machine needs is none
            }
        }
    }

    private static FileDescriptor? TryOpen()
    {
        try
        {
            return HostFiles.Open("/dev/kvm", O_RDWR);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO or Errno.EACCES or Errno.EPERM)
        {
            return null;
        }
    }

    /// <summary>All memory is mapped here and unmapped here; the kernel writes to it only during the calls.</summary>
    private static unsafe TimeSpan? Measure(FileDescriptor device)
    {
        if (Control(device, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        {
            return null;
        }
        using Descriptor machine = Descriptor.TakeOver((int)Control(device, KVM_CREATE_VM, 0));
        Control(machine, KVM_SET_TSS_ADDR, unchecked((nint)0xfffbd000)); // three pages that some processors need
        nint runSize = Control(device, KVM_GET_VCPU_MMAP_SIZE, 0);
        nint memory = Map(Memory, MAP_PRIVATE | MAP_ANONYMOUS, null);
        nint run = 0;
        try
        {
            // mov ecx, N; again: dec ecx; jnz again; hlt (16-bit code: 66 marks 32-bit operands)
            Span<byte> code = stackalloc byte[] { 0x66, 0xb9, 0, 0, 0, 0, 0x66, 0x49, 0x75, 0xfc, 0xf4 };
            BinaryPrimitives.WriteInt32LittleEndian(code[2..], Instructions / 2);
            code.CopyTo(new Span<byte>((void*)memory, Memory));
            var region = new kvm_userspace_memory_region { memory_size = Memory, userspace_addr = (ulong)memory };
            Control(machine, KVM_SET_USER_MEMORY_REGION, (nint)(&region));

            using Descriptor processor = Descriptor.TakeOver((int)Control(machine, KVM_CREATE_VCPU, 0));
            run = Map(runSize, MAP_SHARED, processor);
            byte* segments = stackalloc byte[SegmentsSize];
            Control(processor, unchecked((nint)KVM_GET_SREGS), (nint)segments);
            *(ulong*)segments = 0;
            *(ushort*)(segments + 12) = 0;
            Control(processor, KVM_SET_SREGS, (nint)segments);
            var registers = new kvm_regs { rflags = 2 };
            Control(processor, KVM_SET_REGS, (nint)(&registers));

            long start = Stopwatch.GetTimestamp();
            Control(processor, KVM_RUN, 0);
            TimeSpan taken = Stopwatch.GetElapsedTime(start);
            return *(int*)(run + ExitReasonOffset) == KVM_EXIT_HLT ? taken : null;
        }
        finally
        {
            Libc.syscall(SYS_munmap, memory, Memory);
            if (run != 0)
            {
                Libc.syscall(SYS_munmap, run, runSize);
            }
        }
    }

    private static nint Control(Descriptor descriptor, nint request, nint argument)
    {
        using var fd = descriptor.Hold();
        return Libc.Check(Libc.Restart(SYS_ioctl, fd, request, argument), "ioctl KVM", descriptor);
    }

    private static nint Map(nint size, int flags, Descriptor? file)
    {
        if (file is null)
        {
            return Libc.Check(Libc.syscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, flags, -1, 0), "mmap", "memory of a machine");
        }
        using var fd = file.Hold();
        return Libc.Check(Libc.syscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, flags, fd, 0), "mmap", file);
    }
}

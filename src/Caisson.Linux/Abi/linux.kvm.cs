namespace Caisson.Linux.Abi;

// linux/kvm.h, of x86
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int KVM_API_VERSION = 12;
    public const int KVM_GET_API_VERSION = 0xAE00;
    public const int KVM_CREATE_VM = 0xAE01;
    public const int KVM_GET_VCPU_MMAP_SIZE = 0xAE04;
    public const int KVM_CREATE_VCPU = 0xAE41;
    public const int KVM_SET_TSS_ADDR = 0xAE47;
    public const int KVM_SET_USER_MEMORY_REGION = 0x4020AE46;
    public const int KVM_RUN = 0xAE80;
    public const uint KVM_GET_SREGS = 0x8138AE83;
    public const int KVM_SET_SREGS = 0x4138AE84;
    public const int KVM_SET_REGS = 0x4090AE82;
    public const int KVM_EXIT_HLT = 5;
#pragma warning restore CS1591
}

namespace Caisson.Linux.Abi;

// elf(5), getauxval(3)
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int AT_PHDR = 3;
    public const int AT_PHNUM = 5;
    public const int PT_LOAD = 1;
    public const int PT_PHDR = 6;
    public const int PF_W = 2;
#pragma warning restore CS1591
}

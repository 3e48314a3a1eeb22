namespace Caisson.Linux.Abi;

// statfs(2), linux/magic.h
public static partial class Kernel
{
#pragma warning disable CS1591 // the kernel's own names say it
    public const int CGROUP_SUPER_MAGIC = 0x27E0EB;
    public const int CGROUP2_SUPER_MAGIC = 0x63677270;
    public const int PROC_SUPER_MAGIC = 0x9FA0;
    public const int NSFS_MAGIC = 0x6E736673;
    public const int OVERLAYFS_SUPER_MAGIC = 0x794C7630;
    public const int TMPFS_MAGIC = 0x1021994;
    public const int SYSFS_MAGIC = 0x62656572;
    public const int DEVPTS_SUPER_MAGIC = 0x1CD1;
#pragma warning restore CS1591
}

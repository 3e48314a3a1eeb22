using System.Collections.Immutable;
using System.Globalization;
using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>What the running kernel offers: a value, read once, for planners.</summary>
/// <param name="Release">As uname says it.</param>
/// <param name="Version">Its first two numbers. Distributions carry features back, so ask the fields below where there is one.</param>
/// <param name="LastCapability">The highest capability number known.</param>
/// <param name="SecurityModules">Active Linux security modules, such as <c>landlock</c>, <c>apparmor</c>; empty also when they cannot be read.</param>
/// <param name="LandlockVersion">0: absent.</param>
/// <param name="FileSystems">Types that can be mounted without loading a module.</param>
/// <param name="HasOpenat2">Paths in a root can be opened safely; without it nothing runs.</param>
/// <param name="HasClone3">clone3(2).</param>
/// <param name="HasMountSetattr">Attributes and id maps of mounts.</param>
/// <param name="HasMountByDescriptor">open_tree(2), fsopen(2), move_mount(2).</param>
/// <param name="NamespaceKinds">Kinds of namespaces.</param>
/// <param name="OverflowUserId">What an unmapped owner is shown as.</param>
public sealed record KernelFacts(
    string Release,
    KernelVersion Version,
    int LastCapability,
    ImmutableArray<string> SecurityModules,
    int LandlockVersion,
    ImmutableArray<string> FileSystems,
    bool HasOpenat2,
    bool HasClone3,
    bool HasMountSetattr,
    bool HasMountByDescriptor,
    NamespaceKind NamespaceKinds,
    uint OverflowUserId)
{
    /// <summary>Asks the running kernel; changes nothing.</summary>
    public static KernelFacts Read()
    {
        string release = PathText.Decode(HostFiles.Read("/proc/sys/kernel/osrelease")).Trim();
        if (!KernelVersion.TryParse(release, out var version))
        {
            throw new CaissonException(ErrorKind.Internal, $"read the kernel's version: \"{release}\" has no two numbers");
        }
        return new(
            release,
            version,
            CapabilityNames.ReadLast(),
            ReadSecurityModules(),
            LandlockRuleset.Version,
            ReadFileSystems(),
            Exists(SYS_openat2, -1),
            Exists(SYS_clone3, 0),
            Exists(SYS_mount_setattr, -1),
            Exists(SYS_open_tree, -1),
            ReadNamespaceKinds(),
            uint.Parse(PathText.Decode(HostFiles.Read("/proc/sys/kernel/overflowuid")).AsSpan().Trim(), CultureInfo.InvariantCulture));
    }

    /// <summary>A call with impossible arguments fails, but with ENOSYS only where it is missing.</summary>
    private static bool Exists(int call, nint first) => Libc.syscall(call, first, 0, 0, 0, 0, 0) >= 0 || Libc.LastErrno is not (Errno.ENOSYS or Errno.EPERM);

    private static ImmutableArray<string> ReadFileSystems() =>
        [.. PathText.Decode(HostFiles.Read("/proc/filesystems")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[(line.LastIndexOf('\t') + 1)..])];

    private static NamespaceKind ReadNamespaceKinds()
    {
        var found = NamespaceKind.None;
        using var directory = HostFiles.OpenDirectory("/proc/self/ns");
        foreach (NamespaceKind kind in Enum.GetValues<NamespaceKind>())
        {
            if (kind == NamespaceKind.None)
            {
                continue;
            }
            using var handle = directory.TryOpenPath(kind.ProcName());
            found |= handle is null ? 0 : kind;
        }
        return found;
    }

    /// <summary>By securityfs where it is mounted, else by lsm_list_modules(2) (Linux 6.8).</summary>
    private static unsafe ImmutableArray<string> ReadSecurityModules()
    {
        if (HostFiles.TryReadText("/sys/kernel/security/lsm") is { } text)
        {
            return [.. text.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries)];
        }
        ulong* ids = stackalloc ulong[32];
        uint size = 32 * sizeof(ulong);
        nint count = Libc.syscall(SYS_lsm_list_modules, (nint)ids, (nint)(&size), 0);
        var names = ImmutableArray.CreateBuilder<string>();
        for (int i = 0; i < count; i++)
        {
            names.Add(ids[i] switch
            {
                100 => "capability",
                101 => "selinux",
                102 => "smack",
                103 => "tomoyo",
                104 => "apparmor",
                105 => "yama",
                106 => "loadpin",
                107 => "safesetid",
                108 => "lockdown",
                109 => "bpf",
                110 => "landlock",
                111 => "ima",
                112 => "evm",
                113 => "ipe",
                _ => string.Create(CultureInfo.InvariantCulture, $"lsm-{ids[i]}"),
            });
        }
        return names.ToImmutable();
    }
}

namespace Caisson.Containers.Cgroups;

/// <summary>Kinds of access to a device node, with the bits of BPF_DEVCG_ACC_*. Source: uapi/linux/bpf.h.</summary>
[Flags]
public enum CgroupDeviceAccess
{
    /// <summary>No access.</summary>
    None = 0,

    /// <summary>Making the node.</summary>
    Mknod = 1,

    /// <summary>Opening it for reading.</summary>
    Read = 2,

    /// <summary>Opening it for writing.</summary>
    Write = 4,

    /// <summary>All three.</summary>
    All = Mknod | Read | Write,
}

/// <summary>One rule on access to device nodes.</summary>
/// <param name="Allow">Allow or deny.</param>
/// <param name="Type"><c>b</c>, <c>c</c>, or <c>a</c> for both.</param>
/// <param name="Major">The major number; null is every.</param>
/// <param name="Minor">The minor number; null is every.</param>
/// <param name="Access">What is allowed or denied; never none.</param>
public readonly record struct CgroupDeviceRule(bool Allow, char Type, uint? Major, uint? Minor, CgroupDeviceAccess Access)
{
    /// <summary>The devices and the access as the version 1 files take them, such as <c>c 1:3 rwm</c>.</summary>
    public string ToLine() => $"{Type} {Number(Major)}:{Number(Minor)} {Letters(Access)}";

    /// <inheritdoc/>
    public override string ToString() => $"{(Allow ? "allow" : "deny")} {ToLine()}";

    /// <summary>The access in letters of <c>rwm</c>.</summary>
    public static string Letters(CgroupDeviceAccess access) =>
        (access.HasFlag(CgroupDeviceAccess.Read) ? "r" : "")
        + (access.HasFlag(CgroupDeviceAccess.Write) ? "w" : "")
        + (access.HasFlag(CgroupDeviceAccess.Mknod) ? "m" : "");

    /// <summary>Letters of <c>rwm</c> as access; others are passed over.</summary>
    public static CgroupDeviceAccess Parse(string letters)
    {
        CgroupDeviceAccess access = CgroupDeviceAccess.None;
        foreach (char letter in letters)
        {
            access |= letter switch
            {
                'r' => CgroupDeviceAccess.Read,
                'w' => CgroupDeviceAccess.Write,
                'm' => CgroupDeviceAccess.Mknod,
                _ => CgroupDeviceAccess.None,
            };
        }
        return access;
    }

    private static string Number(uint? number) => number?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "*";
}

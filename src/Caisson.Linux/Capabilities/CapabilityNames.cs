using System.Collections.Immutable;
using System.Globalization;

namespace Caisson.Linux;

/// <summary>Capabilities by the kernel's names. Source: capabilities(7), linux/capability.h.</summary>
public static class CapabilityNames
{
    private const string Prefix = "CAP_";

    /// <summary>The names by number.</summary>
    private static readonly string[] Names =
    [
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    ];

    /// <summary>All that are known here, by number.</summary>
    public static ImmutableArray<Capability> All { get; } = [.. Enumerable.Range(0, Names.Length).Select(number => (Capability)number)];

    /// <summary>Such as <c>CAP_SYS_ADMIN</c>; <c>CAP_63</c> for one that is newer than this list.</summary>
    public static string NameOf(Capability capability) => (int)capability < Names.Length
        ? Prefix + Names[(int)capability]
        : string.Create(CultureInfo.InvariantCulture, $"{Prefix}{(int)capability}");

    /// <summary>Understands <c>CAP_SYS_ADMIN</c>, <c>SYS_ADMIN</c> and either in lower case.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Capability capability)
    {
        if (text.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            text = text[Prefix.Length..];
        }
        for (int number = 0; number < Names.Length; number++)
        {
            if (text.Equals(Names[number], StringComparison.OrdinalIgnoreCase))
            {
                capability = (Capability)number;
                return true;
            }
        }
        capability = default;
        return false;
    }

    /// <summary>The highest number that the running kernel knows. Source: proc(5), <c>/proc/sys/kernel/cap_last_cap</c>.</summary>
    public static int ReadLast()
    {
        string text = PathText.Decode(HostFiles.Read("/proc/sys/kernel/cap_last_cap"));
        return int.Parse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
    }
}

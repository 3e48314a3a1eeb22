using System.Globalization;

namespace Caisson.Cli.Formatting;

/// <summary>What isolates a process, from what it reads about itself in <c>/proc</c>.</summary>
/// <remarks>Source: namespaces(7), user_namespaces(7), capabilities(7), proc_pid_status(5).</remarks>
internal static class IsolationReport
{
    // By number, from 0; linux/capability.h.
    private static readonly string[] Capabilities =
    [
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
        "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
        "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
        "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
        "perfmon", "bpf", "checkpoint_restore",
    ];

    /// <param name="session">Receives the report.</param>
    /// <param name="namespaces">Lines of name and <c>name:[inode]</c>, as the process sees them.</param>
    /// <param name="idMap">Its <c>/proc/self/uid_map</c>.</param>
    /// <param name="status">Its <c>/proc/self/status</c>.</param>
    public static void Write(Session session, string namespaces, string idMap, IReadOnlyDictionary<string, string> status)
    {
        var table = new ColumnWriter();
        table.Add("WHAT\tIN THE CONTAINER\tMEANS");
        foreach (string line in namespaces.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(' ', 2);
            if (parts.Length == 2 && !parts[0].EndsWith("_for_children", StringComparison.Ordinal))
            {
                table.Add($"{parts[0]} namespace\t{parts[1]}\t{(parts[1] == Ours(parts[0]) ? "shared with this host" : "its own")}");
            }
        }
        foreach (string line in idMap.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            table.Add(IdMapLine(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        }
        table.Add($"seccomp\tmode {Get(status, "Seccomp")}\t{SeccompMeaning(status)}");
        table.Add($"no new privileges\t{Get(status, "NoNewPrivs")}\t{(Get(status, "NoNewPrivs") == "1" ? "set-user-id programs gain nothing" : "set-user-id programs work")}");
        table.Add($"capabilities\t{Get(status, "CapEff")}\t{CapabilityNames(Get(status, "CapEff"))}");
        table.Flush(session.Out);
    }

    /// <summary>Fields by name.</summary>
    public static Dictionary<string, string> ParseStatus(string text) => text.Split('\n')
        .Select(line => line.Split(':', 2))
        .Where(pair => pair.Length == 2)
        .ToDictionary(pair => pair[0], pair => pair[1].Trim(), StringComparer.Ordinal);

    /// <summary>Names of the bits that are set.</summary>
    public static string CapabilityNames(string mask)
    {
        if (!ulong.TryParse(mask, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bits))
        {
            return "unknown";
        }
        var names = Capabilities.Where((_, i) => (bits >> i & 1) != 0).ToList();
        return names.Count == 0 ? "none" : names.Count == Capabilities.Length ? "all" : string.Join(' ', names);
    }

    private static string IdMapLine(string[] map) => map is [var inside, var outside, var count]
        ? $"user ids\t{inside} to {outside}, {count}\t{(outside == inside && count == "4294967295" ? "the same as on this host" : $"root inside is user {outside} here")}"
        : "user ids\tnone\tevery file belongs to nobody";

    private static string SeccompMeaning(IReadOnlyDictionary<string, string> status) => Get(status, "Seccomp") switch
    {
        "2" => $"system calls are filtered ({Get(status, "Seccomp_filters")} filters)",
        "1" => "strict",
        _ => "every system call is allowed",
    };

    private static string? Ours(string name) => new FileInfo($"/proc/self/ns/{name}").LinkTarget;

    private static string Get(IReadOnlyDictionary<string, string> status, string name) => status.GetValueOrDefault(name, "?");
}

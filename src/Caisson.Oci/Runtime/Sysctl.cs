namespace Caisson.Oci.Runtime;

/// <summary>Kernel parameters: where one is, and which a container may set: those of a namespace it does not share with the host.</summary>
/// <remarks>The list of runc, so that the same documents pass. Source: sysctl(8), namespaces(7), user_namespaces(7).</remarks>
public static class Sysctl
{
    private static readonly string[] IpcNames =
    [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];

    /// <summary>
    /// The path of parameter <paramref name="name"/> below <c>/proc/sys</c>: both <c>net.ipv4.conf.eth0/1.mtu</c> and
    /// <c>net/ipv4/conf/eth0.1/mtu</c> are <c>net/ipv4/conf/eth0.1/mtu</c>.
    /// </summary>
    /// <remarks>Free of empty parts, <c>.</c> and <c>..</c> in a checked document.</remarks>
    public static string PathOf(string name) => Swap(Dotted(name));

    internal static void Check(LinuxConfig linux, RuleReport report)
    {
        foreach ((string name, string value) in linux.Sysctl)
        {
            string path = $"/linux/sysctl/{RuleReport.Segment(name)}";
            if (Refusal(Dotted(name), linux) is { } refusal)
            {
                report.Problem(path, refusal);
            }
            if (value.Any(c => char.IsControl(c) && c != '\t'))
            {
                report.Problem(path, "the value must not contain control characters");
            }
        }
    }

    /// <summary>The name with dots between its parts: <c>net/ipv4/conf/eth0.1/x</c> is <c>net.ipv4.conf.eth0/1.x</c>, as for sysctl(8).</summary>
    private static string Dotted(string name)
    {
        int first = name.AsSpan().IndexOfAny('.', '/');
        return first < 0 || name[first] == '.' ? name : Swap(name);
    }

    /// <summary>Dots to slashes and slashes to dots.</summary>
    private static string Swap(string name) => string.Create(name.Length, name, static (to, from) =>
    {
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = from[i] switch { '.' => '/', '/' => '.', char c => c };
        }
    });

    private static string? Refusal(string name, LinuxConfig linux)
    {
        if (Array.Exists(Swap(name).Split('/'), part => part is "" or "." or ".."))
        {
            return "is not the name of a kernel parameter";
        }
        return name switch
        {
            "kernel.domainname" => Need(linux, NamespaceType.Uts),
            "kernel.hostname" => "conflicts with the document's own hostname; set that instead",
            _ when Array.IndexOf(IpcNames, name) >= 0 || name.StartsWith("fs.mqueue.", StringComparison.Ordinal)
                => Need(linux, NamespaceType.Ipc),
            _ when name.StartsWith("net.", StringComparison.Ordinal) => Need(linux, NamespaceType.Network),
            _ when name.StartsWith("user.", StringComparison.Ordinal) => Need(linux, NamespaceType.User),
            _ => "is not a parameter of any namespace: it would change the host",
        };
    }

    private static string? Need(LinuxConfig linux, NamespaceType type) =>
        linux.Namespace(type) is not null
            ? null
            : $"needs a namespace of type {SpecNames.Namespace[(int)type]} in /linux/namespaces, or it would change the host";
}

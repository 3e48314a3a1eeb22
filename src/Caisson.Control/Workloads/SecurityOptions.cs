using System.Text;

using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>What <c>SecurityOpt</c> says, parsed.</summary>
internal sealed record SecurityOptions
{
    /// <summary>The profile's name; null for the default.</summary>
    public string? Profile { get; init; }

    /// <summary>Whether the program may gain no privileges; null for the profile's choice.</summary>
    public bool? NoNewPrivileges { get; init; }

    /// <summary>No system call filter.</summary>
    public bool SeccompUnconfined { get; init; }

    /// <summary>A filter of the user's own, JSON in UTF-8; empty for the profile's.</summary>
    public ReadOnlyMemory<byte> Seccomp { get; init; }

    /// <summary>An AppArmor profile; null for the profile's choice.</summary>
    public string? AppArmor { get; init; }

    /// <summary>Nothing in /proc and /sys is hidden or read-only.</summary>
    public bool SystemPathsUnconfined { get; init; }

    /// <summary>Reads the options of <paramref name="config"/>.</summary>
    public static SecurityOptions Read(HostConfig config, ICollection<Problem> problems)
    {
        var options = new SecurityOptions();
        for (int i = 0; i < config.SecurityOpt?.Count; i++)
        {
            string text = config.SecurityOpt[i];
            int split = text.IndexOfAny(['=', ':']);
            string key = split < 0 ? text : text[..split];
            string value = split < 0 ? "" : text[(split + 1)..];
            SecurityOptions? next = (key, value) switch
            {
                ("no-new-privileges", "" or "true") => options with { NoNewPrivileges = true },
                ("no-new-privileges", "false") => options with { NoNewPrivileges = false },
                ("seccomp", "unconfined") => options with { SeccompUnconfined = true },
                ("seccomp", "builtin") => options,
                ("seccomp", ['{', ..]) => options with { Seccomp = Encoding.UTF8.GetBytes(value) },
                ("apparmor", { Length: > 0 }) => options with { AppArmor = value },
                ("label", _) => options, // SELinux labels mean something only where SELinux is active
                ("systempaths", "unconfined") => options with { SystemPathsUnconfined = true },
                ("profile", { Length: > 0 }) => options with { Profile = value },
                _ => null,
            };
            if (next is null)
            {
                problems.Add(new($"/HostConfig/SecurityOpt/{i}", $"invalid --security-opt: \"{(text.Length > 64 ? text[..64] + "…" : text)}\""));
                continue;
            }
            options = next;
        }
        return options;
    }
}

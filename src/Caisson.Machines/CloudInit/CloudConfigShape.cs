using Caisson.Errors;

namespace Caisson.Machines.CloudInit;

/// <summary>What kinds of values the keys of a cloud-config take, so that a slip is said before a machine starts instead of in its log. Source: cloud-init, "Module reference".</summary>
internal static class CloudConfigShape
{
    private static readonly string[] Lists = ["users", "packages", "runcmd", "bootcmd", "write_files", "ssh_authorized_keys", "groups", "mounts"];
    private static readonly string[] Texts = ["hostname", "fqdn", "timezone", "locale", "password", "final_message"];
    private static readonly string[] Booleans = ["ssh_pwauth", "package_update", "package_upgrade", "disable_root", "preserve_hostname"];

    /// <summary>Keys that cloud-init has modules for, to find a misspelt one by.</summary>
    private static readonly string[] Others =
    [
        "manage_etc_hosts", "user", "chpasswd", "apt", "growpart", "resize_rootfs", "disk_setup", "fs_setup", "swap", "ntp", "power_state", "phone_home", "ssh_keys", "ssh_deletekeys",
        "ssh_import_id", "ca_certs", "snap", "system_info", "datasource", "merge_how", "merge_type", "output", "write_files_deferred", "keyboard", "resolv_conf", "network", "vendor_data",
        "cloud_init_modules", "cloud_config_modules", "cloud_final_modules", "random_seed", "rsyslog", "puppet", "chef", "ansible", "wireguard", "yum_repos", "zypper", "manage_resolv_conf",
        "no_ssh_fingerprints", "ssh_genkeytypes", "ssh_publish_hostkeys", "ssh_quiet_keygen", "prefer_fqdn_over_hostname", "package_reboot_if_required", "mount_default_fields", "autoinstall",
    ];

    internal static void Check(SeedValue.Members document, ICollection<Problem> problems)
    {
        foreach (var (key, value) in document.Values)
        {
            string? wanted = Lists.Contains(key.Value) && value is not (SeedValue.Items or SeedValue.Text { IsNull: true }) && !(key.Value is "groups" && value is SeedValue.Text) ? "a list"
                : Texts.Contains(key.Value) && value is not SeedValue.Text ? "text"
                : Booleans.Contains(key.Value) && value is not SeedValue.Text ? "true or false"
                : null;
            if (wanted is not null)
            {
                problems.Add(value.Problem($"{key.Value} must be {wanted}, and this is {value.Kind}"));
            }
            else if (!Lists.Contains(key.Value) && !Texts.Contains(key.Value) && !Booleans.Contains(key.Value) && !Others.Contains(key.Value)
                && Spelling.Nearest(key.Value, [.. Lists, .. Texts, .. Booleans, .. Others]) is { } near)
            {
                problems.Add(key.Problem($"there is no key '{key.Value}'; did you mean '{near}'?"));
            }
        }
        foreach (SeedValue user in (document["users"] as SeedValue.Items)?.Values ?? [])
        {
            if (user is SeedValue.Members members && members["name"] is not SeedValue.Text && members["snapuser"] is null)
            {
                problems.Add(user.Problem("a user needs a name"));
            }
        }
        foreach (SeedValue file in (document["write_files"] as SeedValue.Items)?.Values ?? [])
        {
            if ((file as SeedValue.Members)?["path"] is not SeedValue.Text { Value: ['/', ..] })
            {
                problems.Add(file.Problem("a file to write needs its absolute path"));
            }
        }
        foreach (string key in (string[])["runcmd", "bootcmd"])
        {
            foreach (SeedValue command in (document[key] as SeedValue.Items)?.Values ?? [])
            {
                if (command is SeedValue.Members)
                {
                    problems.Add(command.Problem($"a command of {key} is text or a list of words, and this is a mapping; put it in quotes when it has ': '"));
                }
            }
        }
    }
}

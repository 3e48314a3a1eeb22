using System.Globalization;
using System.Text;

namespace Caisson.Machines.CloudInit;

/// <summary>
/// Writes what a machine of ours does at its first start, as a script for its shell: the engine has read the documents, so the machine needs no Python and no YAML, which
/// costs a second instead of half a minute where processors are emulated.
/// </summary>
/// <remarks>Called twice: with <c>early</c> before the network is up, with <c>late</c> when it is. Every word of a user is quoted.</remarks>
internal sealed class FirstBootScript(SeedConfig config, string? passwordHash)
{
    private const string ImageUser = "debian";

    private static readonly string[] Done =
    [
        "hostname", "fqdn", "users", "user", "password", "chpasswd", "ssh_pwauth", "ssh_authorized_keys", "packages", "package_update", "package_upgrade", "runcmd", "bootcmd",
        "write_files", "timezone", "manage_etc_hosts", "preserve_hostname", "growpart", "resize_rootfs", "final_message", "disable_root",
    ];

    private readonly StringBuilder _early = new();
    private readonly StringBuilder _late = new();
    private readonly List<string> _notes = [];

    /// <summary>What is not done of what was asked.</summary>
    internal IReadOnlyList<string> Notes => _notes;

    /// <summary>The script.</summary>
    /// <param name="document">The user's cloud-config; null when there is none.</param>
    internal string Write(SeedValue.Members? document)
    {
        string hostname = Text(document?["hostname"]) ?? Text(document?["fqdn"]) ?? config.Hostname;
        Early($"set_hostname {Quote(hostname)}");
        if (Text(document?["timezone"]) is { } zone)
        {
            Early($"set_timezone {Quote(zone)}");
        }
        foreach (SeedInterface one in config.NetworkConfig is null ? config.Interfaces : [])
        {
            Network(one);
        }
        if (config.NetworkConfig is not null)
        {
            _notes.Add("an own network-config needs cloud-init in the machine");
        }
        Users(document);
        Files(document);
        foreach (string command in Commands(document?["bootcmd"]))
        {
            Early(command);
        }
        Late(document);
        foreach (var (key, _) in document?.Values ?? [])
        {
            if (!Done.Contains(key.Value))
            {
                _notes.Add($"user-data, line {key.Line}: {key.Value} needs cloud-init in the machine");
            }
        }
        if (document is null && config.UserData is { Length: > 0 } script)
        {
            if (script.StartsWith("#!", StringComparison.Ordinal))
            {
                _late.Append(CultureInfo.InvariantCulture, $"run_script <<'END-OF-USER-DATA'\n{script.TrimEnd('\n')}\nEND-OF-USER-DATA\n");
            }
            else if (script.Trim().Length > 0)
            {
                _notes.Add("user-data of this kind needs cloud-init in the machine");
            }
        }
        return $"# What this machine does at its first start; its library is /usr/lib/caisson/first-boot.\ninstance_id={Quote(config.InstanceId)}\nearly() {{\n:\n{_early}}}\nlate() {{\n:\n{_late}}}\n";
    }

    /// <summary>A word for the shell, whatever is in it.</summary>
    internal static string Quote(string word) => "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private void Users(SeedValue.Members? document)
    {
        string user = config.User.Length > 0 ? config.User : Text((document?["user"] as SeedValue.Members)?["name"]) ?? Text(document?["user"]) ?? ImageUser;
        bool hasDefault = document?["users"] is not SeedValue.Items listed || config.User.Length > 0 || listed.Values.Any(value => Text(value) == "default");
        if (hasDefault)
        {
            Early($"add_user {Quote(user)} /bin/bash sudo");
            Early($"allow_sudo {Quote(user)} 'ALL=(ALL) NOPASSWD:ALL'");
            if (passwordHash is not null)
            {
                Early($"set_password {Quote(user)} {Quote(passwordHash)}");
            }
            if (Text(document?["password"]) is { } password)
            {
                Early($"set_password {Quote(user)} {Quote(Hashed(password))}");
            }
            foreach (string key in config.SshKeys.Concat(Texts(document?["ssh_authorized_keys"])))
            {
                Early($"add_key {Quote(user)} {Quote(key)}");
            }
        }
        foreach (SeedValue.Members one in (document?["users"] as SeedValue.Items)?.Values.OfType<SeedValue.Members>() ?? [])
        {
            if (Text(one["name"]) is not { } name)
            {
                continue;
            }
            string groups = one["groups"] is SeedValue.Items ? string.Join(',', Texts(one["groups"])) : (Text(one["groups"]) ?? "").Replace(" ", "", StringComparison.Ordinal);
            Early($"add_user {Quote(name)} {Quote(Text(one["shell"]) ?? "/bin/bash")} {Quote(groups)}");
            string? hash = Text(one["hashed_passwd"]) ?? Text(one["passwd"]) ?? (Text(one["plain_text_passwd"]) is { } plain ? Hashed(plain) : null);
            if (hash is not null)
            {
                Early($"set_password {Quote(name)} {Quote(hash)}");
            }
            foreach (string rule in one["sudo"] is SeedValue.Items ? Texts(one["sudo"]) : Text(one["sudo"]) is { } single && single.ToLowerInvariant() is not ("false" or "null" or "") ? [single] : [])
            {
                Early($"allow_sudo {Quote(name)} {Quote(rule)}");
            }
            foreach (string key in Texts(one["ssh_authorized_keys"]))
            {
                Early($"add_key {Quote(name)} {Quote(key)}");
            }
        }
        var changes = document?["chpasswd"] as SeedValue.Members;
        foreach (SeedValue.Members one in (changes?["users"] as SeedValue.Items)?.Values.OfType<SeedValue.Members>() ?? [])
        {
            if (Text(one["name"]) is { } name && Text(one["password"]) is { } password)
            {
                Early($"set_password {Quote(name)} {Quote(Text(one["type"]) == "hash" ? password : Hashed(password))}");
            }
        }
        foreach (string line in changes?["list"] is SeedValue.Items ? Texts(changes["list"]) : (Text(changes?["list"]) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Split(':', 2) is [var name, var password])
            {
                Early($"set_password {Quote(name.Trim())} {Quote(Hashed(password.Trim()))}");
            }
        }
        if (passwordHash is not null || (document?["ssh_pwauth"] as SeedValue.Text)?.AsBoolean == true)
        {
            Early("allow_ssh_passwords");
        }
    }

    private void Files(SeedValue.Members? document)
    {
        foreach (SeedValue.Members file in (document?["write_files"] as SeedValue.Items)?.Values.OfType<SeedValue.Members>() ?? [])
        {
            string path = Text(file["path"]) ?? "";
            string content = Text(file["content"]) ?? "";
            string encoding = (Text(file["encoding"]) ?? "").ToLowerInvariant();
            if (encoding is not ("" or "text/plain" or "b64" or "base64"))
            {
                _notes.Add($"user-data, line {file.Line}: the encoding {encoding} needs cloud-init in the machine");
                continue;
            }
            string packed = encoding is "b64" or "base64" ? string.Concat(content.Where(c => !char.IsWhiteSpace(c))) : Convert.ToBase64String(Encoding.UTF8.GetBytes(content));
            string mode = Text(file["permissions"]) ?? "0644";
            bool isAppended = (file["append"] as SeedValue.Text)?.AsBoolean == true;
            Early($"write_file {Quote(path)} {Quote(mode)} {Quote(Text(file["owner"]) ?? "root:root")} {(isAppended ? "append" : "whole")} {Quote(packed)}");
        }
    }

    private void Late(SeedValue.Members? document)
    {
        string[] packages = [.. config.Packages.Concat(Texts(document?["packages"])).Where(Seed.IsPackage)];
        bool isUpdated = (document?["package_update"] as SeedValue.Text)?.AsBoolean == true;
        bool isUpgraded = (document?["package_upgrade"] as SeedValue.Text)?.AsBoolean == true;
        if (packages.Length > 0 || isUpdated || isUpgraded)
        {
            _late.Append("update_packages\n");
        }
        if (isUpgraded)
        {
            _late.Append("upgrade_packages\n");
        }
        if (packages.Length > 0)
        {
            _late.Append("install_packages ").AppendJoin(' ', packages.Select(Quote)).Append('\n');
        }
        foreach (string command in config.Commands.Select(command => $"run_command /bin/sh -c {Quote(command)}").Concat(Commands(document?["runcmd"])))
        {
            _late.Append(command).Append('\n');
        }
    }

    private void Network(SeedInterface one)
    {
        var unit = new StringBuilder($"[Match]\nMACAddress={one.HardwareAddress}\n[Network]\n");
        unit.Append(one.Addresses.Count == 0 ? "DHCP=yes\n" : "");
        foreach (string address in one.Addresses)
        {
            unit.Append(CultureInfo.InvariantCulture, $"Address={address}\n");
        }
        unit.Append(one.Gateway.Length > 0 ? $"Gateway={one.Gateway}\n" : "");
        foreach (string server in one.NameServers)
        {
            unit.Append(CultureInfo.InvariantCulture, $"DNS={server}\n");
        }
        Early($"write_file {Quote($"/etc/systemd/network/10-{one.Name}.network")} 0644 root:root whole {Quote(Convert.ToBase64String(Encoding.UTF8.GetBytes(unit.ToString())))}");
    }

    private static IEnumerable<string> Commands(SeedValue? list)
    {
        foreach (SeedValue value in (list as SeedValue.Items)?.Values ?? [])
        {
            string words = value is SeedValue.Items ? string.Join(' ', Texts(value).Select(Quote)) : $"/bin/sh -c {Quote(Text(value) ?? "")}";
            if (words.Length > 0)
            {
                yield return $"run_command {words}";
            }
        }
    }

    /// <summary>A password that is hashed already, as one that begins with <c>$</c> is, stays.</summary>
    private static string Hashed(string password) => password.StartsWith('$') && password.Count(c => c == '$') >= 3 ? password : Linux.Libraries.PasswordHash.Make(password);

    private static string? Text(SeedValue? value) => value is SeedValue.Text { IsNull: false } text ? text.Value : null;

    private static IEnumerable<string> Texts(SeedValue? value) => value is SeedValue.Items items ? items.Values.Select(Text).OfType<string>() : Text(value) is { } single ? [single] : [];

    private void Early(string line) => _early.Append(line).Append('\n');
}

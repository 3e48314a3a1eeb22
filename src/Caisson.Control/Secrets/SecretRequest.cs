using System.Globalization;

using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Secrets;

/// <summary>Checks which secrets and configs a container is to have, and finds them.</summary>
internal static class SecretRequest
{
    private const int DefaultMode = 0x124; // 0444

    /// <summary>The record with ids, targets, owners and modes filled in.</summary>
    /// <param name="container">As asked for.</param>
    /// <param name="find">Finds one by kind and name.</param>
    /// <param name="problems">Receives what is wrong.</param>
    public static ContainerRecord Complete(ContainerRecord container, Func<bool, string, SecretRecord> find, List<Problem> problems)
    {
        HostConfig host = container.HostConfig;
        return host is { Secrets: null or { Count: 0 }, Configs: null or { Count: 0 } } ? container : container with
        {
            HostConfig = host with { Secrets = Read(host.Secrets, isConfig: false), Configs = Read(host.Configs, isConfig: true) },
        };

        List<SecretMount> Read(IReadOnlyList<SecretMount>? asked, bool isConfig)
        {
            List<SecretMount> mounts = [];
            for (int i = 0; i < asked?.Count; i++)
            {
                string path = $"/HostConfig/{(isConfig ? "Configs" : "Secrets")}/{i}";
                SecretMount mount = asked[i];
                SecretRecord record = find(isConfig, mount.Source);
                string target = mount.Target.Length > 0 ? mount.Target : isConfig ? "/" + record.Name : record.Name;
                if (!isConfig && target.StartsWith(SecretMount.Directory + "/", StringComparison.Ordinal))
                {
                    target = target[(SecretMount.Directory.Length + 1)..];
                }
                if (isConfig ? !target.StartsWith('/') || target.Split('/').Contains("..") || target.EndsWith('/') : target.Contains('/', StringComparison.Ordinal) || target is "." or "..")
                {
                    problems.Add(new($"{path}/Target", isConfig
                        ? $"'{target}' is not the absolute path of a file"
                        : $"'{target}' is not a name below {SecretMount.Directory}, where secrets are, in memory only"));
                }
                if (mounts.Exists(other => other.Target == target))
                {
                    problems.Add(new($"{path}/Target", $"'{target}' is there twice"));
                }
                if (!IsId(mount.UID) || !IsId(mount.GID))
                {
                    problems.Add(new(path, $"owner '{mount.UID}:{mount.GID}' is not made of numbers"));
                }
                if (mount.Mode is < 0 or > 0x1FF)
                {
                    problems.Add(new($"{path}/Mode", "a mode is between 0 and 0777 octal"));
                }
                mounts.Add(mount with { Source = record.Name, Id = record.Id, Target = target, UID = mount.UID.Length > 0 ? mount.UID : "0", GID = mount.GID.Length > 0 ? mount.GID : "0", Mode = mount.Mode ?? DefaultMode });
            }
            return mounts;
        }
    }

    /// <summary>Whether a container has <paramref name="record"/>.</summary>
    public static bool Has(HostConfig host, SecretRecord record) =>
        ((record.IsConfig ? host.Configs : host.Secrets) ?? []).Any(mount => mount.Id == record.Id);

    private static bool IsId(string text) =>
        text.Length == 0 || (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) && id < IdsMax);

    private const uint IdsMax = 65_536;
}

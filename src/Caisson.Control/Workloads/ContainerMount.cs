using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

/// <summary>A mount that a user asked for, whatever the form it was written in.</summary>
public sealed record ContainerMount
{
    /// <summary><c>bind</c> or <c>tmpfs</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The path on the host; empty for a tmpfs.</summary>
    public string Source { get; init; } = "";

    /// <summary>The path inside, absolute.</summary>
    public required string Target { get; init; }

    /// <summary>Cannot be written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The options as the user wrote them.</summary>
    public string Mode { get; init; } = "";

    /// <summary>Propagation of a bind.</summary>
    public string Propagation { get; init; } = "rprivate";

    /// <summary>A bind without the mounts below its source.</summary>
    public bool NonRecursive { get; init; }

    /// <summary>The source is made, as a directory, when it is not there.</summary>
    public bool CreateSource { get; init; }

    /// <summary>Mount options of a tmpfs.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Every mount that <paramref name="config"/> asks for, in the order they are made: outer paths first.</summary>
    /// <param name="config">As the client sent it.</param>
    /// <param name="problems">Receives what is wrong, at its place in the document.</param>
    public static IReadOnlyList<ContainerMount> Read(HostConfig config, ICollection<Problem> problems)
    {
        List<ContainerMount> mounts = [];
        for (int i = 0; i < config.Binds?.Count; i++)
        {
            Add(mounts, ReadBind(config.Binds[i], $"/HostConfig/Binds/{i}", problems), $"/HostConfig/Binds/{i}", problems);
        }
        for (int i = 0; i < config.Mounts?.Count; i++)
        {
            Add(mounts, ReadMount(config.Mounts[i], $"/HostConfig/Mounts/{i}", problems), $"/HostConfig/Mounts/{i}", problems);
        }
        foreach ((string target, string options) in config.Tmpfs ?? new Dictionary<string, string>())
        {
            string path = $"/HostConfig/Tmpfs/{target.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
            string[] words = options.Split(',', StringSplitOptions.RemoveEmptyEntries);
            var mount = IsTarget(target, path, problems)
                ? new ContainerMount { Type = "tmpfs", Target = target, Mode = options, Options = words, ReadOnly = words.Contains("ro") }
                : null;
            Add(mounts, mount, path, problems);
        }
        // A mount on /a/b must come after one on /a; the sort is stable, so the user's order stays otherwise.
        return [.. mounts.OrderBy(mount => mount.Target.Count(c => c == '/'))];
    }

    private static void Add(List<ContainerMount> mounts, ContainerMount? mount, string path, ICollection<Problem> problems)
    {
        if (mount is null)
        {
            return;
        }
        if (mounts.Any(other => other.Target == mount.Target))
        {
            problems.Add(new(path, $"duplicate mount point: {mount.Target}"));
            return;
        }
        mounts.Add(mount);
    }

    private static ContainerMount? ReadBind(string bind, string path, ICollection<Problem> problems)
    {
        string[] parts = bind.Split(':');
        if (parts.Length is < 2 or > 3)
        {
            problems.Add(new(path, $"invalid volume specification: '{bind}'; it is source:target or source:target:options"));
            return null;
        }
        string source = parts[0];
        string target = parts[1];
        string mode = parts.Length == 3 ? parts[2] : "";
        if (!source.StartsWith('/'))
        {
            problems.Add(new(path, $"'{source}' names a volume; named volumes are not supported yet, give a directory of the host by its absolute path"));
            return null;
        }
        if (!IsTarget(target, path, problems))
        {
            return null;
        }

        bool readOnly = false;
        bool nonRecursive = false;
        string propagation = "rprivate";
        foreach (string option in mode.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (option)
            {
                case "ro":
                    readOnly = true;
                    break;
                case "rw" or "z" or "Z" or "cached" or "delegated" or "consistent" or "nocopy" or "rbind":
                    break; // labels and caching hints of systems that are not this one
                case "bind":
                    nonRecursive = true;
                    break;
                case "private" or "rprivate" or "slave" or "rslave" or "shared" or "rshared":
                    propagation = option;
                    break;
                default:
                    problems.Add(new(path, $"invalid mode: '{option}'"));
                    break;
            }
        }
        return new ContainerMount
        {
            Type = "bind",
            Source = Normalize(source),
            Target = Normalize(target),
            ReadOnly = readOnly,
            Mode = mode,
            Propagation = propagation,
            NonRecursive = nonRecursive,
            CreateSource = true,
        };
    }

    private static ContainerMount? ReadMount(MountRequest mount, string path, ICollection<Problem> problems)
    {
        if (!IsTarget(mount.Target, $"{path}/Target", problems))
        {
            return null;
        }
        switch (mount.Type)
        {
            case "bind":
                if (!mount.Source.StartsWith('/'))
                {
                    problems.Add(new($"{path}/Source", "a bind mount needs the absolute path of a file or directory of the host"));
                    return null;
                }
                return new ContainerMount
                {
                    Type = "bind",
                    Source = Normalize(mount.Source),
                    Target = Normalize(mount.Target),
                    ReadOnly = mount.ReadOnly,
                    Propagation = mount.BindOptions?.Propagation is { Length: > 0 } propagation ? propagation : "rprivate",
                    NonRecursive = mount.BindOptions?.NonRecursive == true,
                    CreateSource = mount.BindOptions?.CreateMountpoint == true,
                };
            case "tmpfs":
                List<string> options = [];
                if (mount.TmpfsOptions?.SizeBytes > 0)
                {
                    options.Add($"size={mount.TmpfsOptions.SizeBytes}");
                }
                if (mount.TmpfsOptions?.Mode > 0)
                {
                    options.Add($"mode={Convert.ToString(mount.TmpfsOptions.Mode, 8)}");
                }
                foreach (IReadOnlyList<string> option in mount.TmpfsOptions?.Options ?? [])
                {
                    options.Add(string.Join('=', option));
                }
                return new ContainerMount { Type = "tmpfs", Target = Normalize(mount.Target), ReadOnly = mount.ReadOnly, Options = options };
            case "volume":
                problems.Add(new($"{path}/Type", "volumes are not supported yet; use a bind mount of a directory of the host"));
                return null;
            default:
                problems.Add(new($"{path}/Type", $"mount type unknown: \"{mount.Type}\"; bind and tmpfs are known"));
                return null;
        }
    }

    private static bool IsTarget(string target, string path, ICollection<Problem> problems)
    {
        if (!target.StartsWith('/'))
        {
            problems.Add(new(path, $"invalid mount path: '{target}' mount path must be absolute"));
            return false;
        }
        if (Normalize(target) == "/")
        {
            problems.Add(new(path, "invalid specification: destination can't be '/'"));
            return false;
        }
        return true;
    }

    /// <summary>One slash between parts, none at the end, no <c>.</c> and <c>..</c>, as text: links are the kernel's matter.</summary>
    private static string Normalize(string path)
    {
        List<string> parts = [];
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
            {
                if (parts.Count > 0)
                {
                    parts.RemoveAt(parts.Count - 1);
                }
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }
        return "/" + string.Join('/', parts);
    }
}

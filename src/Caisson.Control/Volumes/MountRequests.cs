using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.Volumes;

/// <summary>Reads every way in which a user may ask for mounts. Touches nothing. Source: Docker Engine API, "HostConfig", "Mount".</summary>
internal static class MountRequests
{
    /// <summary>What is asked for, outer paths first: a mount on /a/b must come after one on /a.</summary>
    /// <param name="host">Binds, mounts, temporary file systems.</param>
    /// <param name="problems">Receives what is wrong, at its place in the document.</param>
    /// <param name="volumes">Paths that hold data: each gets a volume without a name, unless something else is mounted there.</param>
    /// <param name="mountsOf">The mounts of another container; null when <see cref="HostConfig.VolumesFrom"/> has been read before.</param>
    public static IReadOnlyList<ContainerMount> Read(
        HostConfig host, ICollection<Problem> problems, IReadOnlyList<string>? volumes = null, Func<string, IReadOnlyList<ContainerMount>>? mountsOf = null)
    {
        List<ContainerMount> mounts = [];
        for (int i = 0; i < host.Binds?.Count; i++)
        {
            Add(mounts, ReadBind(host.Binds[i], host.VolumeDriver, $"/HostConfig/Binds/{i}", problems), $"/HostConfig/Binds/{i}", problems);
        }
        for (int i = 0; i < host.Mounts?.Count; i++)
        {
            Add(mounts, ReadMount(host.Mounts[i], $"/HostConfig/Mounts/{i}", problems), $"/HostConfig/Mounts/{i}", problems);
        }
        foreach ((string target, string options) in host.Tmpfs ?? new Dictionary<string, string>())
        {
            string path = $"/HostConfig/Tmpfs/{Escape(target)}";
            string[] words = options.Split(',', StringSplitOptions.RemoveEmptyEntries);
            var mount = IsTarget(target, path, problems)
                ? new ContainerMount { Type = "tmpfs", Target = Normalize(target), Mode = options, Options = words, ReadOnly = words.Contains("ro") }
                : null;
            Add(mounts, mount, path, problems);
        }
        if (mountsOf is not null)
        {
            AddOthers(mounts, host, mountsOf, problems);
        }
        foreach (string target in volumes ?? [])
        {
            if (IsTarget(target, $"/Volumes/{Escape(target)}", problems) && !mounts.Any(other => other.Target == Normalize(target)))
            {
                mounts.Add(Anonymous(Normalize(target), host.VolumeDriver));
            }
        }
        return Ordered(mounts);
    }

    /// <summary>Outer paths first; the order stays otherwise.</summary>
    public static IReadOnlyList<ContainerMount> Ordered(IEnumerable<ContainerMount> mounts) => [.. mounts.OrderBy(mount => mount.Target.Count(c => c == '/'))];

    /// <summary>Reads <c>VOLUME:/path[:options]</c> or <c>/host:/path[:options]</c>.</summary>
    /// <returns>Null when there is a problem.</returns>
    public static ContainerMount? ReadBind(string bind, string driver, string path, ICollection<Problem> problems)
    {
        string[] parts = bind.Split(':', 3);
        if (parts.Length < 2 || parts.Any(part => part.Length == 0) || (parts.Length == 3 && parts[2].Contains(':', StringComparison.Ordinal)))
        {
            problems.Add(new(path, $"invalid volume specification: '{bind}'; it is source:target or source:target:options"));
            return null;
        }
        string source = parts[0];
        string mode = parts.Length == 3 ? parts[2] : "";
        bool isVolume = !source.StartsWith('/');
        if (!IsTarget(parts[1], path, problems))
        {
            return null;
        }
        if (isVolume && !VolumeNames.IsValid(source))
        {
            problems.Add(new(path, VolumeNames.Complaint(source)));
            return null;
        }
        var mount = new ContainerMount
        {
            Type = isVolume ? "volume" : "bind",
            Source = isVolume ? "" : Normalize(source),
            Volume = isVolume ? source : "",
            Target = Normalize(parts[1]),
            Mode = mode,
            CreateSource = !isVolume,
            Wish = isVolume ? new VolumeCreate { Name = source, Driver = driver } : null,
        };
        foreach (string option in mode.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Apply(mount, option) is { } applied)
            {
                mount = applied;
            }
            else
            {
                problems.Add(new(path, $"invalid mode: {option}"));
            }
        }
        return mount;
    }

    /// <summary>One slash between parts, none at the end, no <c>.</c> and <c>..</c>, as text: links are the kernel's matter.</summary>
    public static string Normalize(string path)
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

    /// <summary>Whether a mount can be put there; says why not.</summary>
    public static bool IsTarget(string target, string path, ICollection<Problem> problems)
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

    /// <summary>The mount with one option of the short form; null when there is no such option.</summary>
    private static ContainerMount? Apply(ContainerMount mount, string option)
    {
        bool isBind = mount.Type == "bind";
        switch (option)
        {
            case "ro":
                return mount with { ReadOnly = true };
            case "rro" when isBind:
                return mount with { ReadOnly = true };
            case "rw" or "z" or "Z" or "cached" or "delegated" or "consistent": // labels and caching hints of systems that are not this one
                return mount;
            case "nocopy":
                return mount with { NoCopy = true };
            case "rbind" when isBind:
                return mount;
            case "bind" when isBind:
                return mount with { NonRecursive = true };
            case "private" or "rprivate" or "slave" or "rslave" or "shared" or "rshared" when isBind:
                return mount with { Propagation = option };
            case "idmap":
                return mount; // what is done anyway
            default:
                return option.StartsWith("idmap=", StringComparison.Ordinal) && MountIdMap.TryParse(option["idmap=".Length..], out _)
                    ? mount with { IdMap = option["idmap=".Length..] }
                    : null;
        }
    }

    private static ContainerMount? ReadMount(MountRequest mount, string path, ICollection<Problem> problems)
    {
        if (!IsTarget(mount.Target, $"{path}/Target", problems))
        {
            return null;
        }
        int before = problems.Count;
        Forbid(mount.BindOptions is not null && mount.Type != "bind", "BindOptions");
        Forbid(mount.VolumeOptions is not null && mount.Type != "volume", "VolumeOptions");
        Forbid(mount.TmpfsOptions is not null && mount.Type != "tmpfs", "TmpfsOptions");
        Forbid(mount.ImageOptions is not null && mount.Type != "image", "ImageOptions");
        ContainerMount? read = mount.Type switch
        {
            "bind" => ReadBindMount(mount, path, problems),
            "volume" => ReadVolumeMount(mount, path, problems),
            "tmpfs" => ReadTmpfsMount(mount, path, problems),
            "image" => ReadImageMount(mount, path, problems),
            "" => Refuse($"{path}/Type", "mount type must not be empty; bind, volume, tmpfs and image are known", problems),
            _ => Refuse($"{path}/Type", $"mount type unknown: \"{mount.Type}\"; bind, volume, tmpfs and image are known", problems),
        };
        return problems.Count == before ? read : null;

        void Forbid(bool given, string member)
        {
            if (given)
            {
                problems.Add(new($"{path}/{member}", $"invalid mount config for type \"{mount.Type}\": field {member} must not be specified"));
            }
        }
    }

    private static ContainerMount? ReadBindMount(MountRequest mount, string path, ICollection<Problem> problems)
    {
        BindOptions options = mount.BindOptions ?? new BindOptions();
        if (mount.Source.Length == 0)
        {
            return Refuse($"{path}/Source", "invalid mount config for type \"bind\": field Source must not be empty", problems);
        }
        if (!mount.Source.StartsWith('/'))
        {
            return Refuse($"{path}/Source", $"invalid mount config for type \"bind\": invalid mount path: '{mount.Source}' mount path must be absolute", problems);
        }
        if (options.Propagation is not ("" or "private" or "rprivate" or "slave" or "rslave" or "shared" or "rshared"))
        {
            return Refuse($"{path}/BindOptions/Propagation", $"invalid propagation mode: {options.Propagation}", problems);
        }
        if (options.IdMap is not ("" or "true") && !MountIdMap.TryParse(options.IdMap, out _))
        {
            return Refuse($"{path}/BindOptions/IdMap", $"invalid id map '{options.IdMap}'; write uids=DISK-INSIDE-COUNT;gids=DISK-INSIDE-COUNT", problems);
        }
        if (options.ReadOnlyForceRecursive && options.ReadOnlyNonRecursive)
        {
            return Refuse($"{path}/BindOptions", "invalid mount config for type \"bind\": ReadOnlyForceRecursive and ReadOnlyNonRecursive exclude each other", problems);
        }
        if ((options.ReadOnlyForceRecursive || options.ReadOnlyNonRecursive) && !mount.ReadOnly)
        {
            return Refuse($"{path}/BindOptions", "invalid mount config for type \"bind\": ReadOnlyForceRecursive and ReadOnlyNonRecursive need ReadOnly", problems);
        }
        return new ContainerMount
        {
            Type = "bind",
            Source = Normalize(mount.Source),
            Target = Normalize(mount.Target),
            ReadOnly = mount.ReadOnly,
            ReadOnlyNonRecursive = options.ReadOnlyNonRecursive,
            Propagation = options.Propagation,
            NonRecursive = options.NonRecursive,
            CreateSource = options.CreateMountpoint,
            IdMap = options.IdMap == "true" ? "" : options.IdMap,
        };
    }

    private static ContainerMount? ReadVolumeMount(MountRequest mount, string path, ICollection<Problem> problems)
    {
        VolumeOptions options = mount.VolumeOptions ?? new VolumeOptions();
        if (mount.Source.Length > 0 && !VolumeNames.IsValid(mount.Source))
        {
            return Refuse($"{path}/Source", VolumeNames.Complaint(mount.Source), problems);
        }
        if (options.Subpath.StartsWith('/') || options.Subpath.Split('/').Contains(".."))
        {
            return Refuse(
                $"{path}/VolumeOptions/Subpath", $"invalid mount config for type \"volume\": subpath must be a relative path within the volume, not '{options.Subpath}'", problems);
        }
        if (options.Subpath.Length > 0 && mount.Source.Length == 0)
        {
            return Refuse($"{path}/VolumeOptions/Subpath", "invalid mount config for type \"volume\": must not set Subpath when using anonymous volumes", problems);
        }
        return new ContainerMount
        {
            Type = "volume",
            Volume = mount.Source,
            Subpath = options.Subpath,
            Target = Normalize(mount.Target),
            ReadOnly = mount.ReadOnly,
            NoCopy = options.NoCopy,
            IsAnonymous = mount.Source.Length == 0,
            Wish = new VolumeCreate
            {
                Name = mount.Source,
                Driver = options.DriverConfig?.Name ?? "",
                DriverOpts = options.DriverConfig?.Options,
                Labels = options.Labels,
            },
        };
    }

    private static ContainerMount? ReadTmpfsMount(MountRequest mount, string path, ICollection<Problem> problems)
    {
        if (mount.Source.Length > 0)
        {
            return Refuse($"{path}/Source", "invalid mount config for type \"tmpfs\": field Source must not be specified", problems);
        }
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
    }

    private static ContainerMount? ReadImageMount(MountRequest mount, string path, ICollection<Problem> problems)
    {
        if (mount.Source.Length == 0)
        {
            return Refuse($"{path}/Source", "invalid mount config for type \"image\": field Source must not be empty", problems);
        }
        if (mount.ImageOptions is { Subpath.Length: > 0 })
        {
            return Refuse($"{path}/ImageOptions/Subpath", "invalid mount config for type \"image\": an image is mounted as a whole, a part of it is not supported", problems);
        }
        return new ContainerMount { Type = "image", Source = mount.Source, Target = Normalize(mount.Target), ReadOnly = true };
    }

    private static ContainerMount Anonymous(string target, string driver) => new()
    {
        Type = "volume",
        Target = target,
        IsAnonymous = true,
        Wish = new VolumeCreate { Driver = driver },
    };

    /// <summary>What is asked for here goes before what another container has at the same path, and the last container named before the others.</summary>
    private static void AddOthers(
        List<ContainerMount> mounts, HostConfig host, Func<string, IReadOnlyList<ContainerMount>> mountsOf, ICollection<Problem> problems)
    {
        for (int i = (host.VolumesFrom?.Count ?? 0) - 1; i >= 0; i--)
        {
            string[] parts = host.VolumesFrom![i].Split(':', 2);
            string mode = parts.Length == 2 ? parts[1] : "";
            if (parts[0].Length == 0 || mode.Split(',').Any(option => option is not ("" or "ro" or "rw" or "z" or "Z")))
            {
                problems.Add(new($"/HostConfig/VolumesFrom/{i}", $"invalid volumes-from specification: '{host.VolumesFrom[i]}'; it is container or container:ro"));
                continue;
            }
            foreach (ContainerMount mount in mountsOf(parts[0]))
            {
                if (mount.Type != "tmpfs" && !mounts.Any(other => other.Target == mount.Target))
                {
                    mounts.Add(mount with { ReadOnly = mount.ReadOnly || mode.Split(',').Contains("ro"), NoCopy = true, Wish = null });
                }
            }
        }
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

    private static ContainerMount? Refuse(string path, string message, ICollection<Problem> problems)
    {
        problems.Add(new(path, message));
        return null;
    }

    /// <summary>A name as a part of a JSON pointer. Source: RFC 6901.</summary>
    private static string Escape(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}

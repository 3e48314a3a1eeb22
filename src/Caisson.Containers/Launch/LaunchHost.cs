using System.Collections.Immutable;
using System.Globalization;
using Caisson.Containers.Cgroups;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Launch;

/// <summary>Reads what launch plans must know of the host.</summary>
public static class LaunchHost
{
    // What a kernel is until the next boot.
    private static readonly Lazy<int> LastCapability =
        new(() => int.TryParse(HostFiles.TryReadText("/proc/sys/kernel/cap_last_cap"), CultureInfo.InvariantCulture, out int last) ? last : 40);

    private static readonly Lazy<bool> HasAppArmor =
        new(() => HostFiles.TryReadText("/sys/module/apparmor/parameters/enabled")?.StartsWith('Y') == true);

    private static readonly Lazy<bool> HasSelinux = new(() => File.Exists("/sys/fs/selinux/enforce"));

    /// <summary>The specification with the paths that are relative to its bundle made absolute: the root and the sources of bind mounts.</summary>
    /// <param name="spec">Has a root.</param>
    /// <param name="bundle">The bundle's absolute host path.</param>
    public static RuntimeSpec Resolve(RuntimeSpec spec, string bundle) => spec with
    {
        Root = spec.Root! with { Path = Path.GetFullPath(spec.Root.Path, bundle) },
        Mounts = spec.Mounts.Any(mount => IsBind(mount) && !Path.IsPathRooted(mount.Source))
            ? [.. spec.Mounts.Select(mount => IsBind(mount) ? mount with { Source = Path.GetFullPath(mount.Source ?? "", bundle) } : mount)]
            : spec.Mounts,
    };

    /// <summary>Reads the facts for a new container.</summary>
    /// <param name="spec">Resolved by <see cref="Resolve"/>.</param>
    /// <param name="id">The container's id.</param>
    /// <param name="cgroups">Where its groups are.</param>
    /// <returns>The caller adds what it knows itself: gate, stdio, descriptors, a supplied root.</returns>
    public static LaunchFacts ReadFacts(RuntimeSpec spec, string id, CgroupPlan cgroups) => ReadFacts(id, cgroups.Places) with
    {
        RootPath = spec.Root!.Path,
        RootMountPoint = spec.Linux?.RootfsPropagation?.EndsWith("shared", StringComparison.Ordinal) == true ? MountPointOf(spec.Root.Path) : "/",
        Sources = ReadSources(spec),
        CoveredModes = ReadCoveredModes(spec),
        CgroupViews = [.. cgroups.Places.Select(ViewOf)],
        IsCgroupUnified = cgroups.Places.All(place => place.IsV2),
    };

    /// <summary>Reads the facts for a further process.</summary>
    /// <param name="id">The container's id.</param>
    /// <param name="cgroupDirectories">Of the groups that the process is to join, one a hierarchy.</param>
    public static LaunchFacts ReadExecFacts(string id, IEnumerable<string> cgroupDirectories) => ReadFacts(
        id, cgroupDirectories.Distinct().Select(directory => new CgroupPlace("", directory, File.Exists($"{directory}/cgroup.subtree_control"), "")));

    private static LaunchFacts ReadFacts(string id, IEnumerable<CgroupPlace> cgroups)
    {
        string? unified = null;
        var tasks = ImmutableArray.CreateBuilder<string>();
        foreach (CgroupPlace place in cgroups)
        {
            if (place.IsV2)
            {
                unified = place.Directory;
            }
            else
            {
                tasks.Add($"{place.Directory}/tasks");
            }
        }
        return new()
        {
            RootPath = "/",
            Id = id,
            UnifiedCgroup = unified,
            CgroupTaskFiles = tasks.ToImmutable(),
            LastCapability = LastCapability.Value,
            GrantableCapabilities = ReadGrantable(),
            HasAppArmor = HasAppArmor.Value,
            HasSelinux = HasSelinux.Value,
        };
    }

    /// <summary>What is both permitted to this process and in its bounding set. Source: proc(5), /proc/pid/status.</summary>
    private static ulong ReadGrantable()
    {
        ulong granted = ulong.MaxValue;
        foreach (string line in (HostFiles.TryReadText("/proc/self/status") ?? "").Split('\n'))
        {
            if (line.StartsWith("CapPrm:", StringComparison.Ordinal) || line.StartsWith("CapBnd:", StringComparison.Ordinal))
            {
                granted &= ulong.Parse(line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }
        }
        return granted;
    }

    internal static bool IsBind(Mount mount) => mount.Type == "bind" || mount.Options.Contains("bind") || mount.Options.Contains("rbind");

    private static Dictionary<string, FileKind> ReadSources(RuntimeSpec spec)
    {
        var kinds = new Dictionary<string, FileKind>();
        foreach (Mount mount in spec.Mounts)
        {
            if (IsBind(mount) && mount.Source is { } source && TryReadKind(source) is { } kind)
            {
                kinds[source] = kind;
            }
        }
        return kinds;
    }

    private static Dictionary<string, int> ReadCoveredModes(RuntimeSpec spec)
    {
        var modes = new Dictionary<string, int>();
        string[] wanted =
        [
            .. spec.Mounts.Where(mount => mount.Type == "tmpfs" && !IsBind(mount) && !mount.Options.Any(option => option.StartsWith("mode=", StringComparison.Ordinal)))
                .Select(mount => mount.Destination),
        ];
        if (wanted.Length == 0 || !Directory.Exists(spec.Root!.Path))
        {
            return modes;
        }
        using var root = RootDirectory.Open(spec.Root.Path);
        foreach (string destination in wanted)
        {
            if (root.TryGetStatus(destination) is { Kind: FileKind.Directory } status)
            {
                modes[destination] = status.Mode & 0xFFF;
            }
        }
        return modes;
    }

    private static FileKind? TryReadKind(string path)
    {
        try
        {
            using var file = HostFiles.OpenPath(path);
            return file.Status.Kind;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
    }

    private static CgroupView ViewOf(CgroupPlace place) => new(
        Path.GetFileName(place.MountPoint), place.Directory, place.IsV2 ? [] : OptionsOf(place.Controllers), place.IsV2);

    private static ImmutableArray<string> OptionsOf(string controllers) =>
        controllers.StartsWith("name=", StringComparison.Ordinal) ? ["none", controllers] : [.. controllers.Split(',')];

    private static string MountPointOf(string path) => MountTable.Read()
        .Select(mount => mount.Target)
        .Where(target => target == "/" || path == target || path.StartsWith($"{target}/", StringComparison.Ordinal))
        .MaxBy(target => target.Length) ?? "/";
}

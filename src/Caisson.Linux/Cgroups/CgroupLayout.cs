using System.Collections.Immutable;
using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>Which generation of control groups the host uses.</summary>
public enum CgroupMode
{
    /// <summary>None is mounted.</summary>
    None,

    /// <summary>Version 1 hierarchies only.</summary>
    Legacy,

    /// <summary>Version 1 hierarchies with controllers, and a version 2 hierarchy with the rest or none.</summary>
    Hybrid,

    /// <summary>Version 2 only.</summary>
    Unified,
}

/// <summary>One mounted hierarchy. Source: cgroups(7).</summary>
/// <param name="Version">1 or 2.</param>
/// <param name="MountPoint">Absolute host path.</param>
/// <param name="Controllers">Such as <c>cpu</c>, <c>memory</c>; empty for a named one or a version 2 without any.</param>
/// <param name="Name">Of a version 1 hierarchy without controllers, such as <c>systemd</c>; else empty.</param>
/// <param name="OwnPath">Where this process is, from the mount point: <c>/</c> or <c>/a/b</c>; null when it is outside of what is mounted.</param>
public sealed record CgroupHierarchy(
    int Version, string MountPoint, ImmutableArray<string> Controllers, string Name, string? OwnPath);

/// <summary>What control groups the host offers: a value, read once.</summary>
/// <param name="Mode">Which generation.</param>
/// <param name="Hierarchies">All that are mounted, each once.</param>
public sealed record CgroupLayout(CgroupMode Mode, ImmutableArray<CgroupHierarchy> Hierarchies)
{
    /// <summary>The version 2 hierarchy; null when none is mounted.</summary>
    public CgroupHierarchy? Unified => Hierarchies.FirstOrDefault(hierarchy => hierarchy.Version == 2);

    /// <summary>All controllers of all hierarchies, sorted.</summary>
    public ImmutableArray<string> Controllers => [.. Hierarchies.SelectMany(hierarchy => hierarchy.Controllers).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The hierarchy that holds <paramref name="controller"/>; empty means the version 2 core files (<c>cgroup.*</c>).</summary>
    public CgroupHierarchy? Find(string controller) => controller.Length == 0
        ? Unified
        : Hierarchies.FirstOrDefault(hierarchy => hierarchy.Controllers.Contains(controller));

    /// <summary>Reads the mount table and this process's place.</summary>
    public static CgroupLayout Detect() => From(
        MountTable.Read(),
        HostFiles.TryReadText("/proc/self/cgroup") ?? "",
        mountPoint => HostFiles.TryReadText($"{mountPoint}/cgroup.controllers") ?? "");

    /// <summary>The layout that the texts of the kernel describe.</summary>
    /// <param name="mounts">The mount table.</param>
    /// <param name="ownGroups">The text of <c>/proc/self/cgroup</c>.</param>
    /// <param name="unifiedControllers">The text of <c>cgroup.controllers</c> at a mount point.</param>
    internal static CgroupLayout From(IEnumerable<MountEntry> mounts, string ownGroups, Func<string, string> unifiedControllers)
    {
        var own = ParseOwn(ownGroups);
        var hierarchies = ImmutableArray.CreateBuilder<CgroupHierarchy>();
        foreach (MountEntry mount in mounts)
        {
            CgroupHierarchy? hierarchy = mount.Type switch
            {
                "cgroup2" => new(2, mount.Target, Words(unifiedControllers(mount.Target), ' '), "", Within(mount.Root, own.GetValueOrDefault(""))),
                "cgroup" => FromLegacy(mount, own),
                _ => null,
            };
            if (hierarchy is not null && !hierarchies.Any(other => IsSame(other, hierarchy)))
            {
                hierarchies.Add(hierarchy);
            }
        }

        bool legacy = hierarchies.Any(hierarchy => hierarchy.Version == 1 && hierarchy.Controllers.Length > 0);
        bool unified = hierarchies.Any(hierarchy => hierarchy.Version == 2);
        var mode = (legacy, unified) switch
        {
            (true, true) => CgroupMode.Hybrid,
            (true, false) => CgroupMode.Legacy,
            (false, true) => CgroupMode.Unified,
            _ => CgroupMode.None,
        };
        return new(mode, hierarchies.ToImmutable());
    }

    /// <summary>The hierarchy of <paramref name="controller"/>, or why there is none.</summary>
    internal CgroupHierarchy Require(string controller) => Find(controller) ?? throw new CaissonException(
        ErrorKind.FailedPrecondition,
        $"cgroup controller {controller}: not available on this host (mode {Mode}, controllers: {string.Join(' ', Controllers)})");

    private static CgroupHierarchy FromLegacy(MountEntry mount, Dictionary<string, string> own)
    {
        // Super options name the controllers among other things; /proc/self/cgroup says which words are controllers.
        var words = Words(mount.SuperOptions, ',');
        string? name = words.FirstOrDefault(word => word.StartsWith("name=", StringComparison.Ordinal));
        string? key = own.Keys.FirstOrDefault(
            keys => keys.Length > 0 && keys.Split(',').All(word => words.Contains(word)));
        ImmutableArray<string> controllers = key is null || key.StartsWith("name=", StringComparison.Ordinal)
            ? []
            : [.. key.Split(',').Where(word => !word.StartsWith("name=", StringComparison.Ordinal))];
        return new(1, mount.Target, controllers, name?[5..] ?? "", Within(mount.Root, key is null ? null : own[key]));
    }

    private static bool IsSame(CgroupHierarchy a, CgroupHierarchy b) =>
        a.Version == b.Version && (a.Version == 2 || (a.Name == b.Name && a.Controllers.SequenceEqual(b.Controllers)));

    /// <summary>Lines of <c>ID:CONTROLLERS:PATH</c>, by controllers; version 2 has none.</summary>
    private static Dictionary<string, string> ParseOwn(string text)
    {
        Dictionary<string, string> own = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(':', 3);
            if (fields.Length == 3)
            {
                own[fields[1]] = fields[2];
            }
        }
        return own;
    }

    /// <summary>A path of the hierarchy as seen from a mount whose root is the directory <paramref name="root"/> of it.</summary>
    private static string? Within(string root, string? path) => path switch
    {
        null => null,
        _ when root == "/" => path,
        _ when path == root => "/",
        _ when path.StartsWith($"{root}/", StringComparison.Ordinal) => path[root.Length..],
        _ => null,
    };

    private static ImmutableArray<string> Words(string text, char separator) =>
        [.. text.Split(separator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
}

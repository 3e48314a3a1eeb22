using Caisson.Linux;

namespace Caisson.Containers.Cgroups;

/// <summary>Between the kernel's view of control groups and the plans': values only.</summary>
public static class CgroupHost
{
    /// <summary>What plans must know of <paramref name="layout"/>.</summary>
    public static CgroupFacts FactsOf(CgroupLayout layout) => new()
    {
        Hierarchies =
        [
            .. layout.Hierarchies.Select(hierarchy => new CgroupHierarchy(
                hierarchy.MountPoint,
                hierarchy.OwnPath ?? "/",
                hierarchy.Version == 2,
                hierarchy.Name.Length > 0 ? [.. hierarchy.Controllers, $"name={hierarchy.Name}"] : hierarchy.Controllers)),
        ],
    };

    /// <summary>The control group that a container's directories are, whatever their paths in the hierarchies.</summary>
    /// <param name="layout">The host's.</param>
    /// <param name="directories">Controller to directory as <see cref="CgroupPlan.Directories"/> has them; all end with the same name.</param>
    /// <returns>Null when <paramref name="directories"/> names none of the host's hierarchies.</returns>
    public static Cgroup? At(CgroupLayout layout, IReadOnlyDictionary<string, string> directories)
    {
        var hierarchies = new List<Linux.CgroupHierarchy>();
        string name = "";
        foreach (var hierarchy in layout.Hierarchies)
        {
            string key = hierarchy.Version == 2 ? ""
                : hierarchy.Controllers.Length > 0 ? hierarchy.Controllers[0]
                : $"name={hierarchy.Name}";
            if (directories.TryGetValue(key, out string? directory) && directory.Length > 1)
            {
                int slash = directory.LastIndexOf('/');
                name = directory[slash..];
                hierarchies.Add(hierarchy with { MountPoint = directory[..slash], OwnPath = null });
            }
        }
        return hierarchies.Count == 0 ? null : Cgroup.At(new CgroupLayout(layout.Mode, [.. hierarchies]), name);
    }
}

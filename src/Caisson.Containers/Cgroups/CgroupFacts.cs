using System.Collections.Immutable;

namespace Caisson.Containers.Cgroups;

/// <summary>How the host lays its cgroups out.</summary>
public enum CgroupMode
{
    /// <summary>No hierarchy is mounted.</summary>
    None,

    /// <summary>Version 1 hierarchies only.</summary>
    V1,

    /// <summary>Version 1 hierarchies and a version 2 hierarchy beside them.</summary>
    Hybrid,

    /// <summary>The version 2 hierarchy only.</summary>
    V2,
}

/// <summary>What a cgroup plan must know of the host; read once, a value.</summary>
/// <remarks>Source: cgroups(7), /proc/self/mountinfo, /proc/self/cgroup, cgroup.controllers of the version 2 root.</remarks>
public sealed record CgroupFacts
{
    /// <summary>Every mounted hierarchy, at most one of them version 2.</summary>
    public required ImmutableArray<CgroupHierarchy> Hierarchies { get; init; }

    /// <summary>How the host lays its cgroups out.</summary>
    public CgroupMode Mode => (Hierarchies.Any(h => !h.IsV2), Hierarchies.Any(h => h.IsV2)) switch
    {
        (true, true) => CgroupMode.Hybrid,
        (true, false) => CgroupMode.V1,
        (false, true) => CgroupMode.V2,
        (false, false) => CgroupMode.None,
    };

    /// <summary>The hierarchy that has <paramref name="controller"/>; null when the host does not offer it.</summary>
    public CgroupHierarchy? HierarchyOf(string controller)
    {
        foreach (CgroupHierarchy hierarchy in Hierarchies)
        {
            if (hierarchy.Controllers.Contains(controller))
            {
                return hierarchy;
            }
        }
        return null;
    }
}

/// <summary>One mounted hierarchy.</summary>
/// <param name="MountPoint">Where, such as <c>/sys/fs/cgroup/cpu,cpuacct</c>.</param>
/// <param name="OwnPath">The runtime's own cgroup below the mount point, absolute as in /proc/self/cgroup; <c>/</c> is the root.</param>
/// <param name="IsV2">Version 2.</param>
/// <param name="Controllers">Its controllers; a named version 1 hierarchy has one entry such as <c>name=systemd</c>.</param>
public sealed record CgroupHierarchy(string MountPoint, string OwnPath, bool IsV2, ImmutableArray<string> Controllers);

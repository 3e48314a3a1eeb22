using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

/// <summary>What a container asks of cgroups.</summary>
public sealed record CgroupConfig
{
    /// <summary>The container's id: the name of its cgroup when <see cref="Path"/> says nothing.</summary>
    public required string Id { get; init; }

    /// <summary><c>linux.cgroupsPath</c>: absolute is from the mount points, relative from the runtime's own cgroup; null is the id.</summary>
    public string? Path { get; init; }

    /// <summary><c>linux.resources</c>; null for no limits beyond the device rules every container has.</summary>
    public LinuxResources? Resources { get; init; }

    /// <summary>Leaves device access alone: in a user namespace the kernel refuses the rules, and its own checks stand in for them.</summary>
    public bool SkipDevices { get; init; }
}

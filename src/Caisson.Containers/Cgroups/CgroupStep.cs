using System.Collections.Immutable;

namespace Caisson.Containers.Cgroups;

/// <summary>Which refusals of a write are expected and passed over.</summary>
[Flags]
public enum CgroupTolerance
{
    /// <summary>None: a refusal ends the plan.</summary>
    None = 0,

    /// <summary>ENOENT: this kernel lacks the file, and the value is its default anyway.</summary>
    Missing = 1,

    /// <summary>EINVAL: the value may contradict one that a later step changes; the same write follows once more.</summary>
    Again = 2,
}

/// <summary>One step of making or changing a container's cgroups. Data only; a runner carries it out.</summary>
public abstract record CgroupStep
{
    private CgroupStep() { }

    /// <summary>Make the directory, with its parents; one that exists is used.</summary>
    public sealed record Make(CgroupPlace Place) : CgroupStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"make {Place.Directory}";
    }

    /// <summary>
    /// In a version 1 cpuset hierarchy, fill empty <c>cpuset.cpus</c> and <c>cpuset.mems</c> from the parent, from the first level below the mount point
    /// down: the kernel takes no process into a cgroup where they are empty.
    /// </summary>
    public sealed record InheritCpuset(CgroupPlace Place) : CgroupStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"inherit {Place.Directory} cpuset.cpus cpuset.mems";
    }

    /// <summary>
    /// In the version 2 hierarchy, enable <paramref name="Controllers"/> for children in every level from the mount point to the parent. A controller
    /// outside <paramref name="Required"/> that cannot be enabled is passed over.
    /// </summary>
    public sealed record Enable(CgroupPlace Place, ImmutableArray<string> Controllers, ImmutableArray<string> Required) : CgroupStep
    {
        /// <inheritdoc/>
        public override string ToString() =>
            $"enable {string.Join(' ', Controllers.Select(name => '+' + name))} above {Place.Directory}, needed: {string.Join(' ', Required)}";
    }

    /// <summary>Write <paramref name="Value"/> into <paramref name="File"/> of the controller's directory, in one write(2).</summary>
    public sealed record Write(string Controller, string File, string Value, CgroupTolerance Tolerance = CgroupTolerance.None) : CgroupStep
    {
        /// <inheritdoc/>
        public override string ToString() => Tolerance switch
        {
            CgroupTolerance.None => $"write {Controller} {File} {Value}",
            CgroupTolerance.Missing => $"write {Controller} {File} {Value}, if it is there",
            CgroupTolerance.Again => $"write {Controller} {File} {Value}, or below",
            _ => $"write {Controller} {File} {Value}, if it is there, or below",
        };
    }

    /// <summary>Do the first of <paramref name="Choices"/> whose file exists; when none does, fail as the last would.</summary>
    public sealed record WriteFirst(ImmutableArray<Write> Choices) : CgroupStep
    {
        /// <inheritdoc/>
        public bool Equals(WriteFirst? other) => other is not null && Choices.SequenceEqual(other.Choices);

        /// <inheritdoc/>
        public override int GetHashCode() => Choices.Length;

        /// <inheritdoc/>
        public override string ToString() => string.Join(", else ", Choices);
    }

    /// <summary>Fail, saying both numbers, unless <paramref name="File"/> of the controller's directory holds less than <paramref name="Limit"/>.</summary>
    public sealed record RequireBelow(string Controller, string File, long Limit) : CgroupStep
    {
        /// <inheritdoc/>
        public override string ToString() => $"require {Controller} {File} below {Limit}";
    }

    /// <summary>
    /// In the version 2 hierarchy, attach a device program (BPF_CGROUP_DEVICE) that denies everything but what these rules allow; of the rules
    /// that match an access, the last decides.
    /// </summary>
    public sealed record AttachDeviceProgram(CgroupPlace Place, ImmutableArray<CgroupDeviceRule> Rules) : CgroupStep
    {
        /// <inheritdoc/>
        public bool Equals(AttachDeviceProgram? other) =>
            other is not null && Place == other.Place && Rules.SequenceEqual(other.Rules);

        /// <inheritdoc/>
        public override int GetHashCode() => Rules.Length;

        /// <inheritdoc/>
        public override string ToString() => $"devices {Place.Directory}: {string.Join(", ", Rules)}";
    }
}

/// <summary>The container's directory in one hierarchy.</summary>
/// <param name="MountPoint">The hierarchy's mount point.</param>
/// <param name="Path">The cgroup below it, absolute, never the root.</param>
/// <param name="IsV2">Version 2.</param>
/// <param name="Controllers">The controllers that are found there, joined by commas.</param>
public sealed record CgroupPlace(string MountPoint, string Path, bool IsV2, string Controllers)
{
    /// <summary>The directory's path on the host.</summary>
    public string Directory => MountPoint + Path;
}

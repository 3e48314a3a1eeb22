using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

/// <summary>Where a container's cgroups are and the steps that make them. Pure.</summary>
/// <param name="Places">One directory in every hierarchy, version 1 first.</param>
/// <param name="Steps">In order; all of them before the first process joins.</param>
/// <remarks>Source: runtime-spec config-linux.md, "Control groups"; Documentation/admin-guide/cgroup-v1, cgroup-v2.rst.</remarks>
public sealed record CgroupPlan(ImmutableArray<CgroupPlace> Places, ImmutableArray<CgroupStep> Steps)
{
    /// <summary>Compiles the cgroups of a new container.</summary>
    /// <param name="config">Its resources have passed <see cref="RuntimeSpecRules"/>.</param>
    /// <param name="facts">The host's hierarchies.</param>
    /// <param name="problems">Receives every limit that this host cannot keep, by the JSON pointers of <c>config.json</c>.</param>
    /// <param name="warnings">Receives settings that this host's cgroup version does not have and that are passed over, as runc does; may be null.</param>
    public static CgroupPlan Compile(
        CgroupConfig config, CgroupFacts facts, ICollection<Problem> problems, ICollection<Problem>? warnings = null)
    {
        ImmutableArray<CgroupPlace> places = Place(config, facts, problems);
        var compiler = new CgroupCompiler(facts, "/linux/resources", problems, warnings);
        if (config.Resources is { } resources)
        {
            compiler.Compile(resources, isUpdate: false);
        }
        if (!config.SkipDevices)
        {
            compiler.Devices(config.Resources?.Devices ?? [], places);
        }
        var steps = ImmutableArray.CreateBuilder<CgroupStep>();
        foreach (CgroupPlace place in places)
        {
            AddPlace(steps, place, facts, compiler.Used);
        }
        steps.AddRange(compiler.Steps);
        return new CgroupPlan(places, steps.ToImmutable());
    }

    /// <summary>Compiles a change of limits of a running container.</summary>
    /// <param name="change">The document of <c>update</c>; it has passed <see cref="RuntimeSpecRules"/>.</param>
    /// <param name="current">The limits in force, as the last plan or update had them.</param>
    /// <param name="facts">The host's hierarchies.</param>
    /// <param name="problems">Receives every limit that this host cannot keep, by the JSON pointers of the document.</param>
    /// <param name="warnings">As for <see cref="Compile"/>.</param>
    public static CgroupUpdate Update(
        LinuxResources change, LinuxResources current, CgroupFacts facts, ICollection<Problem> problems,
        ICollection<Problem>? warnings = null)
    {
        var compiler = new CgroupCompiler(facts, "", problems, warnings);
        LinuxResources merged = CgroupUpdate.Merge(current, change);
        compiler.Compile(CgroupUpdate.Complete(change, merged), isUpdate: true);
        return new CgroupUpdate([.. compiler.Steps], merged);
    }

    /// <summary>The directory of <paramref name="controller"/>; null when no hierarchy has it.</summary>
    public string? DirectoryOf(string controller)
    {
        foreach (CgroupPlace place in Places)
        {
            if (place.Controllers.Split(',').Contains(controller))
            {
                return place.Directory;
            }
        }
        return null;
    }

    /// <summary>The directories by controller, as runc's state has them; the version 2 hierarchy is under the empty name.</summary>
    public IReadOnlyDictionary<string, string> Directories()
    {
        var directories = new OrderedDictionary<string, string>();
        foreach (CgroupPlace place in Places)
        {
            foreach (string controller in place.IsV2 ? [""] : place.Controllers.Split(','))
            {
                directories[controller] = place.Directory;
            }
        }
        return directories;
    }

    private static ImmutableArray<CgroupPlace> Place(CgroupConfig config, CgroupFacts facts, ICollection<Problem> problems)
    {
        string asked = config.Path ?? config.Id;
        string[] parts = asked.Split('/', StringSplitOptions.RemoveEmptyEntries);
        parts = Array.FindAll(parts, part => part != ".");
        if (parts.Length == 0 || parts.Contains(".."))
        {
            problems.Add(new Problem("/linux/cgroupsPath", $"'{asked}' must name a cgroup below the root, without '..'"));
            return [];
        }
        string path = string.Join('/', parts);
        return
        [
            .. facts.Hierarchies
                .Select(hierarchy => new CgroupPlace(
                    hierarchy.MountPoint,
                    (asked.StartsWith('/') ? "" : Base(hierarchy)) + '/' + path,
                    hierarchy.IsV2,
                    string.Join(',', hierarchy.Controllers)))
                .OrderBy(place => place.IsV2),
        ];
    }

    /// <summary>
    /// Where a relative path starts: the runtime's own cgroup, and in version 2 its parent, because a cgroup with processes of its own cannot give
    /// controllers to its children.
    /// </summary>
    private static string Base(CgroupHierarchy hierarchy)
    {
        string own = hierarchy.OwnPath.TrimEnd('/');
        return hierarchy.IsV2 && own.Length > 0 ? own[..own.LastIndexOf('/')] : own;
    }

    private static void AddPlace(
        ImmutableArray<CgroupStep>.Builder steps, CgroupPlace place, CgroupFacts facts, IReadOnlyCollection<string> used)
    {
        steps.Add(new CgroupStep.Make(place));
        string[] controllers = place.Controllers.Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (place.IsV2)
        {
            ImmutableArray<string> required = [.. controllers.Where(used.Contains)];
            ImmutableArray<string> enabled = facts.Mode == CgroupMode.V2 ? [.. controllers] : required;
            if (enabled.Length > 0)
            {
                steps.Add(new CgroupStep.Enable(place, enabled, required));
            }
        }
        else if (controllers.Contains("cpuset"))
        {
            steps.Add(new CgroupStep.InheritCpuset(place));
        }
    }
}

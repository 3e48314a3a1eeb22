using System.Collections.Immutable;

using Caisson.Compose.Model;

namespace Caisson.Compose.Plans;

/// <summary>How a project is taken down.</summary>
public sealed record DownOptions
{
    /// <summary>Services that were named; empty: the whole project with its networks.</summary>
    public ImmutableArray<string> Services { get; init; } = [];

    /// <summary>Also containers of services that the files do not have.</summary>
    public bool RemoveOrphans { get; init; }

    /// <summary>Also volumes: the data.</summary>
    public bool Volumes { get; init; }

    /// <summary>Also images: <c>all</c>, <c>local</c> (those without a name of their own), or empty.</summary>
    public string Images { get; init; } = "";

    /// <summary>Seconds that a container may take to end; null: its own.</summary>
    public int? TimeoutSeconds { get; init; }
}

public sealed partial class ComposePlan
{
    /// <summary>What <c>down</c> does: containers go before those they depend on, then networks, then what else is asked for.</summary>
    public static ComposePlan CompileDown(ComposeProject project, ObservedProject observed, DownOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var plan = new ComposePlan(project, observed, new UpOptions { TimeoutSeconds = options.TimeoutSeconds, RemoveOrphans = options.RemoveOrphans }, []);
        bool whole = options.Services.Length == 0;
        // A project that is known by its name alone has no orphans: all that carries its label is its own.
        bool all = options.RemoveOrphans || project.Files.Length == 0;
        var removed = plan.AddStops(options.Services, andRemove: true, all, options.Volumes);
        if (!whole)
        {
            return plan;
        }
        plan.NoteOrphans(all);
        foreach (var network in observed.Networks.Where(network => network.Project == project.Name))
        {
            plan.Add(new ComposeStep.RemoveNetwork(network.Name), [.. removed]);
        }
        if (options.Volumes)
        {
            foreach (var volume in observed.Volumes.Where(volume => volume.Project == project.Name))
            {
                plan.Add(new ComposeStep.RemoveVolume(volume.Name), [.. removed]);
            }
        }
        foreach (var service in project.Services.Values.Where(service => options.Images == "all" || (options.Images == "local" && service.Definition["image"] is null)))
        {
            if (observed.Images.ContainsKey(service.Image) && !plan._steps.Exists(step => step.Step is ComposeStep.RemoveImage image && image.Name == service.Image))
            {
                plan.Add(new ComposeStep.RemoveImage(service.Image), [.. removed]);
            }
        }
        return plan;
    }

    /// <summary>What <c>stop</c> does: containers end before those they depend on.</summary>
    public static ComposePlan CompileStop(ComposeProject project, ObservedProject observed, IReadOnlyList<string> services, int? timeoutSeconds)
    {
        var plan = new ComposePlan(project, observed, new UpOptions { TimeoutSeconds = timeoutSeconds }, []);
        plan.AddStops([.. services], andRemove: false, all: true, volumes: false);
        return plan;
    }

    /// <summary>What <c>start</c> does: containers that are there run, those they depend on first.</summary>
    public static ComposePlan CompileStart(ComposeProject project, ObservedProject observed, IReadOnlyList<string> services)
    {
        var plan = new ComposePlan(project, observed, new UpOptions(), []);
        foreach (var service in project.InDependencyOrder().Where(service => services.Count == 0 || services.Contains(service.Name)))
        {
            ImmutableArray<int> ready = [.. plan.DependenciesOf(service)];
            plan._names[service.Name] = [.. observed.Of(service.Name).Select(container => container.Name)];
            plan._started[service.Name] =
                [.. observed.Of(service.Name).Where(container => !container.IsRunning).Select(container => plan.AddStart(service, container.Name, ready))];
        }
        return plan;
    }

    /// <summary>What <c>restart</c> does: all end, then all start, each after those it depends on.</summary>
    public static ComposePlan CompileRestart(ComposeProject project, ObservedProject observed, IReadOnlyList<string> services, int? timeoutSeconds, bool noDependencies)
    {
        var plan = new ComposePlan(project, observed, new UpOptions { TimeoutSeconds = timeoutSeconds }, []);
        var wanted = services.Count == 0 ? project.Services.Keys.ToHashSet(StringComparer.Ordinal) : services.ToHashSet(StringComparer.Ordinal);
        if (!noDependencies)
        {
            foreach (var service in project.InDependencyOrder().Where(service => service.DependsOn.Any(dependency => dependency.Restart && wanted.Contains(dependency.Service))))
            {
                wanted.Add(service.Name);
            }
        }
        var stopped = plan.AddStops([.. wanted], andRemove: false, all: false, volumes: false);
        foreach (var service in project.InDependencyOrder().Where(service => wanted.Contains(service.Name)))
        {
            ImmutableArray<int> ready = [.. plan.DependenciesOf(service), .. stopped];
            plan._names[service.Name] = [.. observed.Of(service.Name).Select(container => container.Name)];
            plan._started[service.Name] = [.. observed.Of(service.Name).Select(container => plan.AddStart(service, container.Name, ready))];
        }
        return plan;
    }

    private List<int> AddStops(ImmutableArray<string> services, bool andRemove, bool all, bool volumes)
    {
        var last = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        var ends = new List<int>();
        var known = _project.InDependencyOrder().Concat(_project.DisabledServices.Values).ToList();
        foreach (var service in Enumerable.Reverse(known))
        {
            if (services.Length > 0 && !services.Contains(service.Name))
            {
                continue;
            }
            int[] after = [.. known.Where(other => other.DependsOn.Any(dependency => dependency.Service == service.Name)).SelectMany(other => last.GetValueOrDefault(other.Name, []))];
            Stop(service.Name, _observed.Containers.Where(container => container.Service == service.Name && (andRemove || !container.IsOneOff)), after);
        }
        if (all && services.Length == 0)
        {
            var names = known.Select(service => service.Name).ToHashSet(StringComparer.Ordinal);
            Stop("", _observed.Containers.Where(container => !names.Contains(container.Service)), []);
        }
        return ends;

        void Stop(string service, IEnumerable<ObservedContainer> containers, int[] after)
        {
            last[service] =
            [
                .. containers.Where(container => andRemove || container.IsRunning).Select(container => andRemove
                    ? AddRemoval(container, after, volumes)
                    : Add(new ComposeStep.StopContainer(container.Service, container.Id, container.Name, _options.TimeoutSeconds), after)),
            ];
            ends.AddRange(last[service]);
        }
    }

    private void NoteOrphans(bool all)
    {
        if (!all)
        {
            AddOrphans();
        }
    }
}

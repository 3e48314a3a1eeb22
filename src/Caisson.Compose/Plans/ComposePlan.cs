using System.Collections.Immutable;
using System.Globalization;

using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Errors;

namespace Caisson.Compose.Plans;

/// <summary>Decides what to do so that what is there becomes what the files say.</summary>
/// <remarks>Pure: values in, values out. A plan prints one line a step: <c>compose up --dry-run</c>.</remarks>
public sealed partial class ComposePlan
{
    private readonly ComposeProject _project;
    private readonly ObservedProject _observed;
    private readonly UpOptions _options;
    private readonly ICollection<Problem> _problems;
    private readonly List<PlannedStep> _steps = [];
    private readonly List<string> _notices = [];

    /// <summary>The last steps of each network and volume, by name.</summary>
    private readonly Dictionary<string, int> _made = new(StringComparer.Ordinal);

    /// <summary>Steps after which the containers of a service run, by service.</summary>
    private readonly Dictionary<string, List<int>> _started = new(StringComparer.Ordinal);

    /// <summary>Names of the containers that a service will have, by service.</summary>
    private readonly Dictionary<string, List<string>> _names = new(StringComparer.Ordinal);

    private readonly Dictionary<(string Service, DependencyCondition Condition), ImmutableArray<int>> _awaited = [];
    private readonly HashSet<string> _recreated = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _removedEarly = new(StringComparer.Ordinal);

    private ComposePlan(ComposeProject project, ObservedProject observed, UpOptions options, ICollection<Problem> problems) =>
        (_project, _observed, _options, _problems) = (project, observed, options, problems);

    /// <summary>The steps, each after those it needs.</summary>
    public ImmutableArray<PlannedStep> Steps => [.. _steps];

    /// <summary>What the user should know: what is left as it is, and why.</summary>
    public IReadOnlyList<string> Notices => _notices;

    /// <summary>One line a step.</summary>
    public override string ToString() => string.Concat(_steps.Select(step => step + "\n"));

    /// <summary>What <c>up</c> does.</summary>
    /// <param name="project">What should be.</param>
    /// <param name="observed">What is.</param>
    /// <param name="options">How.</param>
    /// <param name="problems">Receives why it cannot be: with any, the plan is not to be run.</param>
    public static ComposePlan Compile(ComposeProject project, ObservedProject observed, UpOptions options, ICollection<Problem> problems)
    {
        var plan = new ComposePlan(project, observed, options, problems);
        plan.CompileUp();
        return plan;
    }

    /// <summary>The images that must be fetched before <see cref="Compile"/> can say the rest.</summary>
    public static ComposePlan CompilePulls(ComposeProject project, ObservedProject observed, UpOptions options, ICollection<Problem> problems)
    {
        var plan = new ComposePlan(project, observed, options, problems);
        foreach (string name in project.Select(options.Services, options.NoDependencies))
        {
            plan.AddPull(project.Services[name]);
        }
        return plan;
    }

    private void CompileUp()
    {
        foreach (string name in _options.Services.Where(name => !_project.Services.ContainsKey(name)))
        {
            _problems.Add(new("", $"no such service: {name}{Spelling.Hint(name, _project.Services.Keys)}"));
        }
        foreach (string name in _options.Scale.Keys.Where(name => !_project.Services.ContainsKey(name)))
        {
            _problems.Add(new("", $"no such service: {name}{Spelling.Hint(name, _project.Services.Keys)}"));
        }
        var selected = _project.Select(_options.Services, _options.NoDependencies);
        AddOrphans();
        AddNetworks(selected);
        AddVolumes(selected);
        foreach (var service in _project.InDependencyOrder().Where(service => selected.Contains(service.Name)))
        {
            if (service.Name == _options.WithoutContainers)
            {
                // All it waits for is waited for at the end of the plan.
                _ = DependenciesOf(service).ToList();
            }
            else
            {
                AddService(service);
            }
        }
        if (_options.WithoutContainers.Length == 0)
        {
            LeaveOutIdleWaits();
        }
    }

    /// <summary>Nobody waits for what no later step needs.</summary>
    private void LeaveOutIdleWaits()
    {
        var needed = _steps.SelectMany(step => step.After).ToHashSet();
        var places = new Dictionary<int, int>();
        var kept = new List<PlannedStep>();
        foreach (var step in _steps.Where(step => step.Step is not ComposeStep.AwaitContainer || needed.Contains(step.Index)))
        {
            places[step.Index] = kept.Count;
            kept.Add(new(kept.Count, step.Step, [.. step.After.Select(index => places[index])]));
        }
        _steps.Clear();
        _steps.AddRange(kept);
    }

    private void AddPull(ComposeService service)
    {
        bool present = _observed.Images.ContainsKey(service.Image);
        string policy = _options.Pull.Length > 0 ? _options.Pull : service.PullPolicy;
        if (service.HasBuild && service.Definition["image"] is null)
        {
            policy = "build";
        }
        switch (policy)
        {
            case "build" when !present:
                _problems.Add(service.Definition.Problem(
                    $"services.{service.Name}: image {service.Image} is not there; build it with 'compose build {service.Name}', or load or tag it as {service.Image}"));
                break;
            case "never" when !present:
                _problems.Add(service.Definition.Problem($"services.{service.Name}: image {service.Image} is not there, and its pull policy is never; load or tag it"));
                break;
            case "always" when !service.HasBuild:
            case not ("build" or "never") when !present:
                if (!_steps.Exists(step => step.Step is ComposeStep.PullImage pull && pull.Image == service.Image))
                {
                    Add(new ComposeStep.PullImage(service.Name, service.Image, service.Definition.Text("platform"), present));
                }
                break;
        }
    }

    private void AddOrphans()
    {
        var orphans = _observed.Containers
            .Where(container => !container.IsOneOff && !_project.Services.ContainsKey(container.Service) && !_project.DisabledServices.ContainsKey(container.Service))
            .ToList();
        if (orphans.Count == 0)
        {
            return;
        }
        if (!_options.RemoveOrphans)
        {
            _notices.Add(
                $"Found orphan containers ([{string.Join(' ', orphans.Select(orphan => orphan.Name))}]) for this project. "
                + "If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.");
            return;
        }
        foreach (var orphan in orphans)
        {
            AddRemoval(orphan, []);
        }
    }

    private void AddNetworks(ImmutableSortedSet<string> selected)
    {
        var used = selected.SelectMany(name => _project.Services[name].Networks).Select(network => network.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var network in _project.Networks.Values.Where(network => used.Contains(network.Key)))
        {
            var there = _observed.Networks.FirstOrDefault(other => other.Name == network.Name);
            if (network.IsExternal)
            {
                if (there is null)
                {
                    _problems.Add(network.Definition.Problem($"network {network.Name} declared as external, but could not be found; make it with 'caisson network create {network.Name}'"));
                }
                continue;
            }
            if (there is null)
            {
                _made[network.Name] = Add(new ComposeStep.CreateNetwork(network));
            }
            else if (there.Project != _project.Name || (there.Key.Length > 0 && there.Key != network.Key))
            {
                _notices.Add($"network {network.Name} exists and was not made for project {_project.Name}; it is used as it is. Write 'external: true' to say so");
            }
            else if (there.Hash.Length > 0 && there.Hash != network.Hash())
            {
                ReplaceNetwork(network);
            }
        }
    }

    /// <summary>A network that is to be another one: all its containers go first.</summary>
    private void ReplaceNetwork(ComposeResource network)
    {
        var removed = new List<int>();
        foreach (var service in _project.Services.Values.Where(service => service.Networks.Any(place => place.Key == network.Key)))
        {
            foreach (var container in _observed.Of(service.Name))
            {
                if (!_removedEarly.TryGetValue(container.Id, out int last))
                {
                    _removedEarly[container.Id] = last = AddRemoval(container, []);
                }
                removed.Add(last);
            }
        }
        int gone = Add(new ComposeStep.RemoveNetwork(network.Name), [.. removed]);
        _made[network.Name] = Add(new ComposeStep.CreateNetwork(network), gone);
    }

    private void AddVolumes(ImmutableSortedSet<string> selected)
    {
        var used = selected.SelectMany(name => _project.Services[name].Definition["volumes"].Items())
            .Where(mount => mount.Text("type") == "volume")
            .Select(mount => mount.Text("source"))
            .ToHashSet(StringComparer.Ordinal);
        foreach (var volume in _project.Volumes.Values.Where(volume => used.Contains(volume.Key)))
        {
            var there = _observed.Volumes.FirstOrDefault(other => other.Name == volume.Name);
            if (volume.IsExternal)
            {
                if (there is null)
                {
                    _problems.Add(volume.Definition.Problem($"external volume \"{volume.Name}\" not found; make it with 'caisson volume create {volume.Name}'"));
                }
            }
            else if (there is null)
            {
                _made["volume " + volume.Name] = Add(new ComposeStep.CreateVolume(volume));
            }
            else if (there.Project != _project.Name)
            {
                _notices.Add($"volume \"{volume.Name}\" already exists but was not created for project \"{_project.Name}\". Use 'external: true' to use an existing volume");
            }
            else if (there.Hash.Length > 0 && there.Hash != volume.Hash())
            {
                _notices.Add($"volume {volume.Name} exists with other options, and is kept for its data; 'caisson compose down -v' removes it");
            }
        }
    }

    private void AddService(ComposeService service)
    {
        int scale = _options.Scale.GetValueOrDefault(service.Name, service.Scale);
        if (scale > 1 && service.ContainerName.Length > 0)
        {
            _problems.Add(service.Definition["container_name"]!.Problem($"services.{service.Name}: a container_name is for one container, and {scale} are asked for"));
            return;
        }
        var existing = _observed.Of(service.Name).OrderBy(container => container.Number).ToList();
        foreach (var surplus in existing.Skip(scale))
        {
            AddRemoval(surplus, []);
        }
        existing = [.. existing.Take(scale)];

        ImmutableArray<int> needs = [.. NeedsOf(service)];
        ImmutableArray<int> ready = [.. needs, .. DependenciesOf(service)];
        var ends = new List<int>();
        var names = new List<string>();
        AddExisting(service, existing, needs, ready, ends, names);
        var taken = existing.Select(container => container.Number).ToHashSet();
        for (int number = 1; names.Count < scale; number++)
        {
            if (taken.Contains(number))
            {
                continue;
            }
            string name = NameOf(service, number);
            int created = Add(new ComposeStep.CreateContainer(service.Name, number, name, "", IsStaged: false, KeepVolumes: false), [.. needs]);
            ends.Add(AddStart(service, name, ready, created));
            names.Add(name);
        }
        _started[service.Name] = ends;
        _names[service.Name] = names;
    }

    private void AddExisting(
        ComposeService service, List<ObservedContainer> existing, ImmutableArray<int> needs, ImmutableArray<int> ready, List<int> ends, List<string> names)
    {
        var replacement = new Replacement(this, service, needs, ready);
        foreach (var container in existing)
        {
            string name = NameOf(service, container.Number);
            names.Add(name);
            if (_removedEarly.TryGetValue(container.Id, out int gone))
            {
                _recreated.Add(service.Name);
                int created = Add(new ComposeStep.CreateContainer(service.Name, container.Number, name, "", IsStaged: false, KeepVolumes: false), [.. needs, gone]);
                ends.Add(AddStart(service, name, ready, created));
            }
            else if (MustRecreate(service, container))
            {
                _recreated.Add(service.Name);
                ends.Add(replacement.Add(container, name));
            }
            else if (!container.IsRunning)
            {
                ends.Add(AddStart(service, container.Name, ready));
            }
            else if (service.DependsOn.Any(dependency => dependency.Restart && _recreated.Contains(dependency.Service)))
            {
                int stopped = Add(new ComposeStep.StopContainer(service.Name, container.Id, container.Name, _options.TimeoutSeconds));
                ends.Add(AddStart(service, container.Name, ready, stopped));
            }
        }
    }

    private bool MustRecreate(ComposeService service, ObservedContainer container)
    {
        if (_options.NoRecreate)
        {
            return false;
        }
        bool named = _options.Services.Length == 0 || _options.Services.Contains(service.Name);
        if (named ? _options.ForceRecreate : _options.AlwaysRecreateDependencies)
        {
            return true;
        }
        if (container.Hash != service.Hash())
        {
            return true;
        }
        if (_observed.Images.TryGetValue(service.Image, out string? image) && container.ImageId.Length > 0 && image != container.ImageId)
        {
            return true;
        }
        return SharesWith(service).Any(_recreated.Contains);
    }

    /// <summary>Services whose very containers this one's are made for: their namespaces, their volumes.</summary>
    private static IEnumerable<string> SharesWith(ComposeService service) =>
        ((string[])["network_mode", "ipc", "pid"]).Select(key => service.Definition.Text(key)).Where(mode => mode.StartsWith("service:", StringComparison.Ordinal)).Select(mode => mode[8..])
        .Concat(service.Definition.Texts("volumes_from").Where(from => !from.StartsWith("container:", StringComparison.Ordinal)).Select(from => from.Split(':')[0]));

    /// <summary>Networks and volumes that must be made first, and containers whose ids must be known.</summary>
    private IEnumerable<int> NeedsOf(ComposeService service)
    {
        foreach (var network in service.Networks)
        {
            if (_project.Networks.TryGetValue(network.Key, out var resource) && _made.TryGetValue(resource.Name, out int made))
            {
                yield return made;
            }
        }
        foreach (var mount in service.Definition["volumes"].Items())
        {
            if (_project.Volumes.TryGetValue(mount.Text("source"), out var resource) && _made.TryGetValue("volume " + resource.Name, out int made))
            {
                yield return made;
            }
        }
        foreach (string other in SharesWith(service))
        {
            foreach (int started in _started.GetValueOrDefault(other, []))
            {
                yield return started;
            }
        }
    }

    /// <summary>Steps after which everything the service depends on is as it needs it.</summary>
    private IEnumerable<int> DependenciesOf(ComposeService service)
    {
        if (_options.NoStart)
        {
            return [];
        }
        return service.DependsOn.Where(dependency => _names.ContainsKey(dependency.Service)).SelectMany(dependency => Await(dependency.Service, dependency.Condition));
    }

    private ImmutableArray<int> Await(string service, DependencyCondition condition)
    {
        var started = _started[service];
        if (condition == DependencyCondition.Started)
        {
            return [.. started];
        }
        if (_awaited.TryGetValue((service, condition), out var steps))
        {
            return steps;
        }
        steps = [.. _names[service].Select(name => Add(new ComposeStep.AwaitContainer(service, name, condition), [.. started]))];
        return _awaited[(service, condition)] = steps;
    }

    private int AddStart(ComposeService service, string name, ImmutableArray<int> ready, params ReadOnlySpan<int> after)
    {
        if (_options.NoStart)
        {
            return after.Length > 0 ? after[^1] : -1;
        }
        return Add(new ComposeStep.StartContainer(service.Name, name), [.. ready, .. after]);
    }

    /// <summary>Stops and removes a container; the step after which it is gone.</summary>
    private int AddRemoval(ObservedContainer container, ReadOnlySpan<int> after, bool volumes = false)
    {
        if (!container.IsRunning)
        {
            return Add(new ComposeStep.RemoveContainer(container.Id, container.Name, volumes), after);
        }
        int stopped = Add(new ComposeStep.StopContainer(container.Service, container.Id, container.Name, _options.TimeoutSeconds), after);
        return Add(new ComposeStep.RemoveContainer(container.Id, container.Name, volumes), stopped);
    }

    private string NameOf(ComposeService service, int number) => service.ContainerName.Length > 0
        ? service.ContainerName
        : string.Create(CultureInfo.InvariantCulture, $"{_project.Name}-{service.Name}-{Math.Max(number, 1)}");

    private int Add(ComposeStep step, params ReadOnlySpan<int> after)
    {
        var before = new SortedSet<int>();
        foreach (int index in after)
        {
            if (index >= 0)
            {
                before.Add(index);
            }
        }
        _steps.Add(new(_steps.Count, step, [.. before]));
        return _steps.Count - 1;
    }
}

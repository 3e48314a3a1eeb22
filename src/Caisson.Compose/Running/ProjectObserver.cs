using System.Collections.Immutable;
using System.Globalization;

using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Compose.Plans;
using Caisson.Errors;

namespace Caisson.Compose.Running;

/// <summary>Asks the engine what of a project is there.</summary>
public static class ProjectObserver
{
    /// <summary>The containers of a project, those of <c>run</c> included.</summary>
    public static ImmutableArray<ObservedContainer> Containers(EngineClient engine, string project) =>
    [
        .. Summaries(engine, project)
            .Select(Container)
            .OrderBy(container => container.Service, StringComparer.Ordinal).ThenBy(container => container.Number).ThenBy(container => container.Name, StringComparer.Ordinal),
    ];

    /// <summary>The containers of a project as the engine lists them.</summary>
    public static IReadOnlyList<ContainerSummary> Summaries(EngineClient engine, string project)
    {
        ArgumentNullException.ThrowIfNull(engine);
        return engine.ListContainers(all: true, filters: new Dictionary<string, List<string>> { ["label"] = [$"{ComposeLabels.Project}={project}"] });
    }

    /// <summary>All that a plan of <paramref name="project"/> is made of.</summary>
    public static ObservedProject Observe(EngineClient engine, ComposeProject project)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(project);
        var images = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (string image in project.Services.Values.Select(service => service.Image).Distinct(StringComparer.Ordinal))
        {
            if (ImageId(engine, image) is { } id)
            {
                images[image] = id;
            }
        }
        var networkNames = project.Networks.Values.Select(network => network.Name).ToHashSet(StringComparer.Ordinal);
        var volumeNames = project.Volumes.Values.Select(volume => volume.Name).ToHashSet(StringComparer.Ordinal);
        return new()
        {
            Containers = Containers(engine, project.Name),
            Networks =
            [
                .. engine.ListNetworks()
                    .Where(network => networkNames.Contains(network.Name) || network.Labels.GetValueOrDefault(ComposeLabels.Project) == project.Name)
                    .Select(network => Resource(network.Name, network.Labels, ComposeLabels.Network)),
            ],
            Volumes =
            [
                .. engine.ListVolumes()
                    .Where(volume => volumeNames.Contains(volume.Name) || volume.Labels.GetValueOrDefault(ComposeLabels.Project) == project.Name)
                    .Select(volume => Resource(volume.Name, volume.Labels, ComposeLabels.Volume)),
            ],
            Images = images.ToImmutable(),
        };
    }

    /// <summary>A project that has no files at hand, made of what its containers' labels say.</summary>
    public static ComposeProject Reconstruct(EngineClient engine, string name)
    {
        var services = ImmutableSortedDictionary.CreateBuilder<string, ComposeService>(StringComparer.Ordinal);
        foreach (var container in Summaries(engine, name))
        {
            string service = container.Labels.GetValueOrDefault(ComposeLabels.Service, "");
            if (service.Length == 0 || services.ContainsKey(service))
            {
                continue;
            }
            services[service] = new()
            {
                Name = service,
                Definition = MappingNode.Empty,
                Image = container.Image,
                DependsOn = [.. Dependencies(container.Labels.GetValueOrDefault(ComposeLabels.DependsOn, ""))],
                Scale = 1,
                Networks = [],
            };
        }
        var none = ImmutableSortedDictionary.Create<string, ComposeResource>(StringComparer.Ordinal);
        return new()
        {
            Name = name,
            Directory = "/",
            Services = services.ToImmutable(),
            DisabledServices = ImmutableSortedDictionary.Create<string, ComposeService>(StringComparer.Ordinal),
            Networks = none,
            Volumes = none,
            Secrets = none,
            Configs = none,
        };
    }

    /// <summary>The digest of an image; null when it is not there.</summary>
    public static string? ImageId(EngineClient engine, string image)
    {
        ArgumentNullException.ThrowIfNull(engine);
        try
        {
            using var json = engine.InspectImage(image);
            return json.RootElement.TryGetProperty("Id", out var id) ? id.GetString() : null;
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    private static IEnumerable<ServiceDependency> Dependencies(string label)
    {
        foreach (string dependency in label.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = dependency.Split(':');
            var condition = parts.ElementAtOrDefault(1) switch
            {
                "service_healthy" => DependencyCondition.Healthy,
                "service_completed_successfully" => DependencyCondition.CompletedSuccessfully,
                _ => DependencyCondition.Started,
            };
            yield return new(parts[0], condition, parts.ElementAtOrDefault(2) == "true", IsRequired: false);
        }
    }

    private static ObservedContainer Container(ContainerSummary summary) => new(
        summary.Id,
        summary.Names.Count > 0 ? summary.Names[0].TrimStart('/') : summary.Id,
        summary.Labels.GetValueOrDefault(ComposeLabels.Service, ""),
        int.TryParse(summary.Labels.GetValueOrDefault(ComposeLabels.Number, ""), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)
    {
        IsOneOff = summary.Labels.GetValueOrDefault(ComposeLabels.OneOff, "").Equals("true", StringComparison.OrdinalIgnoreCase),
        Hash = summary.Labels.GetValueOrDefault(ComposeLabels.ConfigHash, ""),
        ImageId = summary.Labels.GetValueOrDefault(ComposeLabels.Image, summary.ImageId),
        State = summary.State,
    };

    private static ObservedResource Resource(string name, IReadOnlyDictionary<string, string> labels, string key) => new(
        name, labels.GetValueOrDefault(ComposeLabels.Project, ""), labels.GetValueOrDefault(key, ""), labels.GetValueOrDefault(ComposeLabels.ConfigHash, ""));
}

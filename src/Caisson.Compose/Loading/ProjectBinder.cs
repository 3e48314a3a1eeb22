using System.Collections.Immutable;

using Caisson.Documents;
using Caisson.Compose.Model;
using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>Makes a project of one document in the long form: names, defaults, profiles, and all that refers to something else.</summary>
internal sealed class ProjectBinder(ProjectOptions options, ProjectPlace place, string projectName, List<Problem> problems)
{
    private static readonly string[] WithoutEffect =
    [
        "blkio_config.device_read_bps", "blkio_config.device_read_iops", "blkio_config.device_write_bps", "blkio_config.device_write_iops", "blkio_config.weight_device",
        "cpu_count", "cpu_percent", "cpu_rt_period", "cpu_rt_runtime", "credential_spec", "deploy.endpoint_mode", "deploy.placement",
        "deploy.resources.reservations.devices", "deploy.resources.reservations.generic_resources", "external_links", "gpus", "models", "pre_start", "use_api_socket",
    ];

    private readonly List<string> _notices = [];

    public ComposeProject Bind(MappingNode document)
    {
        var resources = new Dictionary<string, ImmutableSortedDictionary<string, ComposeResource>>(StringComparer.Ordinal);
        foreach (string kind in (string[])["networks", "volumes", "secrets", "configs"])
        {
            resources[kind] = Resources(document[kind], kind);
        }
        if (document["version"] is { } version)
        {
            _notices.Add($"{version.Position}: the attribute 'version' is obsolete; it is ignored, and can be removed");
        }
        var all = new List<ComposeService>();
        foreach (var entry in document["services"].Entries())
        {
            if (!IsServiceName(entry.Key))
            {
                problems.Add(entry.Problem($"services: '{entry.Key}' is no name of a service; use letters, digits, '.', '_' and '-'"));
            }
            if (entry.Value is MappingNode definition)
            {
                all.Add(Service(entry.Key, entry.Position, definition, document));
            }
        }
        if (all.Count == 0 && problems.Count == 0)
        {
            _notices.Add("no service selected");
        }
        var enabled = all.Where(IsEnabled).ToImmutableSortedDictionary(service => service.Name, service => service, StringComparer.Ordinal);
        var disabled = all.Where(service => !enabled.ContainsKey(service.Name)).ToImmutableSortedDictionary(service => service.Name, service => service, StringComparer.Ordinal);
        CheckDependencies(enabled, disabled);
        var networks = resources["networks"];
        if (all.Any(service => service.Networks.Any(network => network.Key == "default")) && !networks.ContainsKey("default"))
        {
            networks = networks.Add("default", new("default", $"{projectName}_default", false, MappingNode.Of([new("name", $"{projectName}_default")], SourcePosition.None)));
        }
        return new()
        {
            Name = projectName,
            Directory = place.Directory,
            Files = place.Files,
            EnvironmentFiles = place.EnvironmentFiles,
            Services = enabled,
            DisabledServices = disabled,
            Networks = networks,
            Volumes = resources["volumes"],
            Secrets = resources["secrets"],
            Configs = resources["configs"],
            Extensions = new([.. document.Entries.Where(entry => entry.Key.StartsWith("x-", StringComparison.Ordinal))], document.Position),
            Variables = place.VariableNames.Select(name => (name, value: place.Variable(name))).Where(pair => pair.value is not null)
                .ToImmutableSortedDictionary(pair => pair.name, pair => pair.value!, StringComparer.Ordinal),
            Notices = [.. _notices],
        };
    }

    private ImmutableSortedDictionary<string, ComposeResource> Resources(DocumentNode? node, string kind)
    {
        var resources = ImmutableSortedDictionary.CreateBuilder<string, ComposeResource>(StringComparer.Ordinal);
        foreach (var entry in node.Entries())
        {
            var definition = (MappingNode)entry.Value;
            bool external = definition.Flag("external");
            string name = definition.Text("name") is { Length: > 0 } given ? given : external ? entry.Key : $"{projectName}_{entry.Key}";
            if (external && definition.Entries.FirstOrDefault(other => other.Key is not ("external" or "name") && !other.Key.StartsWith("x-", StringComparison.Ordinal)) is { } other)
            {
                problems.Add(other.Problem($"{kind}.{entry.Key}: '{other.Key}' and 'external' exclude each other: what is external is only used"));
            }
            int sources = (definition["file"] is null ? 0 : 1) + (definition["environment"] is null ? 0 : 1) + (definition["content"] is null ? 0 : 1);
            if (kind is "secrets" or "configs" && !external && sources != 1)
            {
                problems.Add(entry.Problem(sources == 0
                    ? $"{kind}.{entry.Key}: say where it comes from: file, environment{(kind == "configs" ? ", content" : "")} or external"
                    : $"{kind}.{entry.Key}: file, environment and content exclude each other"));
            }
            resources[entry.Key] = new(entry.Key, name, external, definition.With("name", ScalarNode.Of(name, definition.Position)));
        }
        return resources.ToImmutable();
    }

    private ComposeService Service(string name, SourcePosition at, MappingNode definition, MappingNode document)
    {
        foreach (string attribute in WithoutEffect)
        {
            if (attribute.Split('.').Aggregate((DocumentNode?)definition, (node, part) => node.Field(part)) is { } unused)
            {
                _notices.Add($"{unused.Position}: services.{name}.{attribute} has no effect");
            }
        }
        if (definition["provider"] is { } provider)
        {
            problems.Add(provider.Problem($"services.{name}.provider: services of providers are not supported; give it an image"));
        }
        var networks = Networks(name, definition, document["networks"]);
        CheckReferences(name, definition, document);
        var complete = WithEnvironment(name, definition);
        if (networks.Length > 0)
        {
            complete = complete.With("networks", new MappingNode([.. networks.Select(network => new MappingEntry(network.Key, network.Definition.Position, Shown(network.Definition)))], definition.Position));
        }
        string image = definition.Text("image");
        if (image.Length == 0 && definition["build"] is null && definition["provider"] is null)
        {
            problems.Add(new(at.ToString(), $"services.{name}: has neither an image nor a build"));
        }
        long? deployed = definition["deploy"].Whole("replicas");
        long? scaled = definition.Whole("scale");
        if (deployed is { } replicas && scaled is { } scale && replicas != scale)
        {
            problems.Add(definition["scale"]!.Problem($"services.{name}: scale {scale} and deploy.replicas {replicas} differ; keep one"));
        }
        long count = scaled ?? deployed ?? 1;
        if (count is < 0 or > 10_000)
        {
            problems.Add((definition["scale"] ?? definition["deploy"]!).Problem($"services.{name}: {count} containers cannot be; write 0 to 10000"));
        }
        if (count > 1 && definition["container_name"] is { } containerName)
        {
            problems.Add(containerName.Problem($"services.{name}: a container_name is for one container, and this service has {count}; remove the name"));
        }
        return new()
        {
            Name = name,
            Definition = complete,
            Image = image.Length > 0 ? image : $"{projectName}-{name}",
            DependsOn = Dependencies(definition),
            Scale = (int)Math.Clamp(count, 0, 10_000),
            Networks = networks,
            FileDigest = FileDigest(definition, document),
        };
    }

    /// <summary>A place in a network as <c>config</c> shows it: nothing said is empty.</summary>
    private static DocumentNode Shown(MappingNode definition) =>
        definition.Entries.Length == 0 ? new ScalarNode("", ScalarKind.Null, definition.Position) : definition;

    private bool IsEnabled(ComposeService service)
    {
        string[] named = [.. options.Profiles, .. (place.Variable("COMPOSE_PROFILES") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
        return service.Profiles.Count == 0 || options.Services.Contains(service.Name) || service.Profiles.Any(profile => named.Contains(profile) || named.Contains("*"));
    }

    private ImmutableArray<ServiceNetwork> Networks(string name, MappingNode definition, DocumentNode? declared)
    {
        if (definition["network_mode"] is { } mode)
        {
            if (definition["networks"] is { } networks)
            {
                problems.Add(networks.Problem($"services.{name}: networks and network_mode '{mode.AsText()}' exclude each other"));
            }
            return [];
        }
        if (definition["networks"] is not MappingNode { Entries.Length: > 0 } given)
        {
            return [new("default", new MappingNode([], definition.Position))];
        }
        foreach (var entry in given.Entries.Where(entry => entry.Key != "default" && declared.Field(entry.Key) is null))
        {
            problems.Add(entry.Problem($"services.{name}.networks: network '{entry.Key}' is not declared{Spelling.Hint(entry.Key, declared.Entries().Select(other => other.Key))}"));
        }
        return
        [
            .. given.Entries
                .Select(entry => new ServiceNetwork(entry.Key, entry.Value as MappingNode ?? new MappingNode([], entry.Position)))
                .OrderByDescending(network => network.Definition.Number("priority") ?? 0)
                .ThenBy(network => network.Key, StringComparer.Ordinal),
        ];
    }

    private void CheckReferences(string name, MappingNode definition, MappingNode document)
    {
        foreach (string kind in (string[])["secrets", "configs"])
        {
            foreach (var reference in definition[kind].Items())
            {
                string source = reference.Text("source");
                if (document[kind].Field(source) is null)
                {
                    problems.Add(reference.Problem($"services.{name}.{kind}: '{source}' is not declared{Spelling.Hint(source, document[kind].Entries().Select(entry => entry.Key))}"));
                }
            }
        }
        foreach (var mount in definition["volumes"].Items().Where(mount => mount.Text("type") == "volume" && mount.Text("source").Length > 0))
        {
            string source = mount.Text("source");
            if (document["volumes"].Field(source) is null)
            {
                problems.Add(mount.Problem($"services.{name}.volumes: volume '{source}' is not declared{Spelling.Hint(source, document["volumes"].Entries().Select(entry => entry.Key))}; write './{source}' for a directory"));
            }
        }
        if (definition["restart"] is { } restart && !IsRestart(restart.AsText()))
        {
            problems.Add(restart.Problem($"services.{name}.restart: must be no, always, unless-stopped or on-failure[:max-retries], and is '{restart.AsText()}'"));
        }
        if (definition["pull_policy"] is { } policy
            && policy.AsText() is not ("always" or "never" or "missing" or "if_not_present" or "build" or "daily" or "weekly") && !policy.AsText().StartsWith("every_", StringComparison.Ordinal))
        {
            problems.Add(policy.Problem($"services.{name}.pull_policy: must be always, never, missing, build, daily, weekly or every_<duration>, and is '{policy.AsText()}'"));
        }
        if (definition["container_name"] is { } containerName && (containerName.AsText().Length < 2 || !containerName.AsText().All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')))
        {
            problems.Add(containerName.Problem($"services.{name}.container_name: '{containerName.AsText()}' is no name; use two or more letters, digits, '_', '.' and '-'"));
        }
    }

    private static bool IsRestart(string text) =>
        text is "no" or "false" or "always" or "unless-stopped" or "on-failure"
        || (text.StartsWith("on-failure:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(11), System.Globalization.NumberStyles.None, null, out _));

    /// <summary>Variables of its files and of the caller, and labels of files, put where they belong.</summary>
    private MappingNode WithEnvironment(string name, MappingNode definition)
    {
        var values = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var file in definition["env_file"].Items())
        {
            if (options.Read(file.Text("path")) is { } text)
            {
                DotEnv.Read(file.Text("path"), text, values, place.Variable, file.Text("format") == "raw", problems);
            }
            else if (file.TryFlag("required") != false)
            {
                problems.Add(file.Problem($"services.{name}.env_file: {file.Text("path")} does not exist; write 'required: false' when it may be missing"));
            }
        }
        foreach (var entry in definition["environment"].Entries())
        {
            values[entry.Key] = entry.Value is ScalarNode { Is: ScalarKind.Null } ? place.Variable(entry.Key) ?? values.GetValueOrDefault(entry.Key) : entry.Value.AsText();
        }
        var complete = definition.Without("env_file", "label_file");
        var set = values.Where(pair => pair.Value is not null).OrderBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        if (set.Count > 0)
        {
            complete = complete.With("environment", MappingNode.Of(set, (definition["environment"] ?? definition).Position));
        }
        else
        {
            complete = complete.Without("environment");
        }
        if (definition["label_file"] is not { } files)
        {
            return complete;
        }
        var labels = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var file in files.Items())
        {
            if (options.Read(file.AsText()) is { } text)
            {
                DotEnv.Read(file.AsText(), text, labels, _ => null, raw: false, problems);
            }
            else
            {
                problems.Add(file.Problem($"services.{name}.label_file: {file.AsText()} does not exist"));
            }
        }
        foreach (var (label, value) in definition.Pairs("labels"))
        {
            labels[label] = value;
        }
        return complete.With("labels", MappingNode.Of(labels.OrderBy(pair => pair.Key, StringComparer.Ordinal), files.Position));
    }

    private static ImmutableArray<ServiceDependency> Dependencies(MappingNode definition)
    {
        var dependencies = new List<ServiceDependency>();
        foreach (var entry in definition["depends_on"].Entries())
        {
            dependencies.Add(new(
                entry.Key,
                entry.Value.Text("condition") switch
                {
                    "service_healthy" => DependencyCondition.Healthy,
                    "service_completed_successfully" => DependencyCondition.CompletedSuccessfully,
                    _ => DependencyCondition.Started,
                },
                entry.Value.Flag("restart"),
                entry.Value.TryFlag("required") != false));
        }
        IEnumerable<string> others =
        [
            .. definition.Texts("links").Select(link => link.Split(':')[0]),
            .. definition.Texts("volumes_from").Where(from => !from.StartsWith("container:", StringComparison.Ordinal)).Select(from => from.Split(':')[0]),
            .. ((string[])["network_mode", "ipc", "pid"]).Select(definition.Text).Where(mode => mode.StartsWith("service:", StringComparison.Ordinal)).Select(mode => mode[8..]),
        ];
        foreach (string other in others.Where(other => dependencies.TrueForAll(dependency => dependency.Service != other)))
        {
            dependencies.Add(new(other, DependencyCondition.Started, Restart: true, IsRequired: true));
        }
        return [.. dependencies];
    }

    private void CheckDependencies(ImmutableSortedDictionary<string, ComposeService> enabled, ImmutableSortedDictionary<string, ComposeService> disabled)
    {
        foreach (var service in enabled.Values)
        {
            foreach (var dependency in service.DependsOn.Where(dependency => !enabled.ContainsKey(dependency.Service)))
            {
                var at = service.Definition["depends_on"].Entries().FirstOrDefault(entry => entry.Key == dependency.Service)?.Position ?? service.Definition.Position;
                if (disabled.TryGetValue(dependency.Service, out var other))
                {
                    if (dependency.IsRequired)
                    {
                        problems.Add(new(at.ToString(), $"services.{service.Name}: depends on '{other.Name}', which is not enabled; add --profile {other.Profiles[0]}, or 'required: false'"));
                    }
                    continue;
                }
                problems.Add(new(
                    at.ToString(), $"services.{service.Name}: depends on undefined service '{dependency.Service}'{Spelling.Hint(dependency.Service, enabled.Keys.Concat(disabled.Keys))}"));
            }
        }
        var done = new HashSet<string>(StringComparer.Ordinal);
        foreach (var service in enabled.Values)
        {
            Follow(service, []);
        }

        void Follow(ComposeService service, ImmutableArray<string> chain)
        {
            int at = chain.IndexOf(service.Name);
            if (at >= 0)
            {
                problems.Add(service.Definition.Problem($"services.{service.Name}: dependency cycle: {string.Join(" -> ", chain[at..].Add(service.Name))}"));
                done.UnionWith(chain);
                return;
            }
            if (done.Contains(service.Name))
            {
                return;
            }
            foreach (var dependency in service.DependsOn)
            {
                if (enabled.TryGetValue(dependency.Service, out var other))
                {
                    Follow(other, chain.Add(service.Name));
                }
            }
            done.Add(service.Name);
        }
    }

    private string FileDigest(MappingNode definition, MappingNode document)
    {
        string content = "";
        foreach (string kind in (string[])["secrets", "configs"])
        {
            foreach (var reference in definition[kind].Items())
            {
                content += ContentOf(document[kind].Field(reference.Text("source")), options, place.Variable);
            }
        }
        return content.Length == 0 ? "" : ComposeService.HashOf(MappingNode.Empty, content);
    }

    /// <summary>What a secret or config holds; empty when that cannot be read now.</summary>
    private static string ContentOf(DocumentNode? definition, ProjectOptions options, Func<string, string?> variable) =>
        definition.Text("file") is { Length: > 0 } file ? options.Read(file) ?? ""
        : definition.Text("environment") is { Length: > 0 } name ? variable(name) ?? ""
        : definition.Text("content");

    private static bool IsServiceName(string name) => name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}

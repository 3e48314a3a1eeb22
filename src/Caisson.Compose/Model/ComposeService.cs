using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

using Caisson.Documents;

namespace Caisson.Compose.Model;

/// <summary>A service of a project. What decides about its life is here by name; the rest is in <see cref="Definition"/>.</summary>
public sealed record ComposeService
{
    /// <summary>Its name in the files.</summary>
    public required string Name { get; init; }

    /// <summary>Its attributes in the long form.</summary>
    public required MappingNode Definition { get; init; }

    /// <summary>The image to run; for a service that is only built, the name its image gets.</summary>
    public required string Image { get; init; }

    /// <summary>What it waits for, those it needs for other reasons included: shared namespaces, links, volumes of others.</summary>
    public required ImmutableArray<ServiceDependency> DependsOn { get; init; }

    /// <summary>How many containers it is to have.</summary>
    public required int Scale { get; init; }

    /// <summary>Its networks by their key in the files, that with the highest priority first; empty with a network mode.</summary>
    public required ImmutableArray<ServiceNetwork> Networks { get; init; }

    /// <summary>Digest of the files its configs and secrets are made of: another content is another container.</summary>
    public string FileDigest { get; init; } = "";

    /// <summary>Whether it says how its image is built.</summary>
    public bool HasBuild => Definition["build"] is not null;

    /// <summary><c>always</c>, <c>missing</c>, <c>never</c>, <c>build</c>, or empty.</summary>
    public string PullPolicy => Definition.Text("pull_policy");

    /// <summary>Set by the files; then it can have one container only. Empty: named after project, service and number.</summary>
    public string ContainerName => Definition.Text("container_name");

    /// <summary>Profiles it belongs to; empty: always enabled.</summary>
    public IReadOnlyList<string> Profiles => Definition.Texts("profiles");

    /// <summary>How long a container may take to end, in seconds; null: the engine's default.</summary>
    public int? StopGraceSeconds => Loading.Quantities.Nanoseconds(Definition.Text("stop_grace_period")) is { } nanoseconds
        ? (int)Math.Min(int.MaxValue, (nanoseconds + 999_999_999) / 1_000_000_000)
        : null;

    /// <summary>Whether it says itself how its health is checked.</summary>
    public bool HasHealthcheck =>
        Definition["healthcheck"] is MappingNode check && !check.Flag("disable") && check.Field("test") is SequenceNode { Items: [var first, ..] } && first.AsText() != "NONE";

    /// <summary>Whether a port of the host is its very own: a range or none leaves a choice.</summary>
    public bool HasFixedPorts =>
        Definition["ports"].Items().Any(port => port.Text("published") is { Length: > 0 } published && !published.Contains('-', StringComparison.Ordinal));

    /// <summary>How containers are replaced.</summary>
    public UpdateOrder Update
    {
        get
        {
            var config = Definition["deploy"].Field("update_config");
            return new(
                config.Text("order") == "start-first",
                (int)Math.Clamp(config.Whole("parallelism") ?? 1, 0, 1000),
                Loading.Quantities.Nanoseconds(config.Text("delay")) ?? 0,
                Loading.Quantities.Nanoseconds(config.Text("monitor")) ?? 5_000_000_000);
        }
    }

    /// <summary>Changes exactly when containers must be made anew: all attributes but those that only say how and how many.</summary>
    /// <remarks>The value is Caisson's own: another tool that runs the same project makes containers anew once.</remarks>
    public string Hash()
    {
        var definition = Definition.Without("build", "pull_policy", "pull_refresh_after", "scale", "depends_on", "profiles", "develop", "extends", "post_start", "pre_stop", "attach");
        if (definition["deploy"] is MappingNode deploy)
        {
            definition = definition.With("deploy", deploy.Without("replicas", "update_config", "rollback_config"));
        }
        return HashOf(definition, FileDigest);
    }

    /// <summary>The digest of a definition, the same for the same attributes in another order.</summary>
    internal static string HashOf(MappingNode definition, string more = "") =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(YamlWriter.WriteJson(Sorted(definition), indented: false) + more)));

    private static DocumentNode Sorted(DocumentNode node) => node switch
    {
        MappingNode mapping => mapping with
        {
            Entries = [.. mapping.Entries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => entry with { Value = Sorted(entry.Value) })],
        },
        SequenceNode sequence => sequence with { Items = [.. sequence.Items.Select(Sorted)] },
        _ => node,
    };
}

/// <summary>A service's place in a network.</summary>
/// <param name="Key">The network's name in the files.</param>
/// <param name="Definition">What is asked for there.</param>
public sealed record ServiceNetwork(string Key, MappingNode Definition);

/// <summary>How the containers of a service are replaced by newer ones.</summary>
/// <param name="IsStartFirst">The new one is started before the old one is stopped.</param>
/// <param name="Parallelism">How many at once; 0: all.</param>
/// <param name="DelayNanoseconds">Between two batches.</param>
/// <param name="MonitorNanoseconds">How long one without a health check must run to count as good.</param>
public sealed record UpdateOrder(bool IsStartFirst, int Parallelism, long DelayNanoseconds, long MonitorNanoseconds);

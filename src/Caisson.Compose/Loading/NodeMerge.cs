using System.Collections.Immutable;

using Caisson.Documents;

namespace Caisson.Compose.Loading;

/// <summary>Puts an overriding file over another one, both in the long form.</summary>
/// <remarks>
/// Mappings are merged key by key, lists are appended; commands are replaced, and what must be unique in a list is merged with its like.
/// <c>!reset</c> takes away, <c>!override</c> replaces. Source: Compose Specification, "Merge and override".
/// </remarks>
internal static class NodeMerge
{
    /// <summary>The one file that both are.</summary>
    public static MappingNode Merge(MappingNode below, MappingNode above) => (MappingNode)Merge(below, above, [])!;

    /// <summary>A service over the one it extends.</summary>
    public static MappingNode MergeService(MappingNode below, MappingNode above) => (MappingNode)Merge(below, above, ["services", "*"])!;

    /// <summary>The same without what <c>!reset</c> takes away.</summary>
    public static DocumentNode? Settle(DocumentNode node) => node switch
    {
        { Tag: NodeTag.Reset } => null,
        MappingNode mapping => new MappingNode(
            [.. mapping.Entries.Select(entry => (entry, value: Settle(entry.Value))).Where(pair => pair.value is not null).Select(pair => pair.entry with { Value = pair.value! })],
            mapping.Position),
        SequenceNode sequence => new SequenceNode([.. sequence.Items.Select(Settle).OfType<DocumentNode>()], sequence.Position),
        _ => node,
    };

    private static DocumentNode? Merge(DocumentNode below, DocumentNode above, ImmutableArray<string> path)
    {
        if (above.Tag != NodeTag.Merge)
        {
            return above;
        }
        switch (below, above)
        {
            case (MappingNode under, MappingNode over):
                return IsReplaced(path, under, over) ? over : MergeMappings(under, over, path);
            case (SequenceNode under, SequenceNode over):
                return IsReplaced(path, null, null) ? over : MergeLists(under, over, path);
            default:
                return above;
        }
    }

    private static MappingNode MergeMappings(MappingNode below, MappingNode above, ImmutableArray<string> path)
    {
        var merged = below;
        foreach (var entry in above.Entries)
        {
            if (below[entry.Key] is not { } under)
            {
                merged = new(merged.Entries.Add(entry), merged.Position);
                continue;
            }
            merged = Merge(under, entry.Value, path.Add(entry.Key)) is { Tag: not NodeTag.Reset } value
                ? merged.With(entry.Key, value)
                : merged.Without(entry.Key);
        }
        return merged;
    }

    private static SequenceNode MergeLists(SequenceNode below, SequenceNode above, ImmutableArray<string> path)
    {
        if (KeyOf(path) is not { } key)
        {
            return new([.. below.Items, .. above.Items], above.Position);
        }
        var items = below.Items.ToList();
        foreach (var item in above.Items)
        {
            string unique = key(item);
            int at = items.FindIndex(other => key(other) == unique);
            if (at < 0)
            {
                items.Add(item);
            }
            else
            {
                items[at] = Merge(items[at], item, path.Add("*")) ?? item;
            }
        }
        return new([.. items], above.Position);
    }

    /// <summary>What an overriding file says anew as a whole.</summary>
    private static bool IsReplaced(ImmutableArray<string> path, MappingNode? below, MappingNode? above) => path switch
    {
        ["services", _, "command" or "entrypoint"] => true,
        ["services", _, "healthcheck", "test"] => true,
        ["services", _, "post_start" or "pre_stop", _, "command"] => true,
        // Options belong to their driver.
        ["services", _, "logging"] => above?["driver"] is { } driver && below?["driver"] is { } other && driver.AsText() != other.AsText(),
        ["services", _, "volumes", _] => above.Text("type") != below.Text("type"),
        ["services", _, "ulimits", _] => true,
        _ => false,
    };

    /// <summary>What must be there once in a list; null where all is appended.</summary>
    private static Func<DocumentNode, string>? KeyOf(ImmutableArray<string> path) => path switch
    {
        ["services", _, "ports"] => port => $"{port.Text("host_ip")}|{port.Text("target")}|{port.Text("published")}|{port.Text("protocol")}",
        ["services", _, "volumes" or "secrets" or "configs" or "devices"] => item => item.Text("target"),
        ["services", _, "env_file"] => file => file.Text("path"),
        ["services", _, "develop", "watch"] => rule => $"{rule.Text("path")}|{rule.Text("action")}|{rule.Text("target")}",
        ["networks", _, "ipam", "config"] => pool => pool.Text("subnet"),
        ["include"] => include => string.Join('|', include.Texts("path")),
        ["services", _, "cap_add" or "cap_drop" or "device_cgroup_rules" or "dns" or "dns_opt" or "dns_search" or "expose" or "external_links" or "extra_hosts"
            or "group_add" or "label_file" or "links" or "profiles" or "security_opt" or "tmpfs" or "volumes_from"] => item => item.AsText(),
        ["services", _, "networks", _, "aliases"] => item => item.AsText(),
        _ => null,
    };
}

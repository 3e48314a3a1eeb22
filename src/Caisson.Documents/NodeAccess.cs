using System.Globalization;

namespace Caisson.Documents;

/// <summary>Reading nodes whose shape was checked before: what is not there is empty, zero or null.</summary>
public static class NodeAccess
{
    extension(DocumentNode? node)
    {
        /// <summary>The entries of a mapping; none for anything else.</summary>
        public IEnumerable<MappingEntry> Entries() => node is MappingNode mapping ? mapping.Entries : [];

        /// <summary>The items of a list; none for anything else.</summary>
        public IEnumerable<DocumentNode> Items() => node is SequenceNode sequence ? sequence.Items : [];

        /// <summary>The value of a key of a mapping.</summary>
        public DocumentNode? Field(string key) => (node as MappingNode)?[key];

        /// <summary>The text of a scalar; empty when there is none.</summary>
        public string AsText() => node is ScalarNode { Is: not ScalarKind.Null } scalar ? scalar.Text : "";

        /// <summary>The text of a field; empty when there is none.</summary>
        public string Text(string key) => node.Field(key).AsText();

        /// <summary>Whether a field says true.</summary>
        public bool Flag(string key) => node.TryFlag(key) == true;

        /// <summary>What a field says; null when it is not there.</summary>
        public bool? TryFlag(string key) => node.Field(key) is ScalarNode { Is: not ScalarKind.Null } scalar
            ? scalar.Text.Equals("true", StringComparison.OrdinalIgnoreCase)
            : null;

        /// <summary>The whole number of a field; null when it is not there.</summary>
        public long? Whole(string key) =>
            long.TryParse(node.Text(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;

        /// <summary>The number of a field; null when it is not there.</summary>
        public decimal? Number(string key) =>
            decimal.TryParse(node.Text(key), NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number) ? number : null;

        /// <summary>The texts of a list.</summary>
        public IReadOnlyList<string> Texts(string key) => [.. node.Field(key).Items().Select(item => item.AsText())];

        /// <summary>A mapping of texts; what has no value is empty.</summary>
        public IEnumerable<KeyValuePair<string, string>> Pairs(string key) =>
            node.Field(key).Entries().Select(entry => KeyValuePair.Create(entry.Key, entry.Value.AsText()));

        /// <summary>The value at the end of a path of keys; null when it is not there.</summary>
        public DocumentNode? At(params ReadOnlySpan<string> path)
        {
            DocumentNode? at = node;
            foreach (string key in path)
            {
                at = (at as MappingNode)?[key];
            }
            return at;
        }

        /// <summary>Whether both say the same, wherever they were written: the order of keys does not count, and null is as good as nothing.</summary>
        public bool Same(DocumentNode? other) => (node, other) switch
        {
            _ when ReferenceEquals(node, other) => true,
            (null or ScalarNode { Is: ScalarKind.Null }, null or ScalarNode { Is: ScalarKind.Null }) => true,
            (ScalarNode one, ScalarNode two) => one.Text == two.Text && (one.Is == two.Is),
            (SequenceNode one, SequenceNode two) => one.Items.Length == two.Items.Length && one.Items.Zip(two.Items).All(pair => pair.First.Same(pair.Second)),
            (MappingNode one, MappingNode two) => SameEntries(one, two),
            _ => false,
        };
    }

    private static bool SameEntries(MappingNode one, MappingNode two)
    {
        foreach (MappingEntry entry in one.Entries)
        {
            if (!entry.Value.Same(two[entry.Key]))
            {
                return false;
            }
        }
        foreach (MappingEntry entry in two.Entries)
        {
            if (one[entry.Key] is null && entry.Value is not ScalarNode { Is: ScalarKind.Null })
            {
                return false;
            }
        }
        return true;
    }
}

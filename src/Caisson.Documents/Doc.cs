using System.Collections.Immutable;

namespace Caisson.Documents;

/// <summary>Makes nodes that nobody wrote, and changes trees: a change is a new tree that shares what it did not change.</summary>
public static class Doc
{
    /// <summary>A list without items.</summary>
    public static SequenceNode EmptyList { get; } = new([], SourcePosition.None);

    /// <summary>Text; null for null.</summary>
    public static DocumentNode? Text(string? text) => text is null ? null : ScalarNode.Of(text, SourcePosition.None);

    /// <summary>A whole number; null for null.</summary>
    public static DocumentNode? Number(long? number) => number is { } value ? ScalarNode.Of(value, SourcePosition.None) : null;

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public static DocumentNode Flag(bool value) => ScalarNode.Of(value, SourcePosition.None);

    /// <summary>A mapping of those entries that have a value.</summary>
    public static MappingNode Map(params ReadOnlySpan<(string Key, DocumentNode? Value)> entries)
    {
        var made = ImmutableArray.CreateBuilder<MappingEntry>(entries.Length);
        foreach ((string key, DocumentNode? value) in entries)
        {
            if (value is not null)
            {
                made.Add(new(key, SourcePosition.None, value));
            }
        }
        return new(made.ToImmutable(), SourcePosition.None);
    }

    /// <summary>A mapping of texts.</summary>
    public static MappingNode Map(IEnumerable<KeyValuePair<string, string>> pairs) =>
        new([.. pairs.Select(pair => new MappingEntry(pair.Key, SourcePosition.None, ScalarNode.Of(pair.Value, SourcePosition.None)))], SourcePosition.None);

    /// <summary>A list.</summary>
    public static SequenceNode List(IEnumerable<DocumentNode> items) => new([.. items], SourcePosition.None);

    /// <summary>A list of texts.</summary>
    public static SequenceNode List(IEnumerable<string> texts) => SequenceNode.Of(texts, SourcePosition.None);

    extension(MappingNode mapping)
    {
        /// <summary>The same with another value at the end of a path of keys; null takes the key away. Mappings on the way are made.</summary>
        public MappingNode Set(DocumentNode? value, params ReadOnlySpan<string> path)
        {
            string key = path[0];
            if (path.Length > 1)
            {
                MappingNode inner = mapping[key] as MappingNode ?? MappingNode.Empty;
                if (value is null && inner.Entries.IsEmpty)
                {
                    return mapping;
                }
                return mapping.With(key, inner.Set(value, path[1..]));
            }
            return value is null ? mapping.Without(key) : mapping.With(key, value);
        }
    }
}

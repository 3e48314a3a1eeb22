using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;

using Caisson.Errors;

namespace Caisson.Documents;

/// <summary>A value of a YAML document with the place it was written at. Never changed: each stage of loading makes a new tree.</summary>
/// <param name="Position">Where it begins.</param>
public abstract record DocumentNode(SourcePosition Position)
{
    /// <summary>The tag that says how an override file changes the value.</summary>
    public NodeTag Tag { get; init; }

    /// <summary>Nodes in it and below, itself included, as if nothing were shared: what aliases would blow up to.</summary>
    public abstract long Weight { get; }

    /// <summary>What it is, for messages: <c>a mapping</c>, <c>a list</c>, <c>text</c>, ….</summary>
    public abstract string Kind { get; }

    /// <summary>A problem at this place.</summary>
    public Problem Problem(string message) => new(Position.ToString(), message);
}

/// <summary>How a value of an override file meets the one it overrides.</summary>
public enum NodeTag
{
    /// <summary>Merged by the rules of its attribute.</summary>
    Merge,

    /// <summary><c>!reset</c>: takes the attribute away.</summary>
    Reset,

    /// <summary><c>!override</c>: takes the place of the whole.</summary>
    Override,
}

/// <summary>What a plain scalar is read as. Source: YAML 1.2.2, "Core Schema".</summary>
public enum ScalarKind
{
    /// <summary>Any text; always, when it was quoted.</summary>
    Text,

    /// <summary>Nothing, <c>~</c> or <c>null</c>.</summary>
    Null,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Boolean,

    /// <summary>A whole or decimal number.</summary>
    Number,
}

/// <summary>A single value.</summary>
/// <param name="Text">As written, without quotes.</param>
/// <param name="Is">What it is read as.</param>
/// <param name="Position">Where it begins.</param>
public sealed record ScalarNode(string Text, ScalarKind Is, SourcePosition Position) : DocumentNode(Position)
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    /// <inheritdoc/>
    public override long Weight => 1;

    /// <inheritdoc/>
    public override string Kind => Is switch
    {
        ScalarKind.Null => "empty",
        ScalarKind.Boolean => "true or false",
        ScalarKind.Number => "a number",
        _ => "text",
    };

    /// <summary>Text that nobody needs to quote.</summary>
    public static ScalarNode Of(string text, SourcePosition position) => new(text, ScalarKind.Text, position);

    /// <summary>A whole number.</summary>
    public static ScalarNode Of(long number, SourcePosition position) => new(number.ToString(CultureInfo.InvariantCulture), ScalarKind.Number, position);

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public static ScalarNode Of(bool value, SourcePosition position) => new(value ? "true" : "false", ScalarKind.Boolean, position);

    /// <summary>What a plain scalar of this text is.</summary>
    public static ScalarKind KindOf(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => ScalarKind.Null,
        "true" or "True" or "TRUE" or "false" or "False" or "FALSE" => ScalarKind.Boolean,
        _ => IsNumber(text) ? ScalarKind.Number : ScalarKind.Text,
    };

    private static bool IsNumber(string text)
    {
        if (text.StartsWith("0x", StringComparison.Ordinal) || text.StartsWith("0o", StringComparison.Ordinal))
        {
            return text.Length > 2 && text.AsSpan(2).IndexOfAnyExcept(HexDigits) < 0;
        }
        return (char.IsAsciiDigit(text[0]) || text[0] is '-' or '+' or '.')
            && double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out _);
    }
}

/// <summary>Values in order.</summary>
/// <param name="Items">The values.</param>
/// <param name="Position">Where it begins.</param>
public sealed record SequenceNode(ImmutableArray<DocumentNode> Items, SourcePosition Position) : DocumentNode(Position)
{
    /// <inheritdoc/>
    public override long Weight { get; } = 1 + Items.Sum(item => item.Weight);

    /// <inheritdoc/>
    public override string Kind => "a list";

    /// <summary>A list of text.</summary>
    public static SequenceNode Of(IEnumerable<string> texts, SourcePosition position) =>
        new([.. texts.Select(text => ScalarNode.Of(text, position))], position);
}

/// <summary>A key of a mapping, and its value.</summary>
/// <param name="Key">As written, without quotes.</param>
/// <param name="Position">Where the key stands.</param>
/// <param name="Value">Its value.</param>
public sealed record MappingEntry(string Key, SourcePosition Position, DocumentNode Value)
{
    /// <summary>A problem at the key.</summary>
    public Problem Problem(string message) => new(Position.ToString(), message);
}

/// <summary>Values by key, in the order they were written.</summary>
/// <param name="Entries">Each key once.</param>
/// <param name="Position">Where it begins.</param>
public sealed record MappingNode(ImmutableArray<MappingEntry> Entries, SourcePosition Position) : DocumentNode(Position)
{
    /// <inheritdoc/>
    public override long Weight { get; } = 1 + Entries.Sum(entry => 1 + entry.Value.Weight);

    /// <inheritdoc/>
    public override string Kind => "a mapping";

    /// <summary>A mapping without entries.</summary>
    public static MappingNode Empty { get; } = new([], SourcePosition.None);

    /// <summary>The value of a key; null when it is not there.</summary>
    public DocumentNode? this[string key]
    {
        get
        {
            foreach (var entry in Entries)
            {
                if (entry.Key == key)
                {
                    return entry.Value;
                }
            }
            return null;
        }
    }

    /// <summary>The same with another value of a key, which keeps its place or comes last.</summary>
    public MappingNode With(string key, DocumentNode value)
    {
        for (int i = 0; i < Entries.Length; i++)
        {
            if (Entries[i].Key == key)
            {
                return this with { Entries = Entries.SetItem(i, Entries[i] with { Value = value }) };
            }
        }
        return new(Entries.Add(new(key, value.Position, value)), Position) { Tag = Tag };
    }

    /// <summary>The same without some keys.</summary>
    public MappingNode Without(params ReadOnlySpan<string> keys)
    {
        var left = ImmutableArray.CreateBuilder<MappingEntry>(Entries.Length);
        foreach (var entry in Entries)
        {
            if (!keys.Contains(entry.Key))
            {
                left.Add(entry);
            }
        }
        return left.Count == Entries.Length ? this : new(left.ToImmutable(), Position) { Tag = Tag };
    }

    /// <summary>A mapping of text to text; null values stay empty.</summary>
    public static MappingNode Of(IEnumerable<KeyValuePair<string, string?>> pairs, SourcePosition position) => new(
        [.. pairs.Select(pair => new MappingEntry(
            pair.Key, position, pair.Value is { } text ? ScalarNode.Of(text, position) : new ScalarNode("", ScalarKind.Null, position)))],
        position);
}

using System.Collections.Immutable;
using System.Globalization;

using Caisson.Documents;
using Caisson.Errors;

namespace Caisson.Compose.Loading;

/// <summary>What reading a document needs to know besides its values.</summary>
/// <param name="Directory">Absolute; relative paths in the document start there.</param>
/// <param name="Home">What <c>~</c> stands for.</param>
/// <param name="Problems">Receives every problem found.</param>
internal sealed record Reading(string Directory, string Home, ICollection<Problem> Problems)
{
    /// <summary>A path of the document, absolute.</summary>
    public string Resolve(string path)
    {
        string expanded = path == "~" ? Home : path.StartsWith("~/", StringComparison.Ordinal) ? Home + path[1..] : path;
        return Path.GetFullPath(expanded, Directory);
    }
}

/// <summary>What a value may look like: checks it, and gives it the one form that the rest of the program knows.</summary>
internal abstract class Shape
{
    /// <summary>The value in its long form; null when there is none, or none that is right: then a problem is told.</summary>
    /// <param name="node">As it was written, variables put in.</param>
    /// <param name="path">Its place in words, such as <c>services.web.ports</c>.</param>
    /// <param name="reading">Of the document.</param>
    public DocumentNode? Read(DocumentNode node, string path, Reading reading)
    {
        if (node.Tag == NodeTag.Reset)
        {
            return node;
        }
        var read = node is ScalarNode { Is: ScalarKind.Null } ? ReadNothing(node) : ReadValue(node, path, reading);
        return read is null || read.Tag == node.Tag ? read : read with { Tag = node.Tag };
    }

    /// <summary>A key without a value: not set.</summary>
    protected virtual DocumentNode? ReadNothing(DocumentNode node) => null;

    protected abstract DocumentNode? ReadValue(DocumentNode node, string path, Reading reading);

    protected static DocumentNode? Wrong(DocumentNode node, string path, string expected, Reading reading)
    {
        reading.Problems.Add(node.Problem($"{path}: must be {expected}, and is {Describe(node)}"));
        return null;
    }

    private static string Describe(DocumentNode node) => node is ScalarNode { Is: not ScalarKind.Null, Text.Length: > 0 and < 60 } scalar ? $"'{scalar.Text}'" : node.Kind;
}

/// <summary>One value of a kind.</summary>
/// <param name="expected">What it is, for messages.</param>
/// <param name="parse">Its long form; null when it is no such value.</param>
internal sealed class ScalarShape(string expected, Func<ScalarNode, Reading, ScalarNode?> parse) : Shape
{
    public static readonly ScalarShape Text = new("text", (scalar, _) => scalar with { Is = ScalarKind.Text });

    public static readonly ScalarShape Whole = new("a whole number", (scalar, _) =>
        long.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? ScalarNode.Of(number, scalar.Position)
        : scalar.Text.StartsWith("0x", StringComparison.Ordinal) && long.TryParse(scalar.Text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long hex) ? ScalarNode.Of(hex, scalar.Position)
        : null);

    public static readonly ScalarShape Number = new("a number", (scalar, _) =>
        decimal.TryParse(scalar.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number) ? ScalarNode.Of(number.ToString(CultureInfo.InvariantCulture), scalar.Position) with { Is = ScalarKind.Number } : null);

    public static readonly ScalarShape Flag = new("true or false", (scalar, _) => scalar.Text.ToLowerInvariant() switch
    {
        "true" or "yes" or "on" or "y" or "1" => ScalarNode.Of(true, scalar.Position),
        "false" or "no" or "off" or "n" or "0" => ScalarNode.Of(false, scalar.Position),
        _ => null,
    });

    public static readonly ScalarShape Duration = new("a duration such as 1m30s", (scalar, _) =>
        Quantities.Nanoseconds(scalar.Text) is null ? null : scalar with { Is = ScalarKind.Text });

    public static readonly ScalarShape Bytes = new("a size such as 64m", (scalar, _) =>
        Quantities.Bytes(scalar.Text) is { } bytes ? ScalarNode.Of(bytes.ToString(CultureInfo.InvariantCulture), scalar.Position) : null);

    /// <summary>A size, or -1 for none.</summary>
    public static readonly ScalarShape BytesOrUnlimited = new("a size such as 64m, or -1", (scalar, _) =>
        scalar.Text == "-1" ? scalar with { Is = ScalarKind.Text }
        : Quantities.Bytes(scalar.Text) is { } bytes ? ScalarNode.Of(bytes.ToString(CultureInfo.InvariantCulture), scalar.Position) : null);

    /// <summary>A path of this host, made absolute.</summary>
    public static readonly ScalarShape Path = new("a path", (scalar, reading) => ScalarNode.Of(reading.Resolve(scalar.Text), scalar.Position));

    /// <summary>File permissions: octal in quotes or after 0 or 0o.</summary>
    public static readonly ScalarShape Mode = new("permissions such as 0440", (scalar, _) => ReadMode(scalar));

    public static ScalarShape Choice(params string[] values) => new(
        values.Length == 1 ? values[0] : $"{string.Join(", ", values.SkipLast(1))} or {values[^1]}",
        (scalar, _) => values.Contains(scalar.Text) ? scalar with { Is = ScalarKind.Text } : null);

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading) =>
        node is ScalarNode scalar && parse(scalar, reading) is { } read ? read : Wrong(node, path, expected, reading);

    private static ScalarNode? ReadMode(ScalarNode scalar)
    {
        string digits = scalar.Text.StartsWith("0o", StringComparison.Ordinal) ? scalar.Text[2..] : scalar.Text;
        return digits.Length is > 0 and <= 5 && digits.All(c => c is >= '0' and <= '7')
            ? ScalarNode.Of("0" + digits.TrimStart('0').PadLeft(3, '0'), scalar.Position)
            : null;
    }
}

/// <summary>Anything: what Compose keeps and does not look into.</summary>
internal sealed class AnyShape : Shape
{
    public static readonly AnyShape Value = new();

    protected override DocumentNode ReadNothing(DocumentNode node) => node;

    protected override DocumentNode ReadValue(DocumentNode node, string path, Reading reading) => node;
}

/// <summary>Values in order, each of a shape; one alone may stand for a list of one where <paramref name="orOne"/> says so.</summary>
internal sealed class ListShape(Shape item, bool orOne = false) : Shape
{
    public static readonly ListShape Texts = new(ScalarShape.Text);

    public static readonly ListShape TextOrTexts = new(ScalarShape.Text, orOne: true);

    public static readonly ListShape PathOrPaths = new(ScalarShape.Path, orOne: true);

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        if (node is not SequenceNode sequence)
        {
            if (!orOne || node is MappingNode && item is ScalarShape)
            {
                return Wrong(node, path, "a list", reading);
            }
            return item.Read(node, path, reading) is { } one ? new SequenceNode([one], node.Position) : null;
        }
        var items = ImmutableArray.CreateBuilder<DocumentNode>();
        for (int i = 0; i < sequence.Items.Length; i++)
        {
            if (item.Read(sequence.Items[i], string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), reading) is { } read)
            {
                items.AddRange(read is ManyNode many ? many.Items : [read]);
            }
        }
        return new SequenceNode(items.ToImmutable(), sequence.Position);
    }
}

/// <summary>Several values that one item of a list stands for: a range of ports.</summary>
internal sealed record ManyNode(ImmutableArray<DocumentNode> Items, SourcePosition Position) : DocumentNode(Position)
{
    public override long Weight => Items.Sum(item => item.Weight);

    public override string Kind => "several values";
}

/// <summary>Values of a shape by names that the writer chooses.</summary>
internal sealed class MapShape(Shape value, bool keepEmpty = false) : Shape
{
    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        if (node is not MappingNode mapping)
        {
            return Wrong(node, path, "a mapping", reading);
        }
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        foreach (var entry in mapping.Entries)
        {
            if (entry.Key.StartsWith("x-", StringComparison.Ordinal) && keepEmpty)
            {
                continue;
            }
            var read = value.Read(entry.Value, $"{path}.{entry.Key}", reading);
            if (read is not null)
            {
                entries.Add(entry with { Value = read });
            }
            else if (keepEmpty && entry.Value is ScalarNode { Is: ScalarKind.Null })
            {
                entries.Add(entry with { Value = new MappingNode([], entry.Position) });
            }
        }
        return new MappingNode(entries.ToImmutable(), mapping.Position);
    }
}

/// <summary>Values by names that the specification gives. Names that begin with <c>x-</c> are the writer's own.</summary>
internal sealed class ObjectShape(IReadOnlyDictionary<string, Shape> fields) : Shape
{
    public static IReadOnlyDictionary<string, Shape> Fields(params (string Name, Shape Shape)[] fields) =>
        fields.ToDictionary(field => field.Name, field => field.Shape, StringComparer.Ordinal);

    /// <summary>Names that must be there.</summary>
    public IReadOnlyList<string> Required { get; init; } = [];

    /// <summary>What a single value in its place means; null: a mapping it must be.</summary>
    public Func<ScalarNode, string, Reading, DocumentNode?>? Short { get; init; }

    /// <summary>Completes what was read.</summary>
    public Func<MappingNode, string, Reading, DocumentNode?>? Complete { get; init; }

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading)
    {
        if (node is ScalarNode scalar && Short is { } read)
        {
            return read(scalar, path, reading);
        }
        if (node is not MappingNode mapping)
        {
            return Wrong(node, path.Length == 0 ? "the file" : path, Short is null ? "a mapping" : "text or a mapping", reading);
        }
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        foreach (var entry in mapping.Entries)
        {
            string at = path.Length == 0 ? entry.Key : $"{path}.{entry.Key}";
            if (entry.Key.StartsWith("x-", StringComparison.Ordinal))
            {
                entries.Add(entry);
            }
            else if (!fields.TryGetValue(entry.Key, out var shape))
            {
                string where = path.Length == 0 ? "" : $"{path}: ";
                reading.Problems.Add(entry.Problem($"{where}unknown key '{entry.Key}'{Spelling.Hint(entry.Key, fields.Keys)}"));
            }
            else if (shape.Read(entry.Value, at, reading) is { } value)
            {
                entries.Add(entry with { Value = value });
            }
        }
        foreach (string name in Required)
        {
            if (mapping[name] is null or ScalarNode { Is: ScalarKind.Null })
            {
                reading.Problems.Add(mapping.Problem($"{path}: '{name}' is missing"));
            }
        }
        var whole = new MappingNode(entries.ToImmutable(), mapping.Position);
        return Complete is null ? whole : Complete(whole, path, reading);
    }
}

/// <summary>Texts by name, as a mapping or as a list of <c>NAME=value</c>; a name without a value stays without one.</summary>
internal sealed class PairsShape(bool emptyIsText = false) : Shape
{
    public static readonly PairsShape Environment = new();

    /// <summary>Labels and the like: a name alone has the empty value.</summary>
    public static readonly PairsShape Labels = new(emptyIsText: true);

    protected override DocumentNode? ReadValue(DocumentNode node, string path, Reading reading) => node switch
    {
        MappingNode mapping => ReadMapping(mapping, path, reading),
        SequenceNode sequence => ReadList(sequence, path, reading),
        _ => Wrong(node, path, "a mapping or a list of NAME=value", reading),
    };

    private MappingNode ReadMapping(MappingNode mapping, string path, Reading reading)
    {
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        foreach (var entry in mapping.Entries)
        {
            if (entry.Value.Tag == NodeTag.Reset)
            {
                entries.Add(entry);
            }
            else if (entry.Value is ScalarNode scalar)
            {
                entries.Add(entry with { Value = scalar.Is == ScalarKind.Null ? Nothing(scalar.Position) : scalar with { Is = ScalarKind.Text } });
            }
            else
            {
                Wrong(entry.Value, $"{path}.{entry.Key}", "text", reading);
            }
        }
        return new(entries.ToImmutable(), mapping.Position);
    }

    private MappingNode ReadList(SequenceNode sequence, string path, Reading reading)
    {
        var read = new MappingNode([], sequence.Position);
        foreach (var item in sequence.Items)
        {
            if (item is not ScalarNode scalar)
            {
                Wrong(item, path, "text of the form NAME=value", reading);
                continue;
            }
            int equals = scalar.Text.IndexOf('=', StringComparison.Ordinal);
            read = equals < 0
                ? read.With(scalar.Text, Nothing(scalar.Position))
                : read.With(scalar.Text[..equals], ScalarNode.Of(scalar.Text[(equals + 1)..], scalar.Position));
        }
        return read;
    }

    private ScalarNode Nothing(SourcePosition position) => emptyIsText ? ScalarNode.Of("", position) : new("", ScalarKind.Null, position);
}

using System.Collections.Immutable;
using System.Globalization;

using Caisson.Errors;

using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Caisson.Documents;

/// <summary>Reads YAML into nodes: anchors, aliases and <c>&lt;&lt;</c> are resolved, and every node knows its place.</summary>
/// <remarks>
/// Bounded, since a file may come from anywhere: depth, and the number of nodes that aliases expand to. Source: YAML 1.2.2; the merge
/// key of yaml.org/type/merge.html; Compose Specification, "Fragments".
/// </remarks>
public sealed class YamlReader
{
    private const int DepthMax = 100;
    private const long WeightMax = 1_000_000;

    private readonly string _file;
    private readonly Parser _parser;
    private readonly ICollection<Problem> _problems;
    private readonly Dictionary<string, DocumentNode> _anchors = new(StringComparer.Ordinal);
    private int _depth;

    private YamlReader(string file, TextReader text, ICollection<Problem> problems)
    {
        _file = file;
        _parser = new Parser(text);
        _problems = problems;
    }

    /// <summary>The documents of <paramref name="text"/>.</summary>
    /// <param name="file">Its name, as messages show it.</param>
    /// <param name="text">The YAML.</param>
    /// <param name="problems">Receives every problem found; one that is no YAML ends the reading.</param>
    public static ImmutableArray<DocumentNode> Read(string file, string text, ICollection<Problem> problems)
    {
        using var reader = new StringReader(text);
        var yaml = new YamlReader(file, reader, problems);
        var documents = ImmutableArray.CreateBuilder<DocumentNode>();
        try
        {
            yaml.ReadDocuments(documents);
        }
        catch (YamlException e)
        {
            problems.Add(new(yaml.At(e.Start).ToString(), $"is not YAML: {Reason(e.Message)}"));
        }
        catch (InvalidOperationException)
        {
            // The scanner ran out of what it can read without saying so itself.
            problems.Add(new(yaml.At(yaml._parser.Current?.End ?? Mark.Empty).ToString(), "is not YAML: from here on nothing can be read; look for a bracket or a quote that is not closed"));
        }
        catch (TooLargeException e)
        {
            problems.Add(new(e.Position.ToString(), e.Message));
        }
        return documents.ToImmutable();
    }

    private void ReadDocuments(ImmutableArray<DocumentNode>.Builder documents)
    {
        while (_parser.MoveNext())
        {
            if (_parser.Current is DocumentStart)
            {
                _anchors.Clear();
                _parser.MoveNext();
                documents.Add(ReadNode());
            }
        }
    }

    /// <summary>Reads the node at the current event; afterwards the current event is its last.</summary>
    private DocumentNode ReadNode()
    {
        var node = _parser.Current switch
        {
            AnchorAlias alias => Resolve(alias),
            Scalar scalar => Remember(scalar, ReadScalar(scalar)),
            SequenceStart start => Remember(start, ReadSequence(start)),
            MappingStart start => Remember(start, ReadMapping(start)),
            var other => throw new YamlException(other!.Start, other.End, "a value was expected here"),
        };
        return node.Weight <= WeightMax
            ? node
            : throw new TooLargeException(node.Position, "aliases make this document larger than a million values");
    }

    private DocumentNode Resolve(AnchorAlias alias)
    {
        if (_anchors.TryGetValue(alias.Value.Value, out var node))
        {
            return node;
        }
        var at = At(alias.Start);
        _problems.Add(new(at.ToString(), $"alias *{alias.Value.Value} has no anchor &{alias.Value.Value} before it"));
        return new ScalarNode("", ScalarKind.Null, at);
    }

    private DocumentNode Remember(NodeEvent start, DocumentNode node)
    {
        node = node with { Tag = ReadTag(start) };
        if (!start.Anchor.IsEmpty)
        {
            _anchors[start.Anchor.Value] = node;
        }
        return node;
    }

    private NodeTag ReadTag(NodeEvent start)
    {
        string tag = start.Tag.IsEmpty ? "" : start.Tag.Value;
        switch (tag)
        {
            case "!reset":
                return NodeTag.Reset;
            case "!override":
                return NodeTag.Override;
            case "" or "!" or "?":
                return NodeTag.Merge;
            default:
                if (!tag.StartsWith("tag:yaml.org,2002:", StringComparison.Ordinal))
                {
                    _problems.Add(new(At(start.Start).ToString(), $"unknown tag {tag}; !reset and !override are known"));
                }
                return NodeTag.Merge;
        }
    }

    private ScalarNode ReadScalar(Scalar scalar)
    {
        string tag = scalar.Tag.IsEmpty ? "" : scalar.Tag.Value;
        var kind = tag == "tag:yaml.org,2002:str" || scalar.Style != ScalarStyle.Plain ? ScalarKind.Text : ScalarNode.KindOf(scalar.Value);
        return new(scalar.Value, kind, At(scalar.Start));
    }

    private SequenceNode ReadSequence(SequenceStart start)
    {
        Deeper(start);
        var items = ImmutableArray.CreateBuilder<DocumentNode>();
        while (Next() is not SequenceEnd)
        {
            items.Add(ReadNode());
        }
        _depth--;
        return new(items.ToImmutable(), At(start.Start));
    }

    private MappingNode ReadMapping(MappingStart start)
    {
        Deeper(start);
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        var merged = new List<MappingNode>();
        while (Next() is not MappingEnd)
        {
            var key = ReadKey();
            Next();
            var value = ReadNode();
            if (key is { Text: "<<", Is: ScalarKind.Text })
            {
                AddMerged(value, merged);
            }
            else if (entries.FirstOrDefault(entry => entry.Key == key.Text) is { } first)
            {
                _problems.Add(key.Problem(string.Create(
                    CultureInfo.InvariantCulture, $"key '{key.Text}' is there twice; the first one is in line {first.Position.Line}")));
            }
            else
            {
                entries.Add(new(key.Text, key.Position, value));
            }
        }
        _depth--;
        // What a mapping says itself wins over what it takes along; of several it takes along, the first wins.
        foreach (var entry in merged.SelectMany(mapping => mapping.Entries))
        {
            if (!entries.Any(own => own.Key == entry.Key))
            {
                entries.Add(entry);
            }
        }
        return new(entries.ToImmutable(), At(start.Start));
    }

    private ScalarNode ReadKey()
    {
        if (_parser.Current is Scalar scalar)
        {
            return new(scalar.Value, ScalarKind.Text, At(scalar.Start));
        }
        var at = At(_parser.Current!.Start);
        _problems.Add(new(at.ToString(), "a key must be text"));
        ReadNode();
        return new("", ScalarKind.Text, at);
    }

    private void AddMerged(DocumentNode value, List<MappingNode> merged)
    {
        foreach (var item in value is SequenceNode list ? list.Items : [value])
        {
            if (item is MappingNode mapping)
            {
                merged.Add(mapping);
            }
            else
            {
                _problems.Add(item.Problem($"'<<' takes mappings along, and this is {item.Kind}"));
            }
        }
    }

    private ParsingEvent Next()
    {
        _parser.MoveNext();
        return _parser.Current!;
    }

    private void Deeper(ParsingEvent start)
    {
        if (++_depth > DepthMax)
        {
            throw new TooLargeException(At(start.Start), $"values are nested more than {DepthMax} deep");
        }
    }

    private SourcePosition At(Mark mark) => new(_file, (int)mark.Line, (int)mark.Column);

    /// <summary>The parser's reason as a part of a sentence.</summary>
    private static string Reason(string message)
    {
        int colon = message.StartsWith("(Line:", StringComparison.Ordinal) ? message.IndexOf("): ", StringComparison.Ordinal) : -1;
        string reason = colon >= 0 ? message[(colon + 3)..] : message;
        return reason.Length == 0 ? reason : char.ToLowerInvariant(reason[0]) + reason[1..].TrimEnd('.');
    }

    /// <summary>Ends the reading of a document that would use up the machine.</summary>
    private sealed class TooLargeException(SourcePosition position, string message) : Exception(message)
    {
        public SourcePosition Position { get; } = position;
    }
}

using Caisson.Errors;

using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Caisson.Machines.CloudInit;

/// <summary>A value of a cloud-init document, with its place.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
internal abstract record SeedValue(long Line, long Column)
{
    internal sealed record Text(string Value, bool IsPlain, long Line, long Column) : SeedValue(Line, Column)
    {
        internal bool IsNull => IsPlain && Value is "" or "~" or "null";

        internal bool? AsBoolean => Value.ToLowerInvariant() switch
        {
            "true" or "yes" or "on" or "1" => true,
            "false" or "no" or "off" or "0" => false,
            _ => null,
        };
    }

    internal sealed record Items(IReadOnlyList<SeedValue> Values, long Line, long Column) : SeedValue(Line, Column);

    internal sealed record Members(IReadOnlyList<(Text Key, SeedValue Value)> Values, long Line, long Column) : SeedValue(Line, Column)
    {
        internal SeedValue? this[string key] => Values.FirstOrDefault(member => member.Key.Value == key).Value;
    }

    internal string Kind => this is Text ? "text" : this is Items ? "a list" : "a mapping";

    internal Problem Problem(string message) => new($"line {Line}, column {Column}", message);
}

/// <summary>Reads YAML, bounded, with the place of every value. Source: YAML 1.2.2.</summary>
internal sealed class SeedYaml
{
    private const int DepthMax = 64;
    private const int ValuesMax = 100_000;

    private readonly Parser _parser;
    private readonly Dictionary<string, SeedValue> _anchors = new(StringComparer.Ordinal);
    private readonly ICollection<Problem> _problems;
    private int _depth;
    private int _values;

    private SeedYaml(TextReader text, ICollection<Problem> problems) => (_parser, _problems) = (new Parser(text), problems);

    /// <summary>The first document; null when there is none, or when it is no YAML, which is then a problem.</summary>
    internal static SeedValue? Read(string text, ICollection<Problem> problems)
    {
        using var reader = new StringReader(text);
        var yaml = new SeedYaml(reader, problems);
        try
        {
            while (yaml._parser.MoveNext())
            {
                if (yaml._parser.Current is DocumentStart)
                {
                    yaml._parser.MoveNext();
                    SeedValue value = yaml.ReadValue();
                    while (yaml._parser.MoveNext())
                    {
                        if (yaml._parser.Current is DocumentStart second)
                        {
                            problems.Add(new(At(second.Start), "a second document begins here, and one is read"));
                            break;
                        }
                    }
                    return value;
                }
            }
            return null;
        }
        catch (YamlException error)
        {
            string reason = error.Message;
            int colon = reason.StartsWith("(Line:", StringComparison.Ordinal) ? reason.IndexOf("): ", StringComparison.Ordinal) : -1;
            reason = colon >= 0 ? reason[(colon + 3)..] : reason;
            problems.Add(new(At(error.Start), $"is not YAML: {(reason.Length > 0 ? char.ToLowerInvariant(reason[0]) + reason[1..].TrimEnd('.') : "it cannot be read")}"));
            return null;
        }
        catch (InvalidOperationException)
        {
            problems.Add(new(At(yaml._parser.Current?.End ?? Mark.Empty), "is not YAML: from here on nothing can be read; look for a bracket or a quote that is not closed"));
            return null;
        }
    }

    private static string At(Mark mark) => $"line {mark.Line}, column {mark.Column}";

    /// <summary>Reads the value at the current event; afterwards the current event is its last.</summary>
    private SeedValue ReadValue()
    {
        ParsingEvent here = _parser.Current!;
        if (++_values > ValuesMax || _depth > DepthMax)
        {
            throw new YamlException(here.Start, here.End, $"it has more than {ValuesMax} values, or they are nested more than {DepthMax} deep");
        }
        switch (here)
        {
            case AnchorAlias alias:
                return _anchors.TryGetValue(alias.Value.Value, out SeedValue? known)
                    ? known
                    : throw new YamlException(here.Start, here.End, $"alias *{alias.Value.Value} has no anchor before it");
            case Scalar scalar:
                return Remember(scalar, new SeedValue.Text(scalar.Value, scalar.Style == ScalarStyle.Plain, here.Start.Line, here.Start.Column));
            case SequenceStart start:
                _depth++;
                List<SeedValue> items = [];
                while (Next() is not SequenceEnd)
                {
                    items.Add(ReadValue());
                }
                _depth--;
                return Remember(start, new SeedValue.Items(items, here.Start.Line, here.Start.Column));
            case MappingStart start:
                _depth++;
                List<(SeedValue.Text Key, SeedValue Value)> members = [];
                while (Next() is not MappingEnd)
                {
                    SeedValue key = ReadValue();
                    Next();
                    SeedValue value = ReadValue();
                    if (key is not SeedValue.Text name)
                    {
                        _problems.Add(key.Problem("a key must be text"));
                    }
                    else if (members.Any(member => member.Key.Value == name.Value))
                    {
                        _problems.Add(key.Problem($"key '{name.Value}' is there twice; the first one is in line {members.First(member => member.Key.Value == name.Value).Key.Line}"));
                    }
                    else
                    {
                        members.Add((name, value));
                    }
                }
                _depth--;
                return Remember(start, new SeedValue.Members(members, here.Start.Line, here.Start.Column));
            default:
                throw new YamlException(here.Start, here.End, "a value was expected here");
        }
    }

    private SeedValue Remember(NodeEvent start, SeedValue value)
    {
        if (!start.Anchor.IsEmpty)
        {
            _anchors[start.Anchor.Value] = value;
        }
        return value;
    }

    private ParsingEvent Next()
    {
        _parser.MoveNext();
        return _parser.Current!;
    }
}

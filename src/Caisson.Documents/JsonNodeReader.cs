using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Documents;

/// <summary>Reads JSON into the nodes that YAML is read into. Numbers keep their digits.</summary>
/// <remarks>Bounded in depth. A position is no line but the path of the field, such as <c>spec.containers[0].image</c>: who sends JSON is a program.</remarks>
public static class JsonNodeReader
{
    private const int DepthMax = 100;

    /// <summary>The one value of a document.</summary>
    /// <param name="json">In UTF-8.</param>
    /// <param name="withPaths">Nodes know their paths; what is read back from our own store needs none.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it is no JSON, or nested too deep.</exception>
    public static DocumentNode Read(ReadOnlySpan<byte> json, bool withPaths = true)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
        try
        {
            reader.Read();
            DocumentNode node = ReadValue(ref reader, withPaths ? new StringBuilder() : null);
            while (reader.Read())
            {
                // What follows the value is refused by the reader.
            }
            return node;
        }
        catch (JsonException error)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"the document is not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}"),
                error);
        }
    }

    private static DocumentNode ReadValue(ref Utf8JsonReader reader, StringBuilder? path)
    {
        SourcePosition position = path is null ? SourcePosition.None : new(path.ToString(), 0, 0);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject(ref reader, path, position);
            case JsonTokenType.StartArray:
                return ReadArray(ref reader, path, position);
            case JsonTokenType.True:
            case JsonTokenType.False:
                return ScalarNode.Of(reader.TokenType == JsonTokenType.True, position);
            case JsonTokenType.Null:
                return new ScalarNode("", ScalarKind.Null, position);
            case JsonTokenType.Number:
                return new ScalarNode(Encoding.ASCII.GetString(reader.ValueSpan), ScalarKind.Number, position);
            default:
                return ScalarNode.Of(reader.GetString() ?? "", position);
        }
    }

    private static MappingNode ReadObject(ref Utf8JsonReader reader, StringBuilder? path, SourcePosition position)
    {
        var entries = ImmutableArray.CreateBuilder<MappingEntry>();
        HashSet<string> keys = new(StringComparer.Ordinal);
        int length = path?.Length ?? 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = reader.GetString() ?? "";
            path?.Append(length > 0 ? "." : "").Append(key);
            reader.Read();
            DocumentNode value = ReadValue(ref reader, path);
            if (path is not null)
            {
                path.Length = length;
            }
            if (!keys.Add(key))
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"the document has the field {value.Position} twice");
            }
            entries.Add(new(key, value.Position, value));
        }
        return new(entries.ToImmutable(), position);
    }

    private static SequenceNode ReadArray(ref Utf8JsonReader reader, StringBuilder? path, SourcePosition position)
    {
        var items = ImmutableArray.CreateBuilder<DocumentNode>();
        int length = path?.Length ?? 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            path?.Append(CultureInfo.InvariantCulture, $"[{items.Count}]");
            items.Add(ReadValue(ref reader, path));
            if (path is not null)
            {
                path.Length = length;
            }
        }
        return new(items.ToImmutable(), position);
    }
}

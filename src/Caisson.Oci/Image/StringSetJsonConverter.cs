using System.Text.Json;
using System.Text.Json.Serialization;

namespace Caisson.Oci;

/// <summary>A set of strings as Go writes it: an object whose values are empty objects.</summary>
/// <remarks>Read in the document's order, written in ordinal order.</remarks>
public sealed class StringSetJsonConverter : JsonConverter<IReadOnlyList<string>>
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("expected an object whose keys are the set");
        }
        List<string> set = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            set.Add(reader.GetString()!);
            reader.Read();
            reader.Skip();
        }
        return set;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (string item in value.Order(StringComparer.Ordinal))
        {
            writer.WriteStartObject(item);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }
}

using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Caisson.Cli.Templates;

/// <summary>Values as JSON, in the shape Docker prints.</summary>
internal static class TemplateJson
{
    /// <summary>On one line.</summary>
    public static string Write(object? value) => Write(value, indented: false);

    /// <summary>With four spaces, as <c>inspect</c> prints.</summary>
    public static string WriteIndented(object? value) => Write(value, indented: true);

    private static string Write(object? value, bool indented)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        var options = new JsonWriterOptions
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            Indented = indented,
            IndentSize = indented ? 4 : 0,
            NewLine = "\n",
        };
        using (var json = new Utf8JsonWriter(bytes, options))
        {
            Append(json, value);
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static void Append(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case JsonElement element:
                element.WriteTo(json);
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double number:
                json.WriteNumberValue(number);
                break;
            case ITemplateObject fields:
                json.WriteStartObject();
                foreach (string name in fields.Names)
                {
                    json.WritePropertyName(name);
                    Append(json, fields.TryGet(name, [], out object? field) ? field : null);
                }
                json.WriteEndObject();
                break;
            case IEnumerable<object?> list:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    Append(json, item);
                }
                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(TemplateValues.ToText(value));
                break;
        }
    }
}

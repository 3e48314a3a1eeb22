using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Caisson.Client;

/// <summary>Writes a request's JSON by hand: no metadata is built at start.</summary>
internal static class JsonBody
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes, Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return bytes.WrittenMemory;
    }

    extension(Utf8JsonWriter json)
    {
        public void Text(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                json.WriteString(name, value);
            }
        }

        public void Flag(string name, bool value)
        {
            if (value)
            {
                json.WriteBoolean(name, true);
            }
        }

        public void Number(string name, long value)
        {
            if (value != 0)
            {
                json.WriteNumber(name, value);
            }
        }

        public void Number(string name, long? value)
        {
            if (value is { } number)
            {
                json.WriteNumber(name, number);
            }
        }

        public void Texts(string name, IReadOnlyCollection<string>? values)
        {
            if (values is not null)
            {
                json.WriteStartArray(name);
                foreach (string value in values)
                {
                    json.WriteStringValue(value);
                }
                json.WriteEndArray();
            }
        }

        public void TextMap(string name, IReadOnlyDictionary<string, string>? values)
        {
            if (values is { Count: > 0 })
            {
                json.WriteStartObject(name);
                foreach (var (key, value) in values)
                {
                    json.WriteString(key, value);
                }
                json.WriteEndObject();
            }
        }

        /// <summary>An object whose members are all empty objects: how Go writes a set.</summary>
        public void TextSet(string name, IReadOnlyCollection<string> values)
        {
            if (values.Count > 0)
            {
                json.WriteStartObject(name);
                foreach (string value in values)
                {
                    json.WriteStartObject(value);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
            }
        }
    }
}

using System.Buffers;
using System.Globalization;
using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Qmp;

/// <summary>What comes from QEMU, a JSON document a line. Pure; QEMU serves a guest that may be hostile, so nothing is believed of it.</summary>
internal abstract record QmpMessage
{
    private QmpMessage() { }

    internal sealed record Greeting(QmpGreeting Value) : QmpMessage;

    internal sealed record Event(QmpEvent Value) : QmpMessage;

    internal sealed record Return(long Id, JsonElement Value) : QmpMessage;

    /// <summary>An error; without an id it is of something that could not be read.</summary>
    internal sealed record Error(long? Id, string Class, string Description) : QmpMessage;

    /// <summary>Reads one line.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Internal"/>: it is no message of the protocol.</exception>
    internal static QmpMessage Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object)
            {
                if (root.TryGetProperty("QMP", out JsonElement greeting))
                {
                    return new Greeting(ReadGreeting(greeting));
                }
                if (root.TryGetProperty("event", out JsonElement name) && name.ValueKind == JsonValueKind.String)
                {
                    JsonElement data = root.TryGetProperty("data", out JsonElement facts) ? facts.Clone() : default;
                    return new Event(new QmpEvent(name.GetString()!, data, ReadTime(root)));
                }
                if (root.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object)
                {
                    return new Error(ReadId(root), ReadText(error, "class"), ReadText(error, "desc"));
                }
                if (root.TryGetProperty("return", out JsonElement value) && ReadId(root) is { } id)
                {
                    return new Return(id, value.Clone());
                }
            }
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.Internal, $"qemu sent what is no JSON: {error.Message}", error);
        }
        throw new CaissonException(ErrorKind.Internal, "qemu sent a document that is no greeting, answer or event");
    }

    /// <summary>A command as a line.</summary>
    internal static byte[] Format(string command, long id, Action<Utf8JsonWriter>? arguments)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            if (arguments is not null)
            {
                writer.WriteStartObject("arguments");
                arguments(writer);
                writer.WriteEndObject();
            }
            writer.WriteNumber("id", id);
            writer.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static QmpGreeting ReadGreeting(JsonElement greeting)
    {
        JsonElement version = greeting.ValueKind == JsonValueKind.Object && greeting.TryGetProperty("version", out JsonElement found) ? found : default;
        JsonElement qemu = version.ValueKind == JsonValueKind.Object && version.TryGetProperty("qemu", out JsonElement numbers) ? numbers : default;
        List<string> capabilities = [];
        if (greeting.ValueKind == JsonValueKind.Object && greeting.TryGetProperty("capabilities", out JsonElement listed) && listed.ValueKind == JsonValueKind.Array)
        {
            capabilities.AddRange(listed.EnumerateArray().Where(entry => entry.ValueKind == JsonValueKind.String).Select(entry => entry.GetString()!));
        }
        string text = string.Join('.', ((string[])["major", "minor", "micro"]).Select(part => Number(qemu, part).ToString(CultureInfo.InvariantCulture)));
        return new QmpGreeting(text, ReadText(version, "package"), capabilities);
    }

    private static DateTimeOffset ReadTime(JsonElement root)
    {
        if (!root.TryGetProperty("timestamp", out JsonElement stamp))
        {
            return DateTimeOffset.UnixEpoch;
        }
        long seconds = Number(stamp, "seconds");
        long micros = Number(stamp, "microseconds");
        return seconds is < 0 or > 253_402_300_799 || micros is < 0 or > 999_999
            ? DateTimeOffset.UnixEpoch
            : DateTimeOffset.FromUnixTimeSeconds(seconds).AddMicroseconds(micros);
    }

    private static long Number(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : 0;

    private static string ReadText(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static long? ReadId(JsonElement root) =>
        root.TryGetProperty("id", out JsonElement id) && id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out long number) ? number : null;
}

using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Caisson.Machines.Full;

/// <summary>One thing that is said to QEMU.</summary>
/// <param name="Command">Its name in QEMU's schema.</param>
/// <param name="Arguments">A JSON object.</param>
public sealed record QmpStep(string Command, string Arguments)
{
    /// <summary>A step whose arguments are written by <paramref name="write"/>.</summary>
    public static QmpStep Of(string command, Action<Utf8JsonWriter> write) => new(command, Json(write));

    /// <summary>Writes the members of the arguments.</summary>
    internal void Write(Utf8JsonWriter writer)
    {
        using JsonDocument document = JsonDocument.Parse(Arguments);
        foreach (JsonProperty member in document.RootElement.EnumerateObject())
        {
            member.WriteTo(writer);
        }
    }

    /// <summary>As a person reads it.</summary>
    public override string ToString() => $"{Command} {Arguments}";

    /// <summary>A JSON object as text.</summary>
    internal static string Json(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}

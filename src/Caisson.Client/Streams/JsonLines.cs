using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Client.Streams;

/// <summary>Reads a stream of JSON values that follow each other: events, progress, statistics.</summary>
public static class JsonLines
{
    private const int ValueBytesMax = 16 << 20;

    /// <summary>Yields each value as soon as its last byte is there. The caller disposes each document before asking for the next.</summary>
    /// <exception cref="CaissonException">A value is not JSON, is longer than 16 MiB, or the stream ends within one.</exception>
    public static IEnumerable<JsonDocument> Read(Stream source)
    {
        ArgumentNullException.ThrowIfNull(source);
        byte[] buffer = new byte[8192];
        int start = 0;
        int end = 0;
        while (true)
        {
            if (Next(buffer, ref start, end) is { } document)
            {
                yield return document;
                continue;
            }
            (buffer, start, end) = MakeRoom(buffer, start, end);
            int count = source.Read(buffer, end, buffer.Length - end);
            if (count == 0)
            {
                if (end > start)
                {
                    throw new CaissonException(ErrorKind.Unavailable, "the engine's stream ends in the middle of a JSON value");
                }
                yield break;
            }
            end += count;
        }
    }

    private static JsonDocument? Next(byte[] buffer, ref int start, int end)
    {
        while (start < end && buffer[start] is (byte)'\n' or (byte)'\r' or (byte)' ' or (byte)'\t')
        {
            start++;
        }
        if (start == end)
        {
            return null;
        }
        try
        {
            var reader = new Utf8JsonReader(buffer.AsSpan(start, end - start), isFinalBlock: false, default);
            if (!reader.Read() || !reader.TrySkip())
            {
                return null;
            }
            int length = (int)reader.BytesConsumed;
            var document = JsonDocument.Parse(buffer.AsMemory(start, length).ToArray());
            start += length;
            return document;
        }
        catch (JsonException e)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"the engine's stream is not JSON: {e.Message}", e);
        }
    }

    private static (byte[] Buffer, int Start, int End) MakeRoom(byte[] buffer, int start, int end)
    {
        if (end < buffer.Length)
        {
            return (buffer, start, end);
        }
        byte[] target = start > 0 ? buffer : new byte[buffer.Length * 2];
        if (target.Length > ValueBytesMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, "the engine's stream has a JSON value longer than 16 MiB");
        }
        buffer.AsSpan(start, end - start).CopyTo(target);
        return (target, 0, end - start);
    }
}

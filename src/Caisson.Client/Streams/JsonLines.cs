using System.Text.Json;

using Caisson.Errors;

namespace Caisson.Client.Streams;

/// <summary>Reads JSON values one by one while they arrive: events, progress, statistics, long lists.</summary>
public static class JsonLines
{
    /// <summary>Yields values that follow each other, each as soon as its last byte is there.</summary>
    /// <returns>Documents that hold until the next is asked for; the caller disposes each before.</returns>
    /// <exception cref="CaissonException">A value is not JSON, is longer than 16 MiB, or the stream ends within one.</exception>
    public static IEnumerable<JsonDocument> Read(Stream source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var values = new Values(source);
        while (values.Peek() is not Values.End)
        {
            yield return values.Next();
        }
    }

    /// <summary>Yields the items of an array, each as soon as its last byte is there.</summary>
    /// <returns>Documents that hold until the next is asked for; the caller disposes each before.</returns>
    /// <exception cref="CaissonException">It is no array, not JSON, an item is longer than 16 MiB, or the stream ends within it.</exception>
    public static IEnumerable<JsonDocument> ReadArray(Stream source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var values = new Values(source);
        values.Take('[');
        bool first = true;
        while (values.Peek() != ']')
        {
            if (!first)
            {
                values.Take(',');
            }
            first = false;
            yield return values.Next();
        }
    }

    private sealed class Values(Stream source)
    {
        public const int End = -1;

        private const int ValueBytesMax = 16 << 20;

        private byte[] _buffer = new byte[32 << 10];
        private int _start;
        private int _end;

        /// <summary>The first byte of what comes next, blanks left out.</summary>
        public int Peek()
        {
            do
            {
                while (_start < _end)
                {
                    if (_buffer[_start] is not ((byte)'\n' or (byte)'\r' or (byte)' ' or (byte)'\t'))
                    {
                        return _buffer[_start];
                    }
                    _start++;
                }
            }
            while (Fill());
            return End;
        }

        public void Take(char wanted)
        {
            int found = Peek();
            if (found != wanted)
            {
                throw new CaissonException(
                    ErrorKind.Unavailable, $"the engine's stream {(found is End ? "ends" : $"has '{(char)found}'")} where a list of JSON values has '{wanted}'");
            }
            _start++;
        }

        public JsonDocument Next()
        {
            while (true)
            {
                if (TryNext() is { } document)
                {
                    return document;
                }
                if (!Fill())
                {
                    throw new CaissonException(ErrorKind.Unavailable, "the engine's stream ends in the middle of a JSON value");
                }
            }
        }

        private JsonDocument? TryNext()
        {
            try
            {
                var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), isFinalBlock: false, default);
                if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
                {
                    return null;
                }
                _start += (int)reader.BytesConsumed;
                return document;
            }
            catch (JsonException e)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"the engine's stream is not JSON: {e.Message}", e);
            }
        }

        /// <summary>Reads on; false at the end.</summary>
        private bool Fill()
        {
            if (_end == _buffer.Length)
            {
                byte[] target = _start > 0 ? _buffer : new byte[_buffer.Length * 2];
                if (target.Length > ValueBytesMax)
                {
                    throw new CaissonException(ErrorKind.ResourceExhausted, "the engine's stream has a JSON value longer than 16 MiB");
                }
                _buffer.AsSpan(_start, _end - _start).CopyTo(target);
                (_buffer, _start, _end) = (target, 0, _end - _start);
            }
            int count = source.Read(_buffer, _end, _buffer.Length - _end);
            _end += count;
            return count > 0;
        }
    }
}

using System.Globalization;
using System.Text;

using Caisson.Errors;

namespace Caisson.Client.Http;

/// <summary>Reads the head of an HTTP/1.1 response; refuses everything that two readers could understand differently.</summary>
/// <remarks>Source: RFC 9112 §2 to §6. Only CRLF ends a line; no folding; one framing only.</remarks>
public static class HttpHeadParser
{
    /// <summary>Longest head accepted, in bytes.</summary>
    public const int HeadBytesMax = 64 * 1024;

    private const int FieldsMax = 100;

    /// <summary>Parses a head at the start of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">What has arrived so far.</param>
    /// <param name="consumed">Length of the head with its empty line.</param>
    /// <returns>Null when the head is not complete yet.</returns>
    /// <exception cref="CaissonException">The head is malformed or too long.</exception>
    public static HttpResponseHead? TryParse(ReadOnlySpan<byte> bytes, out int consumed)
    {
        int end = bytes.IndexOf("\r\n\r\n"u8);
        consumed = end + 4;
        if (end > HeadBytesMax || (end < 0 && bytes.Length > HeadBytesMax))
        {
            throw Malformed("its head is longer than 64 KiB");
        }
        if (end < 0)
        {
            return null;
        }

        var head = bytes[..end];
        int lineEnd = head.IndexOf("\r\n"u8);
        var statusLine = lineEnd < 0 ? head : head[..lineEnd];
        var response = new HttpResponseHead(ParseStatus(statusLine), ParseFields(lineEnd < 0 ? [] : head[(lineEnd + 2)..], out var framing))
        {
            ContentLength = framing.Length,
            Chunked = framing.Chunked,
            Close = framing.Close,
        };
        return response;
    }

    /// <summary>The error of a server that does not speak HTTP as it should.</summary>
    internal static CaissonException Malformed(string what) =>
        new(ErrorKind.Unavailable, $"the engine's answer cannot be read: {what}; is it an engine that listens there?");

    private static int ParseStatus(ReadOnlySpan<byte> line)
    {
        bool sound = line.Length >= 12
            && (line.StartsWith("HTTP/1.1 "u8) || line.StartsWith("HTTP/1.0 "u8))
            && (line.Length == 12 || line[12] == (byte)' ');
        if (!sound || !TryParseDigits(line[9..12], out long status) || status is < 100 or > 599)
        {
            throw Malformed("it does not begin with an HTTP status line");
        }
        return (int)status;
    }

    private static List<KeyValuePair<string, string>> ParseFields(ReadOnlySpan<byte> lines, out Framing framing)
    {
        framing = default;
        var fields = new List<KeyValuePair<string, string>>(12);
        while (!lines.IsEmpty)
        {
            int end = lines.IndexOf("\r\n"u8);
            var line = end < 0 ? lines : lines[..end];
            lines = end < 0 ? [] : lines[(end + 2)..];

            int colon = line.IndexOf((byte)':');
            if (colon <= 0 || line[..colon].ContainsAnyExceptInRange((byte)'!', (byte)'~') || fields.Count == FieldsMax)
            {
                throw Malformed("a header field is malformed");
            }
            var value = line[(colon + 1)..].Trim(" \t"u8);
            if (value.ContainsAnyInRange((byte)0, (byte)8) || value.ContainsAnyInRange((byte)10, (byte)31))
            {
                throw Malformed("a header field holds control characters");
            }
            string name = Encoding.ASCII.GetString(line[..colon]);
            ApplyFraming(name, value, ref framing);
            fields.Add(new(name, Encoding.UTF8.GetString(value)));
        }
        if (framing.Chunked && framing.Length is not null)
        {
            throw Malformed("it has both a length and chunks");
        }
        return fields;
    }

    private static void ApplyFraming(string name, ReadOnlySpan<byte> value, ref Framing framing)
    {
        if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
        {
            if (!TryParseDigits(value, out long length) || (framing.Length is { } before && before != length))
            {
                throw Malformed("its length is not a number");
            }
            framing.Length = length;
        }
        else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
        {
            if (framing.Chunked || !Ascii.EqualsIgnoreCase(value, "chunked"u8))
            {
                throw Malformed("it uses a transfer encoding other than chunked");
            }
            framing.Chunked = true;
        }
        else if (name.Equals("Connection", StringComparison.OrdinalIgnoreCase) && Ascii.EqualsIgnoreCase(value, "close"u8))
        {
            framing.Close = true;
        }
    }

    private static bool TryParseDigits(ReadOnlySpan<byte> digits, out long value) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private struct Framing
    {
        public long? Length;
        public bool Chunked;
        public bool Close;
    }
}

using System.Buffers.Binary;

using Caisson.Errors;

namespace Caisson.Client.Streams;

/// <summary>Separates the two outputs of a process without a terminal that travel on one connection.</summary>
/// <remarks>
/// <code>
/// frame = | stream: 1 byte | 0 0 0 | length: 4 bytes, big-endian | payload |     stream: 0 stdin, 1 stdout, 2 stderr, 3 error
/// </code>
/// Source: Docker Engine API, "Attach to a container", stream format.
/// </remarks>
public static class MultiplexedReader
{
    /// <summary>Copies frames to <paramref name="output"/> and <paramref name="error"/> until the end of <paramref name="source"/>.</summary>
    /// <exception cref="CaissonException">A frame is malformed, is cut short, or carries an error of the engine.</exception>
    public static void CopyTo(Stream source, Stream output, Stream error)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(error);
        byte[] buffer = new byte[32 * 1024];
        Span<byte> head = stackalloc byte[8];
        while (true)
        {
            int got = source.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            if (got == 0)
            {
                return;
            }
            if (got < head.Length)
            {
                throw new CaissonException(ErrorKind.Unavailable, "the output stream ends in the middle of a frame's head");
            }
            uint left = BinaryPrimitives.ReadUInt32BigEndian(head[4..]);
            if (head[0] == 3)
            {
                throw EngineError(source, left);
            }
            var target = head[0] switch
            {
                0 or 1 => output,
                2 => error,
                _ => throw new CaissonException(ErrorKind.Unavailable, $"the output stream has a frame of unknown kind {head[0]}"),
            };
            CopyPayload(source, target, left, buffer);
        }
    }

    private static void CopyPayload(Stream source, Stream target, uint left, byte[] buffer)
    {
        while (left > 0)
        {
            int count = source.Read(buffer, 0, (int)Math.Min((uint)buffer.Length, left));
            if (count == 0)
            {
                throw new CaissonException(ErrorKind.Unavailable, "the output stream ends in the middle of a frame");
            }
            target.Write(buffer, 0, count);
            left -= (uint)count;
        }
    }

    private static CaissonException EngineError(Stream source, uint length)
    {
        byte[] text = new byte[Math.Min(length, 4096)];
        int count = source.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
        return new(ErrorKind.Internal, $"the engine broke the stream off: {System.Text.Encoding.UTF8.GetString(text, 0, count)}");
    }
}

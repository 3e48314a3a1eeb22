using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

using Caisson.Errors;

using Google.Protobuf;

namespace Caisson.Api.Grpc;

/// <summary>A message on the wire: a byte that says whether it is compressed, its length, itself. Source: "gRPC over HTTP2", "Length-Prefixed-Message".</summary>
internal static class GrpcFrame
{
    /// <summary>Bytes of the largest message in either direction: what kubelet itself accepts.</summary>
    public const int BytesMax = 16 << 20;

    private const int HeadBytes = 5;

    /// <summary>The frame of a message.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: it is too large for whoever asked.</exception>
    public static byte[] Write(IMessage message)
    {
        int size = message.CalculateSize();
        if (size > BytesMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"the answer has {size} bytes, at most {BytesMax} go into one message; ask with a filter, or for a stream");
        }
        byte[] frame = new byte[HeadBytes + size];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), size);
        message.WriteTo(frame.AsSpan(HeadBytes));
        return frame;
    }

    /// <summary>Reads the one message of a request.</summary>
    /// <exception cref="CaissonException">It is compressed, too large, not whole, or not such a message.</exception>
    public static async Task<T> ReadAsync<T>(PipeReader reader, MessageParser<T> parser, CancellationToken cancellation)
        where T : IMessage<T>
    {
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellation);
            if (TryParse(read.Buffer, parser, out T? message))
            {
                reader.AdvanceTo(read.Buffer.End);
                return message!;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, "the request ends before its message does");
            }
        }
    }

    private static bool TryParse<T>(ReadOnlySequence<byte> buffer, MessageParser<T> parser, out T? message)
        where T : IMessage<T>
    {
        message = default;
        if (buffer.Length < HeadBytes)
        {
            return false;
        }
        Span<byte> head = stackalloc byte[HeadBytes];
        buffer.Slice(0, HeadBytes).CopyTo(head);
        if (head[0] != 0)
        {
            throw new CaissonException(ErrorKind.Unimplemented, "the message is compressed; only plain ones are read here (grpc-encoding: identity)");
        }
        uint size = BinaryPrimitives.ReadUInt32BigEndian(head[1..]);
        if (size > BytesMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"the message has {size} bytes, at most {BytesMax} are read");
        }
        if (buffer.Length < HeadBytes + size)
        {
            return false;
        }
        try
        {
            message = parser.ParseFrom(buffer.Slice(HeadBytes, size));
            return true;
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the message is not a {typeof(T).Name}: {error.Message.TrimEnd('.')}", error);
        }
    }
}

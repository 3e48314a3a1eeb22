using System.Buffers.Binary;
using Caisson.Linux;
using Caisson.Linux.Memory;

namespace Caisson.Containers.Monitor;

/// <summary>Where output comes from, and the piece of it that is on its way to clients: Docker's eight-byte header, then the bytes.</summary>
/// <remarks>The next piece is read when every client has this one; so a slow client slows the program and no byte is lost.</remarks>
internal sealed class OutputSource(int index, ulong key, bool framed)
{
    private const int HeaderSize = 8;
    private const int PieceBytesMax = 64 * 1024;

    /// <summary>Output begins at a line of the cache, as it does in the pipe: right behind a header of eight bytes, some processors copy far slower.</summary>
    private const int ContentStart = 64;

    private readonly ScratchMemory _buffer = new(ContentStart + PieceBytesMax);

    /// <summary>0 for stdout and terminals, 1 for stderr.</summary>
    public int Index => index;

    /// <summary>In the event loop.</summary>
    public ulong Key => key;

    /// <summary>Null before there is one, and after its end.</summary>
    public Descriptor? Descriptor { get; set; }

    /// <summary>Whether the event loop watches it.</summary>
    public bool IsWatched { get; set; }

    /// <summary>The bytes that clients get: with the header where it is framed.</summary>
    public ReadOnlySpan<byte> Piece => _buffer.Span[Start..(ContentStart + Length)];

    /// <summary>How much of the last piece is output.</summary>
    public int Length { get; private set; }

    /// <summary>Whether the last piece is as large as one can be, so that more may wait.</summary>
    public bool IsFull => Length == PieceBytesMax;

    /// <summary>The output alone.</summary>
    public ReadOnlySpan<byte> Content => _buffer.Span.Slice(ContentStart, Length);

    private int Start => framed ? ContentStart - HeaderSize : ContentStart;

    /// <summary>Reads the next piece; as <see cref="Linux.Descriptor.ReadNow"/>.</summary>
    public int Read()
    {
        var buffer = _buffer.Span;
        int count = Descriptor!.ReadNow(buffer[ContentStart..]);
        if (count > 0)
        {
            Length = count;
            var header = buffer.Slice(ContentStart - HeaderSize, HeaderSize);
            header[0] = (byte)(index + 1);
            BinaryPrimitives.WriteInt32BigEndian(header[4..], count);
        }
        return count;
    }

    /// <summary>Gives back the memory of the last piece, which nobody needs any more.</summary>
    public void Rest() => _buffer.Discard();
}

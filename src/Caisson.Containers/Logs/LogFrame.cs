using System.Buffers.Binary;

namespace Caisson.Containers.Logs;

/// <summary>A piece of output in a log of <see cref="LogFormat.Local"/>: a header, the bytes as the program wrote them, their number once more.</summary>
/// <remarks>
/// <code>
///  0  "CLF\x01"   4  stream: 1 stdout, 2 stderr   5  zeroes   8  length   12  ticks of .NET, UTC
/// 20  bytes       20 + length  length
/// </code>
/// Little-endian. The number at the end lets a reader go backwards. A piece is whatever one reading brought, so lines end anywhere in it.
/// </remarks>
/// <param name="Stderr">Written to stderr rather than stdout.</param>
/// <param name="Ticks">When it was read, in ticks of UTC.</param>
/// <param name="Length">How many bytes follow the header.</param>
public readonly record struct LogFrame(bool Stderr, long Ticks, int Length)
{
    /// <summary>Bytes before the output.</summary>
    public const int HeaderSize = 20;

    /// <summary>Bytes after the output.</summary>
    public const int TrailerSize = 4;

    /// <summary>The longest output of one frame.</summary>
    public const int LengthMax = 1 << 20;

    /// <summary>The first bytes of each frame.</summary>
    public static ReadOnlySpan<byte> Magic => "CLF\x01"u8;

    /// <summary>Writes the header.</summary>
    public void WriteTo(Span<byte> header)
    {
        Magic.CopyTo(header);
        header[4] = (byte)(Stderr ? 2 : 1);
        header[5..8].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], Length);
        BinaryPrimitives.WriteInt64LittleEndian(header[12..], Ticks);
    }

    /// <summary>Reads a header; false when it is none.</summary>
    public static bool TryRead(ReadOnlySpan<byte> header, out LogFrame frame)
    {
        frame = default;
        if (header.Length < HeaderSize || !header.StartsWith(Magic) || header[4] is not (1 or 2))
        {
            return false;
        }
        int length = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        long ticks = BinaryPrimitives.ReadInt64LittleEndian(header[12..]);
        frame = new(header[4] == 2, ticks, length);
        return length is >= 0 and <= LengthMax && ticks >= 0 && ticks <= DateTime.MaxValue.Ticks;
    }
}

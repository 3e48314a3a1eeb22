using System.Buffers.Binary;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Machines.Disks;

/// <summary>What a reader of headers sees of a file: parts within the file, and numbers of either order. Never more than <see cref="PartBytesMax"/> at once.</summary>
internal sealed class DiskBytes(FileDescriptor file, string subject)
{
    internal const int PartBytesMax = 4 << 20;

    /// <summary>The file's size in bytes.</summary>
    internal long Length { get; } = file.Status.Size;

    /// <summary>Exactly <paramref name="count"/> bytes.</summary>
    internal byte[] Read(long offset, long count, string what)
    {
        if (offset < 0 || count < 0 || count > PartBytesMax || offset > Length || count > Length - offset)
        {
            throw Damaged($"its {what} lies outside the file");
        }
        byte[] part = new byte[count];
        for (int done = 0; done < part.Length;)
        {
            int read = file.ReadAt(part.AsSpan(done), offset + done);
            done += read > 0 ? read : throw Damaged($"its {what} ends before its end");
        }
        return part;
    }

    /// <summary>Up to <paramref name="count"/> bytes: fewer at the end of the file.</summary>
    internal byte[] ReadSome(long offset, int count) => offset >= Length ? [] : Read(offset, Math.Min(count, Length - offset), "beginning");

    internal CaissonException Damaged(string why) => new(ErrorKind.InvalidArgument, $"{subject} is damaged or hostile: {why}");

    internal CaissonException Refused(string why) => new(ErrorKind.InvalidArgument, $"{subject} is refused: {why}");

    internal static uint Big32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    internal static ulong Big64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);

    internal static uint Little32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    internal static ulong Little64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}

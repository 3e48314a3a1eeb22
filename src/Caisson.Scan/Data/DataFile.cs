using System.IO.Compression;
using System.Text;

using Caisson.Linux;

namespace Caisson.Scan.Data;

/// <summary>Files of the database, which may be compressed: which way is told by their first bytes.</summary>
internal static class DataFile
{
    private const long BytesMax = 4L << 30;

    /// <summary>Opens a file for reading as text; the caller disposes the reader.</summary>
    /// <exception cref="InvalidDataException">It is compressed in a way that is not read.</exception>
    public static TextReader OpenText(string path) => new StreamReader(Open(path), Encoding.UTF8);

    private static BoundedStream Open(string path)
    {
        FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 128 * 1024);
        try
        {
            Span<byte> magic = stackalloc byte[6];
            magic = magic[..file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false)];
            file.Position = 0;
            Stream content = magic.StartsWith<byte>([0x1f, 0x8b]) ? new GZipStream(file, CompressionMode.Decompress)
                : magic.StartsWith<byte>([0x28, 0xb5, 0x2f, 0xfd]) ? new ZstdDecompressStream(file)
                : magic.StartsWith<byte>([0x04, 0x22, 0x4d, 0x18]) ? new Lz4Stream(file)
                : magic.StartsWith<byte>([0xfd, 0x37, 0x7a, 0x58, 0x5a]) ? throw new InvalidDataException("it is compressed with xz; unpack it, or keep it as gzip, zstd or lz4")
                : magic.StartsWith("BZh"u8) ? throw new InvalidDataException("it is compressed with bzip2; unpack it, or keep it as gzip, zstd or lz4")
                : (Stream)file;
            return new BoundedStream(content, BytesMax);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}

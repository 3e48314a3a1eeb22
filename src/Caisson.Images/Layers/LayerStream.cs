using System.Security.Cryptography;

using Caisson.Errors;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Layers;

/// <summary>How an archive is compressed, told from its first bytes.</summary>
public enum LayerCompression
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>gzip, RFC 1952.</summary>
    Gzip,

    /// <summary>zstd, RFC 8878.</summary>
    Zstd,
}

/// <summary>A layer's archive, uncompressed and hashed while it is read: the one way in for unpacking, listing and digests.</summary>
public sealed class LayerStream : ReadOnlyStream
{
    /// <summary>How many bytes tell the compression.</summary>
    internal const int MagicBytes = 6;

    private const long RatioFreeBytes = 1L << 30;

    private readonly ReadAheadStream _content;
    private readonly bool _sha512;
    private readonly string _subject;

    private LayerStream(ReadAheadStream content, LayerCompression compression, bool sha512, string subject)
    {
        _content = content;
        Compression = compression;
        _sha512 = sha512;
        _subject = subject;
    }

    /// <summary>How it is compressed.</summary>
    public LayerCompression Compression { get; }

    /// <summary>Opens an archive; the stream is owned from now on, also when this throws.</summary>
    /// <param name="source">At its start; read by another thread.</param>
    /// <param name="limits">How large it may become.</param>
    /// <param name="subject">What to call it in errors.</param>
    /// <param name="diffIdAlgorithm">A digest whose algorithm <see cref="GetDiffId"/> is to use; default for SHA-256.</param>
    /// <param name="progress">Told the compressed bytes used so far, from another thread.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.Unimplemented"/>: compressed in another way; <see cref="ErrorKind.FailedPrecondition"/>: libzstd is missing.
    /// </exception>
    public static LayerStream Open(
        Stream source, TarLimits limits, string subject, Digest diffIdAlgorithm = default, IProgress<long>? progress = null)
    {
        Stream decoder = source;
        try
        {
            var peek = new PeekStream(source, MagicBytes);
            decoder = peek;
            LayerCompression compression = Detect(peek.Prefix, subject);
            decoder = compression switch
            {
                LayerCompression.Gzip => StrictGzip.Open(peek),
                LayerCompression.Zstd => new ZstdDecompressStream(peek),
                _ => peek,
            };
            bool sha512 = diffIdAlgorithm.Algorithm == "sha512";
            var content = new ReadAheadStream(decoder, sha512 ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256, inflated =>
            {
                long compressed = peek.Position;
                progress?.Report(compressed);
                if (inflated > limits.ArchiveBytesMax)
                {
                    throw new CaissonException(ErrorKind.ResourceExhausted,
                        $"{subject}: it has more than {limits.ArchiveBytesMax} bytes when unpacked");
                }
                if (inflated > RatioFreeBytes && inflated / Math.Max(1, compressed) > limits.RatioMax)
                {
                    throw new CaissonException(ErrorKind.ResourceExhausted,
                        $"{subject}: it grows to more than {limits.RatioMax} times its size, which no real layer does");
                }
            });
            return new LayerStream(content, compression, sha512, subject);
        }
        catch
        {
            decoder.Dispose();
            throw;
        }
    }

    /// <summary>The digest of the whole uncompressed archive; what is left of it is read first.</summary>
    public Digest GetDiffId()
    {
        byte[] scratch = new byte[64 * 1024];
        while (Read(scratch) > 0)
        {
        }
        byte[] hash = _content.GetHash();
        return _sha512 ? Digest.FromSha512(hash) : Digest.FromSha256(hash);
    }

    /// <inheritdoc/>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the compressed data is damaged or cut off.</exception>
    public override int Read(Span<byte> buffer)
    {
        try
        {
            return _content.Read(buffer);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{_subject}: the compressed data is damaged: {e.Message.TrimEnd('.')}", e);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _content.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>Tells the compression from the first <see cref="MagicBytes"/> bytes.</summary>
    internal static LayerCompression Detect(ReadOnlySpan<byte> magic, string subject)
    {
        if (magic.StartsWith<byte>([0x1f, 0x8b]))
        {
            return LayerCompression.Gzip;
        }
        bool skippable = magic.Length >= 4 && (magic[0] & 0xf0) == 0x50 && magic[1..].StartsWith<byte>([0x2a, 0x4d, 0x18]);
        if (skippable || magic.StartsWith<byte>([0x28, 0xb5, 0x2f, 0xfd]))
        {
            return LayerCompression.Zstd;
        }
        string? other = magic.StartsWith("BZh"u8) ? "bzip2" : magic.StartsWith<byte>([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) ? "xz" : null;
        return other is null
            ? LayerCompression.None
            : throw new CaissonException(ErrorKind.Unimplemented,
                $"{subject}: it is compressed with {other}; use gzip, zstd or none");
    }
}

using System.Security.Cryptography;

using Caisson.Errors;
using Caisson.Oci;

using Microsoft.Win32.SafeHandles;

namespace Caisson.Images.Store;

/// <summary>A blob that is written and has no name yet; its file is locked, so that no other opener of the store takes it for what a crash left.</summary>
/// <param name="File">Owned by whoever has this, until it is published or given up.</param>
/// <param name="Path">Where it lies meanwhile.</param>
/// <param name="Digest">What it is.</param>
internal sealed record UnpublishedBlob(FileStream File, string Path, Digest Digest);

/// <summary>A blob being written: hashed as it comes, nameless until <see cref="Commit"/>, gone when disposed before.</summary>
/// <remarks>Not for several threads.</remarks>
public sealed class BlobWriteStream : Stream
{
    private readonly BlobStore _store;
    private readonly string _path;
    private readonly FileStream _file;
    private readonly SafeFileHandle _handle;
    private readonly IncrementalHash _hash;
    private readonly Digest _expected;
    private readonly long _sizeBytesMax;
    private long _length;
    private bool _committed;

    internal BlobWriteStream(BlobStore store, string path, Digest expected, long sizeBytesMax)
    {
        _store = store;
        _path = path;
        _expected = expected;
        _sizeBytesMax = sizeBytesMax;
        _hash = expected.IsEmpty ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : expected.CreateHash();
        _file = DurableFile.CreateNew(path);
        _handle = _file.SafeFileHandle;
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <summary>Bytes written so far.</summary>
    public override long Length => _length;

    /// <inheritdoc/>
    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    /// <summary>Told the digest before the blob gets its name, so that it can be held against garbage collection.</summary>
    public Action<Digest>? BeforePublish { get; init; }

    /// <summary>
    /// Checks what was written, makes it durable and gives it its name. A blob that is already there stays as it is.
    /// </summary>
    /// <param name="sizeBytes">The length that was announced; null when none was.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: not the announced content.</exception>
    public Digest Commit(long? sizeBytes = null)
    {
        Digest digest = Finish(sizeBytes);
        _store.Publish(_file, _path, digest);
        _committed = true;
        return digest;
    }

    /// <summary>
    /// As <see cref="Commit"/>, but neither durable nor under its name until <see cref="BlobStore.Publish(UnpublishedBlob)"/>: for several blobs that
    /// one flush makes durable.
    /// </summary>
    internal UnpublishedBlob CommitLater()
    {
        Digest digest = Finish(null);
        _file.Flush();
        _committed = true;
        return new UnpublishedBlob(_file, _path, digest);
    }

    private Digest Finish(long? sizeBytes)
    {
        ObjectDisposedException.ThrowIf(_committed, this);
        if (sizeBytes is { } announced && announced != _length)
        {
            throw new CaissonException(ErrorKind.InvalidArgument,
                $"content {_expected} has {_length} bytes instead of the announced {announced}");
        }
        byte[] hash = _hash.GetHashAndReset();
        Digest digest = _expected.Algorithm == "sha512" ? Digest.FromSha512(hash) : Digest.FromSha256(hash);
        if (!_expected.IsEmpty && digest != _expected)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"content announced as {_expected} is {digest}");
        }
        BeforePublish?.Invoke(digest);
        return digest;
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="CaissonException"><see cref="ErrorKind.ResourceExhausted"/>: more than was announced or allowed.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > _sizeBytesMax - _length)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted,
                $"content {(_expected.IsEmpty ? "" : _expected + " ")}is longer than the {_sizeBytesMax} bytes that were announced or are allowed");
        }
        _hash.AppendData(buffer);
        _file.Write(buffer);
        DurableFile.Observer?.Wrote(_path, buffer);
        _length += buffer.Length;
    }

    /// <summary>Reads what was written, at an offset; the one member that other threads may call meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">It was committed, or given up.</exception>
    internal int ReadWritten(Span<byte> buffer, long offset) => RandomAccess.Read(_handle, buffer, offset);

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            if (!_committed)
            {
                _file.Dispose();
                DurableFile.Delete(_path);
            }
        }
        base.Dispose(disposing);
    }
}

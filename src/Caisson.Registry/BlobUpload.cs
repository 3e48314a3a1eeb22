using System.Buffers;
using System.Security.Cryptography;

using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>A blob on its way in, in pieces: a file that grows, hashed as it does. One request has it at a time.</summary>
internal sealed class BlobUpload : IDisposable
{
    private const int BufferBytes = 128 * 1024;

    private readonly FileStream _file;
    private IncrementalHash? _hash;
    private long _length;
    private int _taken;

    private BlobUpload(FileStream file, bool isNew)
    {
        _file = file;
        _length = file.Length;
        _file.Position = _length;
        _hash = isNew ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    }

    /// <summary>Bytes that are there; may be asked meanwhile.</summary>
    public long Length => Volatile.Read(ref _length);

    public static BlobUpload Create(string path) => new(DurableFile.CreateNew(path), isNew: true);

    public static BlobUpload Open(string path) => new(new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 0), isNew: false);

    /// <summary>Has it alone until disposed.</summary>
    /// <exception cref="RegistryRefusal">Another request has it.</exception>
    public IDisposable Take() => Interlocked.Exchange(ref _taken, 1) == 0
        ? new Turn(this)
        : throw new RegistryRefusal(RefusalCode.BlobUploadInvalid, "another request writes this upload");

    public async Task AppendAsync(Stream content, CancellationToken cancellation)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int read;
            while ((read = await content.ReadAsync(buffer.AsMemory(0, BufferBytes), cancellation)) > 0)
            {
                _file.Write(buffer, 0, read);
                _hash?.AppendData(buffer, 0, read);
                Volatile.Write(ref _length, _length + read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Drops what came after <paramref name="length"/> bytes.</summary>
    public void Truncate(long length)
    {
        _file.SetLength(length);
        _file.Position = length;
        _hash?.Dispose();
        _hash = null;
        Volatile.Write(ref _length, length);
    }

    /// <summary>Whether all that came is <paramref name="digest"/>.</summary>
    public bool Matches(Digest digest)
    {
        if (_hash is not null && digest.Algorithm == "sha256")
        {
            return digest.Matches(_hash.GetHashAndReset());
        }
        using IncrementalHash hash = digest.CreateHash();
        byte[] buffer = new byte[BufferBytes];
        _file.Position = 0;
        int read;
        while ((read = _file.Read(buffer)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }
        return digest.Matches(hash.GetHashAndReset());
    }

    /// <summary>Makes the file a blob, which it matches; nothing is left to be deleted then.</summary>
    public void Publish(BlobStore blobs, Digest digest) => blobs.Publish(_file, _file.Name, digest);

    public void Dispose()
    {
        _hash?.Dispose();
        _file.Dispose();
    }

    private sealed class Turn(BlobUpload upload) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref upload._taken, 0);
    }
}

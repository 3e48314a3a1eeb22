using System.Buffers;

using Caisson.Errors;
using Caisson.Oci;

namespace Caisson.Images.Store;

/// <summary>Content by digest, in files: <c>content/blobs/sha256/HEX</c>. A blob that has its name is whole and durable.</summary>
/// <remarks>
/// For several threads. Writing: a file without a name, hashed and measured as it is written, fsync, rename, fsync of the
/// directory. What a crash leaves of it is removed when the store is next opened.
/// </remarks>
public sealed class BlobStore
{
    private const int CopyBufferSize = 256 * 1024;

    private readonly string _blobs;
    private readonly string _ingest;

    private BlobStore(string content)
    {
        _blobs = Path.Join(content, "blobs");
        _ingest = Path.Join(content, "ingest");
    }

    /// <summary>Opens the store below <paramref name="root"/>, creating what is missing (mode 0700).</summary>
    public static BlobStore Open(string root)
    {
        var store = new BlobStore(Path.Join(root, "content"));
        DurableFile.CreateDurableDirectory(Path.Join(root, "content"));
        DurableFile.CreateDurableDirectory(store._blobs);
        DurableFile.CreateDurableDirectory(Path.Join(store._blobs, "sha256"));
        DurableFile.CreateDurableDirectory(Path.Join(store._blobs, "sha512"));
        DurableFile.CreateDurableDirectory(store._ingest);
        store.RemoveLeftovers();
        return store;
    }

    /// <summary>Makes blobs that are asked for and not kept; null for none.</summary>
    internal IBlobMaker? Maker { get; set; }

    /// <summary>True when the blob is there, or is made as soon as it is read.</summary>
    public bool Contains(Digest digest) => IsStored(digest) || Maker?.TryGetSize(digest) is not null;

    /// <summary>True when there is a file with the blob.</summary>
    internal bool IsStored(Digest digest) => File.Exists(PathOf(digest));

    /// <summary>The length of a blob in bytes; null when it is not there.</summary>
    public long? TryGetSize(Digest digest)
    {
        var file = new FileInfo(PathOf(digest));
        return file.Exists ? file.Length : Maker?.TryGetSize(digest);
    }

    /// <summary>Opens a blob for reading; the caller disposes the stream.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: it is not there.</exception>
    public FileStream OpenRead(Digest digest)
    {
        if (Maker is not null && !IsStored(digest))
        {
            _ = Maker.TryMake(digest);
        }
        try
        {
            return new FileStream(PathOf(digest), new FileStreamOptions
            {
                Access = FileAccess.Read,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                Options = FileOptions.SequentialScan,
            });
        }
        catch (FileNotFoundException e)
        {
            throw new CaissonException(ErrorKind.NotFound, $"content {digest} is not in the store", e);
        }
    }

    /// <summary>A small blob whole, its digest verified again.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>; <see cref="ErrorKind.ResourceExhausted"/>: longer than <paramref name="sizeBytesMax"/>;
    /// <see cref="ErrorKind.Internal"/>: changed on disk.
    /// </exception>
    public byte[] ReadAll(Digest digest, int sizeBytesMax)
    {
        using FileStream file = OpenRead(digest);
        if (file.Length > sizeBytesMax)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted,
                $"content {digest} has {file.Length} bytes; at most {sizeBytesMax} are read here");
        }
        byte[] content = new byte[file.Length];
        file.ReadExactly(content);
        using var hash = digest.CreateHash();
        hash.AppendData(content);
        return digest.Matches(hash.GetHashAndReset())
            ? content
            : throw new CaissonException(ErrorKind.Internal, $"content {digest} has changed on disk; remove its image and get it again");
    }

    /// <summary>Stores a small document and returns its digest.</summary>
    public Digest Put(ReadOnlySpan<byte> content)
    {
        var digest = Digest.Of(content);
        if (Contains(digest))
        {
            return digest;
        }
        using BlobWriteStream writer = CreateWriter(digest, content.Length);
        writer.Write(content);
        return writer.Commit(content.Length);
    }

    /// <summary>Starts a blob; the caller commits and disposes it.</summary>
    /// <param name="expected">The digest it must have; default to take what comes (SHA-256).</param>
    /// <param name="sizeBytesMax">How much may be written.</param>
    /// <param name="beforePublish">Told the digest before the blob gets its name.</param>
    public BlobWriteStream CreateWriter(
        Digest expected = default, long sizeBytesMax = long.MaxValue, Action<Digest>? beforePublish = null) =>
        new(this, Path.Join(_ingest, Guid.NewGuid().ToString("N")), expected, sizeBytesMax) { BeforePublish = beforePublish };

    /// <summary>Stores what comes from <paramref name="source"/> and returns its digest.</summary>
    /// <param name="source">Read to its end; stays the caller's.</param>
    /// <param name="expected">The digest it must have; default to take what comes.</param>
    /// <param name="sizeBytes">The length it must have; null to take what comes, up to <paramref name="sizeBytesMax"/>.</param>
    /// <param name="sizeBytesMax">The most to take.</param>
    /// <param name="beforePublish">Told the digest before the blob gets its name.</param>
    /// <param name="progress">Told the bytes taken so far.</param>
    /// <param name="cancellation">Ends the work; nothing is stored then.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: other content than expected; <see cref="ErrorKind.ResourceExhausted"/>: too much.
    /// </exception>
    public async Task<Digest> IngestAsync(
        Stream source,
        Digest expected = default,
        long? sizeBytes = null,
        long sizeBytesMax = long.MaxValue,
        Action<Digest>? beforePublish = null,
        IProgress<long>? progress = null,
        CancellationToken cancellation = default)
    {
        using BlobWriteStream writer = CreateWriter(expected, Math.Min(sizeBytes ?? long.MaxValue, sizeBytesMax), beforePublish);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopyBufferSize);
        try
        {
            int read;
            while ((read = await source.ReadAsync(buffer, cancellation)) > 0)
            {
                writer.Write(buffer.AsSpan(0, read));
                progress?.Report(writer.Length);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return writer.Commit(sizeBytes);
    }

    /// <summary>Removes a blob; false when it was not there. Readers that have it open keep it.</summary>
    public bool Delete(Digest digest)
    {
        string path = PathOf(digest);
        if (!File.Exists(path))
        {
            return false;
        }
        DurableFile.Delete(path);
        return true;
    }

    /// <summary>The digests of all blobs, in no order.</summary>
    public IEnumerable<Digest> List()
    {
        foreach (string algorithm in (string[])["sha256", "sha512"])
        {
            foreach (string path in Directory.EnumerateFiles(Path.Join(_blobs, algorithm)))
            {
                if (Digest.TryParse($"{algorithm}:{Path.GetFileName(path)}", out Digest digest))
                {
                    yield return digest;
                }
            }
        }
    }

    /// <summary>True when the blob has the content that its name says; all of it is read.</summary>
    internal bool IsWhole(Digest digest, CancellationToken cancellation)
    {
        using FileStream file = OpenRead(digest);
        using var hash = digest.CreateHash();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopyBufferSize);
        try
        {
            int read;
            while ((read = file.Read(buffer)) > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(buffer.AsSpan(0, read));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return digest.Matches(hash.GetHashAndReset());
    }

    internal void Publish(FileStream file, string temporary, Digest digest)
    {
        string path = PathOf(digest);
        if (File.Exists(path))
        {
            file.Dispose();
            DurableFile.Delete(temporary);
            return;
        }
        DurableFile.Flush(file, temporary);
        file.Dispose(); // it is locked while it is open, and whoever finds the name may read
        DurableFile.Publish(temporary, path);
    }

    /// <summary>Gives a blob its name once its content was made durable; the name is durable with the next flush of the file system.</summary>
    internal void Publish(UnpublishedBlob blob)
    {
        blob.File.Dispose();
        string path = PathOf(blob.Digest);
        if (File.Exists(path))
        {
            DurableFile.Delete(blob.Path);
            return;
        }
        DurableFile.Rename(blob.Path, path);
    }

    /// <summary>Removes a blob that is not wanted any more.</summary>
    internal static void GiveUp(UnpublishedBlob blob)
    {
        blob.File.Dispose();
        DurableFile.Delete(blob.Path);
    }

    private string PathOf(Digest digest) => digest.IsEmpty
        ? throw new ArgumentException("an empty digest names no content", nameof(digest))
        : Path.Join(_blobs, digest.Algorithm, digest.Hex);

    /// <summary>A file that nobody holds open (they are locked while written) is what a crash left.</summary>
    private void RemoveLeftovers()
    {
        foreach (string path in Directory.EnumerateFiles(_ingest))
        {
            try
            {
                using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                {
                    File.Delete(path);
                }
            }
            catch (IOException)
            {
                // Locked: another opener of this store is writing it now.
            }
        }
    }
}

using Caisson.Images.Store;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>The members of an image layout that is a directory; links in it cannot lead out of it.</summary>
internal sealed class DirectoryMembers : IArchiveMembers, IDisposable
{
    private readonly RootDirectory _root;
    private readonly BlobStore _blobs;
    private readonly ContentLeases.Lease _lease;
    private readonly CancellationToken _cancellation;

    public DirectoryMembers(string path, BlobStore blobs, ContentLeases.Lease lease, CancellationToken cancellation)
    {
        _root = RootDirectory.Open(Path.GetFullPath(path));
        _blobs = blobs;
        _lease = lease;
        _cancellation = cancellation;
    }

    public byte[]? TryRead(string name, int sizeBytesMax) => _root.TryReadFile(name, sizeBytesMax);

    public (Digest Digest, long SizeBytes)? TryStore(string name, Digest expected)
    {
        using FileDescriptor? found = _root.TryOpenPath(name);
        if (found is null)
        {
            return null;
        }
        using FileDescriptor file = found.ReopenRegular(name);
        using BlobWriteStream writer = _blobs.CreateWriter(expected, long.MaxValue, _lease.Hold);
        byte[] buffer = new byte[256 * 1024];
        int read;
        while ((read = file.Read(buffer)) > 0)
        {
            _cancellation.ThrowIfCancellationRequested();
            writer.Write(buffer.AsSpan(0, read));
        }
        return (writer.Commit(), writer.Length);
    }

    public void Dispose() => _root.Dispose();
}

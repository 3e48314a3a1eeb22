using System.Collections.Concurrent;
using System.Security.Cryptography;

using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Registry;

public sealed partial class RegistryStore
{
    private readonly ConcurrentDictionary<string, BlobUpload> _open = new(StringComparer.Ordinal);

    /// <summary>Begins an upload and returns its name, which nobody can guess.</summary>
    public string StartUpload(string repository)
    {
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        long owner = _index.Ensure(repository);
        _open[id] = BlobUpload.Create(Path.Join(_uploads, id));
        _index.PutUpload(id, owner, Now);
        return id;
    }

    /// <summary>How many bytes of an upload are there.</summary>
    /// <exception cref="RegistryRefusal"><see cref="RefusalCode.BlobUploadUnknown"/>.</exception>
    public long UploadLength(string repository, string id) => Upload(repository, id).Length;

    /// <summary>Adds to an upload what comes from <paramref name="content"/>.</summary>
    /// <param name="repository">Where it is to go.</param>
    /// <param name="id">Its name.</param>
    /// <param name="start">Where the chunk says it begins; null when it does not say.</param>
    /// <param name="length">How long the chunk says it is; null when it does not say.</param>
    /// <param name="content">Read to its end; stays the caller's.</param>
    /// <param name="cancellation">Ends the reading; what has come stays.</param>
    /// <returns>How many bytes are there now.</returns>
    /// <exception cref="RegistryRefusal">It does not follow what came before, or is of another length.</exception>
    public async Task<long> AppendAsync(
        string repository, string id, long? start, long? length, Stream content, CancellationToken cancellation)
    {
        BlobUpload upload = Upload(repository, id);
        using IDisposable turn = upload.Take();
        if (start is { } at && at != upload.Length)
        {
            throw new RegistryRefusal(RefusalCode.RangeInvalid, $"the chunk begins at {at}, and {upload.Length} bytes are there");
        }
        long before = upload.Length;
        await upload.AppendAsync(content, cancellation);
        if (length is { } announced && upload.Length - before != announced)
        {
            upload.Truncate(before);
            throw new RegistryRefusal(RefusalCode.SizeInvalid, $"the chunk was announced with {announced} bytes and has another length");
        }
        _index.PutUpload(id, _index.Ensure(repository), Now);
        return upload.Length;
    }

    /// <summary>Makes a finished upload a blob of the repository.</summary>
    /// <exception cref="RegistryRefusal"><see cref="RefusalCode.DigestInvalid"/>: it is other content; the upload is gone then.</exception>
    public void FinishUpload(string repository, string id, Digest digest)
    {
        BlobUpload upload = Upload(repository, id);
        using IDisposable turn = upload.Take();
        try
        {
            if (!upload.Matches(digest))
            {
                throw new RegistryRefusal(RefusalCode.DigestInvalid, $"what was sent is not {digest}");
            }
            using ContentLeases.Lease lease = _leases.Open();
            lease.Hold(digest);
            upload.Publish(_blobs, digest);
            _index.LinkBlob(_index.Ensure(repository), digest, Now);
        }
        finally
        {
            Forget(id);
        }
    }

    /// <summary>Gives an upload up.</summary>
    public void CancelUpload(string repository, string id)
    {
        BlobUpload upload = Upload(repository, id);
        using IDisposable turn = upload.Take();
        Forget(id);
    }

    private BlobUpload Upload(string repository, string id)
    {
        if (id.Length != 32 || !id.All(char.IsAsciiHexDigitLower) || _index.Find(repository) is not { } owner || !_index.HasUpload(id, owner))
        {
            throw new RegistryRefusal(RefusalCode.BlobUploadUnknown, $"repository {repository} has no upload {(id.Length > 64 ? "of that name" : id)}");
        }
        try
        {
            // After a restart the file is what is left of it.
            return _open.GetOrAdd(id, _ => BlobUpload.Open(Path.Join(_uploads, id)));
        }
        catch (Exception e) when (e is FileNotFoundException or IOException)
        {
            throw new RegistryRefusal(RefusalCode.BlobUploadUnknown, $"upload {id} is gone; begin again", e);
        }
    }

    private void Forget(string id)
    {
        if (_open.TryRemove(id, out BlobUpload? upload))
        {
            upload.Dispose();
        }
        File.Delete(Path.Join(_uploads, id));
        _index.DeleteUpload(id);
    }

    private void CloseUploads()
    {
        foreach (BlobUpload upload in _open.Values)
        {
            upload.Dispose();
        }
    }
}

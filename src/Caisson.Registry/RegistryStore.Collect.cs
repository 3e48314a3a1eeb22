using Caisson.Oci;

namespace Caisson.Registry;

/// <summary>What a collection removed.</summary>
/// <param name="Manifests">Manifests that nothing named any more.</param>
/// <param name="Links">Blobs of repositories that no manifest there referred to.</param>
/// <param name="Blobs">Blobs that no repository had any more.</param>
/// <param name="Bytes">How much room they took.</param>
/// <param name="Uploads">Uploads that nobody went on with.</param>
public sealed record CollectedContent(int Manifests, int Links, int Blobs, long Bytes, int Uploads);

public sealed partial class RegistryStore
{
    /// <summary>How long an upload may rest before it is given up.</summary>
    public static readonly TimeSpan UploadPatience = TimeSpan.FromDays(1);

    /// <summary>Removes what nobody can ask for any more. May run at any time, beside pulls and pushes.</summary>
    /// <param name="grace">What was touched within it stays, since a push may be about to refer to it.</param>
    /// <param name="untagged">Also manifests without a tag that no index lists, and what is said about manifests that are gone.</param>
    public CollectedContent Collect(TimeSpan grace, bool untagged)
    {
        long before = Now - (long)grace.TotalSeconds + 1;
        int blobs = 0;
        long bytes = 0;
        int uploads = 0;
        foreach (string id in _index.Uploads(Now - (long)UploadPatience.TotalSeconds))
        {
            if (_open.TryGetValue(id, out BlobUpload? upload))
            {
                try
                {
                    using IDisposable turn = upload.Take();
                    Forget(id);
                    uploads++;
                }
                catch (RegistryRefusal)
                {
                    // Somebody goes on with it right now.
                }
                continue;
            }
            Forget(id);
            uploads++;
        }
        (int manifests, int links) = _index.Collect(before, untagged);
        _leases.Collect(removeUnlessHeld =>
        {
            HashSet<Digest> needed = _index.AllDigests();
            foreach (Digest blob in _blobs.List().Where(blob => !needed.Contains(blob)))
            {
                long size = _blobs.TryGetSize(blob) ?? 0;
                if (removeUnlessHeld(blob, _blobs.Delete))
                {
                    blobs++;
                    bytes += size;
                }
            }
        });
        return new CollectedContent(manifests, links, blobs, bytes, uploads);
    }
}

using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Linux;
using Caisson.Oci;

namespace Caisson.Control.Builds;

/// <summary>Puts what steps have made where other builds find it: an image manifest whose configuration lists the steps and whose layers are theirs.</summary>
internal static class CacheExport
{
    private const int FileMode = 0x1A4;

    /// <summary>Writes a cache.</summary>
    /// <param name="build">Has the layers.</param>
    /// <param name="images">Knows registries.</param>
    /// <param name="address">Where to.</param>
    /// <param name="records">The steps, by the keys that they are looked for by.</param>
    /// <param name="credentials">Who writes to a registry; null for anybody.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static async Task RunAsync(
        ImageBuild build, ImageStore images, CacheAddress address, IReadOnlyDictionary<string, CacheRecord> records, RegistryCredentials? credentials, CancellationToken cancellation)
    {
        (CacheDocument document, ContentDescriptor[] layers) = Describe(build, records);
        byte[] config = document.ToBytes();
        byte[] manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new ContentDescriptor { MediaType = CacheDocument.MediaType, Digest = Digest.Of(config), Size = config.Length },
            Layers = layers,
        }.ToBytes();
        if (address.Reference is { } reference)
        {
            RegistryRepository repository = images.OpenRepository(reference, credentials);
            foreach (ContentDescriptor layer in layers)
            {
                await build.SendAsync(repository, layer, cancellation);
            }
            await repository.PutBlobAsync(CacheDocument.MediaType, config, cancellation);
            await repository.PutManifestAsync(reference.Tag ?? "latest", MediaTypes.ImageManifest, manifest, cancellation);
            return;
        }
        await Task.Run(() => Write(build, address.Directory!, layers, config, manifest, cancellation), cancellation);
    }

    private static (CacheDocument Document, ContentDescriptor[] Layers) Describe(ImageBuild build, IReadOnlyDictionary<string, CacheRecord> records)
    {
        CacheRecord[] withLayers = [.. records.Values.Where(record => record.DiffId.Length > 0).DistinctBy(record => record.ChainId).OrderBy(record => record.ChainId, StringComparer.Ordinal)];
        Dictionary<string, int> places = withLayers.Select((record, i) => KeyValuePair.Create(record.ChainId, i)).ToDictionary();
        var document = new CacheDocument
        {
            Layers =
            [
                .. withLayers.Select(record => new CacheDocument.Layer
                {
                    Blob = Digest.Parse(record.DiffId),
                    Parent = build.ParentOf(Digest.Parse(record.ChainId)) is { } parent ? places.GetValueOrDefault(parent.ToString(), -1) : -1,
                    Annotations = new CacheDocument.LayerNotes { MediaType = MediaTypes.Layer, DiffId = record.DiffId, Size = record.SizeBytes, CreatedAt = record.Created },
                }),
            ],
            Records =
            [
                .. records.OrderBy(record => record.Key, StringComparer.Ordinal).Select(record => new CacheDocument.Record
                {
                    Digest = Digest.Parse("sha256:" + record.Key),
                    Results = record.Value.DiffId.Length > 0 ? [new CacheDocument.Result { Layer = places[record.Value.ChainId], CreatedAt = record.Value.Created }] : null,
                    Key = record.Value.Key == record.Key ? null : record.Value.Key,
                    Description = record.Value.Description,
                    CreatedAt = record.Value.Created,
                }),
            ],
        };
        ContentDescriptor[] layers =
        [
            .. withLayers.DistinctBy(record => record.DiffId).Select(record => new ContentDescriptor { MediaType = MediaTypes.Layer, Digest = Digest.Parse(record.DiffId), Size = record.SizeBytes }),
        ];
        return (document, layers);
    }

    /// <summary>An image layout. What an earlier export wrote to the same place stays: the directory is the user's.</summary>
    private static void Write(ImageBuild build, string path, IReadOnlyList<ContentDescriptor> layers, byte[] config, byte[] manifest, CancellationToken cancellation)
    {
        Directory.CreateDirectory(path);
        using RootDirectory root = RootDirectory.Open(path);
        using DirectoryDescriptor blobs = root.CreateDirectories("blobs/sha256");
        foreach (ContentDescriptor layer in layers.Where(layer => blobs.TryGetStatus(layer.Digest.Hex)?.Size != layer.Size))
        {
            string aside = $".{layer.Digest.Hex}.new";
            blobs.Unlink(aside);
            using (FileDescriptor file = blobs.CreateFile(aside, FileMode))
            using (Stream archive = build.OpenArchive(layer.Digest))
            {
                byte[] buffer = new byte[256 * 1024];
                for (int read = archive.Read(buffer); read > 0; read = archive.Read(buffer))
                {
                    cancellation.ThrowIfCancellationRequested();
                    file.Write(buffer.AsSpan(0, read));
                }
            }
            blobs.Rename(aside, blobs, layer.Digest.Hex);
        }
        blobs.Replace(Digest.Of(config).Hex, config, FileMode);
        blobs.Replace(Digest.Of(manifest).Hex, manifest, FileMode);
        root.Directory.Replace(ImageLayout.FileName, ImageLayout.Current.ToBytes(), FileMode);
        root.Directory.Replace(ImageLayout.IndexFileName, new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Manifests =
            [
                new ContentDescriptor
                {
                    MediaType = MediaTypes.ImageManifest,
                    Digest = Digest.Of(manifest),
                    Size = manifest.Length,
                    Annotations = new Dictionary<string, string> { [ImageLayout.RefNameAnnotation] = "latest" },
                },
            ],
        }.ToBytes(), FileMode);
    }
}

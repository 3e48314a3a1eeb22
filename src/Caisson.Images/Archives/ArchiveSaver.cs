using System.Text.Json;

using Caisson.Images.Layers.Tar;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>Writes images as one archive that is an OCI layout and what <c>docker load</c> takes at the same time.</summary>
/// <remarks>
/// Blobs are written as stored, each once; bytes depend on the images alone.
/// Source: image-spec image-layout.md; moby image spec v1.2.
/// </remarks>
internal sealed class ArchiveSaver
{
    private readonly BlobStore _blobs;
    private readonly TarWriter _writer;
    private readonly IProgress<ImageProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly HashSet<Digest> _written = [];

    public ArchiveSaver(BlobStore blobs, Stream output, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        _blobs = blobs;
        _writer = new TarWriter(output);
        _progress = progress;
        _cancellation = cancellation;
    }

    /// <summary>Writes the whole archive.</summary>
    /// <param name="images">Each with the names it is saved under; no name for an image saved by id.</param>
    public void Save(IReadOnlyList<(Image Image, IReadOnlyList<Reference> Names)> images)
    {
        WriteDirectory("blobs/");
        foreach (string algorithm in images.SelectMany(image => DigestsOf(image.Image)).Select(digest => digest.Algorithm).Distinct().Order())
        {
            WriteDirectory($"blobs/{algorithm}/");
        }
        foreach (Digest digest in images.SelectMany(image => DigestsOf(image.Image)))
        {
            WriteBlob(digest);
        }
        WriteFile(ImageLayout.IndexFileName, Index(images).ToBytes());
        WriteFile("manifest.json", JsonSerializer.SerializeToUtf8Bytes(
            (IReadOnlyList<DockerManifestEntry>)[.. images.Select(DockerEntry)], DockerManifestJson.Relaxed.IReadOnlyListDockerManifestEntry));
        WriteFile(ImageLayout.FileName, ImageLayout.Current.ToBytes());
        _writer.Finish();
    }

    private static IEnumerable<Digest> DigestsOf(Image image) =>
        image.Manifest.Layers.Select(layer => layer.Digest).Append(image.Id).Append(image.ManifestDigest);

    private static ImageIndex Index(IReadOnlyList<(Image Image, IReadOnlyList<Reference> Names)> images) => new()
    {
        SchemaVersion = 2,
        MediaType = MediaTypes.ImageIndex,
        Manifests = [.. images.SelectMany(image => image.Names.Count == 0
            ? [Describe(image.Image, null)]
            : image.Names.Select(name => Describe(image.Image, name)))],
    };

    private static ContentDescriptor Describe(Image image, Reference? name) => new()
    {
        MediaType = image.Manifest.MediaType ?? MediaTypes.ImageManifest,
        Digest = image.ManifestDigest,
        Size = image.ManifestSize,
        Platform = new Platform { Architecture = image.Config.Architecture, Os = image.Config.Os, Variant = image.Config.Variant },
        Annotations = name is null ? null : new Dictionary<string, string>
        {
            [ImageLayout.ImageNameAnnotation] = name.ToString(),
            [ImageLayout.RefNameAnnotation] = name.Tag!,
        },
    };

    private static DockerManifestEntry DockerEntry((Image Image, IReadOnlyList<Reference> Names) image) => new()
    {
        Config = ImageLayout.BlobPath(image.Image.Id),
        RepoTags = image.Names.Count == 0 ? null : [.. image.Names.Select(name => name.Familiar)],
        Layers = [.. image.Image.Manifest.Layers.Select(layer => ImageLayout.BlobPath(layer.Digest))],
    };

    private void WriteDirectory(string name) => _writer.Write(Entry(TarEntryType.Directory, name, 0x1ed, 0), []);

    private void WriteFile(string name, byte[] content) => _writer.Write(Entry(TarEntryType.File, name, 0x1a4, content.Length), content);

    private void WriteBlob(Digest digest)
    {
        if (!_written.Add(digest))
        {
            return;
        }
        using FileStream blob = _blobs.OpenRead(digest);
        long size = blob.Length;
        _writer.Start(Entry(TarEntryType.File, ImageLayout.BlobPath(digest), 0x1a4, size));
        byte[] buffer = new byte[256 * 1024];
        int read;
        long done = 0;
        while ((read = blob.Read(buffer)) > 0)
        {
            _cancellation.ThrowIfCancellationRequested();
            _writer.Write(buffer.AsSpan(0, read));
            _progress?.Report(new ImageProgress(ImageStage.Writing, digest, done += read, size));
        }
    }

    private static TarEntry Entry(TarEntryType type, string name, int mode, long size) =>
        new() { Type = type, Name = name, Mode = mode, Size = size };
}

using System.Runtime.InteropServices;

using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>How an image is made of a root filesystem.</summary>
public sealed record ImportOptions
{
    /// <summary>Its name; null for a dangling image.</summary>
    public Reference? Name { get; init; }

    /// <summary>How to run it.</summary>
    public ExecutionConfig Execution { get; init; } = new();

    /// <summary>When it was made; null for now.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Its CPU, a GOARCH; null for this machine's.</summary>
    public string? Architecture { get; init; }

    /// <summary>Who made it.</summary>
    public string? Author { get; init; }

    /// <summary>Free text of its history.</summary>
    public string? Comment { get; init; }

    /// <summary>The command of its history.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>True to keep device nodes, for archives of the administrator's own.</summary>
    public bool AllowDevices { get; init; }
}

/// <summary>An image that was loaded, and the names it was given.</summary>
/// <param name="Image">As it is kept now.</param>
/// <param name="Names">As people write them; none when the archive has none.</param>
public sealed record LoadedImage(Image Image, IReadOnlyList<string> Names);

public sealed partial class ImageStore
{
    /// <summary>This machine's platform as images name it.</summary>
    public static Platform HostPlatform { get; } = new()
    {
        Os = "linux",
        Architecture = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => "amd64",
            Architecture.X86 => "386",
            Architecture.Arm64 => "arm64",
            var other => other.ToString().ToLowerInvariant(),
        },
    };

    /// <summary>Makes an image with one layer of a root filesystem's tar archive (plain, gzip or zstd), unpacked in the same pass.</summary>
    /// <param name="archive">Read to its end; stays the caller's.</param>
    /// <param name="options">What the image is to be.</param>
    /// <param name="progress">Told stages and bytes.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    /// <exception cref="CaissonException">The archive is refused, empty or too large.</exception>
    public async Task<Image> ImportAsync(
        Stream archive, ImportOptions options, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        using ContentLeases.Lease lease = _leases.Open();
        var received = progress is null ? null : new Received(progress);
        Digest blob = await _blobs.IngestAsync(
            archive, sizeBytesMax: _limits.ArchiveBytesMax, beforePublish: lease.Hold, progress: received, cancellation: cancellation);
        var layer = new ContentDescriptor { MediaType = MediaTypeOf(blob), Digest = blob, Size = _blobs.TryGetSize(blob) ?? 0 };
        LayerRecord unpacked = await BlockingWork.RunAsync(
            () => _layers.UnpackFirst(layer, options.AllowDevices, lease.Hold, progress, cancellation), cancellation);
        if (unpacked.Contents.Entries == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "the archive is empty: a root filesystem was expected");
        }

        DateTimeOffset created = options.Created ?? _time.GetUtcNow();
        var config = new ImageConfig
        {
            Created = created,
            Author = options.Author,
            Architecture = options.Architecture ?? HostPlatform.Architecture,
            Os = "linux",
            Config = options.Execution,
            RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = [unpacked.DiffId] },
            History = [new HistoryEntry { Created = created, Author = options.Author, Comment = options.Comment, CreatedBy = options.CreatedBy }],
        };
        return Keep(lease, config, [layer], options.Name is null ? [] : [options.Name]);
    }

    /// <summary>Makes an image of what a container has written, on top of its image.</summary>
    /// <param name="containerId">A container with a snapshot.</param>
    /// <param name="options">
    /// What the image is to be; <see cref="ImportOptions.Execution"/> replaces the one of the image below and starts from it as a rule.
    /// </param>
    /// <param name="progress">Told stages and bytes.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    public Task<Image> CommitAsync(
        string containerId, ImportOptions options, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default) =>
        CommitAsync(containerId, options, null, progress, cancellation);

    /// <summary>As the other, of a container whose files are elsewhere.</summary>
    /// <param name="containerId">A container with a snapshot; it may run.</param>
    /// <param name="options">What the new image is to say.</param>
    /// <param name="layerOf">Writes the layer, on a thread that may wait; null: what the snapshot has.</param>
    /// <param name="progress">Told stages and bytes.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    public async Task<Image> CommitAsync(
        string containerId, ImportOptions options, Action<Stream>? layerOf, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        Snapshot snapshot = _snapshots.Find(containerId)
            ?? throw new CaissonException(ErrorKind.NotFound, $"container {containerId} has no root filesystem");
        Image below = _reader.Read(_catalog.Find(snapshot.Record.Manifest) ?? new ImageRecord(snapshot.Record.Manifest, [], default));
        using ContentLeases.Lease lease = _leases.Open();
        HoldAll(lease, below);
        ContentDescriptor layer = await BlockingWork.RunAsync(
            () =>
            {
                using BlobWriteStream writer = _blobs.CreateWriter(beforePublish: lease.Hold);
                if (layerOf is not null)
                {
                    layerOf(writer);
                }
                else
                {
                    snapshot.WriteLayer(writer, cancellation);
                }
                Digest digest = writer.Commit();
                return new ContentDescriptor { MediaType = MediaTypes.Layer, Digest = digest, Size = writer.Length };
            },
            cancellation);
        progress?.Report(new ImageProgress(ImageStage.Writing, layer.Digest, layer.Size, layer.Size));

        DateTimeOffset created = options.Created ?? _time.GetUtcNow();
        var history = new HistoryEntry { Created = created, Author = options.Author, Comment = options.Comment, CreatedBy = options.CreatedBy };
        ImageConfig config = below.Config with
        {
            Created = created,
            Author = options.Author ?? below.Config.Author,
            Config = options.Execution,
            RootFs = below.Config.RootFs with { DiffIds = [.. below.Config.RootFs.DiffIds, layer.Digest] },
            History = [.. below.Config.History ?? [], history],
        };
        return Keep(lease, config, [.. below.Manifest.Layers, layer], options.Name is null ? [] : [options.Name]);
    }

    /// <summary>Takes in the images of an archive: what <c>docker save</c> writes or an OCI layout, compressed or not.</summary>
    /// <param name="archive">Read to its end; stays the caller's.</param>
    /// <param name="repository">For layouts that name only tags: which repository; null to leave such images without a name.</param>
    /// <param name="progress">Told stages and bytes.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    /// <exception cref="CaissonException">The archive is no image, or is refused.</exception>
    public Task<IReadOnlyList<LoadedImage>> LoadAsync(
        Stream archive, string? repository = null, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default) =>
        BlockingStream.RunAsync<IReadOnlyList<LoadedImage>>(archive, stream => Load(lease =>
        {
            TarMembers members = TarMembers.Read(stream, _blobs, lease, _limits, progress, cancellation);
            return new ArchiveLoader(members, _blobs, lease, repository, HostPlatform).Load();
        }), cancellation);

    /// <summary>Takes in the images of an OCI layout that is a directory.</summary>
    /// <param name="path">The directory that holds <c>oci-layout</c>.</param>
    /// <param name="repository">As for the other form.</param>
    /// <param name="cancellation">Ends the work; nothing is kept then.</param>
    public Task<IReadOnlyList<LoadedImage>> LoadDirectoryAsync(
        string path, string? repository = null, CancellationToken cancellation = default) =>
        BlockingWork.RunAsync<IReadOnlyList<LoadedImage>>(() => Load(lease =>
        {
            using var members = new DirectoryMembers(path, _blobs, lease, cancellation);
            return new ArchiveLoader(members, _blobs, lease, repository, HostPlatform).Load();
        }), cancellation);

    /// <summary>Writes images as one archive that <c>docker load</c> and readers of OCI layouts understand.</summary>
    /// <param name="images">As for <see cref="Resolve"/>; several names of one image are saved as names of one image.</param>
    /// <param name="output">Receives the archive; stays the caller's.</param>
    /// <param name="progress">Told the blobs being written.</param>
    /// <param name="cancellation">Ends the work.</param>
    public async Task SaveAsync(
        IReadOnlyList<string> images, Stream output, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        using ContentLeases.Lease lease = _leases.Open();
        Dictionary<Digest, (Image Image, List<Reference> Names)> chosen = [];
        foreach (string text in images)
        {
            Image image = Resolve(text);
            HoldAll(lease, image);
            if (!chosen.TryGetValue(image.ManifestDigest, out var known))
            {
                chosen[image.ManifestDigest] = known = (image, []);
            }
            if (NameMeant(text, image.Record) is { } name && Reference.Parse(name) is { Tag: not null } reference && !known.Names.Contains(reference))
            {
                known.Names.Add(reference);
            }
        }
        await BlockingStream.RunAsync(output, stream =>
        {
            using var buffered = new BufferedStream(stream, 256 * 1024);
            new ArchiveSaver(_blobs, buffered, progress, cancellation).Save(
                [.. chosen.Values.Select(image => (image.Image, (IReadOnlyList<Reference>)image.Names))]);
            buffered.Flush();
            return true;
        }, cancellation);
    }

    /// <summary>Writes a container's whole root filesystem as a tar archive.</summary>
    /// <param name="containerId">A container with a snapshot; it may run.</param>
    /// <param name="output">Receives the archive; stays the caller's.</param>
    /// <param name="cancellation">Ends the work.</param>
    public Task ExportAsync(string containerId, Stream output, CancellationToken cancellation = default)
    {
        Snapshot snapshot = _snapshots.Find(containerId)
            ?? throw new CaissonException(ErrorKind.NotFound, $"container {containerId} has no root filesystem");
        return BlockingStream.RunAsync(output, stream =>
        {
            using var buffered = new BufferedStream(stream, 256 * 1024);
            snapshot.Export(buffered, cancellation);
            buffered.Flush();
            return true;
        }, cancellation);
    }

    private List<LoadedImage> Load(Func<ContentLeases.Lease, IReadOnlyList<(Digest Manifest, List<Reference> Names)>> read)
    {
        try
        {
            using ContentLeases.Lease lease = _leases.Open();
            List<LoadedImage> loaded = [];
            var found = read(lease);
            foreach (var (manifest, _) in found)
            {
                _reader.Check(manifest, mediaType: null);
            }
            foreach (var (manifest, names) in found)
            {
                Image image = Register(manifest, mediaType: null, names);
                loaded.Add(new LoadedImage(image, [.. names.Select(name => name.WithDefaultTag().Familiar)]));
            }
            return loaded;
        }
        finally
        {
            // Members that belong to no image, or to images that were refused.
            CollectGarbage();
        }
    }

    internal Image Keep(ContentLeases.Lease lease, ImageConfig config, IReadOnlyList<ContentDescriptor> layers, IReadOnlyList<Reference> names)
    {
        byte[] configBytes = config.ToBytes();
        Digest configDigest = Put(lease, configBytes);
        byte[] manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new ContentDescriptor { MediaType = MediaTypes.ImageConfig, Digest = configDigest, Size = configBytes.Length },
            Layers = layers,
        }.ToBytes();
        return Register(Put(lease, manifest), MediaTypes.ImageManifest, names);
    }

    private Digest Put(ContentLeases.Lease lease, byte[] content)
    {
        lease.Hold(Digest.Of(content));
        return _blobs.Put(content);
    }

    private string MediaTypeOf(Digest blob)
    {
        using FileStream content = _blobs.OpenRead(blob);
        return LayerMediaType.Of(content, "the archive");
    }

    /// <summary>Tells of bytes that arrive, before their digest is known.</summary>
    private sealed class Received(IProgress<ImageProgress> progress) : IProgress<long>
    {
        public void Report(long value) => progress.Report(new ImageProgress(ImageStage.Receiving, default, value, 0));
    }
}

using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images;

/// <summary>An image of the store: its documents, read and checked.</summary>
public sealed record Image
{
    /// <summary>No files and nothing to run, for a container that is there for its namespaces; in no store, so never listed, removed or verified.</summary>
    public static Image Empty { get; } = MakeEmpty();

    /// <summary>The image id: the digest of its configuration, as in Docker.</summary>
    public Digest Id => Manifest.Config.Digest;

    /// <summary>How the store keeps it.</summary>
    public required ImageRecord Record { get; init; }

    /// <summary>The digest of its manifest, by which registries know it.</summary>
    public Digest ManifestDigest => Record.Manifest;

    /// <summary>The manifest's length in bytes.</summary>
    public required long ManifestSize { get; init; }

    /// <summary>The manifest.</summary>
    public required ImageManifest Manifest { get; init; }

    /// <summary>The configuration.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>How to run it; an empty one when the image says nothing.</summary>
    public ExecutionConfig Execution => Config.Config ?? new ExecutionConfig();

    /// <summary>Its layers, lowest first.</summary>
    public required IReadOnlyList<LayerSource> Layers { get; init; }

    /// <summary>Names with a tag, as people write them: <c>busybox:latest</c>.</summary>
    public IReadOnlyList<string> RepoTags => Familiar(reference => reference.Tag is not null);

    /// <summary>Names with a digest, as people write them: <c>busybox@sha256:…</c>.</summary>
    public IReadOnlyList<string> RepoDigests => Familiar(reference => reference.Digest is not null);

    /// <summary>Bytes it takes as stored (compressed), with its documents.</summary>
    public long StoredBytes => ManifestSize + Manifest.Config.Size + Manifest.Layers.Sum(layer => layer.Size);

    /// <summary>Bytes of its files; null as long as it is not unpacked.</summary>
    public long? UnpackedBytes { get; init; }

    /// <summary>What a container's root filesystem records of it.</summary>
    internal SnapshotRecord ToSnapshotRecord() => new(Id, ManifestDigest, [.. Layers.Select(layer => layer.ChainId)]);

    private static Image MakeEmpty()
    {
        var config = new ImageConfig { Architecture = "", Os = "linux", RootFs = new RootFs { Type = "layers", DiffIds = [] } };
        var descriptor = new ContentDescriptor { MediaType = MediaTypes.ImageConfig, Digest = Digest.Of("{}"u8), Size = 2 };
        return new Image
        {
            Record = new ImageRecord(Digest.Of("caisson: no image"u8), [], DateTimeOffset.UnixEpoch),
            ManifestSize = 0,
            Manifest = new ImageManifest { SchemaVersion = 2, Config = descriptor, Layers = [] },
            Config = config,
            Layers = [],
            UnpackedBytes = 0,
        };
    }

    private List<string> Familiar(Func<Reference, bool> choose) =>
        [.. Record.Names.Select(Reference.Parse).Where(choose).Select(reference => reference.Familiar)];
}

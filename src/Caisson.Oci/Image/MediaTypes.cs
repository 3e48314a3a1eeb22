namespace Caisson.Oci;

/// <summary>The media types of images, OCI's and the Docker ones they came from.</summary>
/// <remarks>Source: image-spec media-types.md; distribution's manifest-v2-2.md.</remarks>
public static class MediaTypes
{
    /// <summary>OCI image index.</summary>
    public const string ImageIndex = "application/vnd.oci.image.index.v1+json";

    /// <summary>OCI image manifest.</summary>
    public const string ImageManifest = "application/vnd.oci.image.manifest.v1+json";

    /// <summary>OCI image configuration.</summary>
    public const string ImageConfig = "application/vnd.oci.image.config.v1+json";

    /// <summary>Layer, an uncompressed tar archive.</summary>
    public const string Layer = "application/vnd.oci.image.layer.v1.tar";

    /// <summary>Layer, gzip.</summary>
    public const string LayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";

    /// <summary>Layer, zstd.</summary>
    public const string LayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";

    /// <summary>Docker's manifest list.</summary>
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// <summary>Docker's manifest, schema 2.</summary>
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

    /// <summary>Docker's image configuration.</summary>
    public const string DockerConfig = "application/vnd.docker.container.image.v1+json";

    /// <summary>Docker's layer, an uncompressed tar archive.</summary>
    public const string DockerLayer = "application/vnd.docker.image.rootfs.diff.tar";

    /// <summary>Docker's layer, gzip.</summary>
    public const string DockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    /// <summary>Docker's layer, zstd.</summary>
    public const string DockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";

    /// <summary>True for a manifest of one image.</summary>
    public static bool IsManifest(string? mediaType) => mediaType is ImageManifest or DockerManifest;

    /// <summary>True for a list of manifests.</summary>
    public static bool IsIndex(string? mediaType) => mediaType is ImageIndex or DockerManifestList;

    /// <summary>True for the configuration of an image that can run, rather than of an artifact.</summary>
    public static bool IsConfig(string? mediaType) => mediaType is ImageConfig or DockerConfig;

    /// <summary>True for a layer that a root filesystem is made of.</summary>
    public static bool IsLayer(string? mediaType) => mediaType is Layer or LayerGzip or LayerZstd
        or DockerLayer or DockerLayerGzip or DockerLayerZstd;
}

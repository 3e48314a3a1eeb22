using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

using Caisson.Oci;

namespace Caisson.Registry.Tests;

/// <summary>An image in memory, of layers with one file each.</summary>
public sealed class SampleImage
{
    public SampleImage(int layers = 2, int fileBytes = 200_000, string layerType = MediaTypes.LayerGzip)
    {
        List<ContentDescriptor> packed = [];
        List<Digest> diffIds = [];
        for (int i = 0; i < layers; i++)
        {
            using var archive = new MemoryStream();
            using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
            {
                byte[] content = new byte[fileBytes];
                new Random(i).NextBytes(content);
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"file{i}") { DataStream = new MemoryStream(content), ModificationTime = DateTimeOffset.UnixEpoch });
            }
            diffIds.Add(Digest.Of(archive.ToArray()));
            using var compressed = new MemoryStream();
            using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            {
                gzip.Write(archive.ToArray());
            }
            packed.Add(Add(layerType, compressed.ToArray()));
        }
        Layers = packed;
        var config = new ImageConfig
        {
            Architecture = Caisson.Images.ImageStore.HostPlatform.Architecture,
            Os = "linux",
            RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = diffIds },
        };
        Config = Add(MediaTypes.ImageConfig, config.ToBytes());
        Manifest = new ImageManifest { SchemaVersion = 2, MediaType = MediaTypes.ImageManifest, Config = Config, Layers = packed }.ToBytes();
    }

    public Dictionary<string, byte[]> Blobs { get; } = [];

    public IReadOnlyList<ContentDescriptor> Layers { get; }

    public ContentDescriptor Config { get; }

    public byte[] Manifest { get; set; }

    public Digest Digest => Digest.Of(Manifest);

    public string ManifestText
    {
        get => Encoding.UTF8.GetString(Manifest);
        set => Manifest = Encoding.UTF8.GetBytes(value);
    }

    private ContentDescriptor Add(string type, byte[] content)
    {
        var digest = Digest.Of(content);
        Blobs[digest.ToString()] = content;
        return new ContentDescriptor { MediaType = type, Digest = digest, Size = content.Length };
    }
}

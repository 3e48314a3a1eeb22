using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests;

public sealed class ImageBuildTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ImageStore _store;

    public ImageBuildTests() => _store = Open();

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void An_archive_is_made_when_somebody_reads_it_and_not_before()
    {
        Image image = Build("file", "content");
        Digest layer = image.Layers[^1].Blob.Digest;

        Assert.False(_store.Blobs.IsStored(layer));
        Assert.True(_store.Blobs.Contains(layer));
        Assert.Equal(image.Layers[^1].Blob.Size, _store.Blobs.TryGetSize(layer));
        using (FileStream archive = _store.Blobs.OpenRead(layer))
        {
            Assert.Equal(image.Layers[^1].Blob.Size, archive.Length);
        }
        Assert.True(_store.Blobs.IsStored(layer));
        Assert.Empty(_store.Check(cancellation: TestContext.Current.CancellationToken).Problems);
    }

    [Fact]
    public void What_was_built_is_there_again_after_reopening()
    {
        Image image = Build("file", "content");
        _store.Dispose();

        using ImageStore again = Open();

        Assert.Equal(image.Id, again.Resolve("built").Id);
        Assert.True(again.Blobs.Contains(image.Layers[^1].Blob.Digest));
        Assert.Equal("content", again.Look(image, root => System.Text.Encoding.UTF8.GetString(root.ReadFile("/file", 100))));
    }

    [Fact]
    public void A_record_that_the_power_cut_came_before_the_name_of_counts_and_a_torn_one_does_not()
    {
        Image whole = Build("file", "content");
        Image torn = Build("other", "content");
        string first = Directory.GetParent(Path(whole))!.FullName;
        string second = Directory.GetParent(Path(torn))!.FullName;
        _store.Dispose();
        File.Move($"{first}/complete", $"{first}/complete.new");
        File.WriteAllText($"{second}/complete.new", "{");
        File.Delete($"{second}/complete");

        using ImageStore again = Open();

        Assert.True(File.Exists($"{first}/complete"));
        Assert.False(Directory.Exists(second));
    }

    [Fact]
    public void A_layer_that_goes_leaves_its_archive_to_whoever_needs_it()
    {
        Image image = Build("file", "content");
        Digest layer = image.Layers[^1].Blob.Digest;
        _store.KeepAlso(() => [layer]);

        _store.Remove("built");

        Assert.True(_store.Blobs.IsStored(layer));
    }

    [Fact]
    public void Statements_go_with_the_list_that_names_the_image()
    {
        Image image = Build("file", "content");

        ContentDescriptor entry = _store.AttachStatements(image, [("https://example.org/said", "{}"u8.ToArray())]);
        Digest list = _store.AttachIndex(image, [image], [entry]);
        ContentDescriptor later = _store.AttachStatements(image, [("https://example.org/said", "{\"later\":1}"u8.ToArray())]);
        Digest newer = _store.AttachIndex(image, [image], [later]);
        _store.CollectGarbage();

        ImageIndex index = ImageIndex.Parse(_store.Blobs.ReadAll(newer, ImageIndex.SizeBytesMax), MediaTypes.ImageIndex, "the list");
        Assert.Equal([image.ManifestDigest, later.Digest], index.Manifests.Select(manifest => manifest.Digest));
        Assert.Equal("attestation-manifest", index.Manifests[1].Annotations!["vnd.docker.reference.type"]);
        Assert.False(_store.Blobs.Contains(list));
        Assert.False(_store.Blobs.Contains(entry.Digest));
    }

    private string Path(Image image) => System.IO.Path.Join(_directory["root"], "layers", image.Layers[^1].ChainId.Hex, "fs");

    private Image Build(string name, string content)
    {
        using ImageBuild build = _store.BeginBuild();
        IReadOnlyList<LayerSource> layers = [];
        foreach (string file in (string[])["base", name])
        {
            Snapshot snapshot = build.Begin("step-" + file, layers);
            File.WriteAllText(System.IO.Path.Join(snapshot.UpperDirectory, file), content);
            layers = build.Finish("step-" + file, layers, DateTimeOffset.UnixEpoch, TestContext.Current.CancellationToken);
        }
        return build.Commit(
            new ImageConfig
            {
                Architecture = "amd64",
                Os = "linux",
                RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = [.. layers.Select(layer => layer.DiffId)] },
            },
            layers,
            [Reference.Parse("built")]);
    }

    private ImageStore Open() => ImageStore.Open(_directory["root"], new FileImageCatalog(_directory["root/images.json"]));
}

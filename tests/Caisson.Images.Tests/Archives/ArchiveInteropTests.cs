using Caisson.Images.Store;
using Caisson.Images.Tests.Layers.Tar;
using Caisson.Linux;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests.Archives;

/// <summary>Archives of other tools, and ours read by them.</summary>
public sealed class ArchiveInteropTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ImageStore _store;

    public ArchiveInteropTests() =>
        _store = ImageStore.Open(_directory["root"], new FileImageCatalog(_directory["root/images.json"]));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Skopeo_reads_what_is_saved_as_docker_archive_and_as_layout()
    {
        Shell.Need("skopeo");
        Image image = await SaveAsync("web:1", "saved.tar");

        string asDocker = Shell.Run("skopeo inspect --raw docker-archive:saved.tar", _directory.Path);
        string asLayout = Shell.Run("skopeo inspect --raw oci-archive:saved.tar:1", _directory.Path);

        Assert.Contains(image.Id.ToString(), asDocker, StringComparison.Ordinal);
        Assert.Contains(image.Id.ToString(), asLayout, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("docker-archive:out.tar:web:1", false)]
    [InlineData("oci-archive:out.tar:1", false)]
    [InlineData("oci:out:1", true)]
    public async Task What_skopeo_copies_is_loaded_as_the_same_image(string target, bool isDirectory)
    {
        Shell.Need("skopeo");
        Image image = await SaveAsync("web:1", "saved.tar");
        Shell.Run($"skopeo --insecure-policy copy docker-archive:saved.tar {target}", _directory.Path);
        using ImageStore other = ImageStore.Open(_directory["other"], new FileImageCatalog(_directory["other/images.json"]));

        LoadedImage loaded = Assert.Single(await LoadAsync(other, isDirectory ? "out" : "out.tar", isDirectory));

        Assert.Equal(["web:1"], loaded.Names);
        await other.EnsureUnpackedAsync(loaded.Image, null, Cancellation);
        Assert.Equal(image.Config.RootFs.DiffIds, loaded.Image.Config.RootFs.DiffIds);
        Assert.Equal(image.UnpackedBytes, other.Resolve("web:1").UnpackedBytes);
    }

    [Fact]
    public async Task A_layout_of_umoci_is_loaded()
    {
        Shell.Need("umoci");
        Shell.Run("""
            umoci init --layout l; umoci new --image l:t; umoci unpack --image l:t b >/dev/null
            mkdir -p b/rootfs/d; echo one > b/rootfs/d/f; umoci repack --image l:t b >/dev/null 2>&1
            rm -r b; umoci unpack --image l:t b >/dev/null; rm -r b/rootfs/d; echo two > b/rootfs/g; umoci repack --image l:t b >/dev/null 2>&1
            """, _directory.Path);

        LoadedImage loaded = Assert.Single(await _store.LoadDirectoryAsync(_directory["l"], "made/here", Cancellation));

        Assert.Equal(["made/here:t"], loaded.Names);
        await _store.EnsureUnpackedAsync(loaded.Image, null, Cancellation);
        using MountTree mount = _store.CreateSnapshot("c1", loaded.Image).OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        Assert.Equal(["g"], root.Enumerate("/").Select(entry => entry.Name));
    }

    [Fact]
    public async Task Dockers_old_archive_with_links_between_layers_is_loaded()
    {
        byte[] layer = new TarBytes().File("f", new string('x', 200_000)).End();
        string diffId = Digest.Of(layer).ToString();
        string config = """{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["D","D"]}}""".Replace("D", diffId, StringComparison.Ordinal);
        byte[] archive = new TarBytes()
            .Directory("aa/").File("aa/VERSION", "1.0").Raw(TarBytes.Header('0', "aa/layer.tar", size: layer.Length)).Content(layer)
            .Directory("bb/").Link("bb/layer.tar", "../aa/layer.tar").File("c.json", config)
            .File("manifest.json", """[{"Config":"c.json","RepoTags":["old:1"],"Layers":["aa/layer.tar","bb/layer.tar"]}]""")
            .File("repositories", "{}").End();

        LoadedImage loaded = Assert.Single(await _store.LoadAsync(new MemoryStream(archive), null, null, Cancellation));
        await _store.EnsureUnpackedAsync(loaded.Image, null, Cancellation);

        Assert.Equal(["old:1"], loaded.Names);
        Assert.Equal(400_000, _store.Resolve("old:1").UnpackedBytes);
    }

    [Fact]
    public async Task A_refused_archive_leaves_nothing()
    {
        byte[] archive = new TarBytes().File("blobs/sha256/" + new string('a', 64), new string('x', 200_000)).End();
        byte[] noImage = new TarBytes().File("large", new string('x', 200_000)).End();

        await Assert.ThrowsAsync<Caisson.Errors.CaissonException>(() => _store.LoadAsync(new MemoryStream(archive), null, null, Cancellation));
        await Assert.ThrowsAsync<Caisson.Errors.CaissonException>(() => _store.LoadAsync(new MemoryStream(noImage), null, null, Cancellation));

        Assert.Empty(Shell.Run("find root/content -type f", _directory.Path));
    }

    [Theory]
    [InlineData("""[{"Config":"/etc/passwd","RepoTags":null,"Layers":[]}]""")]
    [InlineData("""[{"Config":"../../etc/passwd","RepoTags":null,"Layers":[]}]""")]
    [InlineData("""[{"Config":"c.json","RepoTags":null,"Layers":["/etc/passwd"]}]""")]
    [InlineData("""[]""")]
    [InlineData("""{}""")]
    [InlineData("""[{"Config":"c.json","RepoTags":["UPPER"],"Layers":[]}]""")]
    public async Task Members_are_only_taken_from_the_archive(string manifest)
    {
        byte[] archive = new TarBytes()
            .File("c.json", """{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}""")
            .File("manifest.json", manifest).End();

        await Assert.ThrowsAsync<Caisson.Errors.CaissonException>(() => _store.LoadAsync(new MemoryStream(archive), null, null, Cancellation));

        Assert.Empty(_store.List());
    }

    [Fact]
    public async Task Links_in_a_layout_directory_do_not_lead_out()
    {
        Shell.Run("mkdir -p l; echo '{\"imageLayoutVersion\":\"1.0.0\"}' > secret; ln -s ../secret l/oci-layout; ln -s /etc/hostname l/index.json", _directory.Path);

        await Assert.ThrowsAsync<Caisson.Errors.CaissonException>(() => _store.LoadDirectoryAsync(_directory["l"], null, Cancellation));
    }

    private async Task<Image> SaveAsync(string name, string file)
    {
        byte[] rootfs = new TarBytes().Directory("etc/").File("etc/f", new string('x', 300_000)).Link("l", "etc/f").End();
        Image image = await _store.ImportAsync(new MemoryStream(rootfs), new ImportOptions { Name = Reference.Parse(name) }, null, Cancellation);
        using FileStream output = File.Create(_directory[file]);
        await _store.SaveAsync([name], output, null, Cancellation);
        return _store.Resolve(name) with { Record = image.Record };
    }

    private async Task<IReadOnlyList<LoadedImage>> LoadAsync(ImageStore store, string name, bool isDirectory)
    {
        if (isDirectory)
        {
            return await store.LoadDirectoryAsync(_directory[name], "web", Cancellation);
        }
        using FileStream input = File.OpenRead(_directory[name]);
        return await store.LoadAsync(input, "web", null, Cancellation);
    }
}

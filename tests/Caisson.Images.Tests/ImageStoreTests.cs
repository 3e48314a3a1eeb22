using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Images.Tests.Layers;
using Caisson.Images.Tests.Layers.Tar;
using Caisson.Linux;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests;

public sealed class ImageStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ImageStore _store;

    public ImageStoreTests() => _store = Open("root");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task An_imported_root_filesystem_is_an_image_under_its_name()
    {
        Image image = await Import("web", Rootfs());

        Assert.Equal(["web:latest"], image.RepoTags);
        Assert.Equal(image.Id, _store.Resolve("docker.io/library/web:latest").Id);
        Assert.Equal(image.Id, _store.Resolve(image.Id.Short).Id);
        Assert.Equal(image.Id, _store.Resolve(image.Id.ToString()).Id);
        Assert.Equal(image.Id, _store.Resolve($"web@{image.ManifestDigest}").Id);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => _store.Resolve("other")).Kind);
        Assert.Equal(["sh"], image.Execution.Cmd!);
        Assert.Equal("amd64", image.Config.Architecture);
    }

    [Fact]
    public async Task A_name_that_moves_leaves_a_dangling_image()
    {
        Image first = await Import("web", Rootfs());
        Image second = await Import("web", new TarBytes().File("other", "x").End());

        Assert.Equal(second.Id, _store.Resolve("web").Id);
        Assert.Empty(_store.Resolve(first.Id.ToString()).RepoTags);
        Assert.Equal(2, _store.List().Count);
    }

    [Fact]
    public async Task Everything_is_there_again_after_reopening()
    {
        Image image = await Import("web", Rootfs());
        _store.CreateSnapshot("c1", image);
        File.WriteAllText(_directory["root/content/ingest/leftover"], "x");
        Directory.CreateDirectory(_directory["root/layers/partial-x/fs"]);

        using ImageStore again = Open("root");

        Assert.Equal(image.Id, again.Resolve("web").Id);
        Assert.Equal(image.Id, again.Snapshots.Find("c1")!.Image);
        Assert.Empty(Directory.GetFiles(_directory["root/content/ingest"]));
        Assert.Empty(Directory.GetDirectories(_directory["root/layers"], "partial-*"));
    }

    [Fact]
    public async Task The_store_is_closed_to_others()
    {
        await Import("web", Rootfs());

        Assert.Equal("700 700 700", Shell.Run("stat -c %a root/content root/layers root/containers | xargs", _directory.Path).Trim());
        Assert.Equal("700", Shell.Run("stat -c %a root/layers/*", _directory.Path).Trim());
    }

    [Fact]
    public async Task A_container_sees_its_image_and_writes_beside_it()
    {
        Image image = await Import("web", Rootfs());
        Snapshot snapshot = _store.CreateSnapshot("c1", image);
        using (MountTree mount = snapshot.OpenMount())
        using (RootDirectory root = RootDirectory.From(mount))
        {
            Assert.Equal("hello\n"u8.ToArray(), root.ReadFile("/etc/motd", 100));
            using (FileDescriptor file = root.CreateFile("/tmp/new", 0x1a4))
            {
                file.Write("12345"u8);
            }
            root.Unlink("/etc/motd");
            using (FileDescriptor changed = root.OpenFile("/etc/passwd", writable: true))
            {
                changed.Write("X"u8);
            }
            root.RemoveTree("/usr/share");
            root.CreateDirectory("/usr/share", 0x1ed).Dispose();
            root.CreateFile("/usr/share/only", 0x1a4).Dispose();
        }

        Assert.Equal(
            ["C /etc", "D /etc/motd", "C /etc/passwd", "C /tmp", "A /tmp/new", "C /usr", "C /usr/share", "D /usr/share/a", "A /usr/share/only"],
            snapshot.Diff().Select(change => change.ToString()));
        Assert.Equal(5 + 17, snapshot.Measure().Bytes);
        Assert.Equal("1777", Shell.Run($"stat -c %a '{snapshot.UpperDirectory}/tmp'").Trim());
    }

    [Fact]
    public async Task A_snapshot_is_exported_with_what_the_container_sees()
    {
        Snapshot snapshot = _store.CreateSnapshot("c1", await Import("web", Rootfs()));
        await Change(snapshot);

        using (FileStream output = File.Create(_directory["export.tar"]))
        {
            await _store.ExportAsync("c1", output, Cancellation);
        }

        Assert.Equal(
            "etc/ etc/passwd sbin sbin2 tmp/ tmp/new usr/ usr/share/ usr/share/a",
            Shell.Run("tar -tf export.tar | xargs", _directory.Path).Trim());
        using var twice = new MemoryStream();
        await _store.ExportAsync("c1", twice, Cancellation);
        Assert.Equal(File.ReadAllBytes(_directory["export.tar"]), twice.ToArray());
    }

    [Fact]
    public async Task A_committed_container_is_an_image_with_one_layer_more()
    {
        Image below = await Import("web", Rootfs());
        Snapshot snapshot = _store.CreateSnapshot("c1", below);
        await Change(snapshot);

        Image image = await _store.CommitAsync("c1", new ImportOptions { Name = Reference.Parse("web:2"), Execution = below.Execution }, null, Cancellation);
        await _store.EnsureUnpackedAsync(image, null, Cancellation);
        Snapshot over = _store.CreateSnapshot("c2", image);

        Assert.Equal(2, image.Layers.Count);
        Assert.Empty(over.Diff());
        using MountTree mount = over.OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        Assert.Null(root.TryGetStatus("/etc/motd"));
        Assert.Equal("12345"u8.ToArray(), root.ReadFile("/tmp/new", 100));
        Assert.Equal(0x3ff, root.TryGetStatus("/tmp")!.Value.Mode);
    }

    [Fact]
    public async Task An_image_in_use_is_not_removed()
    {
        Image image = await Import("web", Rootfs());
        _store.CreateSnapshot("c1", image);

        Assert.Equal(ErrorKind.Conflict, Assert.Throws<CaissonException>(() => _store.Remove("web")).Kind);
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<CaissonException>(() => _store.Remove("web", force: true, isRunning: _ => true)).Kind);

        ImageRemoval forced = _store.Remove("web", force: true, isRunning: _ => false);

        Assert.Equal(["web:latest"], forced.Untagged);
        using (MountTree mount = _store.Snapshots.Find("c1")!.OpenMount())
        using (RootDirectory root = RootDirectory.From(mount))
        {
            Assert.NotNull(root.TryGetStatus("/etc/motd"));
        }
        Assert.True(_store.RemoveSnapshot("c1"));
        CollectedGarbage collected = _store.CollectGarbage();
        Assert.Single(collected.Layers);
        Assert.Equal(3, collected.Blobs);
        Assert.Empty(Shell.Run("find root/content root/layers root/containers -type f", _directory.Path));
    }

    [Fact]
    public async Task A_name_is_removed_alone_while_others_are_left()
    {
        await Import("web", Rootfs());
        _store.Tag("web", "other:1");

        ImageRemoval removal = _store.Remove("web");

        Assert.Equal(["web:latest"], removal.Untagged);
        Assert.Empty(removal.Deleted);
        Assert.Equal(["other:1"], Assert.Single(_store.List()).RepoTags);
        _store.Tag("other:1", "third");
        string id = _store.Resolve("third").Id.Short;
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<CaissonException>(() => _store.Remove(id)).Kind);
        Assert.Equal(2, _store.Remove(id, force: true).Untagged.Count);
        Assert.Empty(_store.List());
        Assert.Empty(_store.Blobs.List());
    }

    [Theory]
    [InlineData(LayerCompression.None)]
    [InlineData(LayerCompression.Gzip)]
    [InlineData(LayerCompression.Zstd)]
    public async Task A_saved_image_loads_elsewhere_as_the_same_image(LayerCompression compression)
    {
        Image image = await Import("web:1", LayerStreamTests.Compress(Rootfs(), compression));
        _store.Tag("web:1", "registry.example:5000/a/b:2");
        using (FileStream output = File.Create(_directory["saved.tar"]))
        {
            await _store.SaveAsync(["web:1", "registry.example:5000/a/b:2"], output, null, Cancellation);
        }

        using ImageStore other = Open("other");
        LoadedImage loaded = Assert.Single(await LoadFile(other, "saved.tar"));

        Assert.Equal(image.Id, loaded.Image.Id);
        Assert.Equal(image.ManifestDigest, loaded.Image.ManifestDigest);
        Assert.Equal(["registry.example:5000/a/b:2", "web:1"], loaded.Names.Order());
        await other.EnsureUnpackedAsync(loaded.Image, null, Cancellation);
        Assert.Equal(image.UnpackedBytes, other.Resolve("web:1").UnpackedBytes ?? -1);
    }

    [Fact]
    public async Task A_layer_that_unpacks_to_something_else_is_refused()
    {
        Image image = await Import("web", Rootfs());
        var config = image.Config with { RootFs = image.Config.RootFs with { DiffIds = [Digest.Of("other"u8)] } };
        byte[] configBytes = config.ToBytes();
        var manifest = image.Manifest with
        {
            Config = image.Manifest.Config with { Digest = _store.Blobs.Put(configBytes), Size = configBytes.Length },
        };
        Image lying = _store.Register(_store.Blobs.Put(manifest.ToBytes()), null, [Reference.Parse("lie")]);

        var refused = await Assert.ThrowsAsync<CaissonException>(() => _store.EnsureUnpackedAsync(lying, null, Cancellation));

        Assert.Contains("but the image says", refused.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.FailedPrecondition, Assert.Throws<CaissonException>(() => _store.CreateSnapshot("c", lying)).Kind);
        Assert.Empty(Directory.GetDirectories(_directory["root/layers"], "partial-*"));
    }

    [Fact]
    public async Task Directories_that_a_layer_leaves_out_look_as_they_do_below()
    {
        byte[] first = new TarBytes().Raw(TarBytes.Header('5', "./", mode: 0x1c9)).Directory("tmp", 0x3ff).Directory("a", 0x1c0).End();
        byte[] second = new TarBytes().File("tmp/x", "1").File("a/b/c", "2").End();
        Image image = Register("two", first, second);

        await _store.EnsureUnpackedAsync(image, null, Cancellation);

        using MountTree mount = _store.CreateSnapshot("c1", image).OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        Assert.Equal([0x1c9, 0x3ff, 0x1c0, 0x1ed], ((string[])["/", "/tmp", "/a", "/a/b"]).Select(path => root.TryGetStatus(path)!.Value.Mode));
    }

    [Fact]
    public async Task Directories_reached_through_a_link_or_replaced_later_take_nothing_over()
    {
        byte[] first = new TarBytes().Directory("esc", 0x1c0).Directory("esc/d", 0x1c0).Directory("gone", 0x1c0).End();
        byte[] second = new TarBytes().Link("esc", "real").File("esc/d/f", "1").File("gone/f", "2").Link("gone", "real").End();
        Image image = Register("two", first, second);

        await _store.EnsureUnpackedAsync(image, null, Cancellation);

        using MountTree mount = _store.CreateSnapshot("c1", image).OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        Assert.Equal(0x1ed, root.TryGetStatus("/real/d")!.Value.Mode);
        Assert.Equal("real", root.ReadLink("/gone"));
    }

    [Fact]
    public async Task A_layer_that_removes_everything_hides_all_layers_below()
    {
        Image image = Register("hide", new TarBytes().File("old", "1").End(), new TarBytes().File(".wh..wh..opq").File("new", "2").End());

        await _store.EnsureUnpackedAsync(image, null, Cancellation);

        Snapshot snapshot = _store.CreateSnapshot("c1", image);
        using MountTree mount = snapshot.OpenMount();
        using DirectoryDescriptor root = mount.OpenRoot();
        Assert.Equal(["new"], root.Enumerate().Select(entry => entry.Name));
    }

    [Fact]
    public async Task Many_layers_are_unpacked_at_once_and_stacked_in_order()
    {
        byte[][] layers = [.. Enumerable.Range(0, 40).Select(i => new TarBytes().File("same", $"{i}").File($"f{i}", "x").File(i == 0 ? "z" : $".wh.f{i - 1}").End())];
        Image image = Register("many", layers);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _store.EnsureUnpackedAsync(image, null, Cancellation)));

        using MountTree mount = _store.CreateSnapshot("c1", image).OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        Assert.Equal("39"u8.ToArray(), root.ReadFile("/same", 10));
        Assert.Equal(["f39", "same", "z"], root.Enumerate("/").Select(entry => entry.Name).Order());
    }

    [Fact]
    public async Task Files_of_another_user_namespace_are_shown_as_its_own()
    {
        Image image = await Import("web", Rootfs());
        Snapshot snapshot = _store.CreateSnapshot("c1", image);
        using UserNamespace owners = UserNamespace.Create([new IdMap(0, 500_000, 65_536)], [new IdMap(0, 500_000, 65_536)]);

        using MountTree mount = snapshot.OpenMount(owners);

        using RootDirectory root = RootDirectory.From(mount);
        Assert.Equal(500_000u, root.TryGetStatus("/etc/passwd")!.Value.UserId);
        Assert.Equal(500_000u, root.TryGetStatus("/")!.Value.UserId);
    }

    [Fact]
    public async Task Collecting_beside_imports_takes_nothing_away_from_them()
    {
        Task collecting = Task.Run(() =>
        {
            for (int i = 0; i < 60; i++)
            {
                _store.CollectGarbage();
            }
        }, Cancellation);
        List<Image> images = [];
        for (int i = 0; i < 25; i++)
        {
            images.Add(await Import($"web:{i}", new TarBytes().File("f", $"{i}").End()));
        }
        await collecting;

        foreach (Image image in images)
        {
            await _store.EnsureUnpackedAsync(image, null, Cancellation);
            Assert.NotNull(_store.Resolve(image.Id.ToString()).UnpackedBytes);
        }
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("-x")]
    [InlineData("a\0b")]
    public void A_container_id_that_is_a_path_is_refused(string id) =>
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => _store.Snapshots.Find(id)).Kind);

    private static byte[] Rootfs() => new TarBytes()
        .Directory("etc/").File("etc/motd", "hello\n").File("etc/passwd", "root:x:0:0::/:/sh").Directory("tmp/", 0x3ff)
        .Directory("usr/").Directory("usr/share/").File("usr/share/a", "a").Link("sbin", "usr/bin").HardLink("sbin2", "etc/passwd").End();

    private static Task Change(Snapshot snapshot)
    {
        using MountTree mount = snapshot.OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        using (FileDescriptor file = root.CreateFile("/tmp/new", 0x1a4))
        {
            file.Write("12345"u8);
        }
        root.Unlink("/etc/motd");
        return Task.CompletedTask;
    }

    private async Task<Image> Import(string name, byte[] archive)
    {
        using var stream = new MemoryStream(archive);
        return await _store.ImportAsync(stream, new ImportOptions { Name = Reference.Parse(name), Execution = new ExecutionConfig { Cmd = ["sh"] } }, null, Cancellation);
    }

    private Image Register(string name, params byte[][] layers)
    {
        ContentDescriptor[] descriptors =
            [.. layers.Select(layer => new ContentDescriptor { MediaType = MediaTypes.Layer, Digest = _store.Blobs.Put(layer), Size = layer.Length })];
        byte[] config = new ImageConfig
        {
            Architecture = "amd64",
            Os = "linux",
            RootFs = new RootFs { Type = RootFs.LayersType, DiffIds = [.. descriptors.Select(layer => layer.Digest)] },
        }.ToBytes();
        byte[] manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new ContentDescriptor { MediaType = MediaTypes.ImageConfig, Digest = _store.Blobs.Put(config), Size = config.Length },
            Layers = descriptors,
        }.ToBytes();
        return _store.Register(_store.Blobs.Put(manifest), MediaTypes.ImageManifest, [Reference.Parse(name)]);
    }

    private ImageStore Open(string name) => ImageStore.Open(_directory[name], new FileImageCatalog(_directory[name + "/images.json"]));

    private async Task<IReadOnlyList<LoadedImage>> LoadFile(ImageStore store, string name)
    {
        using FileStream input = File.OpenRead(_directory[name]);
        return await store.LoadAsync(input, null, null, Cancellation);
    }
}

using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Images.Tests.Layers.Tar;
using Caisson.Linux;
using Caisson.Oci;
using Caisson.Trust;

using Xunit;

namespace Caisson.Images.Tests.Store;

public sealed class StoreCheckTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ImageStore _store;

    public StoreCheckTests() => _store = Open();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_whole_store_has_no_problems()
    {
        await Import("web", "one");

        StoreCheck check = _store.Check(repair: true, Cancellation);

        Assert.Empty(check.Problems);
        Assert.Empty(check.Repaired);
        Assert.Equal((1, 3, 1), (check.Images, check.Blobs, check.Layers));
    }

    [Fact]
    public async Task What_is_damaged_goes_and_what_is_whole_stays()
    {
        Image broken = await Import("web", "one");
        Image whole = await Import("db", "two");
        Corrupt(broken.Layers[0].Blob.Digest);

        StoreCheck before = _store.Check(repair: false, Cancellation);
        StoreCheck repair = _store.Check(repair: true, Cancellation);
        StoreCheck after = _store.Check(repair: false, Cancellation);

        Assert.Equal(2, before.Problems.Count);
        Assert.Equal(2, repair.Repaired.Count);
        Assert.Empty(after.Problems);
        Assert.Null(_store.TryResolve("web"));
        Assert.Equal(whole.Id, _store.Resolve("db").Id);
        Assert.Equal(broken.Id, (await Import("web", "one")).Id);
    }

    [Fact]
    public async Task A_layer_without_a_record_is_unpacked_again()
    {
        Image image = await Import("web", "one");
        File.WriteAllText(_directory[$"root/layers/{image.Layers[0].ChainId.Hex}/complete"], "{");

        using ImageStore again = Open();
        Assert.Single(again.Check(repair: true, Cancellation).Repaired);
        await again.EnsureUnpackedAsync(again.Resolve("web"), cancellation: Cancellation);

        Assert.Empty(again.Check(repair: false, Cancellation).Problems);
    }

    [Fact]
    public async Task A_signature_stays_as_long_as_its_image_and_goes_with_it()
    {
        Image image = await Import("web", "one");
        using var key = SigningKey.Generate();
        Reference name = Reference.Parse("web:latest");
        byte[] payload = SimpleSigning.Write(image.ManifestDigest, name, DateTimeOffset.UnixEpoch);
        _store.AddSignature(image, new ImageSignature.Cosign(payload, key.Sign(payload)));
        Digest manifest = _store.AddSignature(image, new ImageSignature.Cosign(payload, key.Sign(payload)));
        Digest bundle = _store.AddSignature(image, new ImageSignature.Bundle(SigstoreBundle.Write(image.ManifestDigest, name, null, key)));

        _store.CollectGarbage();
        image = _store.Resolve("web");

        Assert.Equal([manifest, bundle], image.Record.Referrers);
        Assert.Equal(3, _store.Signatures(image).Count);
        Assert.All(_store.Signatures(image), signature => Assert.NotNull(signature.Verify(VerificationKey.Parse(key.ExportPublicPem(), "key"), out _)));
        Assert.Empty(_store.Check(repair: false, Cancellation).Problems);

        _store.Remove("web");
        Assert.Empty(_store.Blobs.List());
    }

    [Fact]
    public async Task The_policy_of_the_directory_decides()
    {
        Image image = await Import("registry.example/web:1", "one");
        await Import("other", "two");
        using var key = SigningKey.Generate();
        File.WriteAllText(_directory["key.pub"], key.ExportPublicPem());
        File.WriteAllText(_directory["root/policy.json"], $$"""
            {"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"registry.example":[{"type":"sigstoreSigned","keyPath":"{{_directory["key.pub"]}}"}]} } }
            """);

        Assert.Equal(ErrorKind.PermissionDenied, Assert.Throws<CaissonException>(() => _store.Trust.Require("registry.example/web:1", image)).Kind);
        Assert.Throws<CaissonException>(() => _store.Trust.Require(image.Id.ToString(), image));
        Assert.Throws<CaissonException>(() => _store.Trust.RequireIncoming(Reference.Parse("registry.example/web:1"), image.ManifestDigest, []));
        _store.Trust.Require("other", _store.Resolve("other"));

        byte[] payload = SimpleSigning.Write(image.ManifestDigest, Reference.Parse("registry.example/web:1"), DateTimeOffset.UnixEpoch);
        Digest signature = _store.AddSignature(image, new ImageSignature.Cosign(payload, key.Sign(payload)));
        _store.Trust.Require("registry.example/web:1", _store.Resolve("registry.example/web:1"));
        _store.Trust.RequireIncoming(Reference.Parse("registry.example/web:1"), image.ManifestDigest, [signature]);

        File.WriteAllText(_directory["root/policy.json"], "{}");
        Assert.Throws<ProblemsException>(() => _store.Trust.Require("other", _store.Resolve("other")));
    }

    [Theory]
    [InlineData(ImageFormat.Docker, LayerCompression.Gzip, MediaTypes.DockerLayerGzip)]
    [InlineData(ImageFormat.Docker, LayerCompression.Zstd, MediaTypes.DockerLayerZstd)]
    [InlineData(ImageFormat.Oci, LayerCompression.Zstd, MediaTypes.LayerZstd)]
    [InlineData(ImageFormat.Oci, LayerCompression.None, MediaTypes.Layer)]
    public async Task A_converted_image_is_the_same_image(ImageFormat format, LayerCompression compression, string mediaType)
    {
        Image image = await Import("web", "one");

        Image converted = await _store.ConvertAsync("web", Reference.Parse("web:other"), format, compression, Cancellation);
        Image back = await _store.ConvertAsync("web:other", Reference.Parse("web:back"), ImageFormat.Oci, LayerCompression.None, Cancellation);

        Assert.Equal(image.Id, converted.Id);
        Assert.Equal(mediaType, converted.Manifest.Layers[0].MediaType);
        Assert.Equal(image.Layers[0].ChainId, converted.Layers[0].ChainId);
        Assert.Equal(image.Layers[0].Blob.Digest, back.Layers[0].Blob.Digest);
        Assert.Empty(_store.Check(repair: false, Cancellation).Problems);
    }

    [Fact]
    public async Task A_squashed_image_has_the_same_files_in_one_layer()
    {
        Image image = await Import("web", "one");
        Snapshot snapshot = _store.CreateSnapshot("c1", image);
        File.WriteAllText(Path.Join(snapshot.UpperDirectory, "added"), "x");
        using (RootDirectory upper = RootDirectory.Open(snapshot.UpperDirectory))
        {
            upper.Directory.CreateNode("content", FileKind.CharacterDevice, 0);
        }
        await _store.CommitAsync("c1", new ImportOptions { Name = Reference.Parse("web:2") }, cancellation: Cancellation);

        Image squashed = await _store.SquashAsync("web:2", Reference.Parse("web:small"), Cancellation);

        Assert.Single(squashed.Layers);
        Assert.Empty(await _store.DiffAsync("web:2", "web:small", Cancellation));
        Assert.Equal(["A /added", "D /content"], (await _store.DiffAsync("web:latest", "web:small", Cancellation)).Select(change => change.ToString()));
    }

    private ImageStore Open() => ImageStore.Open(_directory["root"], new FileImageCatalog(_directory["root/images.json"]));

    private async Task<Image> Import(string name, string content)
    {
        using var archive = new MemoryStream(new TarBytes().File("content", content).End());
        return await _store.ImportAsync(archive, new ImportOptions { Name = Reference.Parse(name), Created = DateTimeOffset.UnixEpoch }, cancellation: Cancellation);
    }

    private void Corrupt(Digest blob)
    {
        using var file = new FileStream(_directory[$"root/content/blobs/sha256/{blob.Hex}"], FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2;
        int value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ 1));
    }
}

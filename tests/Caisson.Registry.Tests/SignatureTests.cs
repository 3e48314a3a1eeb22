using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

using Caisson.Api.Registry;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Oci;
using Caisson.Registry.Access;
using Caisson.Trust;

using Xunit;

namespace Caisson.Registry.Tests;

/// <summary>Signatures go with images by way of registries, and the policy is asked before an image comes in.</summary>
public sealed class SignatureTests : IDisposable
{
    private readonly Workshop _workshop = new();
    private readonly Workshop _other = new();
    private readonly SampleImage _image = new();
    private readonly SigningKey _key = SigningKey.Generate();

    public SignatureTests() => File.WriteAllText(_other.PathOf("key.pub"), _key.ExportPublicPem());

    public void Dispose()
    {
        _workshop.Dispose();
        _other.Dispose();
        _key.Dispose();
    }

    /// <summary>One with lists of referrers, and one that needs tags for them.</summary>
    [Theory]
    [InlineData("ours")]
    [InlineData("docker-registry")]
    public async Task Signatures_travel_by_push_and_pull(string registry)
    {
        await using Place place = await StartAsync(registry);
        Reference name = await FillAsync(place.Host, "team/app:1");
        AddCosign(name, _image.Digest);
        AddBundle(name, _image.Digest);
        RequireKey(name.Name);

        await _workshop.Store.PushAsync(name, null);
        PulledImage pulled = await _other.Store.PullAsync(name, new PullOptions());
        await _workshop.Store.PushAsync(name, null);
        PulledImage again = await _other.Store.PullAsync(name, new PullOptions());

        Assert.Equal(2, _other.Store.Signatures(pulled.Image).Count);
        Assert.Equal(2, _other.Store.Signatures(again.Image).Count);
        Assert.Equal(_workshop.Store.Resolve(name.ToString()).Record.Referrers.ToHashSet(), pulled.Image.Record.Referrers.ToHashSet());
        _other.Store.Trust.Require(name.ToString(), pulled.Image);
        Assert.Contains(SimpleSigning.TagOf(_image.Digest), await _other.Store.OpenRepository(name, null).TagsAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_bundle_alone_is_found_by_what_it_refers_to()
    {
        await using Place place = await StartAsync("ours");
        Reference name = await FillAsync(place.Host, "team/app:1");
        AddBundle(name, _image.Digest);
        RequireKey(name.Name);

        await _workshop.Store.PushAsync(name, null);
        PulledImage pulled = await _other.Store.PullAsync(name, new PullOptions());

        Assert.IsType<ImageSignature.Bundle>(Assert.Single(_other.Store.Signatures(pulled.Image)));
    }

    [Theory]
    [InlineData("none", "it has no signature")]
    [InlineData("key", "it is not by the key")]
    [InlineData("digest", "is of another image")]
    [InlineData("name", "not for")]
    [InlineData("payload", "it is not by the key")]
    public async Task What_is_not_signed_as_the_policy_asks_leaves_nothing(string fault, string reason)
    {
        await using Place place = await StartAsync("ours");
        Reference name = await FillAsync(place.Host, "team/app:1");
        using var stranger = SigningKey.Generate();
        byte[] payload = SimpleSigning.Write(
            fault == "digest" ? Digest.Of("other"u8) : _image.Digest,
            fault == "name" ? Reference.Parse($"{place.Host}/team/other:1") : name,
            DateTimeOffset.UnixEpoch);
        byte[] signature = (fault == "key" ? stranger : _key).Sign(payload);
        if (fault == "payload")
        {
            payload = SimpleSigning.Write(_image.Digest, name, DateTimeOffset.UnixEpoch.AddDays(1));
        }
        if (fault != "none")
        {
            _workshop.Store.AddSignature(_workshop.Store.Resolve(name.ToString()), new ImageSignature.Cosign(payload, signature));
        }
        await _workshop.Store.PushAsync(name, null);
        RequireKey(name.Name);

        CaissonException refused = await Assert.ThrowsAsync<CaissonException>(() => _other.Store.PullAsync(name, new PullOptions()));

        Assert.Equal(ErrorKind.PermissionDenied, refused.Kind);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Contains($"scope 'docker {name.Name}'", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, _other.Blobs);
        Assert.Empty(_other.Store.List());
    }

    [Fact]
    public async Task A_refused_image_does_not_take_the_name_of_a_trusted_one()
    {
        await using Place place = await StartAsync("ours");
        Reference name = await FillAsync(place.Host, "team/app:1");
        AddCosign(name, _image.Digest);
        await _workshop.Store.PushAsync(name, null);
        RequireKey(name.Name);
        await _other.Store.PullAsync(name, new PullOptions());
        var unsigned = new SampleImage(layers: 1);
        await FillAsync(place.Host, "team/app:1", unsigned);
        await _workshop.Store.PushAsync(name, null);

        await Assert.ThrowsAsync<CaissonException>(() => _other.Store.PullAsync(name, new PullOptions()));

        Assert.Equal(_image.Digest, _other.Store.Resolve(name.ToString()).ManifestDigest);
        Assert.False(_other.Store.Blobs.Contains(unsigned.Digest));
    }

    [Fact]
    public async Task The_signature_of_an_index_is_one_of_the_image_that_is_chosen_from_it()
    {
        await using Place place = await StartAsync("ours");
        Reference name = await FillAsync(place.Host, "team/app:1");
        await _workshop.Store.PushAsync(name, null);
        RegistryRepository repository = _workshop.Store.OpenRepository(name, null);
        byte[] index = new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Manifests = [new ContentDescriptor { MediaType = MediaTypes.ImageManifest, Digest = _image.Digest, Size = _image.Manifest.Length, Platform = ImageStore.HostPlatform }],
        }.ToBytes();
        await repository.PutManifestAsync("many", MediaTypes.ImageIndex, index, CancellationToken.None);
        Reference many = Reference.Parse($"{name.Name}:many");
        RequireKey(name.Name);

        CaissonException unsigned = await Assert.ThrowsAsync<CaissonException>(() => _other.Store.PullAsync(many, new PullOptions()));
        byte[] payload = SimpleSigning.Write(Digest.Of(index), many, DateTimeOffset.UnixEpoch);
        await PutAsCosignDoesAsync(repository, Digest.Of(index), payload, _key.Sign(payload));
        PulledImage pulled = await _other.Store.PullAsync(many, new PullOptions());

        Assert.Equal(ErrorKind.PermissionDenied, unsigned.Kind);
        Assert.Equal(2, pulled.Image.Record.Referrers.Count);
        _other.Store.CollectGarbage();
        _other.Store.Trust.Require(many.ToString(), _other.Store.Resolve(many.ToString()));
    }

    [Fact]
    public async Task Signatures_of_others_stay_when_ours_is_sent()
    {
        await using Place place = await StartAsync("ours");
        Reference name = await FillAsync(place.Host, "team/app:1");
        await _workshop.Store.PushAsync(name, null);
        RegistryRepository repository = _workshop.Store.OpenRepository(name, null);
        using var stranger = SigningKey.Generate();
        byte[] payload = SimpleSigning.Write(_image.Digest, name, DateTimeOffset.UnixEpoch);
        await PutAsCosignDoesAsync(repository, _image.Digest, payload, stranger.Sign(payload));
        AddCosign(name, _image.Digest);

        await _workshop.Store.PushAsync(name, null);
        RequireKey(name.Name);
        PulledImage pulled = await _other.Store.PullAsync(name, new PullOptions());

        IReadOnlyList<ImageSignature> signatures = _other.Store.Signatures(pulled.Image);
        foreach (SigningKey key in (SigningKey[])[_key, stranger])
        {
            Assert.Contains(signatures, signature => signature.Verify(VerificationKey.Parse(key.ExportPublicPem(), "key"), out _) is not null);
        }
    }

    [Fact]
    public async Task A_registry_that_stands_before_another_passes_on_what_that_one_lists()
    {
        await using Place place = await StartAsync("ours");
        Reference name = await FillAsync(place.Host, "team/app:1");
        AddBundle(name, _image.Digest);
        await _workshop.Store.PushAsync(name, null);
        using RegistryStore store = RegistryStore.Open(_workshop.PathOf("before"));
        using var through = new PullThrough(store, [new UpstreamRegistry("up", place.Host, null)], RegistrySettings.None);
        await using RegistryServer before = await RegistryServer.StartAsync(store, new RegistryAccess(), through, FreeAddress(), null, _ => { });

        PulledImage pulled = await _other.Store.PullAsync(Reference.Parse($"{before.Address}/up/team/app:1"), new PullOptions());

        Assert.IsType<ImageSignature.Bundle>(Assert.Single(_other.Store.Signatures(pulled.Image)));
    }

    [Fact]
    public async Task A_registry_that_lists_what_is_about_another_image_is_not_believed()
    {
        byte[] stray = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            ArtifactType = SimpleSigning.ArtifactType,
            Config = _image.Config,
            Layers = [],
            Subject = new ContentDescriptor { MediaType = MediaTypes.ImageManifest, Digest = Digest.Of("other"u8), Size = 5 },
        }.ToBytes();
        byte[] list = new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Manifests = [new ContentDescriptor { MediaType = MediaTypes.ImageManifest, Digest = Digest.Of(stray), Size = stray.Length, ArtifactType = SimpleSigning.ArtifactType }],
        }.ToBytes();
        using var registry = new ScriptedRegistry(_image, asked =>
            asked.Path.Contains("/referrers/", StringComparison.Ordinal) ? new Answer(200, list, ("Content-Type", MediaTypes.ImageIndex))
            : asked.Path.EndsWith(Digest.Of(stray).ToString(), StringComparison.Ordinal) ? new Answer(200, stray, ("Content-Type", MediaTypes.ImageManifest))
            : null);

        PulledImage pulled = await _other.Store.PullAsync(registry.Reference, new PullOptions());
        RequireKey(registry.Reference.Name);
        CaissonException refused = await Assert.ThrowsAsync<CaissonException>(() => _other.Store.PullAsync(registry.Reference, new PullOptions()));

        Assert.Empty(pulled.Image.Record.Referrers);
        Assert.Contains("is listed as referring to", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_registry_has_about_an_image_is_taken_within_bounds()
    {
        Dictionary<string, byte[]> documents = [];
        List<ContentDescriptor> entries = [];
        for (int i = 0; i < 300; i++)
        {
            byte[] document = new ImageManifest
            {
                SchemaVersion = 2,
                MediaType = MediaTypes.ImageManifest,
                ArtifactType = $"application/x{i}",
                Config = _image.Config,
                Layers = [],
                Subject = new ContentDescriptor { MediaType = MediaTypes.ImageManifest, Digest = _image.Digest, Size = _image.Manifest.Length },
            }.ToBytes();
            documents.Add(Digest.Of(document).ToString(), document);
            entries.Add(new ContentDescriptor { MediaType = MediaTypes.ImageManifest, Digest = Digest.Of(document), Size = document.Length });
        }
        byte[] list = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.ImageIndex, Manifests = entries }.ToBytes();
        using var registry = new ScriptedRegistry(_image, asked =>
            asked.Path.Contains("/referrers/", StringComparison.Ordinal) ? new Answer(200, list, ("Content-Type", MediaTypes.ImageIndex))
            : documents.TryGetValue(asked.Path[(asked.Path.LastIndexOf('/') + 1)..], out byte[]? document) ? new Answer(200, document, ("Content-Type", MediaTypes.ImageManifest))
            : null);

        PulledImage pulled = await _other.Store.PullAsync(registry.Reference, new PullOptions());

        Assert.Equal(64, pulled.Image.Record.Referrers.Count);
    }

    /// <summary>Writes the policy that asks for a signature by the key below a scope, and accepts everything else.</summary>
    private void RequireKey(string scope) => File.WriteAllText(_other.PathOf("images/policy.json"), $$"""
        {"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"{{scope}}":[{"type":"sigstoreSigned","keyPath":"{{_other.PathOf("key.pub")}}"}]} } }
        """);

    private void AddCosign(Reference name, Digest digest)
    {
        byte[] payload = SimpleSigning.Write(digest, name, DateTimeOffset.UnixEpoch);
        _workshop.Store.AddSignature(_workshop.Store.Resolve(name.ToString()), new ImageSignature.Cosign(payload, _key.Sign(payload)));
    }

    private void AddBundle(Reference name, Digest digest) => _workshop.Store.AddSignature(
        _workshop.Store.Resolve(name.ToString()), new ImageSignature.Bundle(SigstoreBundle.Write(digest, name, null, _key)));

    /// <summary>As cosign's first versions put it: under the tag, and without a subject.</summary>
    private static async Task PutAsCosignDoesAsync(RegistryRepository repository, Digest signed, byte[] payload, byte[] signature)
    {
        ContentDescriptor layer = await repository.PutBlobAsync(SimpleSigning.MediaType, payload, CancellationToken.None);
        byte[] config = """{"architecture":"","config":{},"created":"0001-01-01T00:00:00Z","history":[{"created":"0001-01-01T00:00:00Z"}],"os":"","rootfs":{"diff_ids":[],"type":"layers"}}"""u8.ToArray();
        byte[] manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = await repository.PutBlobAsync(MediaTypes.ImageConfig, config, CancellationToken.None),
            Layers = [layer with { Annotations = new Dictionary<string, string> { [SimpleSigning.SignatureAnnotation] = Convert.ToBase64String(signature) } }],
        }.ToBytes();
        await repository.PutManifestAsync(SimpleSigning.TagOf(signed), MediaTypes.ImageManifest, manifest, CancellationToken.None);
    }

    /// <summary>Brings an image into the store under a name of a registry.</summary>
    private async Task<Reference> FillAsync(string host, string path, SampleImage? image = null)
    {
        using var source = new ScriptedRegistry(image ?? _image);
        await _workshop.Store.PullAsync(source.Reference, new PullOptions());
        _workshop.Store.Tag(source.Reference.ToString(), $"{host}/{path}");
        return Reference.Parse($"{host}/{path}");
    }

    private static IPEndPoint FreeAddress()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)probe.LocalEndPoint!;
    }

    private async Task<Place> StartAsync(string kind)
    {
        IPEndPoint address = FreeAddress();
        if (kind == "ours")
        {
            RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry"));
            return new Place($"{address}", await RegistryServer.StartAsync(store, new RegistryAccess(), null, address, null, _ => { }), store, null);
        }
        Assert.SkipUnless(File.Exists("/usr/bin/docker-registry"), "needs docker-registry");
        string config = _workshop.PathOf("config.yml");
        await File.WriteAllTextAsync(config, $"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {_workshop.PathOf("foreign")}\nhttp:\n  addr: {address}\n");
        var process = Process.Start(new ProcessStartInfo("docker-registry", ["serve", config]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        while (!process.HasExited)
        {
            try
            {
                using var connection = new TcpClient();
                await connection.ConnectAsync(address);
                break;
            }
            catch (SocketException)
            {
                await Task.Delay(50);
            }
        }
        return new Place($"{address}", null, null, process);
    }

    /// <summary>A registry that serves until disposed.</summary>
    private sealed record Place(string Host, RegistryServer? Server, RegistryStore? Store, Process? Process) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            if (Server is not null)
            {
                await Server.DisposeAsync();
            }
            Store?.Dispose();
            Process?.Kill();
            Process?.WaitForExit();
            Process?.Dispose();
        }
    }
}

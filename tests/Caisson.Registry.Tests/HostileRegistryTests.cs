using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Images.Store;
using Caisson.Oci;

using Xunit;

namespace Caisson.Registry.Tests;

public sealed class HostileRegistryTests : IDisposable
{
    private static readonly RegistryCredentials Canary = new() { Username = "canary", Password = "yellow-bird" };

    private readonly SampleImage _image = new();
    private readonly Workshop _workshop = new();

    public void Dispose() => _workshop.Dispose();

    [Fact]
    public async Task An_honest_image_is_pulled_and_unpacked()
    {
        using var registry = new ScriptedRegistry(_image);

        PulledImage pulled = await _workshop.Store.PullAsync(registry.Reference, new PullOptions(), cancellation: TestContext.Current.CancellationToken);

        Assert.Equal(_image.Digest, pulled.Digest);
        Assert.NotNull(pulled.Image.UnpackedBytes);
        Assert.Contains($"{registry.Host}/app:1", pulled.Image.RepoTags);
        Assert.Contains($"{registry.Host}/app@{_image.Digest}", pulled.Image.RepoDigests);
    }

    [Fact]
    public async Task Each_blob_is_fetched_once_however_many_ask()
    {
        using var registry = new ScriptedRegistry(_image);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _workshop.Store.PullAsync(registry.Reference, new PullOptions())));

        Assert.All(_image.Blobs.Keys, blob => Assert.Equal(1, registry.Count(blob)));
    }

    [Fact]
    public async Task Other_content_than_the_digest_says_is_refused()
    {
        using var registry = Lying(blob => new Answer(200, [.. blob[..^1], (byte)(blob[^1] ^ 1)]));

        await RefusedAsync(registry, "announced as");
    }

    [Fact]
    public async Task More_bytes_than_announced_are_refused()
    {
        using var registry = Lying(blob => new Answer(200, [.. blob, 0]));

        await RefusedAsync(registry, "were announced");
    }

    [Fact]
    public async Task A_manifest_by_digest_must_be_that_one()
    {
        using var registry = new ScriptedRegistry(_image);
        Reference other = Reference.Parse($"{registry.Host}/app").WithDigest(Digest.Of("other"u8));

        CaissonException error = await Assert.ThrowsAsync<CaissonException>(() => _workshop.Store.PullAsync(other, new PullOptions()));

        Assert.Contains("sent other content", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, _workshop.Blobs);
    }

    [Fact]
    public async Task A_key_twice_in_a_manifest_is_refused()
    {
        _image.ManifestText = "{\"schemaVersion\":2," + _image.ManifestText[1..];
        using var registry = new ScriptedRegistry(_image);

        await RefusedAsync(registry, "twice");
    }

    [Fact]
    public async Task A_type_that_contradicts_the_document_is_refused()
    {
        using var registry = new ScriptedRegistry(_image, asked => asked.Path.Contains("/manifests/", StringComparison.Ordinal)
            ? new Answer(200, _image.Manifest, ("Content-Type", MediaTypes.DockerManifest)) : null);

        await RefusedAsync(registry, "calls itself");
    }

    [Fact]
    public async Task Foreign_layers_are_refused_before_anything_is_fetched()
    {
        var image = new SampleImage(layerType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        using var registry = new ScriptedRegistry(image);

        await RefusedAsync(registry, "foreign layer");
        Assert.DoesNotContain(registry.Requests, request => request.Path.Contains("/blobs/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_download_that_is_cut_goes_on_where_it_was(bool knowsRanges)
    {
        int cuts = 0;
        using var registry = new ScriptedRegistry(_image, asked =>
        {
            byte[]? blob = Layer(asked);
            return blob is null ? null
                : Interlocked.Increment(ref cuts) <= 2 ? new Answer(200, blob) { CutAfter = 100_000 }
                : knowsRanges ? null
                : new Answer(200, blob);
        });

        PulledImage pulled = await _workshop.Store.PullAsync(registry.Reference, new PullOptions());

        Assert.NotNull(pulled.Image.UnpackedBytes);
        Assert.Contains(registry.Requests, request => request["Range"] is not null);
    }

    [Fact]
    public async Task A_pull_that_was_given_up_goes_on_where_it_was()
    {
        bool stalls = true;
        string second = _image.Layers[1].Digest.ToString();
        using var registry = new ScriptedRegistry(_image, asked =>
            Volatile.Read(ref stalls) && asked.Path.EndsWith(second, StringComparison.Ordinal)
                ? new Answer(200, _image.Blobs[second]) { CutAfter = 10, Stalls = true }
                : null);
        var time = new Later();
        using ImageStore store = ImageStore.Open(
            _workshop.PathOf("later"), new FileImageCatalog(_workshop.PathOf("later.json")), time: time,
            registries: RegistrySettings.None with { Patience = Workshop.Impatient with { Stall = TimeSpan.FromMinutes(1) } });
        using var stop = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.PullAsync(registry.Reference, new PullOptions(), new Stopper(stop, _image.Layers[0].Digest), stop.Token));
        store.CollectGarbage();
        Volatile.Write(ref stalls, false);
        PulledImage pulled = await store.PullAsync(registry.Reference, new PullOptions());

        Assert.Equal(_image.Digest, pulled.Digest);
        Assert.Equal(1, registry.Count(_image.Layers[0].Digest.ToString()));
        store.Remove(registry.Reference.ToString());
        time.Passed = TimeSpan.FromHours(1);
        store.CollectGarbage();
        Assert.Empty(store.Blobs.List());
    }

    [Fact]
    public async Task A_registry_that_stalls_is_given_up()
    {
        using var registry = Lying(blob => new Answer(200, blob) { CutAfter = 1000, Stalls = true });

        await RefusedAsync(registry, "nothing has come");
    }

    [Fact]
    public async Task A_circle_of_redirections_is_left()
    {
        using var registry = new ScriptedRegistry(_image, asked => Layer(asked) is null ? null : new Answer(307, [], ("Location", asked.Path)));

        await RefusedAsync(registry, "circle");
    }

    [Fact]
    public async Task Credentials_never_follow_a_redirection_to_another_origin()
    {
        using var storage = new ScriptedRegistry(_image);
        using var registry = new ScriptedRegistry(_image, asked =>
            asked["Authorization"] is null ? new Answer(401, [], ("WWW-Authenticate", "Basic realm=\"x\""))
            : Layer(asked) is null ? null
            : new Answer(307, [], ("Location", $"http://{storage.Host}{asked.Path}")));

        await _workshop.Store.PullAsync(registry.Reference, new PullOptions { Credentials = Canary });

        Assert.NotEmpty(storage.Requests);
        Assert.All(storage.Requests, request => Assert.Null(request["Authorization"]));
    }

    [Fact]
    public async Task Credentials_of_one_registry_are_not_sent_to_another()
    {
        using var registry = new ScriptedRegistry(_image, asked =>
            asked["Authorization"] is null ? new Answer(401, [], ("WWW-Authenticate", "Basic realm=\"x\"")) : null);

        await Assert.ThrowsAsync<CaissonException>(() =>
            _workshop.Store.PullAsync(registry.Reference, new PullOptions { Credentials = Canary with { Domain = "registry.example" } }));

        Assert.All(registry.Requests, request => Assert.Null(request["Authorization"]));
    }

    [Theory]
    [InlineData("https://tokens.elsewhere.example/token")]
    [InlineData("https://192.0.2.7/token")]
    [InlineData("http://user:word@127.0.0.1/token")]
    public async Task Credentials_are_not_shown_to_a_token_server_of_another_domain(string realm)
    {
        using var registry = new ScriptedRegistry(_image, asked => asked.Path.Contains("/manifests/", StringComparison.Ordinal)
            ? new Answer(401, [], ("WWW-Authenticate", $"Bearer realm=\"{realm}\",service=\"x\"")) : null);

        CaissonException error = await Assert.ThrowsAsync<CaissonException>(() =>
            _workshop.Store.PullAsync(registry.Reference, new PullOptions { Credentials = Canary }));

        Assert.True(error.Message.Contains("not of its domain", StringComparison.Ordinal) || error.Message.Contains("does not name a server", StringComparison.Ordinal), error.Message);
    }

    [Fact]
    public async Task A_registry_that_asks_for_patience_gets_it()
    {
        int refusals = 0;
        using var registry = new ScriptedRegistry(_image, asked =>
            asked.Path.Contains("/manifests/", StringComparison.Ordinal) && Interlocked.Increment(ref refusals) <= 2
                ? new Answer(429, [], ("Retry-After", "1")) : null);

        PulledImage pulled = await _workshop.Store.PullAsync(registry.Reference, new PullOptions());

        Assert.Equal(_image.Digest, pulled.Digest);
    }

    [Fact]
    public async Task A_registry_that_asks_for_more_patience_than_there_is_is_named()
    {
        using var registry = new ScriptedRegistry(_image, asked =>
            asked.Path.Contains("/manifests/", StringComparison.Ordinal) ? new Answer(429, [], ("Retry-After", "3600")) : null);

        await RefusedAsync(registry, "3600 seconds");
    }

    [Fact]
    public async Task Encoding_that_was_not_asked_for_is_refused()
    {
        using var registry = Lying(blob => new Answer(200, blob, ("Content-Encoding", "gzip")));

        await RefusedAsync(registry, "not asked for");
    }

    [Fact]
    public async Task An_index_is_followed_to_the_platform_that_is_asked_for()
    {
        byte[] index = new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Manifests =
            [
                new() { MediaType = MediaTypes.ImageManifest, Digest = Digest.Of("s390x"u8), Size = 5, Platform = Platform.Parse("linux/s390x") },
                new() { MediaType = MediaTypes.ImageManifest, Digest = _image.Digest, Size = _image.Manifest.Length, Platform = ImageStore.HostPlatform },
            ],
        }.ToBytes();
        using var registry = new ScriptedRegistry(_image, asked =>
            asked.Path.EndsWith("/manifests/1", StringComparison.Ordinal) ? new Answer(200, index, ("Content-Type", MediaTypes.ImageIndex)) : null);

        PulledImage pulled = await _workshop.Store.PullAsync(registry.Reference, new PullOptions());

        Assert.Equal(Digest.Of(index), pulled.Digest);
        Assert.Equal(_image.Digest, pulled.Image.ManifestDigest);
        Assert.NotNull(_workshop.Store.TryResolve($"{registry.Host}/app@{Digest.Of(index)}"));
        CaissonException none = await Assert.ThrowsAsync<CaissonException>(() =>
            _workshop.Store.PullAsync(registry.Reference, new PullOptions { Platform = Platform.Parse("linux/riscv64") }));
        Assert.Contains("no matching manifest for linux/riscv64", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mirror_that_lies_is_left_for_the_registry()
    {
        using var mirror = new ScriptedRegistry(_image, _ => new Answer(404, "{}"u8.ToArray()));
        using var registry = new ScriptedRegistry(_image);
        RegistrySettings settings = RegistrySettings.Parse(
            System.Text.Encoding.UTF8.GetBytes($$$"""{"registries":{"{{{registry.Host}}}":{"mirrors":["{{{mirror.Host}}}"]}} }"""), "settings");
        using var workshop = new Workshop(settings);

        PulledImage pulled = await workshop.Store.PullAsync(registry.Reference, new PullOptions());

        Assert.Equal(_image.Digest, pulled.Digest);
        Assert.Contains(mirror.Requests, request => request.Path.Contains("/manifests/", StringComparison.Ordinal));
    }

    private byte[]? Layer(Asked asked) =>
        _image.Layers.FirstOrDefault(layer => asked.Path.Contains(layer.Digest.ToString(), StringComparison.Ordinal)) is { } layer
            ? _image.Blobs[layer.Digest.ToString()] : null;

    private ScriptedRegistry Lying(Func<byte[], Answer> lie) => new(_image, asked => Layer(asked) is { } blob ? lie(blob) : null);

    /// <summary>The pull fails for the right reason, and nothing is left of it.</summary>
    private async Task RefusedAsync(ScriptedRegistry registry, string because)
    {
        CaissonException error = await Assert.ThrowsAnyAsync<CaissonException>(() => _workshop.Store.PullAsync(registry.Reference, new PullOptions()));

        Assert.Contains(because, error.Message, StringComparison.Ordinal);
        Assert.Empty(_workshop.Store.List());
        for (int wait = 0; wait < 200 && _workshop.Blobs > 0; wait++)
        {
            await Task.Delay(20); // others of the pull are still letting go
            _workshop.Store.CollectGarbage();
        }
        Assert.Equal(0, _workshop.Blobs);
    }

    /// <summary>Gives the pull up once a layer has come.</summary>
    private sealed class Stopper(CancellationTokenSource stop, Digest layer) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value)
        {
            if (value.Stage == ImageStage.Received && value.Subject == layer)
            {
                stop.Cancel();
            }
        }
    }

    private sealed class Later : TimeProvider
    {
        public TimeSpan Passed { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Passed;
    }
}

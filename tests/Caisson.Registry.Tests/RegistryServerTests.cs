using System.Net;
using System.Net.Sockets;

using Caisson.Api.Registry;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Oci;
using Caisson.Registry.Access;

using Xunit;

namespace Caisson.Registry.Tests;

public sealed class RegistryServerTests : IDisposable
{
    private const string Hash = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"; // of "password"

    private readonly Workshop _workshop = new();
    private readonly SampleImage _image = new();

    public void Dispose() => _workshop.Dispose();

    [Fact]
    public async Task An_image_goes_in_and_comes_out_as_it_was()
    {
        using RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry"));
        await using RegistryServer server = await StartAsync(store, new RegistryAccess());
        Reference name = await FillAsync(server);

        PushedImage pushed = await _workshop.Store.PushAsync(name, null);
        using var other = new Workshop();
        PulledImage pulled = await other.Store.PullAsync(name, new PullOptions());

        Assert.Equal(_image.Digest, pushed.Manifest.Digest);
        Assert.Equal(_image.Digest, pulled.Digest);
        Assert.Equal([name.Tag!], await other.Store.OpenRepository(name, null).TagsAsync(CancellationToken.None));
    }

    [Fact]
    public async Task What_is_in_another_repository_is_mounted_and_not_sent()
    {
        using RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry"));
        await using RegistryServer server = await StartAsync(store, new RegistryAccess());
        Reference name = await FillAsync(server);
        await _workshop.Store.PushAsync(name, null);
        _workshop.Store.Tag(name.ToString(), $"{server.Address}/other/app:1");
        List<ImageStage> stages = [];

        await _workshop.Store.PushAsync(Reference.Parse($"{server.Address}/other/app:1"), null, new Recorder(stages));

        Assert.Equal(2, stages.Count(stage => stage == ImageStage.Mounted));
        Assert.DoesNotContain(ImageStage.Sent, stages);
    }

    [Fact]
    public async Task A_collection_takes_what_nothing_refers_to_and_nothing_else()
    {
        using RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry"));
        await using RegistryServer server = await StartAsync(store, new RegistryAccess());
        Reference name = await FillAsync(server);
        await _workshop.Store.PushAsync(name, null);

        CollectedContent nothing = store.Collect(TimeSpan.Zero, untagged: true);
        store.DeleteManifest(name.Path, name.Tag!);
        CollectedContent all = store.Collect(TimeSpan.Zero, untagged: true);

        Assert.Equal(0, nothing.Blobs);
        Assert.Equal((1, 4), (all.Manifests, all.Blobs));
        Assert.Throws<RegistryRefusal>(() => store.Manifest(name.Path, _image.Digest.ToString()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rights_hold_for_each_repository(bool tokens)
    {
        string passwords = _workshop.PathOf("users");
        await File.WriteAllTextAsync(passwords, $"ann:{Hash}\nbob:{Hash}\n");
        RegistryRights rights = RegistryRights.Parse(
            """[{"users":["ann"],"repositories":["team/**"],"actions":["pull","push"]},{"users":["*"],"repositories":["team/*"],"actions":["pull"]}]"""u8.ToArray(), "rights");
        using RegistryTokens? own = tokens ? RegistryTokens.Own(new byte[32]) : null;
        using RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry"));
        await using RegistryServer server = await StartAsync(
            store, new RegistryAccess { Passwords = PasswordFile.Open(passwords), Tokens = own, Rights = rights });
        Reference name = await FillAsync(server);
        RegistryCredentials ann = new() { Username = "ann", Password = "password" };
        RegistryCredentials bob = ann with { Username = "bob" };

        CaissonException anonymous = await Assert.ThrowsAnyAsync<CaissonException>(() => _workshop.Store.PushAsync(name, null));
        CaissonException wrong = await Assert.ThrowsAnyAsync<CaissonException>(() => _workshop.Store.PushAsync(name, ann with { Password = "other" }));
        CaissonException reader = await Assert.ThrowsAnyAsync<CaissonException>(() => _workshop.Store.PushAsync(name, bob));
        await _workshop.Store.PushAsync(name, ann);
        using var other = new Workshop();
        PulledImage pulled = await other.Store.PullAsync(name, new PullOptions { Credentials = bob });

        Assert.All([anonymous, wrong, reader], error => Assert.Equal(ErrorKind.PermissionDenied, error.Kind));
        Assert.Equal(_image.Digest, pulled.Digest);
    }

    [Fact]
    public async Task What_is_not_here_is_fetched_from_the_registry_behind_and_kept()
    {
        using var upstream = new ScriptedRegistry(_image);
        using RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry"));
        using var through = new PullThrough(store, [new UpstreamRegistry("up", upstream.Host, null)], RegistrySettings.None);
        await using RegistryServer server = await StartAsync(store, new RegistryAccess(), through);
        Reference name = Reference.Parse($"{server.Address}/up/app:1");

        PulledImage first = await _workshop.Store.PullAsync(name, new PullOptions());
        upstream.Dispose();
        using var other = new Workshop();
        PulledImage second = await other.Store.PullAsync(name, new PullOptions());

        Assert.Equal(_image.Digest, first.Digest);
        Assert.Equal(_image.Digest, second.Digest);
    }

    [Fact]
    public async Task An_upload_goes_on_after_the_registry_was_restarted()
    {
        byte[] content = new byte[100_000];
        string id;
        using (RegistryStore store = RegistryStore.Open(_workshop.PathOf("registry")))
        {
            id = store.StartUpload("a/b");
            await store.AppendAsync("a/b", id, 0, null, new MemoryStream(content, 0, 60_000), CancellationToken.None);
        }
        using RegistryStore again = RegistryStore.Open(_workshop.PathOf("registry"));

        Assert.Equal(60_000, again.UploadLength("a/b", id));
        Assert.Throws<RegistryRefusal>(() => again.UploadLength("a/c", id));
        await again.AppendAsync("a/b", id, 60_000, null, new MemoryStream(content, 60_000, 40_000), CancellationToken.None);
        again.FinishUpload("a/b", id, Digest.Of(content));
        Assert.Equal(100_000, again.BlobSize("a/b", Digest.Of(content)));
    }

    /// <summary>Brings the image into the store under a name of the server.</summary>
    private async Task<Reference> FillAsync(RegistryServer server)
    {
        using var source = new ScriptedRegistry(_image);
        await _workshop.Store.PullAsync(source.Reference, new PullOptions());
        _workshop.Store.Tag(source.Reference.ToString(), $"{server.Address}/team/app:1");
        return Reference.Parse($"{server.Address}/team/app:1");
    }

    private static async Task<RegistryServer> StartAsync(RegistryStore store, RegistryAccess access, PullThrough? upstreams = null)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var address = (IPEndPoint)probe.LocalEndPoint!;
        probe.Dispose();
        return await RegistryServer.StartAsync(store, access, upstreams, address, null, _ => { });
    }

    private sealed class Recorder(List<ImageStage> stages) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value)
        {
            lock (stages)
            {
                stages.Add(value.Stage);
            }
        }
    }
}

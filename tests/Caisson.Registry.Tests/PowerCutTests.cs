using System.Net;
using System.Net.Sockets;

using Caisson.Api.Registry;
using Caisson.Control.Images;
using Caisson.Control.State;
using Caisson.Images;
using Caisson.Images.Registry;
using Caisson.Images.Store;
using Caisson.Images.Tests.Store;
using Caisson.Oci;
using Caisson.Registry.Access;
using Caisson.Trust;

using Xunit;

namespace Caisson.Registry.Tests;

/// <summary>
/// The power is cut while an engine's store pulls signed images, commits, tags, removes and collects, with its names in the engine's own
/// database: afterwards every tag must resolve to a whole image, which is the one before or the one after.
/// </summary>
[Collection(nameof(PowerCutTests))]
[CollectionDefinition(nameof(PowerCutTests), DisableParallelization = true)]
public sealed class PowerCutTests : IDisposable
{
    private const int Cuts = 2000;

    // In memory, where a flush costs nothing: what is durable is decided here.
    private readonly string _directory = Directory.CreateDirectory(
        Path.Join(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "caisson-cuts-" + Guid.NewGuid().ToString("N"))).FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        DurableFile.Observer = null;
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task After_every_power_cut_each_tag_is_a_whole_image_old_or_new()
    {
        string root = Path.Join(_directory, "root");
        var disk = new RecordedDisk(root);
        List<Expectation> expectations = [new(0, [])];
        DurableFile.Observer = disk;
        DurableFile.CreateDurableDirectory(root);
        int begin;
        string[] tags;
        using (var state = new RecordedState(root, disk))
        {
            begin = disk.Count;
            using ImageStore store = Open(root, state);
            tags = await WorkAsync(store, state, disk, expectations);
        }
        DurableFile.Observer = null;

        var random = new Random(2026);
        int whole = 0;
        int former = 0;
        for (int cut = 0; cut < Cuts; cut++)
        {
            int at = random.Next(begin, disk.Count + 1);
            string after = Path.Join(_directory, $"cut{cut}");
            disk.Materialise(after, at, random);
            Expectation before = expectations.Last(expectation => expectation.At <= at);
            Expectation? next = expectations.FirstOrDefault(expectation => expectation.At > at);
            using (SqliteStateStore state = SqliteStateStore.Open(Path.Join(after, "state.db")))
            using (ImageStore store = Open(after, state))
            {
                foreach (string tag in tags)
                {
                    Digest? now = store.TryResolve(tag)?.ManifestDigest;
                    Digest? was = before.Tags.TryGetValue(tag, out Digest kept) ? kept : null;
                    Digest? willBe = (next ?? before).Tags.TryGetValue(tag, out Digest made) ? made : null;
                    Assert.True(now == was || now == willBe, $"cut {cut} at {at}: {tag} is {now}, was {was}, was to be {willBe}");
                    whole += now == willBe ? 1 : 0;
                    former += now == was ? 1 : 0;
                }
                Assert.True(Damage(store) is [], $"cut {cut} at {at}: {string.Join("; ", Damage(store))}");
                foreach (Image image in store.List())
                {
                    await store.EnsureUnpackedAsync(image, cancellation: Cancellation);
                    if (image.RepoTags.Any(tag => tag.Contains("/app:", StringComparison.Ordinal)))
                    {
                        Assert.True(store.Signatures(image).Count == 1, $"cut {cut} at {at}: {image.RepoTags[0]} lost its signature");
                    }
                }
                store.CollectGarbage();
                Assert.Empty(Damage(store));
            }
            Directory.Delete(after, recursive: true);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{Cuts} cuts over {disk.Count - begin} changes: {whole} tags as they were to be, {former} as they were");
        Assert.True(disk.Count - begin > 100);
    }

    /// <summary>A container that was removed may come back without its layers; the engine removes what it has no record of.</summary>
    private static string[] Damage(ImageStore store) =>
        [.. store.Check(repair: false, Cancellation).Problems.Where(problem => !problem.StartsWith("container ", StringComparison.Ordinal))];

    private static ImageStore Open(string root, IStateStore state) =>
        ImageStore.Open(root, new StateImageCatalog(state), registries: RegistrySettings.None with { Patience = Workshop.Impatient });

    /// <summary>Works with a registry; after each step the tags that are promised are noted.</summary>
    /// <returns>All tags there ever are.</returns>
    private async Task<string[]> WorkAsync(ImageStore store, RecordedState state, RecordedDisk disk, List<Expectation> expectations)
    {
        using var remote = new Remote(Path.Join(_directory, "registry"));
        string app = await remote.StartAsync();
        Reference one = Reference.Parse($"{app}:1");
        Reference two = Reference.Parse($"{app}:2");
        await remote.PutAsync(one, new SampleImage(layers: 2, fileBytes: 3000));
        await remote.PutAsync(two, new SampleImage(layers: 3, fileBytes: 2000));
        Note();

        await store.PullAsync(one, new PullOptions(), cancellation: Cancellation);
        Note();
        await store.PullAsync(two, new PullOptions(), cancellation: Cancellation);
        Note();
        store.CreateSnapshot("c1", store.Resolve(one.ToString()));
        File.WriteAllText(Path.Join(store.Snapshots.Find("c1")!.UpperDirectory, "new"), "written");
        await store.CommitAsync("c1", new ImportOptions { Name = Reference.Parse("c:1") }, cancellation: Cancellation);
        Note();
        store.Tag("c:1", "c:2");
        Note();
        store.RemoveSnapshot("c1");
        await remote.PutAsync(one, new SampleImage(layers: 1, fileBytes: 4000));
        await store.PullAsync(one, new PullOptions(), cancellation: Cancellation);
        Note();
        store.Tag(two.ToString(), "c:2");
        Note();
        store.Remove(two.ToString());
        Note();
        state.Fill();
        Note();
        store.Remove("c:1");
        Note();
        Reference three = Reference.Parse($"{app}:3");
        await remote.PutAsync(three, new SampleImage(layers: 4, fileBytes: 1000));
        using (var cancelled = new CancellationTokenSource())
        {
            var options = new PullOptions { Admit = (_, _) => cancelled.CancelAsync() };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.PullAsync(three, options, cancellation: cancelled.Token));
        }
        Note();
        await store.PullAsync(three, new PullOptions(), cancellation: Cancellation);
        Note();
        await store.PullAsync(two, new PullOptions(), cancellation: Cancellation);
        Note();
        store.Remove("c:2");
        store.CollectGarbage();
        Note();
        await store.PushAsync(one, null, cancellation: Cancellation);
        Note();
        return [one.ToString(), two.ToString(), three.ToString(), "c:1", "c:2"];

        void Note() => expectations.Add(new Expectation(disk.Count, store.List()
            .SelectMany(image => image.Record.Names.Select(Reference.Parse).Where(name => name.Tag is not null)
                .Select(name => (Tag: name.Domain == one.Domain ? name.ToString() : name.Familiar, image.ManifestDigest)))
            .ToDictionary(pair => pair.Tag, pair => pair.ManifestDigest)));
    }

    /// <param name="At">After how many changes of the disk the work was acknowledged.</param>
    /// <param name="Tags">What was promised then.</param>
    private sealed record Expectation(int At, Dictionary<string, Digest> Tags);

    /// <summary>The engine's database, whose writing is recorded as SQLite does it.</summary>
    /// <remarks>
    /// A commit writes to the log beside the database and flushes it; a log that begins anew has its head flushed before anything else of it.
    /// A checkpoint writes to the database what is in the flushed log, and flushes. Source: sqlite.org/wal.html, wal.c on restarting.
    /// </remarks>
    private sealed class RecordedState : IStateStore
    {
        private const int HeadBytes = 32;

        private readonly Lock _sync = new();
        private readonly string _path;
        private readonly string _log;
        private readonly RecordedDisk _disk;
        private readonly SqliteStateStore _store;
        private byte[] _database;
        private byte[] _logged;

        public RecordedState(string root, RecordedDisk disk)
        {
            _path = Path.Join(root, "state.db");
            _log = _path + "-wal";
            _disk = disk;
            _store = SqliteStateStore.Open(_path);
            _store.Commit(Durability.Power, new StateChange().Put("test", "first", [1]));
            _database = Read(_path);
            _logged = Read(_log);
            foreach (var (path, content) in ((string, byte[])[])[(_path, _database), (_log, _logged)])
            {
                disk.Created(path);
                disk.Wrote(path, content);
                disk.FlushedFile(path);
            }
            disk.FlushedDirectory(root);
        }

        public IReadOnlyList<StoredRecord> List(string kind) => _store.List(kind);

        public byte[]? Find(string kind, string key) => _store.Find(kind, key);

        public IReadOnlyList<StoredEvent> Events(int limit) => _store.Events(limit);

        public long Commit(Durability durability, StateChange change)
        {
            Assert.Equal(Durability.Power, durability);
            lock (_sync)
            {
                long sequence = _store.Commit(durability, change);
                byte[] logged = Read(_log);
                if (_logged.Length >= HeadBytes && !logged.AsSpan(0, HeadBytes).SequenceEqual(_logged.AsSpan(0, HeadBytes)))
                {
                    Write(_log, [.. logged[..HeadBytes], .. _logged[HeadBytes..]]);
                }
                Write(_log, _logged = logged);
                byte[] database = Read(_path);
                if (!database.AsSpan().SequenceEqual(_database))
                {
                    Write(_path, _database = database);
                }
                return sequence;
            }
        }

        /// <summary>Fills the log, so that it goes to the database and begins anew.</summary>
        public void Fill()
        {
            int before = _database.Length;
            Commit(Durability.Power, new StateChange().Put("test", "large", new byte[6 << 20]));
            Commit(Durability.Power, new StateChange().Put("test", "first", [2]));
            Assert.True(_database.Length > before, "there was no checkpoint");
        }

        public void Dispose() => _store.Dispose();

        private void Write(string path, byte[] content)
        {
            _disk.Overwrote(path, content);
            _disk.FlushedFile(path);
        }

        private static byte[] Read(string path)
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            byte[] content = new byte[file.Length];
            file.ReadExactly(content);
            return content;
        }
    }

    /// <summary>A registry with signed images.</summary>
    private sealed class Remote(string directory) : IDisposable
    {
        private readonly RegistryStore _store = RegistryStore.Open(directory);
        private readonly Workshop _workshop = new();
        private readonly SigningKey _key = SigningKey.Generate();
        private RegistryServer? _server;

        public async Task<string> StartAsync()
        {
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var address = (IPEndPoint)probe.LocalEndPoint!;
            probe.Dispose();
            _server = await RegistryServer.StartAsync(_store, new RegistryAccess(), null, address, null, _ => { });
            return $"{address}/team/app";
        }

        public async Task PutAsync(Reference name, SampleImage image)
        {
            using var source = new ScriptedRegistry(image);
            PulledImage pulled = await _workshop.Store.PullAsync(source.Reference, new PullOptions(), cancellation: Cancellation);
            _workshop.Store.Tag(source.Reference.ToString(), name.ToString());
            byte[] payload = SimpleSigning.Write(image.Digest, name, DateTimeOffset.UnixEpoch);
            _workshop.Store.AddSignature(pulled.Image, new ImageSignature.Cosign(payload, _key.Sign(payload)));
            await _workshop.Store.PushAsync(name, null, cancellation: Cancellation);
        }

        public void Dispose()
        {
            _server?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _store.Dispose();
            _workshop.Dispose();
            _key.Dispose();
        }
    }
}

using Caisson.Errors;
using Caisson.Images.Store;
using Caisson.Images.Tests.Layers.Tar;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests.Store;

/// <summary>
/// Work on a store is recorded; then the power is cut between any two changes of the disk, and the store is opened on what a
/// file system may have kept: every tag must resolve to a whole image, which is the one before or the one after.
/// </summary>
[Collection(nameof(PowerCutTests))]
[CollectionDefinition(nameof(PowerCutTests), DisableParallelization = true)]
public sealed class PowerCutTests : IDisposable
{
    private const int Cuts = 2000;

    // In memory, where a flush costs nothing: what is durable is decided here.
    private readonly string _directory = Directory.CreateDirectory(
        Path.Join(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "caisson-images-" + Guid.NewGuid().ToString("N"))).FullName;

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
        List<Expectation> expectations = [];
        DurableFile.Observer = disk;
        using (ImageStore store = Open(root))
        {
            await WorkAsync(store, disk, expectations);
        }
        DurableFile.Observer = null;

        var random = new Random(2026);
        int whole = 0;
        int former = 0;
        for (int cut = 0; cut < Cuts; cut++)
        {
            int at = random.Next(disk.Count + 1);
            string after = Path.Join(_directory, $"cut{cut}");
            disk.Materialise(after, at, random);
            Expectation before = expectations.Last(expectation => expectation.At <= at);
            Expectation? next = expectations.FirstOrDefault(expectation => expectation.At > at);
            using (ImageStore store = Open(after))
            {
                foreach (string tag in (string[])["a:1", "a:2", "b:1", "c:1"])
                {
                    Digest? now = store.TryResolve(tag)?.ManifestDigest;
                    Digest? was = before.Tags.TryGetValue(tag, out Digest kept) ? kept : null;
                    Digest? willBe = (next ?? before).Tags.TryGetValue(tag, out Digest made) ? made : null;
                    Assert.True(now == was || now == willBe, $"cut {cut} at {at}: {tag} is {now}, was {was}, was to be {willBe}");
                    whole += now == willBe ? 1 : 0;
                    former += now == was ? 1 : 0;
                }
                StoreCheck check = store.Check(repair: false, Cancellation);
                Assert.True(Damage(check).Length == 0, $"cut {cut} at {at}: {string.Join("; ", check.Problems)}");
                foreach (Image image in store.List())
                {
                    await store.EnsureUnpackedAsync(image, cancellation: Cancellation);
                }
                store.CollectGarbage();
                Assert.Empty(Damage(store.Check(repair: false, Cancellation)));
            }
            Directory.Delete(after, recursive: true);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{Cuts} cuts over {disk.Count} changes: {whole} tags as they were to be, {former} as they were");
        Assert.True(disk.Count > 100);
    }

    [Fact]
    public async Task A_store_that_forgot_to_flush_would_be_found_out()
    {
        string root = Path.Join(_directory, "root");
        var disk = new RecordedDisk(root) { ForgetsFlushes = true };
        List<Expectation> expectations = [];
        DurableFile.Observer = disk;
        using (ImageStore store = Open(root))
        {
            await WorkAsync(store, disk, expectations);
        }
        DurableFile.Observer = null;
        var random = new Random(1);
        int found = 0;
        for (int cut = 0; cut < 100 && found == 0; cut++)
        {
            string after = Path.Join(_directory, $"cut{cut}");
            disk.Materialise(after, random.Next(disk.Count / 2, disk.Count + 1), random);
            try
            {
                using ImageStore store = Open(after);
                found += store.Check(repair: false, Cancellation).Problems.Count;
            }
            catch (CaissonException)
            {
                found++;
            }
        }

        Assert.NotEqual(0, found);
    }

    /// <summary>A container that was removed may come back without its layers; the engine removes what it has no record of.</summary>
    private static string[] Damage(StoreCheck check) => [.. check.Problems.Where(problem => !problem.StartsWith("container ", StringComparison.Ordinal))];

    private static ImageStore Open(string root) => ImageStore.Open(root, new FileImageCatalog(Path.Join(root, "images.json")));

    /// <summary>Takes in, commits, tags, moves a tag, removes and collects; after each the tags that are promised are noted.</summary>
    private static async Task WorkAsync(ImageStore store, RecordedDisk disk, List<Expectation> expectations)
    {
        expectations.Add(new Expectation(0, new Dictionary<string, Digest>()));
        Image first = await Import(store, "a:1", "one");
        Note();
        await Import(store, "b:1", "two");
        Note();
        store.Tag("a:1", "a:2");
        Note();
        store.CreateSnapshot("c1", first);
        File.WriteAllText(Path.Join(store.Snapshots.Find("c1")!.UpperDirectory, "new"), "written");
        await store.CommitAsync("c1", new ImportOptions { Name = Reference.Parse("c:1") }, cancellation: Cancellation);
        Note();
        store.RemoveSnapshot("c1");
        await Import(store, "a:1", "three");
        Note();
        store.Tag("b:1", "a:2");
        Note();
        store.Remove("a:1");
        Note();
        using (var archive = new MemoryStream())
        {
            await store.SaveAsync(["c:1"], archive, cancellation: Cancellation);
            store.Remove("c:1");
            Note();
            archive.Position = 0;
            await store.LoadAsync(archive, cancellation: Cancellation);
            Note();
        }
        store.AddSignature(store.Resolve("b:1"), new Caisson.Trust.ImageSignature.Cosign("{}"u8.ToArray(), [1, 2, 3]));
        Note();
        await store.ConvertAsync("b:1", Reference.Parse("a:1"), null, Caisson.Images.Layers.LayerCompression.Gzip, Cancellation);
        Note();
        store.Remove("c:1", force: true);
        Note();
        store.CollectGarbage();
        Note();

        void Note() => expectations.Add(new Expectation(disk.Count, store.List()
            .SelectMany(image => image.RepoTags.Select(tag => (tag, image.ManifestDigest)))
            .ToDictionary(pair => pair.tag, pair => pair.ManifestDigest)));
    }

    private static async Task<Image> Import(ImageStore store, string name, string content)
    {
        using var archive = new MemoryStream(new TarBytes().File("content", content + new string('x', 3000)).End());
        return await store.ImportAsync(archive, new ImportOptions { Name = Reference.Parse(name) }, cancellation: Cancellation);
    }

    /// <param name="At">After how many changes of the disk the work was acknowledged.</param>
    /// <param name="Tags">What was promised then.</param>
    private sealed record Expectation(int At, Dictionary<string, Digest> Tags);

    /// <summary>A disk that remembers, and what may be left of it when the power goes.</summary>
    /// <remarks>
    /// What POSIX promises and no more: written bytes may be lost, cut off or zero until the file is flushed; names may be lost
    /// or kept in any mixture until their directory is flushed, but a rename is whole or not there, and changes of one name keep their order.
    /// </remarks>
    private sealed class RecordedDisk(string root) : IDiskObserver
    {
        private readonly Lock _sync = new();
        private readonly List<Change> _changes = [];

        public bool ForgetsFlushes { get; init; }

        public int Count
        {
            get
            {
                lock (_sync)
                {
                    return _changes.Count;
                }
            }
        }

        public void CreatedDirectory(string path) => Add(new Change(Kind.Directory, path));

        public void Created(string path) => Add(new Change(Kind.Create, path));

        public void Wrote(string path, ReadOnlySpan<byte> content) => Add(new Change(Kind.Write, path) { Content = content.ToArray() });

        public void FlushedFile(string path) => Add(new Change(Kind.FlushFile, path));

        public void FlushedDirectory(string path) => Add(new Change(Kind.FlushDirectory, path));

        public void FlushedTree(string path) => Add(new Change(Kind.FlushTree, path)
        {
            Files = [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(path, file), File.ReadAllBytes(file)))],
        });

        public void Renamed(string path, string target) => Add(new Change(Kind.Rename, path) { Target = target });

        public void Removed(string path) => Add(new Change(Kind.Remove, path));

        /// <summary>Writes what may be left after the first <paramref name="count"/> changes.</summary>
        public void Materialise(string target, int count, Random random)
        {
            // Inode: its content, and how much of it is durable. Names: durable ones, and changes that may be lost.
            Dictionary<string, Node> durable = new(StringComparer.Ordinal) { [root] = new Node { IsDirectory = true } };
            Dictionary<string, Node> current = new(durable, StringComparer.Ordinal);
            List<Change> pending = [];
            for (int i = 0; i < count; i++)
            {
                Change change = _changes[i];
                bool forgotten = ForgetsFlushes && change.Kind is Kind.FlushFile or Kind.FlushDirectory or Kind.FlushTree;
                switch (change.Kind)
                {
                    case Kind.Write when current.TryGetValue(change.Path, out Node? file):
                        file.Content.AddRange(change.Content);
                        break;
                    case Kind.FlushFile when !forgotten && current.TryGetValue(change.Path, out Node? file):
                        file.Durable = file.Content.Count;
                        break;
                    case Kind.FlushDirectory when !forgotten:
                        Settle(pending.Where(each => ParentIs(each.Path, change.Path) || (each.Target is { } to && ParentIs(to, change.Path))));
                        break;
                    case Kind.FlushTree:
                        foreach (var (name, content) in change.Files)
                        {
                            string path = Path.Join(change.Path, name);
                            current[path] = new Node { Durable = forgotten ? 0 : content.Length };
                            current[path].Content.AddRange(content);
                            pending.Add(new Change(Kind.Create, path) { Node = current[path] });
                        }
                        if (!forgotten)
                        {
                            foreach (Node node in current.Values)
                            {
                                node.Durable = node.Content.Count;
                            }
                            Settle(pending);
                        }
                        break;
                    case Kind.Directory or Kind.Create:
                        if (!current.ContainsKey(change.Path))
                        {
                            current[change.Path] = new Node { IsDirectory = change.Kind == Kind.Directory };
                            pending.Add(change with { Node = current[change.Path] });
                        }
                        break;
                    case Kind.Rename or Kind.Remove:
                        Change named = change with { Node = current.GetValueOrDefault(change.Path) };
                        pending.Add(named);
                        Apply(current, named);
                        break;
                }
            }

            // Of what was not flushed, any part may have reached the disk; changes of the same name in their order.
            foreach (Change change in pending.Where(_ => random.Next(2) == 0).ToArray())
            {
                Apply(durable, change);
            }
            Write(target, durable, random);

            void Settle(IEnumerable<Change> settled)
            {
                foreach (Change change in settled.ToArray())
                {
                    Apply(durable, change);
                    pending.Remove(change);
                }
            }
        }

        private static bool ParentIs(string path, string directory) => Path.GetDirectoryName(path) == directory;

        /// <summary>Changes names; those of what lies in a directory move and go with it.</summary>
        private static void Apply(Dictionary<string, Node> names, Change change)
        {
            string inside = change.Path + "/";
            switch (change.Kind)
            {
                case Kind.Directory or Kind.Create:
                    names[change.Path] = change.Node!;
                    break;
                case Kind.Remove:
                    foreach (string path in names.Keys.Where(path => path == change.Path || path.StartsWith(inside, StringComparison.Ordinal)).ToArray())
                    {
                        names.Remove(path);
                    }
                    break;
                case Kind.Rename:
                    foreach (string path in names.Keys.Where(path => path == change.Path || path.StartsWith(inside, StringComparison.Ordinal)).ToArray())
                    {
                        names.Remove(path, out Node? node);
                        names[change.Target + path[change.Path.Length..]] = node!;
                    }
                    if (change.Node is not null)
                    {
                        names[change.Target!] = change.Node; // also when the first name was never written
                    }
                    break;
            }
        }

        private void Write(string target, Dictionary<string, Node> names, Random random)
        {
            Directory.CreateDirectory(target);
            foreach (var (path, node) in names.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                string relative = Path.GetRelativePath(root, path);
                bool reachable = true;
                for (string? parent = Path.GetDirectoryName(path); parent is not null && parent.Length > root.Length; parent = Path.GetDirectoryName(parent))
                {
                    reachable &= names.TryGetValue(parent, out Node? above) ? above.IsDirectory : parent.Contains("/fs", StringComparison.Ordinal);
                }
                if (!reachable || path.Length <= root.Length)
                {
                    continue;
                }
                string place = Path.Join(target, relative);
                if (node.IsDirectory)
                {
                    Directory.CreateDirectory(place);
                    continue;
                }
                Directory.CreateDirectory(Path.GetDirectoryName(place)!);
                byte[] content = [.. node.Content];
                if (node.Durable < content.Length)
                {
                    int kept = random.Next(node.Durable, content.Length + 1);
                    bool zeros = random.Next(2) == 0;
                    content = zeros ? [.. content[..kept], .. new byte[content.Length - kept]] : content[..kept];
                }
                File.WriteAllBytes(place, content);
            }
        }

        /// <summary>Tests beside this one have disks of their own.</summary>
        private void Add(Change change)
        {
            lock (_sync)
            {
                if (change.Path == root || change.Path.StartsWith(root + "/", StringComparison.Ordinal))
                {
                    _changes.Add(change);
                }
            }
        }

        private enum Kind
        {
            Directory,
            Create,
            Write,
            FlushFile,
            FlushDirectory,
            FlushTree,
            Rename,
            Remove,
        }

        private sealed record Change(Kind Kind, string Path)
        {
            public byte[] Content { get; init; } = [];

            public (string Name, byte[] Content)[] Files { get; init; } = [];

            public string? Target { get; init; }

            public Node? Node { get; init; }
        }

        private sealed class Node
        {
            public bool IsDirectory { get; init; }

            public List<byte> Content { get; } = [];

            public int Durable { get; set; }
        }
    }
}

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
}

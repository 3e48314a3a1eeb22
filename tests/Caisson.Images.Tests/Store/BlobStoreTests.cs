using Caisson.Errors;
using Caisson.Images.Store;
using Caisson.Oci;

using Xunit;

namespace Caisson.Images.Tests.Store;

public sealed class BlobStoreTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly BlobStore _store;

    public BlobStoreTests() => _store = BlobStore.Open(_directory.Path);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Content_is_found_by_its_digest()
    {
        Digest digest = await Ingest("hello"u8.ToArray());

        Assert.Equal(Digest.Of("hello"u8), digest);
        Assert.Equal("hello"u8.ToArray(), _store.ReadAll(digest, 100));
        Assert.Equal([digest], _store.List());
        Assert.Equal("hello", File.ReadAllText(_directory["content/blobs/sha256/" + digest.Hex]));
        Assert.True(_store.Delete(digest));
        Assert.False(_store.Delete(digest));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<CaissonException>(() => _store.OpenRead(digest)).Kind);
    }

    public static TheoryData<string, long?> Announcements => new()
    {
        { Digest.Of("other"u8).ToString(), null },
        { Digest.Of("hello"u8).ToString(), 4 },
        { Digest.Of("hello"u8).ToString(), 6 },
        { Digest.FromSha512(new byte[64]).ToString(), 5 },
    };

    [Theory]
    [MemberData(nameof(Announcements))]
    public async Task Content_that_was_announced_differently_is_not_kept(string digest, long? size)
    {
        await Assert.ThrowsAsync<CaissonException>(() => Ingest("hello"u8.ToArray(), Digest.Parse(digest), size));

        Assert.Empty(_store.List());
        Assert.Empty(Directory.GetFiles(_directory["content/ingest"]));
    }

    [Fact]
    public async Task Content_longer_than_allowed_is_cut_short()
    {
        var endless = new MemoryStream(new byte[10_000_000]);

        var refused = await Assert.ThrowsAsync<CaissonException>(
            () => _store.IngestAsync(endless, sizeBytesMax: 1000, cancellation: Cancellation));

        Assert.Equal(ErrorKind.ResourceExhausted, refused.Kind);
        Assert.True(endless.Position < endless.Length);
    }

    [Fact]
    public void Content_that_changed_on_disk_is_noticed()
    {
        Digest digest = _store.Put("hello"u8);
        File.WriteAllText(_directory["content/blobs/sha256/" + digest.Hex], "hellO");

        Assert.Equal(ErrorKind.Internal, Assert.Throws<CaissonException>(() => _store.ReadAll(digest, 100)).Kind);
    }

    [Fact]
    public void What_is_being_written_survives_another_opening()
    {
        using BlobWriteStream writer = _store.CreateWriter();
        writer.Write("half"u8);
        File.WriteAllText(_directory["content/ingest/leftover"], "x");

        BlobStore.Open(_directory.Path);

        Assert.Single(Directory.GetFiles(_directory["content/ingest"]));
        Assert.Equal(Digest.Of("half"u8), writer.Commit());
    }

    private Task<Digest> Ingest(byte[] content, Digest expected = default, long? size = null) =>
        _store.IngestAsync(new MemoryStream(content), expected, size, cancellation: Cancellation);
}

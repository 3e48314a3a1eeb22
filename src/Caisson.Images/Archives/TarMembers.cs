using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Store;
using Caisson.Oci;

namespace Caisson.Images.Archives;

/// <summary>The members of an archive that comes as a stream: large ones go straight into the store, small ones are kept.</summary>
/// <remarks>One pass and no copy, although the document that explains the members may come last.</remarks>
internal sealed class TarMembers : IArchiveMembers
{
    private const int SmallBytesMax = 128 * 1024;
    private const long SmallBytesTotalMax = 64L << 20;
    private const int LinksMax = 8;

    private readonly BlobStore _blobs;
    private readonly ContentLeases.Lease _lease;
    private readonly Dictionary<string, byte[]> _small = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Digest Digest, long Size)> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _links = new(StringComparer.Ordinal);

    private TarMembers(BlobStore blobs, ContentLeases.Lease lease)
    {
        _blobs = blobs;
        _lease = lease;
    }

    /// <summary>Reads the whole archive, compressed or not.</summary>
    public static TarMembers Read(
        Stream source, BlobStore blobs, ContentLeases.Lease lease, TarLimits limits, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        var members = new TarMembers(blobs, lease);
        using LayerStream archive = LayerStream.Open(source, limits, "the archive");
        var reader = new TarReader(archive, limits, "the archive");
        long smallTotal = 0;
        while (reader.Next() is { } entry)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!TryNormalise(entry.Name, out string name))
            {
                throw reader.Fail("its name leads upwards with '..'");
            }
            if (members._small.ContainsKey(name) || members._stored.ContainsKey(name) || members._links.ContainsKey(name))
            {
                throw reader.Fail("there are two members of that name");
            }
            switch (entry.Type)
            {
                case TarEntryType.File when entry.Segments is not null:
                    throw reader.Fail("a member of an image archive cannot be sparse");
                case TarEntryType.File when entry.Size <= SmallBytesMax && (smallTotal += entry.Size) <= SmallBytesTotalMax:
                    members._small.Add(name, reader.ReadAll(SmallBytesMax));
                    break;
                case TarEntryType.File:
                    members.Store(name, reader, progress, cancellation);
                    break;
                case TarEntryType.SymbolicLink when TryNormalise(Join(name, entry.LinkName), out string target):
                    members._links.Add(name, target);
                    break;
                case TarEntryType.HardLink when TryNormalise(entry.LinkName, out string target):
                    members._links.Add(name, target);
                    break;
            }
        }
        return members;
    }

    public byte[]? TryRead(string name, int sizeBytesMax)
    {
        name = Follow(name);
        if (_small.TryGetValue(name, out byte[]? content))
        {
            return content.Length <= sizeBytesMax
                ? content
                : throw new CaissonException(ErrorKind.ResourceExhausted, $"member {name} is longer than {sizeBytesMax} bytes");
        }
        return _stored.TryGetValue(name, out var stored) ? _blobs.ReadAll(stored.Digest, sizeBytesMax) : null;
    }

    public (Digest Digest, long SizeBytes)? TryStore(string name, Digest expected)
    {
        name = Follow(name);
        if (_small.TryGetValue(name, out byte[]? content))
        {
            Digest digest = expected.IsEmpty ? Digest.Of(content) : expected;
            _lease.Hold(digest);
            if (!_blobs.Contains(digest))
            {
                using BlobWriteStream writer = _blobs.CreateWriter(digest, content.Length);
                writer.Write(content);
                writer.Commit(content.Length);
            }
            else if (!expected.IsEmpty && Digest.Of(content) != expected && expected.Algorithm == "sha256")
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"member {name} is {Digest.Of(content)} instead of {expected}");
            }
            return (digest, content.Length);
        }
        if (!_stored.TryGetValue(name, out var stored))
        {
            return null;
        }
        return expected.IsEmpty || stored.Digest == expected
            ? stored
            : throw new CaissonException(ErrorKind.InvalidArgument, $"member {name} is {stored.Digest} instead of {expected}");
    }

    /// <summary>Stores a large member; what is named by its digest must have it.</summary>
    private void Store(string name, TarReader reader, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        string[] parts = name.Split('/');
        Digest expected = parts is ["blobs", var algorithm, var hex] && Digest.TryParse($"{algorithm}:{hex}", out Digest named) ? named : default;
        using BlobWriteStream writer = _blobs.CreateWriter(expected, long.MaxValue, _lease.Hold);
        for (ReadOnlySpan<byte> chunk = reader.NextChunk(); !chunk.IsEmpty; chunk = reader.NextChunk())
        {
            cancellation.ThrowIfCancellationRequested();
            writer.Write(chunk);
            progress?.Report(new ImageProgress(ImageStage.Receiving, expected, writer.Length, 0, name));
        }
        _stored.Add(name, (writer.Commit(), writer.Length));
    }

    private string Follow(string name)
    {
        _ = TryNormalise(name, out name);
        for (int links = 0; links < LinksMax && _links.TryGetValue(name, out string? target); links++)
        {
            name = target;
        }
        return name;
    }

    private static string Join(string name, string link) =>
        link.StartsWith('/') ? link : $"{name[..(name.LastIndexOf('/') + 1)]}{link}";

    /// <summary>Resolves <c>.</c> and <c>..</c> as text, for names that only ever are keys of a dictionary.</summary>
    private static bool TryNormalise(string name, out string plain)
    {
        List<string> parts = [];
        plain = "";
        foreach (string part in name.Split('/'))
        {
            if (part == "..")
            {
                if (parts.Count == 0)
                {
                    return false;
                }
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ("" or "."))
            {
                parts.Add(part);
            }
        }
        plain = string.Join('/', parts);
        return true;
    }
}

using Caisson.Errors;
using Caisson.Images.Bootstrap;
using Caisson.Oci;

namespace Caisson.Images;

public sealed partial class ImageStore
{
    /// <summary>Makes the image <c>busybox:latest</c> from this machine's static busybox, or from Debian's package of it.</summary>
    /// <param name="name">Another name; null for <c>busybox:latest</c>.</param>
    /// <param name="progress">Told stages.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: no busybox is to be had.</exception>
    public async Task<Image> MakeBusyboxAsync(
        Reference? name = null, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        var (archive, made) = await BusyboxImage.BuildAsync(progress, cancellation);
        await using (archive)
        {
            return await ImportAsync(archive, new ImportOptions
            {
                Name = name ?? Reference.Parse("busybox:latest"),
                Execution = BusyboxImage.Execution,
                Created = made,
                Comment = "made from busybox-static",
            }, progress, cancellation);
        }
    }

    /// <summary>Makes a Debian image by mmdebstrap: <c>debian:SUITE</c>, minimal but for <paramref name="include"/>.</summary>
    /// <param name="suite">A release: <c>bookworm</c>.</param>
    /// <param name="include">Packages beside the minimal ones.</param>
    /// <param name="name">Another name; null for <c>debian:SUITE</c>.</param>
    /// <param name="mirror">Where packages come from; null to use this machine's sources where they fit.</param>
    /// <param name="progress">Told what mmdebstrap says.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: mmdebstrap is not installed.</exception>
    public async Task<Image> MakeDebianAsync(
        string suite = "bookworm",
        IReadOnlyList<string>? include = null,
        Reference? name = null,
        string? mirror = null,
        IProgress<ImageProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        Image? made = null;
        try
        {
            await Build();
        }
        catch when (made is not null)
        {
            // The tool failed after the end of its archive.
            Remove(made.ManifestDigest.ToString(), force: true);
            throw;
        }
        return Tag(made!.ManifestDigest.ToString(), (name ?? Reference.Parse($"debian:{suite}")).ToString());

        Task Build() => DebianImage.BuildAsync(suite, include ?? [], mirror, async archive => made = await ImportAsync(archive, new ImportOptions
        {
            Execution = DebianImage.Execution,
            CreatedBy = $"mmdebstrap --variant=minbase {suite}",
        }, progress, cancellation), progress, cancellation);
    }
}

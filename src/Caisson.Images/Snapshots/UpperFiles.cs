using Caisson.Images.Layers.Tar;
using Caisson.Linux;

namespace Caisson.Images.Snapshots;

/// <summary>An overlay's upper directory wherever it is, as what was changed against the image below it: what a machine has on its own disk.</summary>
public static class UpperFiles
{
    /// <summary>All differences, ordered by path.</summary>
    /// <param name="upper">The upper directory.</param>
    /// <param name="image">What is below it.</param>
    public static IReadOnlyList<FileChange> Diff(DirectoryDescriptor upper, RootDirectory image) => SnapshotDiff.Compute(upper, image);

    /// <summary>Writes the upper directory as a layer: an archive in which removals are whiteouts.</summary>
    /// <param name="upper">The upper directory; may change meanwhile.</param>
    /// <param name="output">Receives the archive; stays the caller's.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static void WriteLayer(DirectoryDescriptor upper, Stream output, CancellationToken cancellation)
    {
        var writer = new TarWriter(output);
        new TreeArchive(writer, asLayer: true, isStill: false, cancellation).Write(upper);
        writer.Finish();
    }
}

using Caisson.Errors;
using Caisson.Linux.Processes;
using Caisson.Oci;

namespace Caisson.Images.Bootstrap;

/// <summary>A Debian root filesystem made from the archive by mmdebstrap, which needs no image registry.</summary>
/// <remarks>Source: mmdebstrap(1).</remarks>
internal static class DebianImage
{
    /// <summary>How the image runs.</summary>
    public static ExecutionConfig Execution { get; } = new() { Cmd = ["bash"], Env = [BusyboxImage.DefaultPath] };

    /// <summary>Builds and hands the archive to <paramref name="consume"/> while it is made.</summary>
    /// <param name="suite">A release: <c>bookworm</c>.</param>
    /// <param name="include">Packages beside the minimal ones.</param>
    /// <param name="mirror">Where packages come from; null for this machine's own sources when it runs this release, else Debian's.</param>
    /// <param name="consume">Reads the tar archive.</param>
    /// <param name="progress">Told what mmdebstrap says.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: a name that is none; <see cref="ErrorKind.FailedPrecondition"/>: mmdebstrap is missing.
    /// </exception>
    public static async Task BuildAsync(
        string suite,
        IReadOnlyList<string> include,
        string? mirror,
        Func<Stream, Task> consume,
        IProgress<ImageProgress>? progress,
        CancellationToken cancellation)
    {
        DebianSources.CheckName(suite, "release");
        foreach (string package in include)
        {
            DebianSources.CheckName(package, "package");
        }
        List<string> arguments = ["--variant=minbase", "--mode=root", "--format=tar"];
        if (include.Count > 0)
        {
            arguments.Add("--include=" + string.Join(',', include));
        }
        arguments.AddRange([suite, "-"]);
        arguments.AddRange(DebianSources.For(suite, mirror));

        await ToolRun.StreamAsync("mmdebstrap", arguments, null, consume,
            line => progress?.Report(new ImageProgress(ImageStage.Building, default, 0, 0, line)), cancellation);
    }
}

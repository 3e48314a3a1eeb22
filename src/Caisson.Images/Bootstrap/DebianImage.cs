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
        CheckName(suite, "release");
        foreach (string package in include)
        {
            CheckName(package, "package");
        }
        List<string> arguments = ["--variant=minbase", "--mode=root", "--format=tar"];
        if (include.Count > 0)
        {
            arguments.Add("--include=" + string.Join(',', include));
        }
        arguments.AddRange([suite, "-"]);
        arguments.AddRange(mirror is not null ? [mirror] : OwnSources(suite));

        await ToolRun.StreamAsync("mmdebstrap", arguments, null, consume,
            line => progress?.Report(new ImageProgress(ImageStage.Building, default, 0, 0, line)), cancellation);
    }

    /// <summary>The machine's own package sources, where it runs the same release: they are known to be reachable.</summary>
    private static IEnumerable<string> OwnSources(string suite)
    {
        const string List = "/etc/apt/sources.list";
        const string Parts = "/etc/apt/sources.list.d";

        if (!File.Exists("/etc/os-release") || !File.ReadLines("/etc/os-release").Contains($"VERSION_CODENAME={suite}"))
        {
            return [];
        }
        IEnumerable<string> parts = Directory.Exists(Parts)
            ? Directory.GetFiles(Parts).Where(path => path.EndsWith(".list", StringComparison.Ordinal) || path.EndsWith(".sources", StringComparison.Ordinal))
            : [];
        return [.. parts.Prepend(List).Where(path => File.Exists(path) && NamesSuite(path, suite)).Order(StringComparer.Ordinal)];
    }

    private static bool NamesSuite(string path, string suite) =>
        File.ReadLines(path).Any(line => !line.TrimStart().StartsWith('#')
            && line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries).Any(word => word == suite));

    private static void CheckName(string name, string what)
    {
        if (name.Length == 0 || !char.IsAsciiLetterOrDigit(name[0])
            || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '+' or '-' or '.' or ':'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"'{name}' is not the name of a Debian {what}");
        }
    }
}

using System.Globalization;

using Caisson.Client.Http;

namespace Caisson.Client.Images;

/// <summary>A directory of this machine, described so that an engine can tell whether it sees the same one.</summary>
/// <remarks>An engine may be on another machine, behind a forwarded socket, or in other mount namespaces; then the files are sent.</remarks>
/// <param name="Path">Absolute.</param>
/// <param name="Boot">The identity of the running kernel. Source: random(4), boot_id.</param>
/// <param name="Mounts">The mount namespace that the path is meant in, as <c>mnt:[4026531840]</c>. Source: namespaces(7).</param>
/// <param name="Modified">When names in the directory last changed, in units of 100 ns.</param>
public sealed record HostDirectory(string Path, string Boot, string Mounts, long Modified)
{
    /// <summary>Describes a directory; null when an engine is not to read it itself, since it might see more of it than the caller may.</summary>
    /// <param name="path">Absolute.</param>
    public static HostDirectory? TryDescribe(string path)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return null;
        }
        try
        {
            return new FileInfo("/proc/self/ns/mnt").LinkTarget is { } mounts
                ? new HostDirectory(path, File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), mounts, new DirectoryInfo(path).LastWriteTimeUtc.Ticks)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>As the parameters of a request.</summary>
    internal string ToQuery() => new QueryString()
        .Add("path", Path)
        .Add("boot", Boot)
        .Add("mounts", Mounts)
        .Add("modified", Modified.ToString(CultureInfo.InvariantCulture))
        .ToString();
}

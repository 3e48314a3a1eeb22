using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>Tells whether a client and this engine mean the same directory by a path.</summary>
public static class LocalContext
{
    /// <summary>The directory that a client described, when this engine sees the same.</summary>
    /// <param name="path">Absolute.</param>
    /// <param name="boot">The client's kernel. Source: random(4), boot_id.</param>
    /// <param name="mounts">The client's mount namespace. Source: namespaces(7).</param>
    /// <param name="modified">When the directory last changed for the client, in units of 100 ns since the year 1.</param>
    /// <returns>The path.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: it sees another, or none; the files have to be sent.</exception>
    public static string Require(string? path, string? boot, string? mounts, string? modified)
    {
        if (path is null || !path.StartsWith('/') || boot is null || boot != HostFiles.TryReadText("/proc/sys/kernel/random/boot_id")?.Trim()
            || mounts is null || mounts != new FileInfo("/proc/self/ns/mnt").LinkTarget)
        {
            throw Missing();
        }
        try
        {
            using DirectoryDescriptor directory = HostFiles.OpenDirectory(path);
            DateTimeOffset changed = directory.Status.ModifiedTime.ToDateTimeOffset();
            return changed.Ticks.ToString(CultureInfo.InvariantCulture) == modified ? path : throw Missing();
        }
        catch (LinuxException)
        {
            throw Missing();
        }

        CaissonException Missing() => new(ErrorKind.NotFound, $"'{path}' is not the same directory for this engine; send its files");
    }
}

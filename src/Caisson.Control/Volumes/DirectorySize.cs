using Caisson.Linux;

namespace Caisson.Control.Volumes;

/// <summary>How many bytes the files below a directory have, each once however many names it has.</summary>
internal static class DirectorySize
{
    private const int DepthMax = 512;

    /// <summary>Descends by descriptor, follows no link and enters no other mount.</summary>
    public static long Measure(DirectoryDescriptor directory)
    {
        HashSet<ulong> seen = [];
        ulong mount = directory.Status.MountId;
        return Sum(directory, 0);

        long Sum(DirectoryDescriptor from, int depth)
        {
            long bytes = 0;
            foreach (DirectoryEntry name in from.Enumerate())
            {
                using FileDescriptor? entry = from.TryOpenPath(name.Name);
                if (entry?.Status is not { } status || status.MountId != mount)
                {
                    continue;
                }
                if (status.Kind == FileKind.Regular && (status.Links == 1 || seen.Add(status.Inode)))
                {
                    bytes += status.Size;
                }
                if (status.Kind == FileKind.Directory && depth < DepthMax && TryEnter(from, name.Name) is { } next)
                {
                    using (next)
                    {
                        bytes += Sum(next, depth + 1);
                    }
                }
            }
            return bytes;
        }
    }

    private static DirectoryDescriptor? TryEnter(DirectoryDescriptor from, string name)
    {
        try
        {
            return from.OpenDirectory(name);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null; // a container works in it
        }
    }
}

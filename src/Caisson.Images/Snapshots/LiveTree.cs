using Caisson.Linux;

namespace Caisson.Images.Snapshots;

/// <summary>Walking a tree that others change at the same time.</summary>
internal static class LiveTree
{
    /// <summary>The directory <paramref name="name"/>; null when it has meanwhile gone or become something else.</summary>
    public static DirectoryDescriptor? TryEnter(DirectoryDescriptor parent, string name)
    {
        try
        {
            return parent.OpenDirectory(name);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            return null;
        }
    }
}

using Caisson.Linux;

namespace Caisson.Control.Builds;

/// <summary>Empty files and directories that a launch makes for mounts to lie on: they are no part of what a step has made.</summary>
internal sealed class MountStubs
{
    private const PathLookup Exact = PathLookup.NoFollowLast | PathLookup.NoSymlinks;

    private readonly List<string> _missing = [];
    private readonly Dictionary<string, FileStatus> _parents = [];

    /// <summary>Notes what is not there yet.</summary>
    /// <param name="root">The step's root before it runs.</param>
    /// <param name="targets">Where something will be mounted.</param>
    public MountStubs(RootDirectory root, IEnumerable<string> targets)
    {
        foreach (string target in targets.Order(StringComparer.Ordinal))
        {
            for (string path = target.TrimEnd('/'); path.Length > 0; path = path[..path.LastIndexOf('/')])
            {
                if (root.TryGetStatus(path, PathLookup.NoFollowLast) is not { } status)
                {
                    _missing.Add(path);
                    continue;
                }
                if (status.Kind == FileKind.Directory && path != target)
                {
                    _parents[path] = status;
                }
            }
        }
    }

    /// <summary>Takes them out of what the step has written.</summary>
    /// <param name="upper">The host path of that.</param>
    public void Remove(string upper)
    {
        using RootDirectory root = RootDirectory.Open(upper);
        foreach (string path in _missing.Distinct().OrderByDescending(path => path.Length))
        {
            switch (Status(root, path))
            {
                case { Kind: FileKind.Regular, Size: 0 }:
                    root.Unlink(path);
                    break;
                case { Kind: FileKind.Directory }:
                    _ = IsRemoved(root, path);
                    break;
            }
        }
        foreach ((string path, FileStatus below) in _parents.OrderByDescending(parent => parent.Key.Length))
        {
            // Copied up for the stub's sake alone, when it is empty now and otherwise as it was.
            if (Status(root, path) is { Kind: FileKind.Directory } now && now.Mode == below.Mode && now.UserId == below.UserId && now.GroupId == below.GroupId)
            {
                using FileDescriptor directory = root.OpenPath(path, Exact);
                if (directory.GetExtendedAttribute("trusted.overlay.opaque") is not [(byte)'y'])
                {
                    _ = IsRemoved(root, path);
                }
            }
        }
    }

    private static FileStatus? Status(RootDirectory root, string path)
    {
        try
        {
            return root.TryGetStatus(path, Exact);
        }
        catch (LinuxException error) when (error.Errno is Errno.ELOOP or Errno.ENOTDIR)
        {
            return null; // the step has put something else there
        }
    }

    private static bool IsRemoved(RootDirectory root, string path)
    {
        try
        {
            return root.RemoveDirectory(path);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOTEMPTY or Errno.ENOTDIR)
        {
            return false;
        }
    }
}

using Caisson.Linux;

namespace Caisson.Images.Layers;

/// <summary>Finds what a path is in a stack of unpacked layers, as overlayfs would, without mounting it.</summary>
/// <remarks>Links are not followed. Source: overlayfs.rst, "Upper and Lower", "whiteouts and opaque directories".</remarks>
internal static class LowerLookup
{
    /// <summary>The entry at <paramref name="path"/>; null when the stack has none. The caller disposes it.</summary>
    /// <param name="layers">The layers' roots, top first.</param>
    /// <param name="path">Relative to the root, plain names; empty for the root.</param>
    public static FileDescriptor? Find(IEnumerable<string> layers, string path)
    {
        string[] names = path.Length == 0 ? [] : path.Split('/');
        foreach (string layer in layers)
        {
            using DirectoryDescriptor root = HostFiles.OpenDirectory(layer);
            if (FindIn(root, names, out bool covers) is { } found)
            {
                return found;
            }
            if (covers)
            {
                return null;
            }
        }
        return null;
    }

    /// <summary>Looks in one layer; <paramref name="covers"/> when the layer hides the path in the layers below.</summary>
    private static FileDescriptor? FindIn(DirectoryDescriptor root, string[] names, out bool covers)
    {
        covers = false;
        FileDescriptor current = root.Duplicate();
        for (int i = 0; i < names.Length; i++)
        {
            using FileDescriptor parent = current;
            using DirectoryDescriptor directory = ((DirectoryDescriptor)parent).Duplicate();
            FileDescriptor? next = directory.TryOpenPath(names[i]);
            if (next is null)
            {
                return null;
            }
            FileStatus status = next.Status;
            bool last = i == names.Length - 1;
            if (status.Kind == FileKind.Directory)
            {
                covers |= next.GetExtendedAttribute(LayerXattrs.Opaque) is [(byte)'y'];
                next.Dispose();
                current = directory.OpenDirectory(names[i]);
                continue;
            }
            bool whiteout = status is { Kind: FileKind.CharacterDevice, DeviceNode: { Major: 0, Minor: 0 } };
            if (last && !whiteout)
            {
                return next;
            }
            next.Dispose();
            covers = true;
            return null;
        }
        return current;
    }
}

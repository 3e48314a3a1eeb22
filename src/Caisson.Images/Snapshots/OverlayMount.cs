using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Images.Snapshots;

/// <summary>Stacks directories as a detached overlay mount, which is in no mount table until somebody attaches it.</summary>
/// <remarks>
/// Layers go in by descriptor, so neither the length of their paths nor what stands in them matters. Redirects and
/// metadata-only copies are off: images may not steer where a file's content comes from.
/// Source: overlayfs.rst; fsconfig(2). Layers by descriptor need Linux 6.13, one by one 6.5; before, few fit.
/// </remarks>
internal static class OverlayMount
{
    /// <summary>Mounts.</summary>
    /// <param name="lower">Directories, top first; at least one, and at least two without <paramref name="upper"/>.</param>
    /// <param name="upper">What is written to: a directory that holds <c>upper</c> and <c>work</c>; null for a read-only mount.</param>
    /// <param name="owners">Whose ids the files' owners are shown as; null for those on disk.</param>
    /// <param name="attributes">Of the mount.</param>
    /// <exception cref="CaissonException">The kernel refuses; says what the overlay driver said.</exception>
    public static MountTree Open(
        IReadOnlyList<string> lower, string? upper, UserNamespace? owners, MountAttributes attributes)
    {
        List<Descriptor> held = [];
        try
        {
            Descriptor[] layers = [.. lower.Select(path => Hold(path, owners, held))];
            (Descriptor Upper, Descriptor Work)? writable = upper is null ? null : HoldWritable(upper, owners, held);
            try
            {
                return Mount(layers, writable, attributes, byDescriptor: true);
            }
            catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.EBADF && owners is null)
            {
                return Mount(layers, writable, attributes, byDescriptor: false);
            }
        }
        finally
        {
            held.ForEach(descriptor => descriptor.Dispose());
        }
    }

    private static MountTree Mount(
        Descriptor[] layers, (Descriptor Upper, Descriptor Work)? writable, MountAttributes attributes, bool byDescriptor)
    {
        using FilesystemContext overlay = FilesystemContext.Open("overlay");
        overlay.Set("source", "caisson");
        foreach (Descriptor layer in layers)
        {
            Set("lowerdir+", layer);
        }
        if (writable is { } directories)
        {
            Set("upperdir", directories.Upper);
            Set("workdir", directories.Work);
        }
        overlay.Set("redirect_dir", "nofollow");
        overlay.Set("metacopy", "off");
        overlay.Set("index", "off");
        return overlay.Mount(attributes);

        void Set(string key, Descriptor directory)
        {
            if (byDescriptor)
            {
                overlay.Set(key, directory);
            }
            else
            {
                overlay.Set(key, directory.ProcPath);
            }
        }
    }

    private static Descriptor Hold(string path, UserNamespace? owners, List<Descriptor> held)
    {
        if (owners is null)
        {
            DirectoryDescriptor directory = HostFiles.OpenDirectory(path);
            held.Add(directory);
            return directory;
        }
        MountTree tree = MountTree.Clone(path);
        held.Add(tree);
        tree.SetIdMap(owners);
        return tree;
    }

    private static (Descriptor Upper, Descriptor Work) HoldWritable(string path, UserNamespace? owners, List<Descriptor> held)
    {
        DirectoryDescriptor parent;
        if (owners is null)
        {
            parent = HostFiles.OpenDirectory(path);
        }
        else
        {
            var tree = (MountTree)Hold(path, owners, held);
            parent = tree.OpenRoot();
        }
        held.Add(parent);
        DirectoryDescriptor upper = parent.OpenDirectory("upper");
        held.Add(upper);
        DirectoryDescriptor work = parent.OpenDirectory("work");
        held.Add(work);
        return (upper, work);
    }
}

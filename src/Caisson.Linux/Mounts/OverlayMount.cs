using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>Makes overlay file systems that no mount table shows. Source: kernel Documentation/filesystems/overlayfs.rst; Linux 6.7 (5.11 for few layers).</summary>
/// <remarks>
/// A user namespace is served by mapping the ids of every layer and of the upper directory, each through a detached mount of its own
/// (Linux 5.19): an id map on the overlay itself is refused by the kernel. Through such a mount, what is owned by 0 on disk is
/// seen by the host as the id that 0 maps to, and what the container's root creates is owned by 0 on disk. The host's own root
/// has no id in it: creating a file through the mount fails with EOVERFLOW, so prepare files in the upper directory before.
/// Mounting with an id map makes this process non-dumpable (prctl(2), PR_SET_DUMPABLE), since a thread of it works as another user for a moment.
/// </remarks>
public static class OverlayMount
{
    /// <summary>The kernel's limit of lower layers.</summary>
    public const int LowersMax = 500;

    /// <summary>Asked of the release and not tried: kernels before 6.5 take any parameter and refuse the whole only when it is mounted.</summary>
    private static readonly Lazy<bool> TakesOneByOne = new(() =>
        KernelVersion.TryParse(HostFiles.TryReadText("/proc/sys/kernel/osrelease") ?? "", out KernelVersion version) && version.IsAtLeast(6, 7));

    /// <summary>Mounts layers over each other, detached.</summary>
    /// <param name="lowers">Directories, the topmost first; stay the caller's and may be closed after the call.</param>
    /// <param name="writable">Where changes go; null: read-only.</param>
    /// <param name="options">Behaviour.</param>
    /// <returns>The caller disposes it. One layer without writable part is a read-only bind, since the kernel makes no overlay of one.</returns>
    public static MountTree Create(
        IReadOnlyList<Descriptor> lowers, OverlayWritable? writable = null, OverlayOptions? options = null) =>
        Build(lowers, writable, options ?? OverlayOptions.Default);

    /// <summary>Mounts layers over each other, detached, for a container that runs in <paramref name="users"/>.</summary>
    /// <param name="lowers">Directories, the topmost first; stay the caller's and may be closed after the call.</param>
    /// <param name="writable">Where changes go; null: read-only.</param>
    /// <param name="users">Its maps show who owns what; the mount keeps them, the namespace may be closed.</param>
    /// <param name="options">Behaviour.</param>
    /// <exception cref="LinuxException">A layer's file system cannot be mapped (<see cref="MountTree.SetIdMap"/>).</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the upper directory's owner on disk is no id of the namespace.</exception>
    public static MountTree CreateIdmapped(
        IReadOnlyList<Descriptor> lowers, OverlayWritable? writable, UserNamespace users, OverlayOptions? options = null)
    {
        using var mapped = new MappedLayers(lowers, writable, users);
        try
        {
            return BuildMapped(mapped, options ?? OverlayOptions.Default, attach: false);
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            return BuildMapped(mapped, options ?? OverlayOptions.Default, attach: true);
        }
    }

    /// <summary>Mounts on a thread of its own, which then ends with all that was changed of it.</summary>
    /// <param name="mapped">The layers.</param>
    /// <param name="options">Behaviour.</param>
    /// <param name="attach">Before Linux 6.15 a layer cannot be on a detached mount: attach the layers in a mount namespace of that thread.</param>
    internal static MountTree BuildMapped(MappedLayers mapped, OverlayOptions options, bool attach)
    {
        MountTree? tree = null;
        OwnThread.Run(() =>
        {
            if (attach)
            {
                Namespace.UnshareOnThisThread(NamespaceKind.Mount);
                MountTable.MakeAllPrivate();
                mapped.Attach("/sys");
            }
            // The kernel works in the upper directory as who mounted it, who must be an id of the map; our root is none.
            if (mapped.UpperOwner is { } owner)
            {
                ThreadIdentity.ActOnFilesAs(owner.UserId, owner.GroupId);
            }
            tree = Build(mapped.Lowers, mapped.Writable, options);
        });
        return tree!;
    }

    private static MountTree Build(IReadOnlyList<Descriptor> lowers, OverlayWritable? writable, OverlayOptions options)
    {
        if (lowers.Count is 0 or > LowersMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"overlay of {lowers.Count} layers: 1 to {LowersMax} are possible");
        }
        if (lowers.Count == 1 && writable is null)
        {
            var bind = MountTree.Clone(lowers[0]);
            bind.SetAttributes(options.Attributes | MountAttributes.ReadOnly);
            return bind;
        }

        using var context = FilesystemContext.Open("overlay");
        context.Set("redirect_dir", "nofollow").Set("metacopy", "off").Set("index", "off");
        if (options.UserAttributes)
        {
            context.SetFlag("userxattr");
        }
        if (options.Volatile && writable is not null)
        {
            context.SetFlag("volatile");
        }
        SetLowers(context, lowers);
        if (writable is not null)
        {
            using var upper = writable.Parent.OpenDirectory(writable.Upper);
            using var work = writable.Parent.OpenDirectory(writable.Work);
            context.Set("upperdir", upper.ProcPath).Set("workdir", work.ProcPath);
            return context.Mount(options.Attributes);
        }
        return context.Mount(options.Attributes | MountAttributes.ReadOnly);
    }

    private static void SetLowers(FilesystemContext context, IReadOnlyList<Descriptor> lowers)
    {
        if (TakesOneByOne.Value)
        {
            foreach (Descriptor lower in lowers)
            {
                context.Set("lowerdir+", lower.ProcPath);
            }
            return;
        }
        // All in one value, of which fsconfig takes 255 bytes.
        string joined = string.Join(':', lowers.Select(lower => lower.ProcPath));
        if (joined.Length > 255)
        {
            throw new CaissonException(
                ErrorKind.Unimplemented, $"overlay of {lowers.Count} layers: this kernel takes about fifteen; Linux 6.7 or newer takes {LowersMax}");
        }
        context.Set("lowerdir", joined);
    }
}

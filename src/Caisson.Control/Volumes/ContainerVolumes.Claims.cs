using Caisson.Control.Events;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Volumes;

public sealed partial class ContainerVolumes
{
    /// <summary>Knows from now on that a container of an earlier engine has its volumes.</summary>
    internal void Remember(string containerId, IEnumerable<ContainerMount> mounts)
    {
        lock (_lock)
        {
            foreach (string name in Names(mounts))
            {
                Add(_owners, name, containerId);
            }
        }
    }

    /// <summary>Takes for a container the volumes that it asks for, and makes those that are not there.</summary>
    /// <param name="containerId">The container, which may have others already.</param>
    /// <param name="mounts">What it asks for.</param>
    /// <returns>The caller fills and completes it, or disposes it: then nothing was made and nothing taken.</returns>
    /// <exception cref="CaissonException">A volume cannot be had; nothing was made.</exception>
    internal VolumeClaim Claim(string containerId, IReadOnlyList<ContainerMount> mounts)
    {
        var claim = new VolumeClaim(this, containerId);
        try
        {
            // By name, so that two containers which want the same new volumes never wait for each other.
            foreach (ContainerMount mount in mounts.OrderBy(mount => mount.Volume, StringComparer.Ordinal))
            {
                claim.Add(mount);
            }
            return claim;
        }
        catch
        {
            claim.Dispose();
            throw;
        }
    }

    /// <summary>A container gives its volumes back.</summary>
    /// <param name="containerId">The container, whose record is gone or has these mounts no more.</param>
    /// <param name="mounts">What it gives back.</param>
    /// <param name="removeAnonymous">Volumes that nobody named go, unless another container has them.</param>
    internal void Release(string containerId, IReadOnlyList<ContainerMount> mounts, bool removeAnonymous)
    {
        lock (_lock)
        {
            foreach (string name in Names(mounts))
            {
                Drop(_owners, name, containerId);
            }
        }
        foreach (ContainerMount mount in removeAnonymous ? mounts : [])
        {
            if (mount.Type != "volume" || !mount.IsAnonymous)
            {
                continue;
            }
            try
            {
                _ = Remove(mount.Volume, force: true);
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.Conflict)
            {
                // Another container has it, by --volumes-from.
            }
        }
    }

    /// <summary>Mounts the volumes of a container that is about to run, where they have file systems of their own.</summary>
    /// <exception cref="CaissonException">One cannot be mounted; <see cref="Leave"/> gives back what was.</exception>
    internal void Enter(string user, IEnumerable<ContainerMount> mounts)
    {
        foreach (string name in Names(mounts))
        {
            Enter(user, name);
        }
    }

    /// <summary>Takes away what nobody but <paramref name="user"/> needed mounted; a failure is told, not fatal.</summary>
    /// <param name="user">Who needs it no more.</param>
    /// <param name="only">Of this volume alone; null for all.</param>
    internal void Leave(string user, string? only = null)
    {
        lock (_mounting)
        {
            List<string> unused = [];
            lock (_lock)
            {
                foreach (string name in _users.Where(entry => entry.Value.Contains(user) && (only is null || entry.Key == only)).Select(entry => entry.Key).ToArray())
                {
                    Drop(_users, name, user);
                    if (!_users.ContainsKey(name) && _records.GetValueOrDefault(name)?.Storage is VolumeStorage.Image or VolumeStorage.Mount)
                    {
                        unused.Add(name);
                    }
                }
            }
            unused.ForEach(UnmountUnlocked);
        }
    }

    /// <summary>After the containers of an earlier engine have been taken over: what is mounted and nobody uses is taken away.</summary>
    internal void LeaveUnused()
    {
        lock (_mounting)
        {
            VolumeRecord[] unused;
            lock (_lock)
            {
                unused = [.. _records.Values.Where(volume => volume.Storage != VolumeStorage.Directory && !_users.ContainsKey(volume.Name))];
            }
            foreach (VolumeRecord volume in unused)
            {
                UnmountUnlocked(volume.Name);
            }
        }
    }

    /// <summary>The part of a volume that a mount shows, held by handle: no link in the volume leads out of it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the part is not there, or leads out.</exception>
    internal FileDescriptor OpenPart(ContainerMount mount)
    {
        using DirectoryDescriptor data = OpenData(mount.Volume);
        return OpenPart(data, mount);
    }

    private static FileDescriptor OpenPart(DirectoryDescriptor data, ContainerMount mount)
    {
        using RootDirectory root = RootDirectory.From(data.Duplicate());
        try
        {
            return root.OpenPath(mount.Subpath.Length > 0 ? mount.Subpath : "/", PathLookup.NoMounts);
        }
        catch (LinuxException error)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument, $"cannot access path {mount.Subpath} of volume {mount.Volume}: {LinuxException.Describe(error.Errno)}; make it first, subpaths are not made", error);
        }
    }

    private DirectoryDescriptor OpenData(string name)
    {
        try
        {
            return HostFiles.OpenDirectory(DataPath(name));
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"volume {name}: its directory {DataPath(name)} is missing on the host; put it back, or remove the volume and make it again", error);
        }
    }

    private void Enter(string user, string name)
    {
        lock (_mounting)
        {
            VolumeRecord volume = Find(name);
            lock (_lock)
            {
                if (_restoring.Contains(name))
                {
                    throw new CaissonException(ErrorKind.Conflict, $"volume {name} is being restored from a snapshot; try again when that is done");
                }
            }
            if (volume.Storage == VolumeStorage.Directory)
            {
                return;
            }
            using DirectoryDescriptor data = OpenData(name);
            if (!IsMounted(name, data))
            {
                using MountTree tree = volume.Storage == VolumeStorage.Image
                    ? VolumeImage.Mount($"{_directory}/{name}/{ImageName}")
                    : VolumeMount.Make(name, VolumePlan.ReadFilesystem(volume.Options, new List<Problem>())!);
                tree.Attach(data);
            }
            lock (_lock)
            {
                Add(_users, name, user);
            }
        }
    }

    private void UnmountUnlocked(string name)
    {
        try
        {
            using (DirectoryDescriptor data = OpenData(name))
            {
                if (!IsMounted(name, data))
                {
                    return;
                }
            }
            _ = MountTable.Unmount(DataPath(name));
        }
        catch (CaissonException error)
        {
            _log.Warn($"volume {name}: unmount: {error.Message}");
        }
    }

    /// <summary>What is mounted on a directory has another mount id than what the directory is in.</summary>
    private bool IsMounted(string name, DirectoryDescriptor data)
    {
        using DirectoryDescriptor parent = HostFiles.OpenDirectory($"{_directory}/{name}");
        return parent.Status.MountId != data.Status.MountId;
    }

    private static IEnumerable<string> Names(IEnumerable<ContainerMount> mounts) =>
        mounts.Where(mount => mount.Type == "volume").Select(mount => mount.Volume).Distinct(StringComparer.Ordinal);

    private static void Add(Dictionary<string, HashSet<string>> map, string name, string who)
    {
        if (!map.TryGetValue(name, out HashSet<string>? all))
        {
            map[name] = all = new HashSet<string>(StringComparer.Ordinal);
        }
        all.Add(who);
    }

    private static void Drop(Dictionary<string, HashSet<string>> map, string name, string who)
    {
        if (map.TryGetValue(name, out HashSet<string>? all) && all.Remove(who) && all.Count == 0)
        {
            map.Remove(name);
        }
    }

    /// <summary>The volumes that a container takes, from the moment they are promised until its record says so.</summary>
    internal sealed class VolumeClaim(ContainerVolumes owner, string containerId) : IDisposable
    {
        private readonly List<VolumeDraft> _drafts = [];
        private readonly List<string> _taken = [];
        private readonly List<ContainerMount> _mounts = [];
        private bool _complete;

        /// <summary>The mounts, every volume by its name.</summary>
        public IReadOnlyList<ContainerMount> Mounts => MountRequests.Ordered(_mounts);

        /// <summary>Names of volumes that are made for the container.</summary>
        public IReadOnlyList<string> Made => [.. _drafts.Select(draft => draft.Record.Name)];

        public void Add(ContainerMount mount)
        {
            if (mount.Type != "volume")
            {
                _mounts.Add(mount);
                return;
            }
            string name = mount.Volume;
            while (name.Length == 0 || (!_drafts.Exists(draft => draft.Record.Name == name) && !TryTake(mount)))
            {
                if (owner.TryDraft(mount.Wish ?? new VolumeCreate { Name = name }) is { } draft)
                {
                    _drafts.Add(draft);
                    name = draft.Record.Name;
                    Own(name);
                    break;
                }
            }
            _mounts.Add(mount with { Volume = name, Wish = null });
        }

        /// <summary>
        /// Copies what the image has at the mount's path into a volume that is empty, with owners, modes and attributes. Links in the image
        /// are resolved inside it, and nothing is followed while copying.
        /// </summary>
        /// <param name="root">The container's root filesystem, with the ids on disk.</param>
        /// <param name="cancellationToken">Stops between two files.</param>
        /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the image has a file there.</exception>
        public void CopyUp(RootDirectory root, CancellationToken cancellationToken)
        {
            foreach (ContainerMount mount in _mounts.Where(mount => mount.Type == "volume"))
            {
                using FileDescriptor? found = root.TryOpenPath(mount.Target);
                if (found is null)
                {
                    continue;
                }
                if (found.Status.Kind != FileKind.Directory)
                {
                    if (mount.Subpath.Length > 0)
                    {
                        continue; // a file of the volume may be put on a file
                    }
                    throw new CaissonException(ErrorKind.InvalidArgument, $"cannot mount volume over existing file, file exists {mount.Target}");
                }
                if (mount.NoCopy)
                {
                    continue;
                }
                using DirectoryDescriptor source = root.OpenDirectory(mount.Target);
                if (_drafts.Find(draft => draft.Record.Name == mount.Volume) is { } draft)
                {
                    draft.Fill(data => Copy(source, data, mount, cancellationToken));
                }
                else
                {
                    string user = $"copy-{Guid.NewGuid():N}";
                    owner.Enter(user, mount.Volume);
                    try
                    {
                        using DirectoryDescriptor data = owner.OpenData(mount.Volume);
                        Copy(source, data, mount, cancellationToken);
                    }
                    finally
                    {
                        owner.Leave(user);
                    }
                }
            }
        }

        /// <summary>Gives what was made its place, and commits it together with <paramref name="change"/>.</summary>
        /// <param name="change">The container's record.</param>
        /// <param name="events">What happened to the container.</param>
        public void Commit(StateChange change, params ReadOnlySpan<EngineEvent> events)
        {
            foreach (VolumeDraft draft in _drafts)
            {
                draft.Publish();
                change.Put(RecordKind.Volume, draft.Record.Name, draft.Record, ControlJson.Default.VolumeRecord);
            }
            owner.Commit(change, [.. _drafts.Select(draft => draft.Record)], events);
            _drafts.ForEach(draft => draft.Complete());
            _complete = true;
        }

        public void Dispose()
        {
            if (!_complete)
            {
                lock (owner._lock)
                {
                    _taken.ForEach(name => Drop(owner._owners, name, containerId));
                }
            }
            _drafts.ForEach(draft => draft.Dispose());
        }

        private bool TryTake(ContainerMount mount)
        {
            if (mount.Wish is { } wish)
            {
                RequireDriver(wish.Driver);
            }
            lock (owner._lock)
            {
                if (!owner._records.ContainsKey(mount.Volume))
                {
                    return false;
                }
                OwnUnlocked(mount.Volume);
                return true;
            }
        }

        private void Own(string name)
        {
            lock (owner._lock)
            {
                OwnUnlocked(name);
            }
        }

        private void OwnUnlocked(string name)
        {
            // What it has already, by another mount, stays its own when this claim fails.
            if (!owner._owners.TryGetValue(name, out HashSet<string>? owners) || !owners.Contains(containerId))
            {
                ContainerVolumes.Add(owner._owners, name, containerId);
                _taken.Add(name);
            }
        }

        private static void Copy(DirectoryDescriptor source, DirectoryDescriptor data, ContainerMount mount, CancellationToken cancellationToken)
        {
            using FileDescriptor part = OpenPart(data, mount);
            if (part.Status.Kind != FileKind.Directory)
            {
                return;
            }
            using DirectoryDescriptor target = DirectoryDescriptor.From(part.Duplicate());
            if (target.Enumerate().Count == 0)
            {
                new TreeCopy(IsOfImages, cancellationToken).CopyContents(source, target);
            }
        }

        /// <summary>What an image may bring along: never what means something to the kernel or to overlayfs alone.</summary>
        private static bool IsOfImages(string attribute) =>
            (attribute.StartsWith("user.", StringComparison.Ordinal) && !attribute.StartsWith("user.overlay.", StringComparison.Ordinal))
            || attribute is "security.capability" or "system.posix_acl_access" or "system.posix_acl_default";
    }
}

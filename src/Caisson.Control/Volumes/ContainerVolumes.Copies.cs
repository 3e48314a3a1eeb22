using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Volumes;

public sealed partial class ContainerVolumes
{
    private const string SnapshotsName = "snapshots";

    /// <summary>What a restoration replaces, for a moment.</summary>
    private const string BeforePrefix = ".before-";

    /// <summary>In the state store while containers are held for a copy, so that an engine which takes over lets them go on.</summary>
    private const string HeldKey = "held";

    private readonly HashSet<string> _held = [];
    private readonly HashSet<string> _restoring = new(StringComparer.Ordinal);

    /// <summary>Keeps a copy of what a volume holds now; nobody may write to it meanwhile, which the caller sees to.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.AlreadyExists"/>: it has one of this name; else it cannot be copied, and nothing is left.</exception>
    internal VolumeSnapshot Snapshot(string name, string snapshot, CancellationToken cancellationToken)
    {
        if (!VolumeNames.IsValid(snapshot))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"invalid snapshot name '{snapshot}': letters, digits, '_', '.' and '-', at least two, the first a letter or digit");
        }
        return Using(name, (volume, user) =>
        {
            RequireIncoming(volume);
            string aside = $"{_directory}/.new-{Guid.NewGuid():N}";
            try
            {
                CopyResult result = CopyFiles(volume, $"{_directory}/{name}", aside, cancellationToken);
                var made = new VolumeSnapshot { Name = snapshot, Created = _time.GetUtcNow(), Method = result.Method, Bytes = result.Bytes };
                lock (_lock)
                {
                    volume = Find(name);
                    RequireIncoming(volume);
                    Directory.CreateDirectory($"{_directory}/{name}/{SnapshotsName}", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                    string place = $"{_directory}/{name}/{SnapshotsName}/{snapshot}";
                    if (Directory.Exists(place))
                    {
                        Directory.Move(place, $"{_directory}/.old-{Guid.NewGuid():N}"); // of an engine that died before its record
                    }
                    Directory.Move(aside, place);
                    SetUnlocked(volume with { Snapshots = [.. volume.Snapshots, made] });
                }
                return made;
            }
            catch
            {
                Delete(aside);
                throw;
            }
        });

        void RequireIncoming(VolumeRecord volume)
        {
            if (volume.Snapshots.Any(other => other.Name == snapshot))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"volume {name} has a snapshot {snapshot} already; choose another name, or remove it");
            }
        }
    }

    /// <summary>Removes a snapshot.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public void RemoveSnapshot(string name, string snapshot)
    {
        string removed = $"{_directory}/.old-{Guid.NewGuid():N}";
        lock (_lock)
        {
            VolumeRecord volume = Find(name);
            VolumeSnapshot found = FindSnapshot(volume, snapshot);
            SetUnlocked(volume with { Snapshots = [.. volume.Snapshots.Where(other => other != found)] });
            if (Directory.Exists($"{_directory}/{name}/{SnapshotsName}/{snapshot}"))
            {
                Directory.Move($"{_directory}/{name}/{SnapshotsName}/{snapshot}", removed);
            }
        }
        Delete(removed);
    }

    /// <summary>Puts the volume back to what it was; no container that uses it may run, which the caller sees to.</summary>
    /// <returns>How it was copied.</returns>
    internal string Restore(string name, string snapshot, CancellationToken cancellationToken) => Using(name, (volume, user) =>
    {
        _ = FindSnapshot(volume, snapshot);
        if (volume.Storage == VolumeStorage.Mount)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"volume {name} is on a file system of others ({volume.Options.GetValueOrDefault("device", "")}); clone the snapshot to a new volume instead");
        }
        string aside = $"{_directory}/.new-{Guid.NewGuid():N}";
        lock (_lock)
        {
            if (!_restoring.Add(name))
            {
                throw new CaissonException(ErrorKind.Conflict, $"volume {name} is being restored by another request");
            }
        }
        try
        {
            CopyResult result = CopyFiles(volume, $"{_directory}/{name}/{SnapshotsName}/{snapshot}", aside, cancellationToken);
            string part = volume.Storage == VolumeStorage.Image ? ImageName : DataName;
            lock (_mounting)
            {
                Leave(user); // the file system that is replaced must not be in use
                using DirectoryDescriptor made = HostFiles.OpenDirectory(aside);
                using DirectoryDescriptor place = HostFiles.OpenDirectory($"{_directory}/{name}");
                string before = $"{BeforePrefix}{Guid.NewGuid():N}";
                made.Rename(part, place, before, replace: false);
                place.Exchange(part, before); // in one step: a crash leaves the old or the new
                place.Rename(before, made, part, replace: false);
            }
            return result.Method;
        }
        finally
        {
            lock (_lock)
            {
                _restoring.Remove(name);
            }
            Delete(aside);
        }
    });

    /// <summary>Makes a new volume with what another holds now, or held when a snapshot was made.</summary>
    /// <param name="name">The other; nobody may write to it meanwhile, which the caller sees to.</param>
    /// <param name="snapshot">One of its snapshots; null for what it holds now.</param>
    /// <param name="asked">The new volume's name and labels; it has the other's size.</param>
    /// <param name="cancellationToken">Stops between two files; nothing is left then.</param>
    internal (VolumeRecord Volume, string Method) Clone(string name, string? snapshot, VolumeCreate asked, CancellationToken cancellationToken) =>
        Using(name, (volume, user) =>
        {
            string source = $"{_directory}/{name}";
            if (snapshot is not null)
            {
                source = $"{source}/{SnapshotsName}/{FindSnapshot(volume, snapshot).Name}";
            }
            if (asked.Name.Length == 0 || TryFind(asked.Name) is not null)
            {
                throw new CaissonException(
                    asked.Name.Length == 0 ? ErrorKind.InvalidArgument : ErrorKind.AlreadyExists,
                    asked.Name.Length == 0 ? "the new volume needs a name" : $"volume {asked.Name} exists already; a clone is a new volume");
            }
            using VolumeDraft draft = TryDraft(asked with { DriverOpts = null })
                ?? throw new CaissonException(ErrorKind.AlreadyExists, $"volume {asked.Name} exists already; a clone is a new volume");
            VolumeRecord record = volume.Storage == VolumeStorage.Mount // of a file system of others the clone is a directory of ours
                ? draft.Record
                : draft.Record with { Options = volume.Options, SizeBytes = volume.SizeBytes, Storage = volume.Storage };
            CopyResult result = draft.Replace(place => CopyFiles(volume, source, place, cancellationToken));
            draft.Publish();
            Commit(new StateChange().Put(RecordKind.Volume, record.Name, record, ControlJson.Default.VolumeRecord), [record]);
            draft.Complete();
            return (record, result.Method);
        });

    /// <summary>Notes containers that are held for a copy.</summary>
    internal void NoteHeld(string containerId, bool isHeld)
    {
        lock (_lock)
        {
            if (isHeld ? !_held.Add(containerId) : !_held.Remove(containerId))
            {
                return;
            }
            StateChange change = _held.Count > 0
                ? new StateChange().Put(RecordKind.Engine, HeldKey, [.. _held], ControlJson.Default.ListString)
                : new StateChange().Delete(RecordKind.Engine, HeldKey);
            _store.Commit(Durability.Process, change);
        }
    }

    /// <summary>Containers that an engine held when it died; they are to go on.</summary>
    internal IReadOnlyList<string> TakeHeld()
    {
        byte[]? stored = _store.Find(RecordKind.Engine, HeldKey);
        if (stored is null)
        {
            return [];
        }
        _store.Commit(Durability.Process, new StateChange().Delete(RecordKind.Engine, HeldKey));
        return System.Text.Json.JsonSerializer.Deserialize(stored, ControlJson.Default.ListString) ?? [];
    }

    private static VolumeSnapshot FindSnapshot(VolumeRecord volume, string snapshot) => volume.Snapshots.FirstOrDefault(other => other.Name == snapshot)
        ?? throw new CaissonException(ErrorKind.NotFound, $"volume {volume.Name} has no snapshot {snapshot}");

    /// <summary>Runs <paramref name="work"/> while the volume can neither be removed nor unmounted.</summary>
    private T Using<T>(string name, Func<VolumeRecord, string, T> work)
    {
        string user = $"copy-{Guid.NewGuid():N}";
        lock (_lock)
        {
            _ = Find(name);
            Add(_users, name, user);
        }
        try
        {
            VolumeRecord volume = Find(name);
            if (volume.Storage == VolumeStorage.Mount)
            {
                if (volume.Options.GetValueOrDefault("type") == "tmpfs" && !HasOthers(name, user))
                {
                    throw new CaissonException(ErrorKind.FailedPrecondition, $"volume {name} is a tmpfs: it holds nothing while no container that uses it runs");
                }
                Enter(user, name);
            }
            return work(Find(name), user);
        }
        finally
        {
            Leave(user);
        }
    }

    private bool HasOthers(string name, string user)
    {
        lock (_lock)
        {
            return _users.TryGetValue(name, out HashSet<string>? users) && users.Any(other => other != user);
        }
    }

    /// <summary>Copies <c>_data</c> or <c>image</c> from one directory to a new one.</summary>
    private static CopyResult CopyFiles(VolumeRecord volume, string from, string to, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(to, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using DirectoryDescriptor source = HostFiles.OpenDirectory(from);
        using DirectoryDescriptor target = HostFiles.OpenDirectory(to);
        var copy = new TreeCopy(cancellationToken: cancellationToken);
        if (volume.Storage == VolumeStorage.Image)
        {
            using (DirectoryDescriptor mounted = HostFiles.OpenDirectory($"{from}/{DataName}"))
            using (FileDescriptor data = mounted.OpenForSync())
            {
                data.FlushFileSystem(); // what containers wrote is in the file then
            }
            target.CreateDirectory(DataName, DirectoryMode).Dispose();
            using FileDescriptor image = source.TryOpenPath(ImageName) ?? throw new LinuxException("open", Errno.ENOENT, $"{from}/{ImageName}");
            using FileDescriptor content = image.ReopenRegular(ImageName);
            using FileDescriptor made = target.CreateFile(ImageName, 0x180);
            copy.CopyContent(content, made);
            made.Flush();
        }
        else
        {
            using DirectoryDescriptor data = HostFiles.OpenDirectory($"{from}/{DataName}");
            using DirectoryDescriptor made = target.CreateDirectory(DataName, 0x1C0);
            copy.CopyContents(data, made);
            using FileDescriptor all = made.OpenForSync();
            all.FlushFileSystem();
        }
        string method = copy.ClonedBytes == 0 ? "copy" : copy.CopiedBytes == 0 ? "reflink" : "reflink and copy";
        return new CopyResult(method, copy.ClonedBytes + copy.CopiedBytes);
    }

    /// <summary>What a copy was.</summary>
    private readonly record struct CopyResult(string Method, long Bytes);
}

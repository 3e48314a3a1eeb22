using System.Text.Json;

using Caisson.Control.Events;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Volumes;

/// <summary>All volumes of this engine: their records, their files, and which containers have them. The one owner of <c>CAISSON_ROOT/volumes</c>.</summary>
/// <remarks>
/// <code>
/// volumes/NAME/_data            the files; the mount point of volumes that have a file system of their own
/// volumes/NAME/image            that file system, of a volume with a size
/// volumes/NAME/snapshots/SNAP/  _data or image of an earlier time
/// volumes/.new-…, .old-…        being made or removed: deleted by the next engine
/// </code>
/// A file system of its own is mounted from the first container that runs until the last has ended; it is the only thing that this engine
/// mounts on the host, and an engine that finds one nobody uses takes it away. Files have the ids that containers see, 0 for their root.
/// Safe for concurrent use.
/// </remarks>
public sealed partial class ContainerVolumes
{
    /// <summary>The one driver.</summary>
    public const string Driver = "local";

    private const int DirectoryMode = 0x1ED; // 0755
    private const string DataName = "_data";
    private const string ImageName = "image";

    private readonly Lock _lock = new();

    /// <summary>Held while something is mounted or unmounted, which may take long; taken before <see cref="_lock"/>.</summary>
    private readonly Lock _mounting = new();

    private readonly string _directory;
    private readonly IStateStore _store;
    private readonly EventLog _events;
    private readonly EngineLog _log;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, VolumeRecord> _records = new(StringComparer.Ordinal);

    /// <summary>Names that are being made or removed by somebody who does not hold the lock.</summary>
    private readonly Dictionary<string, ManualResetEventSlim> _busy = new(StringComparer.Ordinal);

    /// <summary>Containers, running or not, by the volume they have.</summary>
    private readonly Dictionary<string, HashSet<string>> _owners = new(StringComparer.Ordinal);

    /// <summary>Who needs a volume's own file system mounted now.</summary>
    private readonly Dictionary<string, HashSet<string>> _users = new(StringComparer.Ordinal);

    /// <summary>Loads what <paramref name="store"/> has, and removes what an engine that died was making or removing.</summary>
    /// <param name="root">CAISSON_ROOT.</param>
    /// <param name="store">Outlives this.</param>
    /// <param name="events">Commits and tells.</param>
    /// <param name="log">The engine's.</param>
    /// <param name="time">The clock.</param>
    public ContainerVolumes(string root, IStateStore store, EventLog events, EngineLog log, TimeProvider time)
    {
        (_directory, _store, _events, _log, _time) = ($"{root}/volumes", store, events, log, time);
        foreach (StoredRecord stored in store.List(RecordKind.Volume))
        {
            _records[stored.Key] = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.VolumeRecord)
                ?? throw new CaissonException(ErrorKind.Internal, $"the state store's record of volume {stored.Key} is empty");
        }
        Directory.CreateDirectory(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Tidy();
    }

    /// <summary>Every volume, by name.</summary>
    public IReadOnlyList<VolumeRecord> List()
    {
        lock (_lock)
        {
            return [.. _records.Values.OrderBy(volume => volume.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>The volume of a name.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public VolumeRecord Find(string name) => TryFind(name) ?? throw new CaissonException(ErrorKind.NotFound, $"get {name}: no such volume");

    /// <summary>The volume of a name; null when there is none.</summary>
    public VolumeRecord? TryFind(string name)
    {
        lock (_lock)
        {
            return _records.GetValueOrDefault(name);
        }
    }

    /// <summary>Where the volume's files are on the host; of a volume with a file system of its own, while it is mounted.</summary>
    public string DataPath(string name) => $"{_directory}/{name}/{DataName}";

    /// <summary>Ids of the containers that have the volume, running or not.</summary>
    public IReadOnlyList<string> OwnersOf(string name)
    {
        lock (_lock)
        {
            return _owners.TryGetValue(name, out HashSet<string>? owners) ? [.. owners.Order(StringComparer.Ordinal)] : [];
        }
    }

    /// <summary>Makes a volume; one that is there already is the answer when nothing else is asked for.</summary>
    /// <exception cref="ProblemsException">Something asked for is wrong; says everything that is.</exception>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.Conflict"/>: there is one with other options; <see cref="ErrorKind.NotFound"/>: no such driver;
    /// <see cref="ErrorKind.FailedPrecondition"/>: it cannot be made on this host.
    /// </exception>
    public VolumeRecord Create(VolumeCreate asked)
    {
        while (true)
        {
            if (FindSame(asked) is { } same)
            {
                return same;
            }
            using VolumeDraft? draft = TryDraft(asked);
            if (draft is not null)
            {
                draft.Publish();
                Commit(new StateChange().Put(RecordKind.Volume, draft.Record.Name, draft.Record, ControlJson.Default.VolumeRecord), [draft.Record]);
                draft.Complete();
                return draft.Record;
            }
        }
    }

    /// <summary>Removes a volume with its files and its snapshots.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="force">No error when it is not there.</param>
    /// <returns>False when it was not there.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>; <see cref="ErrorKind.Conflict"/>: containers have it, the message names them.</exception>
    public bool Remove(string name, bool force = false)
    {
        string removed = $"{_directory}/.old-{Guid.NewGuid():N}";
        lock (_lock)
        {
            if (!_records.TryGetValue(name, out VolumeRecord? volume))
            {
                return force ? false : throw new CaissonException(ErrorKind.NotFound, $"get {name}: no such volume");
            }
            RequireNobodyUnlocked(name);
            _events.Commit(Durability.Power, new StateChange().Delete(RecordKind.Volume, name), Event(volume, "destroy"));
            _records.Remove(name);
            if (Directory.Exists($"{_directory}/{name}"))
            {
                Directory.Move($"{_directory}/{name}", removed);
            }
        }
        Delete(removed);
        return true;
    }

    /// <summary>What a volume takes on disk; null when that cannot be said now, as its file system is not mounted or not ours.</summary>
    public long? Measure(VolumeRecord volume)
    {
        try
        {
            switch (volume.Storage)
            {
                case VolumeStorage.Image:
                    using (FileDescriptor image = HostFiles.OpenPath($"{_directory}/{volume.Name}/{ImageName}"))
                    {
                        return image.Status.Blocks * 512;
                    }
                case VolumeStorage.Mount:
                    return null;
                default:
                    using (DirectoryDescriptor data = HostFiles.OpenDirectory(DataPath(volume.Name)))
                    {
                        return DirectorySize.Measure(data);
                    }
            }
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT)
        {
            return null; // it was removed meanwhile
        }
    }

    /// <summary>What one who uses a volume tells those who listen.</summary>
    internal EngineEvent Event(VolumeRecord volume, string action, params ReadOnlySpan<(string Key, string Value)> facts)
    {
        Dictionary<string, string> attributes = new() { ["driver"] = Driver };
        foreach ((string key, string value) in facts)
        {
            attributes[key] = value;
        }
        return new EngineEvent { Type = "volume", Action = action, ActorId = volume.Name, Attributes = attributes, At = _time.GetUtcNow() };
    }

    /// <summary>The volume that <paramref name="asked"/> means, when it is there already.</summary>
    private VolumeRecord? FindSame(VolumeCreate asked)
    {
        RequireDriver(asked.Driver);
        if (asked.Name.Length == 0 || TryFind(asked.Name) is not { } present)
        {
            return null;
        }
        bool same = asked.DriverOpts is null or { Count: 0 }
            || (asked.DriverOpts.Count == present.Options.Count && asked.DriverOpts.All(option => present.Options.GetValueOrDefault(option.Key) == option.Value));
        return same ? present : throw new CaissonException(
            ErrorKind.Conflict, $"volume {asked.Name} exists with other options ({Words(present.Options)}); remove it first, or choose another name");

        static string Words(IReadOnlyDictionary<string, string> options) =>
            options.Count == 0 ? "none" : string.Join(", ", options.Select(option => $"{option.Key}={option.Value}"));
    }

    private static void RequireDriver(string driver)
    {
        if (driver is not ("" or Driver))
        {
            throw new CaissonException(ErrorKind.NotFound, $"error looking up volume plugin {driver}: plugin \"{driver}\" not found; the driver '{Driver}' is");
        }
    }

    /// <summary>Makes the files of a new volume aside; the caller fills, publishes, commits and completes it, or disposes it.</summary>
    /// <returns>Null when another request has made it meanwhile.</returns>
    private VolumeDraft? TryDraft(VolumeCreate asked)
    {
        RequireDriver(asked.Driver);
        List<Problem> problems = [];
        VolumeRecord volume = VolumePlan.Compile(asked, asked.Name.Length > 0 ? asked.Name : Workloads.Names.NewId(), _time.GetUtcNow(), problems);
        ProblemsException.ThrowIfAny($"create volume {asked.Name}".TrimEnd(), problems);
        if (volume.Storage == VolumeStorage.Mount)
        {
            VolumeMount.Check(VolumePlan.ReadFilesystem(volume.Options, problems)!);
        }
        if (!TryOccupy(volume.Name))
        {
            return null;
        }
        var draft = new VolumeDraft(this, volume, $"{_directory}/.new-{Guid.NewGuid():N}");
        try
        {
            draft.Make();
            return draft;
        }
        catch
        {
            draft.Dispose();
            throw;
        }
    }

    /// <summary>Waits until nobody else makes a volume of this name; false when there is one then.</summary>
    private bool TryOccupy(string name)
    {
        while (true)
        {
            ManualResetEventSlim? other;
            lock (_lock)
            {
                if (_records.ContainsKey(name))
                {
                    return false;
                }
                if (!_busy.TryGetValue(name, out other))
                {
                    _busy.Add(name, new ManualResetEventSlim());
                    return true;
                }
            }
            other.Wait();
        }
    }

    private void Vacate(string name)
    {
        lock (_lock)
        {
            if (_busy.Remove(name, out ManualResetEventSlim? waiting))
            {
                waiting.Set(); // not disposed: those who wait still look at it, and it holds nothing of the kernel
            }
        }
    }

    private void Commit(StateChange change, IReadOnlyList<VolumeRecord> made, params ReadOnlySpan<EngineEvent> events)
    {
        lock (_lock)
        {
            _events.Commit(Durability.Power, change, (EngineEvent[])[.. made.Select(volume => Event(volume, "create")), .. events]);
            foreach (VolumeRecord volume in made)
            {
                _records[volume.Name] = volume;
            }
        }
    }

    private void SetUnlocked(VolumeRecord volume)
    {
        _events.Commit(Durability.Power, new StateChange().Put(RecordKind.Volume, volume.Name, volume, ControlJson.Default.VolumeRecord));
        _records[volume.Name] = volume;
    }

    private void RequireNobodyUnlocked(string name)
    {
        if (_owners.TryGetValue(name, out HashSet<string>? owners) && owners.Count > 0)
        {
            throw new CaissonException(ErrorKind.Conflict, $"remove {name}: volume is in use - [{string.Join(", ", owners.Order(StringComparer.Ordinal))}]");
        }
        if (_busy.ContainsKey(name) || (_users.TryGetValue(name, out HashSet<string>? users) && users.Count > 0))
        {
            throw new CaissonException(ErrorKind.Conflict, $"remove {name}: volume is in use: it is being copied, wait until that is done");
        }
    }

    /// <summary>What was being made or removed goes; files without a record, as after the loss of the state store, are volumes again.</summary>
    private void Tidy()
    {
        foreach (string path in Directory.GetDirectories(_directory))
        {
            string name = Path.GetFileName(path);
            if (name.StartsWith('.'))
            {
                Delete(path);
                continue;
            }
            foreach (string before in Directory.EnumerateFileSystemEntries(path, BeforePrefix + "*").ToArray())
            {
                using DirectoryDescriptor volume = HostFiles.OpenDirectory(path);
                volume.RemoveTree(Path.GetFileName(before));
            }
            if (!_records.ContainsKey(name) && VolumeNames.IsValid(name) && Directory.Exists($"{path}/{DataName}"))
            {
                bool isImage = File.Exists($"{path}/{ImageName}");
                var found = new VolumeRecord
                {
                    Name = name,
                    Created = _time.GetUtcNow(),
                    Storage = isImage ? VolumeStorage.Image : VolumeStorage.Directory,
                    SizeBytes = isImage ? new FileInfo($"{path}/{ImageName}").Length : 0,
                };
                _log.Warn($"volume {name}: found without a record; it is a volume again");
                SetUnlocked(found);
            }
        }
    }

    private void Delete(string path)
    {
        try
        {
            _ = MountTable.Unmount($"{path}/{DataName}");
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT)
        {
            // There is nothing that could be mounted.
        }
        try
        {
            using DirectoryDescriptor parent = HostFiles.OpenDirectory(_directory);
            parent.RemoveTree(Path.GetFileName(path));
        }
        catch (LinuxException error)
        {
            _log.Warn($"delete {path}: {error.Message}; the next start of the engine tries again");
        }
    }

    /// <summary>A new volume's files before anybody else sees them.</summary>
    private sealed class VolumeDraft(ContainerVolumes owner, VolumeRecord record, string place) : IDisposable
    {
        private bool _complete;
        private string _place = place;

        public VolumeRecord Record => record;

        public void Make()
        {
            Directory.CreateDirectory(_place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            using DirectoryDescriptor parent = HostFiles.OpenDirectory(_place);
            parent.CreateDirectory(DataName, DirectoryMode).Dispose();
            if (record.Storage == VolumeStorage.Image)
            {
                VolumeImage.Format(parent, $"{_place}/{ImageName}", record.SizeBytes);
            }
        }

        /// <summary>Runs <paramref name="fill"/> on the volume's directory; the volume's own file system is in no mount table meanwhile.</summary>
        public void Fill(Action<DirectoryDescriptor> fill)
        {
            using MountTree? tree = record.Storage switch
            {
                VolumeStorage.Image => VolumeImage.Mount($"{_place}/{ImageName}"),
                VolumeStorage.Mount => VolumeMount.Make(record.Name, VolumePlan.ReadFilesystem(record.Options, new List<Problem>())!),
                _ => null,
            };
            using DirectoryDescriptor data = tree?.OpenRoot() ?? HostFiles.OpenDirectory($"{_place}/{DataName}");
            fill(data);
        }

        /// <summary>Has the files made by <paramref name="make"/> instead, which is given a path where nothing is.</summary>
        public T Replace<T>(Func<string, T> make)
        {
            Directory.Delete(_place, recursive: true);
            return make(_place);
        }

        /// <summary>Gives the files their place; a crash from here on leaves a whole volume.</summary>
        public void Publish()
        {
            using DirectoryDescriptor volumes = HostFiles.OpenDirectory(owner._directory);
            volumes.Rename(Path.GetFileName(_place), volumes, record.Name, replace: false);
            _place = $"{owner._directory}/{record.Name}";
        }

        /// <summary>The record is committed: it is a volume as others are.</summary>
        public void Complete()
        {
            _complete = true;
            owner.Vacate(record.Name);
        }

        public void Dispose()
        {
            if (_complete)
            {
                return;
            }
            try
            {
                string removed = $"{owner._directory}/.old-{Guid.NewGuid():N}";
                if (Directory.Exists(_place))
                {
                    Directory.Move(_place, removed);
                    owner.Delete(removed);
                }
            }
            finally
            {
                owner.Vacate(record.Name);
            }
        }
    }
}

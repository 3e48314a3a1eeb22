using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.State;

/// <summary>The locked directory of one container: <c>state.json</c>, <c>config.json</c> and what launching keeps there.</summary>
/// <remarks>Not for several threads. Disposing unlocks; a new directory without a state is removed then.</remarks>
public sealed class ContainerDirectory : IDisposable
{
    internal const string StateFile = "state.json";
    private const string SpecFile = "config.json";

    private readonly DirectoryDescriptor _directory;
    private readonly DirectoryLock _held;
    private bool _isDone;

    internal ContainerDirectory(string id, string path, DirectoryLock held)
    {
        Id = id;
        Path = path;
        _held = held;
        _directory = HostFiles.OpenDirectory(path);
    }

    /// <summary>The container's id.</summary>
    public string Id { get; }

    /// <summary>The absolute path.</summary>
    public string Path { get; }

    /// <summary>The container exists: its state was written.</summary>
    public bool HasState
    {
        get
        {
            using var state = _directory.TryOpenPath(StateFile);
            return state is not null;
        }
    }

    /// <summary>The path of <paramref name="name"/> in this directory.</summary>
    public string PathOf(string name) => $"{Path}/{name}";

    /// <summary>Reads the state.</summary>
    public RuntimeState ReadState() => RuntimeStateJson.Read(File.ReadAllBytes(PathOf(StateFile)), PathOf(StateFile));

    /// <summary>Replaces the state as a whole: a reader, or whoever comes after a crash of ours, meets the old one or the new one.</summary>
    /// <remarks>Not synchronised to a disk: a crash of the host ends the container too, and the root is on tmpfs by custom.</remarks>
    public void WriteState(RuntimeState state) => Write(StateFile, RuntimeStateJson.ToUtf8(state));

    /// <summary>Reads the configuration the container was created with.</summary>
    public RuntimeSpec ReadSpec() => RuntimeSpecJson.Parse(File.ReadAllBytes(PathOf(SpecFile)), PathOf(SpecFile));

    /// <summary>Keeps the configuration.</summary>
    public void WriteSpec(RuntimeSpec spec) => Write(SpecFile, RuntimeSpecJson.ToUtf8(spec));

    /// <summary>Keeps <paramref name="content"/> under <paramref name="name"/>, replaced as a whole.</summary>
    public void Write(string name, ReadOnlySpan<byte> content) => _directory.Replace(name, content, 0x180);

    /// <summary>Removes the file <paramref name="name"/>; nothing happens when there is none.</summary>
    public void Remove(string name) => _directory.Unlink(name);

    /// <summary>The container was not made after all: without its state, disposing removes what is there.</summary>
    public void Forget() => _directory.Unlink(StateFile);

    /// <summary>Removes the directory; the state goes last, so that what a crash leaves can be deleted again.</summary>
    public void Delete()
    {
        Clear();
        Forget();
        Directory.Delete(Path);
        _isDone = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isDone && !HasState)
        {
            Delete();
        }
        _isDone = true; // from here on it is anybody's
        _directory.Dispose();
        _held.Dispose();
    }

    /// <summary>Removes everything but the state.</summary>
    internal void Clear()
    {
        foreach (DirectoryEntry entry in _directory.Enumerate())
        {
            if (entry.Kind == FileKind.Directory)
            {
                Directory.Delete(PathOf(entry.Name), recursive: true);
            }
            else if (entry.Name != StateFile)
            {
                _directory.Unlink(entry.Name);
            }
        }
    }
}

using Caisson.Oci.Runtime;

namespace Caisson.Containers.State;

/// <summary>The locked directory of one container: <c>state.json</c>, <c>config.json</c> and what launching keeps there.</summary>
/// <remarks>Not for several threads. Disposing unlocks; a new directory without a state is removed then.</remarks>
public sealed class ContainerDirectory : IDisposable
{
    internal const string StateFile = "state.json";
    private const string SpecFile = "config.json";

    private readonly DirectoryLock _held;
    private bool _isDone;

    internal ContainerDirectory(string id, string path, DirectoryLock held)
    {
        Id = id;
        Path = path;
        _held = held;
    }

    /// <summary>The container's id.</summary>
    public string Id { get; }

    /// <summary>The absolute path.</summary>
    public string Path { get; }

    /// <summary>The container exists: its state was written.</summary>
    public bool HasState => File.Exists(PathOf(StateFile));

    /// <summary>The path of <paramref name="name"/> in this directory.</summary>
    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Reads the state.</summary>
    public RuntimeState ReadState() => RuntimeStateJson.Read(File.ReadAllBytes(PathOf(StateFile)), PathOf(StateFile));

    /// <summary>Replaces the state as a whole: a reader, or whoever comes after a crash of ours, meets the old one or the new one.</summary>
    /// <remarks>Not synchronised to a disk: a crash of the host ends the container too, and the root is on tmpfs by custom.</remarks>
    public void WriteState(RuntimeState state) => Replace(StateFile, RuntimeStateJson.ToUtf8(state));

    /// <summary>Reads the configuration the container was created with.</summary>
    public RuntimeSpec ReadSpec() => RuntimeSpecJson.Parse(File.ReadAllBytes(PathOf(SpecFile)), PathOf(SpecFile));

    /// <summary>Keeps the configuration.</summary>
    public void WriteSpec(RuntimeSpec spec) => Replace(SpecFile, RuntimeSpecJson.ToUtf8(spec));

    /// <summary>Removes the directory; the state goes last, so that what a crash leaves can be deleted again.</summary>
    public void Delete()
    {
        Clear();
        File.Delete(PathOf(StateFile));
        File.Delete(PathOf(DirectoryLock.FileName));
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
        _held.Dispose();
    }

    /// <summary>Removes everything but the state and the lock.</summary>
    internal void Clear()
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(Path))
        {
            if (System.IO.Path.GetFileName(entry) is StateFile or DirectoryLock.FileName)
            {
                continue;
            }
            if (File.GetAttributes(entry).HasFlag(FileAttributes.Directory) && !File.GetAttributes(entry).HasFlag(FileAttributes.ReparsePoint))
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                File.Delete(entry);
            }
        }
    }

    private void Replace(string name, byte[] content)
    {
        string path = PathOf(name);
        string fresh = path + ".new";
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var file = new FileStream(fresh, options))
        {
            file.Write(content);
        }
        File.Move(fresh, path, overwrite: true);
    }
}

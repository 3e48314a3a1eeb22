using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Containers.State;

/// <summary>The directory that holds one directory for each container, named by its id: runc's <c>--root</c>.</summary>
/// <remarks>
/// Every command that changes a container holds the lock of its directory; reading needs none, because documents are replaced as a whole. A
/// directory without <c>state.json</c> is what a killed <c>create</c> leaves; it is no container, and the next <c>create</c> of that id takes it over.
/// </remarks>
public sealed class RuntimeRoot
{
    /// <summary>Where root's containers are unless the caller says otherwise.</summary>
    public const string DefaultPath = "/run/caisson-runtime";

    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Uses <paramref name="path"/>, which need not exist yet.</summary>
    public RuntimeRoot(string path) => Path = System.IO.Path.GetFullPath(path);

    /// <summary>The absolute path.</summary>
    public string Path { get; }

    /// <summary>Makes the directory of a new container and locks it. The caller disposes it; without a state written by then, it vanishes.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: the id; <see cref="ErrorKind.AlreadyExists"/>; <see cref="ErrorKind.PermissionDenied"/>: others could
    /// write to the root; <see cref="ErrorKind.Unavailable"/>: another command is at it for too long.
    /// </exception>
    public ContainerDirectory Create(string id)
    {
        ContainerId.ThrowIfInvalid(id);
        Directory.CreateDirectory(Path, Private);
        if ((File.GetUnixFileMode(Path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            throw new CaissonException(
                ErrorKind.PermissionDenied, $"create container {id}: others can write to {Path}; make it writable for its owner only (chmod 700)");
        }
        string directory = System.IO.Path.Combine(Path, id);
        while (true)
        {
            HostFiles.TryMakeDirectory(directory, 0x1C0);
            if (DirectoryLock.TryAcquire(directory) is not { } held)
            {
                continue; // deleted between the two calls
            }
            var container = new ContainerDirectory(id, directory, held);
            if (!container.HasState)
            {
                container.Clear();
                return container;
            }
            container.Dispose();
            throw new CaissonException(ErrorKind.AlreadyExists, $"create container {id}: container with given ID already exists in {Path}");
        }
    }

    /// <summary>Locks the directory of a container. The caller disposes it.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: the id; <see cref="ErrorKind.NotFound"/>; <see cref="ErrorKind.Unavailable"/>: another command is at it for
    /// too long.
    /// </exception>
    public ContainerDirectory Open(string id)
    {
        ContainerId.ThrowIfInvalid(id);
        string directory = System.IO.Path.Combine(Path, id);
        if (HasState(directory) && DirectoryLock.TryAcquire(directory) is { } held)
        {
            if (HasState(directory))
            {
                return new ContainerDirectory(id, directory, held);
            }
            held.Dispose();
        }
        throw NotFound(id);
    }

    /// <summary>The state of a container as the last command left it, without waiting for one that is at work.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: the id, or the document is damaged; <see cref="ErrorKind.NotFound"/>.</exception>
    public RuntimeState Read(string id)
    {
        ContainerId.ThrowIfInvalid(id);
        return TryRead(id) ?? throw NotFound(id);
    }

    /// <summary>All containers, by id in ordinal order, as the last commands left them.</summary>
    public IReadOnlyList<RuntimeState> List()
    {
        if (!Directory.Exists(Path))
        {
            return [];
        }
        return
        [
            .. Directory.EnumerateDirectories(Path)
                .Select(directory => System.IO.Path.GetFileName(directory))
                .Where(ContainerId.IsValid)
                .Order(StringComparer.Ordinal)
                .Select(TryRead)
                .OfType<RuntimeState>(),
        ];
    }

    private RuntimeState? TryRead(string id)
    {
        string file = System.IO.Path.Combine(Path, id, ContainerDirectory.StateFile);
        try
        {
            return RuntimeStateJson.Read(File.ReadAllBytes(file), file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static bool HasState(string directory) => File.Exists(System.IO.Path.Combine(directory, ContainerDirectory.StateFile));

    private CaissonException NotFound(string id) => new(ErrorKind.NotFound, $"container does not exist: {id} (in {Path})");
}

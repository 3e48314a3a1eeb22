using Caisson.Linux;

namespace Caisson.Control.Volumes;

/// <summary>The parts of volumes that a container's mounts show, held from the moment they are resolved until they are mounted, so that nobody can put something else in their place.</summary>
internal sealed class MountParts : IDisposable
{
    private readonly Dictionary<string, FileDescriptor> _byTarget = [];

    /// <summary>Opens the parts; mounts of whole volumes and of others have none.</summary>
    public MountParts(ContainerVolumes volumes, IEnumerable<ContainerMount> mounts)
    {
        try
        {
            foreach (ContainerMount mount in mounts)
            {
                if (mount is { Type: "volume", Subpath.Length: > 0 })
                {
                    _byTarget[mount.Target] = volumes.OpenPart(mount);
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>By the path inside.</summary>
    public IReadOnlyDictionary<string, FileDescriptor> ByTarget => _byTarget;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (FileDescriptor part in _byTarget.Values)
        {
            part.Dispose();
        }
    }
}

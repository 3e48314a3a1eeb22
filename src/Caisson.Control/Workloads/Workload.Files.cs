using System.IO.Pipelines;

using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Images.Users;
using Caisson.Linux;

using Pipe = System.IO.Pipelines.Pipe;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>Looks at a path inside.</summary>
    public async Task<ContainerPath> StatPathAsync(string path, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            using Place? mounted = FindMountedUnlocked(path);
            if (IsMachine && _status.HasProcess)
            {
                return await StatInMachineUnlockedAsync(path, cancellationToken);
            }
            if (mounted is null)
            {
                RequireReachable();
            }
            return mounted is null
                ? WithRootUnlocked(root => ContainerFiles.Stat(root, path))
                : ContainerFiles.Stat(mounted.Root, mounted.Path, ContainerFiles.NameOf(path));
        }
    }

    /// <summary>Writes what is at <paramref name="path"/> as a tar archive.</summary>
    public async Task ReadArchiveAsync(string path, Stream output, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (IsMachine && _status.HasProcess)
            {
                await ReadInMachineUnlockedAsync(path, output, cancellationToken);
                return;
            }
            var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, useSynchronizationContext: false));
            uint? shownAs = _status.HasProcess ? Ids?.First : null;
            // Tar is made by blocking calls, so on a thread of its own; the pipe's limit makes it wait for a slow client.
            Task making = Task.Factory.StartNew(
                () =>
                {
                    Exception? failure = null;
                    try
                    {
                        using Stream sink = pipe.Writer.AsStream(leaveOpen: true);
                        using Place? mounted = FindMountedUnlocked(path);
                        if (mounted is not null)
                        {
                            ContainerFiles.Read(mounted.Root, mounted.Path, null, sink, cancellationToken, ContainerFiles.NameOf(path));
                        }
                        else
                        {
                            RequireReachable();
                            _ = WithRootUnlocked(root =>
                            {
                                ContainerFiles.Read(root, path, shownAs, sink, cancellationToken);
                                return true;
                            });
                        }
                    }
                    catch (Exception error) when (error is CaissonException or IOException or OperationCanceledException or InvalidOperationException)
                    {
                        failure = error;
                    }
                    pipe.Writer.Complete(failure);
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
            try
            {
                await pipe.Reader.CopyToAsync(output, cancellationToken);
            }
            finally
            {
                await pipe.Reader.CompleteAsync();
                await making;
            }
        }
    }

    /// <summary>Extracts a tar archive, plain or compressed, into a directory inside.</summary>
    /// <param name="path">An existing directory.</param>
    /// <param name="archive">Read to its end.</param>
    /// <param name="keepKinds">Refuse to put a directory in the place of something else, and the reverse.</param>
    /// <param name="asUser">Give the files to the container's user instead of the archive's owners.</param>
    /// <param name="cancellationToken">Stops; what is extracted stays.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: its root, or the mount the directory is on, is read-only.</exception>
    /// <remarks>
    /// While the container runs it is done in its own mounts (an overlay must not be mounted for writing twice), so volumes and temporary
    /// file systems are where it has them, and as its own root.
    /// </remarks>
    public async Task ExtractArchiveAsync(string path, PipeReader archive, bool keepKinds, bool asUser, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            if (IsMachine && _status.HasProcess)
            {
                await ExtractInMachineUnlockedAsync(path, archive, keepKinds, asUser, cancellationToken);
                return;
            }
            bool lives = _status.HasProcess;
            using Place? mounted = FindMountedUnlocked(path);
            if (mounted is { IsReadOnly: true })
            {
                throw new CaissonException(ErrorKind.PermissionDenied, $"the mount that holds {path} is marked read-only");
            }
            if (!lives && mounted is null && _record.HostConfig.ReadonlyRootfs)
            {
                throw new CaissonException(ErrorKind.PermissionDenied, "container rootfs is marked read-only");
            }
            if (mounted is null)
            {
                RequireReachable();
            }
            await Task.Factory.StartNew(
                () =>
                {
                    using MountTree? mount = lives || mounted is not null ? null : RequireSnapshot().OpenMount();
                    using RootDirectory? root = mounted is not null ? null : mount is null ? OpenLiveRoot() : RootDirectory.From(mount);
                    (uint, uint)? owner = null;
                    if (asUser)
                    {
                        ResolvedUser user = root is null ? WhoUnlocked() : Who(root);
                        owner = (user.Uid, user.Gid);
                    }
                    ContainerFiles.Extract(mounted?.Root ?? root!, mounted?.Path ?? path, archive.AsStream(leaveOpen: true), keepKinds, owner, lives ? Ids?.First : null, cancellationToken);
                },
                cancellationToken,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }
    }

    /// <summary>
    /// Of a container that does not run, what a path is on when that is a volume or a directory of the host: there it would be if it ran. The
    /// path is read as text up to the mount, and by the kernel from there on.
    /// </summary>
    /// <returns>Null when the path is on the root filesystem, and while the container runs and has its mounts.</returns>
    private Place? FindMountedUnlocked(string path)
    {
        if (_status.HasProcess)
        {
            return null;
        }
        string plain = MountRequests.Normalize(path);
        ContainerMount? mount = _record.AllMounts.LastOrDefault(mount =>
            mount.Type is "volume" or "bind" && (plain == mount.Target || plain.StartsWith(mount.Target + "/", StringComparison.Ordinal)));
        if (mount is null)
        {
            return null;
        }
        string user = $"files-{Guid.NewGuid():N}";
        try
        {
            if (mount.Type == "volume")
            {
                _services.Volumes.Enter(user, [mount]);
            }
            using FileDescriptor source = mount.Type == "volume" ? _services.Volumes.OpenPart(mount) : HostFiles.OpenPath(mount.Source);
            if (source.Status.Kind != FileKind.Directory)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"{mount.Target} is a file of the host; start the container to copy it");
            }
            // A slash at the end asks for the directory behind a link, which is kept.
            string rest = plain[mount.Target.Length..] + (path.EndsWith('/') || path.EndsWith("/.", StringComparison.Ordinal) ? "/" : "");
            return new Place(RootDirectory.From(DirectoryDescriptor.From(source.Duplicate())), rest.Length > 0 ? rest : "/", mount.ReadOnly, () => _services.Volumes.Leave(user));
        }
        catch
        {
            _services.Volumes.Leave(user);
            throw;
        }
    }

    /// <summary>Where a path of a container that does not run is.</summary>
    private sealed record Place(RootDirectory Root, string Path, bool IsReadOnly, Action Leave) : IDisposable
    {
        public void Dispose()
        {
            Root.Dispose();
            Leave();
        }
    }
}

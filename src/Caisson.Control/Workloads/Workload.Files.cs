using System.IO.Pipelines;

using Caisson.Errors;
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
            return WithRootUnlocked(root => ContainerFiles.Stat(root, path));
        }
    }

    /// <summary>Writes what is at <paramref name="path"/> as a tar archive.</summary>
    public async Task ReadArchiveAsync(string path, Stream output, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20, useSynchronizationContext: false));
            IdRange? shownAs = _status.HasProcess ? Ids : null;
            // Tar is made by blocking calls, so on a thread of its own; the pipe's limit makes it wait for a slow client.
            Task making = Task.Factory.StartNew(
                () =>
                {
                    Exception? failure = null;
                    try
                    {
                        using Stream sink = pipe.Writer.AsStream(leaveOpen: true);
                        _ = WithRootUnlocked(root =>
                        {
                            ContainerFiles.Read(root, path, shownAs, sink, cancellationToken);
                            return true;
                        });
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
            bool lives = _status.HasProcess;
            if (!lives && _record.HostConfig.ReadonlyRootfs)
            {
                throw new CaissonException(ErrorKind.PermissionDenied, "container rootfs is marked read-only");
            }
            await Task.Factory.StartNew(
                () =>
                {
                    using MountTree? mount = lives ? null : RequireSnapshot().OpenMount();
                    using RootDirectory root = mount is null ? OpenLiveRoot() : RootDirectory.From(mount);
                    (uint, uint)? owner = null;
                    if (asUser)
                    {
                        ResolvedUser user = Who(root);
                        owner = (user.Uid, user.Gid);
                    }
                    ContainerFiles.Extract(root, path, archive.AsStream(leaveOpen: true), keepKinds, owner, lives ? Ids : null, cancellationToken);
                },
                cancellationToken,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        }
    }
}

using Caisson.Control.Events;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>Gives the container a volume, now when it runs, and at each start.</summary>
    /// <param name="bind"><c>VOLUME:/path[:options]</c>; the volume is made when it is not there. What the image has at the path is not copied.</param>
    /// <param name="subpath">The part of the volume that is mounted; empty for all.</param>
    /// <param name="cancellationToken">Gives up before anything is changed.</param>
    /// <returns>The mount as it is on record.</returns>
    /// <exception cref="CaissonException">Something is mounted there already, or the volume cannot be had or mounted; nothing was changed.</exception>
    public async Task<ContainerMount> AttachVolumeAsync(string bind, string subpath, CancellationToken cancellationToken)
    {
        List<Problem> problems = [];
        ContainerMount? asked = MountRequests.ReadBind(bind, "", "/Volume", problems);
        if (asked is { Type: not "volume" })
        {
            problems.Add(new("/Volume", $"'{bind}' names a directory of the host; volumes alone are attached, write NAME:/path"));
        }
        if (subpath.StartsWith('/') || subpath.Split('/').Contains(".."))
        {
            problems.Add(new("/Subpath", $"subpath must be a relative path within the volume, not '{subpath}'"));
        }
        ProblemsException.ThrowIfAny($"attach a volume to {_record.Name}", problems);

        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            RequireMountsChangeable();
            if (_record.AllMounts.FirstOrDefault(mount => mount.Target == asked!.Target) is { } there)
            {
                throw new CaissonException(ErrorKind.Conflict, $"container {_record.Name} has a {there.Type} at {there.Target} already");
            }
            ContainerRecord before = _record;
            using ContainerVolumes.VolumeClaim claim = _services.Volumes.Claim(Id, [asked! with { Subpath = subpath, NoCopy = true }]);
            ContainerMount mount = claim.Mounts[0];
            ContainerRecord after = before with { Mounts = MountRequests.Ordered([.. before.AllMounts, mount]) };
            claim.Commit(new StateChange().Put(RecordKind.Container, Id, after, ControlJson.Default.ContainerRecord));
            _record = after;
            try
            {
                if (_status.HasProcess)
                {
                    await AttachUnlockedAsync(mount, cancellationToken);
                }
                else
                {
                    RequirePart(mount);
                }
            }
            catch
            {
                SetUnlocked(before);
                ForgetMountUnlocked(mount);
                foreach (string made in claim.Made)
                {
                    _ = _services.Volumes.Remove(made, force: true);
                }
                throw;
            }
            _services.Events.Commit(Durability.Process, new StateChange(), VolumeEvent(mount, "mount"));
            return mount;
        }
    }

    /// <summary>Takes a volume out of the container, now and for its next starts; who has files open on it keeps them.</summary>
    /// <param name="reference">The path inside, or the volume's name when it is mounted once.</param>
    /// <param name="cancellationToken">Gives up before anything is changed.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: no volume is mounted so; <see cref="ErrorKind.InvalidArgument"/>: several are.</exception>
    public async Task<ContainerMount> DetachVolumeAsync(string reference, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            ContainerMount[] fits =
            [
                .. _record.AllMounts.Where(mount => mount.Type == "volume" && (reference.StartsWith('/') ? mount.Target == MountRequests.Normalize(reference) : mount.Volume == reference)),
            ];
            if (fits.Length != 1)
            {
                throw fits.Length == 0
                    ? new CaissonException(ErrorKind.NotFound, $"container {_record.Name} has no volume {(reference.StartsWith('/') ? "at " : "")}{reference}")
                    : new CaissonException(
                        ErrorKind.InvalidArgument, $"container {_record.Name} has volume {reference} at {string.Join(" and ", fits.Select(mount => mount.Target))}; name the path");
            }
            ContainerMount mount = fits[0];
            RequireMountsChangeable();
            if (_status.HasProcess)
            {
                await _services.Host.DetachMountAsync(Id, mount.Target, cancellationToken);
            }
            SetUnlocked(_record with { Mounts = [.. _record.AllMounts.Where(other => other != mount)] }, VolumeEvent(mount, "unmount"));
            ForgetMountUnlocked(mount);
            return mount;
        }
    }

    private void RequireMountsChangeable()
    {
        if (IsMachine && _status.HasProcess)
        {
            throw new CaissonException(ErrorKind.Unimplemented, $"machine {_record.Name} runs: what of the host it sees is decided at its start; stop it first");
        }
    }

    /// <summary>Nothing of this container changes until what is returned is disposed; when asked, it does not even run meanwhile.</summary>
    internal async Task<IAsyncDisposable> HoldAsync(bool freeze, CancellationToken cancellationToken)
    {
        Gate gate = await EnterAsync(cancellationToken);
        if (!freeze || _status.Phase != ContainerPhase.Running)
        {
            return new Held(this, gate, IsFrozen: false);
        }
        _services.Volumes.NoteHeld(Id, isHeld: true);
        try
        {
            await _services.Host.PauseAsync(Id, cancellationToken);
            return new Held(this, gate, IsFrozen: true);
        }
        catch
        {
            _services.Volumes.NoteHeld(Id, isHeld: false);
            gate.Dispose();
            throw;
        }
    }

    private sealed record Held(Workload Workload, Gate Gate, bool IsFrozen) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                if (IsFrozen)
                {
                    await Workload._services.Host.ResumeAsync(Workload.Id, CancellationToken.None);
                    Workload._services.Volumes.NoteHeld(Workload.Id, isHeld: false);
                }
            }
            catch (CaissonException error)
            {
                Workload._services.Log.Warn($"container {Workload.Id}: go on after a copy of its volume: {error.Message}");
            }
            finally
            {
                Gate.Dispose();
            }
        }
    }

    /// <summary>The mount as the container's own are: its attributes and ids, then into its mounts.</summary>
    private async Task AttachUnlockedAsync(ContainerMount mount, CancellationToken cancellationToken)
    {
        _services.Volumes.Enter(Id, [mount]);
        using FileDescriptor part = _services.Volumes.OpenPart(mount);
        using MountTree tree = MountTree.Clone(part);
        MountAttributes attributes = mount.ReadOnly ? MountAttributes.ReadOnly : 0;
        foreach (string word in Profiles.Find(_record.Profile).VolumeMountOptions)
        {
            attributes |= MountOptions.TryFind(word, out MountOption option) ? option.Set : 0;
        }
        tree.SetAttributes(attributes, propagation: MountPropagation.Private);
        MountIdMap? own = mount.IdMap.Length > 0 && MountIdMap.TryParse(mount.IdMap, out MountIdMap? parsed) ? parsed : null;
        if (own is not null || Ids is not null)
        {
            IdMap[] whole = Ids is { } ids ? [new IdMap(0, ids.First, IdRange.Size)] : [];
            using UserNamespace users = UserNamespace.Create(
                own is null ? whole : Maps(MountIdMap.Shift(own.Users, Ids)), own is null ? whole : Maps(MountIdMap.Shift(own.Groups, Ids)));
            try
            {
                tree.SetIdMap(users);
            }
            catch (LinuxException error) when (error.Errno == Errno.EINVAL)
            {
                throw new CaissonException(
                    ErrorKind.FailedPrecondition, $"the file system of volume {mount.Volume} does not support id-mapped mounts; run the container with --userns host", error);
            }
        }
        await _services.Host.AttachMountAsync(Id, tree, mount.Target, part.Status.Kind != FileKind.Directory, cancellationToken);

        static IdMap[] Maps(IEnumerable<Oci.Runtime.IdMapping> ranges) => [.. ranges.Select(range => new IdMap(range.ContainerId, range.HostId, range.Size))];
    }

    /// <summary>Of a container that does not run: a part that is not there is told now, as far as it can be seen.</summary>
    private void RequirePart(ContainerMount mount)
    {
        if (mount.Subpath.Length > 0 && _services.Volumes.Find(mount.Volume).Storage == VolumeStorage.Directory)
        {
            _services.Volumes.OpenPart(mount).Dispose();
        }
    }

    /// <summary>The volume is given back unless the container has it at another path, too.</summary>
    private void ForgetMountUnlocked(ContainerMount mount)
    {
        if (_record.AllMounts.Any(other => other.Type == "volume" && other.Volume == mount.Volume))
        {
            return;
        }
        _services.Volumes.Leave(Id, mount.Volume);
        _services.Volumes.Release(Id, [mount], removeAnonymous: false);
    }

    /// <summary>The volumes of a container that an earlier engine started are in use; what is mounted of them is there already.</summary>
    private void TakeOverVolumesUnlocked()
    {
        try
        {
            _services.Volumes.Enter(Id, _record.AllMounts);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {Id}: take over its volumes: {error.Message}");
        }
    }

    private IEnumerable<EngineEvent> VolumeEvents(string action) =>
        [.. _record.AllMounts.Where(mount => mount.Type == "volume").Select(mount => VolumeEvent(mount, action))];

    private EngineEvent VolumeEvent(ContainerMount mount, string action)
    {
        VolumeRecord? volume = _services.Volumes.TryFind(mount.Volume);
        return _services.Volumes.Event(
            volume ?? new VolumeRecord { Name = mount.Volume, Created = default },
            action,
            action == "mount"
                ? [("container", Id), ("destination", mount.Target), ("propagation", ""), ("read/write", mount.ReadOnly ? "false" : "true")]
                : [("container", Id)]);
    }
}

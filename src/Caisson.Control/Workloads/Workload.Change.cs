using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Snapshots;
using Caisson.Machines.Agent;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    /// <summary>Removes the container and all that is its own but volumes.</summary>
    /// <param name="force">End it first when it runs.</param>
    /// <param name="cancellationToken">Gives up before the removal has begun; a begun one is completed.</param>
    public Task RemoveAsync(bool force, CancellationToken cancellationToken) => RemoveAsync(force, volumes: false, cancellationToken);

    /// <summary>Removes the container and all that is its own.</summary>
    /// <param name="force">End it first when it runs.</param>
    /// <param name="volumes">Also the volumes that nobody named and no other container has.</param>
    /// <param name="cancellationToken">Gives up before the removal has begun; a begun one is completed.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: it runs and <paramref name="force"/> is not given.</exception>
    public async Task RemoveAsync(bool force, bool volumes, CancellationToken cancellationToken)
    {
        while (true)
        {
            using (await EnterAsync(cancellationToken))
            {
                if (!_status.IsActive)
                {
                    await RemoveUnlockedAsync(volumes);
                    return;
                }
                if (!force)
                {
                    string state = _status.Phase == ContainerPhase.Paused ? "paused and must be unpaused first"
                        : _status.Phase == ContainerPhase.Restarting ? "restarting" : "running";
                    throw new CaissonException(
                        ErrorKind.Conflict,
                        $"cannot remove container \"{_record.Name}\": container is {state}: stop the container before removing or force remove");
                }
            }
            try
            {
                await KillAsync("SIGKILL", cancellationToken);
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.Conflict)
            {
                // It ended by itself between the two steps.
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.NotFound && _gone)
            {
                return; // its end removed it (AutoRemove)
            }
        }
    }

    private async Task RemoveUnlockedAsync(bool volumes)
    {
        int code = _status.ExitCode;
        if (_status.Phase != ContainerPhase.Removing)
        {
            SetUnlocked(_status with { Phase = ContainerPhase.Removing, RemovesVolumes = volumes }, Durability.Process);
        }
        CancelDelayedStart();
        AbandonAttachmentsUnlocked();
        await _services.Host.RemoveAsync(Id, CancellationToken.None);
        _ = DisconnectUnlocked();
        _services.Volumes.Leave(Id);
        _ = _services.Images.RemoveSnapshot(Id);
        string directory = _services.DirectoryOf(Id);
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
        _services.Events.Commit(
            Durability.Power, new StateChange().Delete(RecordKind.Container, Id).Delete(RecordKind.Status, Id), Event("destroy"));
        _services.Volumes.Release(Id, _record.AllMounts, removeAnonymous: volumes);
        _gone = true;
        DropAllExecs();
        _engine.Forget(this);
        CompleteAllWaiters(new WaitResult(code, null));
    }

    /// <summary>Gives the container another name.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: another has it.</exception>
    public async Task RenameAsync(string name, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireNotRemoving();
            string bare = name.TrimStart('/');
            if (bare == _record.Name)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, "renaming a container with the same name as its current name");
            }
            string old = _record.Name;
            _engine.Reserve(bare, Id);
            try
            {
                ContainerRecord renamed = _record with { Name = bare };
                EndpointRecord[] endpoints = [.. _status.Endpoints.Select(endpoint => endpoint with { Name = bare })];
                SetUnlocked(renamed, _status with { Endpoints = endpoints }, EventOf(renamed, "rename", _services.Time, ("oldName", "/" + old)));
                Array.ForEach(endpoints, _services.Networks.Rename);
            }
            catch
            {
                _engine.Release(bare);
                throw;
            }
            _engine.Release(old);
        }
    }

    /// <summary>Changes limits, the restart policy and published ports; what is 0, empty or null stays.</summary>
    public async Task UpdateAsync(UpdateConfig change, CancellationToken cancellationToken)
    {
        if (change.PortBindings is null)
        {
            if (change.PortTakeover.Length > 0)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, "PortTakeover says from whom the ports of PortBindings are taken; give both");
            }
            await ChangeLimitsAsync(change, cancellationToken);
            return;
        }
        UpdateConfig rest = change with { PortBindings = null, PortTakeover = "" };
        IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?> before;
        using (await EnterAsync(cancellationToken))
        {
            _ = MergeUnlocked(rest); // before the ports change, so that a bad value changes nothing
            before = _record.HostConfig.PortBindings ?? new Dictionary<string, IReadOnlyList<PortBinding>?>();
        }
        await PublishAsync(change.PortBindings, change.PortTakeover, cancellationToken);
        if (rest == new UpdateConfig())
        {
            return;
        }
        try
        {
            await ChangeLimitsAsync(rest, cancellationToken);
        }
        catch when (change.PortTakeover.Length == 0)
        {
            await PublishAsync(before, "", CancellationToken.None);
            throw;
        }
    }

    /// <summary>What the container is asked to be, with the change in it.</summary>
    private HostConfig MergeUnlocked(UpdateConfig change)
    {
        List<Problem> problems = [];
        RequireNotRemoving();
        if (change.RestartPolicy is { } asked)
        {
            ContainerPlan.CheckRestartPolicy(asked, "/RestartPolicy", problems);
            if (_record.HostConfig.AutoRemove && asked.Name is not ("" or "no"))
            {
                problems.Add(new("/RestartPolicy", "restart policy cannot be updated because AutoRemove is enabled for the container"));
            }
        }
        HostConfig host = Merge(_record.HostConfig, change);
        ContainerPlan.CheckResources(host, _services.Facts.Processors, "", problems);
        ProblemsException.ThrowIfAny("update", problems);
        return host;
    }

    private async Task ChangeLimitsAsync(UpdateConfig change, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            HostConfig host = MergeUnlocked(change);
            if (IsMachine && _status.HasProcess)
            {
                RequireMachineChangeable(change);
            }
            if (!_status.HasProcess)
            {
                SetUnlocked(_record with { HostConfig = host }, Event("update"));
                return;
            }
            ContainerRecord before = _record;
            // The limits are on record before the kernel has them: a crash in between leaves them to the next engine, not to chance.
            SetUnlocked(_record with { HostConfig = host }, _status with { LimitsPending = true });
            try
            {
                LinuxResources limits = SpecCompiler.Resources(
                    change with { Memory = change.Memory != 0 || change.MemorySwap != 0 ? host.Memory : 0, MemorySwap = change.Memory != 0 || change.MemorySwap != 0 ? host.MemorySwap : 0 },
                    DeviceNodes.Read(host));
                _services.Host.Update(
                    Id,
                    limits with { PidsLimit = change.PidsLimit is null ? null : change.PidsLimit is 0 ? -1 : change.PidsLimit },
                    LimitsOf(before));
            }
            catch
            {
                SetUnlocked(before, _status with { LimitsPending = false });
                throw;
            }
            SetUnlocked(_status with { LimitsPending = false }, Durability.Process, Event("update"));
        }
    }

    /// <summary>What it uses now; null when it does not run.</summary>
    public ContainerUsage? ReadUsage() => _status.HasProcess ? _services.Host.ReadUsage(Id) : null;

    /// <summary>Its processes as ps(1) shows them.</summary>
    /// <param name="arguments">What was given to ps; the forms <c>-ef</c>, <c>aux</c> and none are known.</param>
    public ProcessTable Top(string arguments)
    {
        _ = RequireRun();
        return ProcessTable.Read(_services.Host.Processes(Id), arguments, Ids, _services.Facts);
    }

    /// <summary>What it has changed against its image.</summary>
    public async Task<IReadOnlyList<FileChange>> ChangesAsync(CancellationToken cancellationToken)
    {
        if (!IsMachine)
        {
            return RequireSnapshot().Diff();
        }
        using (await EnterAsync(cancellationToken))
        {
            return await ChangesInMachineUnlockedAsync(cancellationToken);
        }
    }

    /// <summary>Bytes and entries it has written.</summary>
    public SnapshotUsage Measure() => IsMachine ? MeasureDisk() : RequireSnapshot().Measure();

    /// <summary>Writes its whole root filesystem as a tar archive.</summary>
    public async Task ExportAsync(Stream output, CancellationToken cancellationToken)
    {
        if (IsMachine)
        {
            using (await EnterAsync(cancellationToken))
            {
                await RunInMachineUnlockedAsync([GuestArchive.Export], null, output, cancellationToken);
            }
        }
        else
        {
            await _services.Images.ExportAsync(Id, output, cancellationToken);
        }
        _services.Events.Commit(Durability.Process, new StateChange(), Event("export"));
    }

    /// <summary>Makes an image of what it has written, on top of its own.</summary>
    internal async Task<Image> CommitAsync(ImportOptions options, CancellationToken cancellationToken)
    {
        if (!IsMachine)
        {
            return await _services.Images.CommitAsync(Id, options, null, cancellationToken);
        }
        using (await EnterAsync(cancellationToken))
        {
            return await _services.Images.CommitAsync(
                Id, options, layer => RunInMachineUnlockedAsync([GuestArchive.Layer], null, layer, cancellationToken).GetAwaiter().GetResult(), null, cancellationToken);
        }
    }

    /// <summary>Says that an image was made of it.</summary>
    internal void TellCommitted(string image, string name, string comment) => _services.Events.Commit(
        Durability.Process, new StateChange(), Event("commit", ("comment", comment), ("imageID", image), ("imageRef", name)));

    private static LinuxResources LimitsOf(ContainerRecord record) => SpecCompiler.Resources(record.HostConfig, DeviceNodes.Read(record.HostConfig));

    private static HostConfig Merge(HostConfig host, UpdateConfig change) => host with
    {
        CpuShares = change.CpuShares != 0 ? change.CpuShares : host.CpuShares,
        Memory = change.Memory != 0 ? change.Memory : host.Memory,
        MemorySwap = change.MemorySwap != 0 ? change.MemorySwap
            : change.Memory != 0 && host.MemorySwap > 0 && host.MemorySwap < change.Memory ? change.Memory * 2 : host.MemorySwap,
        MemoryReservation = change.MemoryReservation != 0 ? change.MemoryReservation : host.MemoryReservation,
        NanoCpus = change.NanoCpus != 0 ? change.NanoCpus : change.CpuQuota != 0 || change.CpuPeriod != 0 ? 0 : host.NanoCpus,
        CpuPeriod = change.CpuPeriod != 0 ? change.CpuPeriod : change.NanoCpus != 0 ? 0 : host.CpuPeriod,
        CpuQuota = change.CpuQuota != 0 ? change.CpuQuota : change.NanoCpus != 0 ? 0 : host.CpuQuota,
        CpuRealtimePeriod = change.CpuRealtimePeriod != 0 ? change.CpuRealtimePeriod : host.CpuRealtimePeriod,
        CpuRealtimeRuntime = change.CpuRealtimeRuntime != 0 ? change.CpuRealtimeRuntime : host.CpuRealtimeRuntime,
        CpusetCpus = change.CpusetCpus.Length > 0 ? change.CpusetCpus : host.CpusetCpus,
        CpusetMems = change.CpusetMems.Length > 0 ? change.CpusetMems : host.CpusetMems,
        BlkioWeight = change.BlkioWeight != 0 ? change.BlkioWeight : host.BlkioWeight,
        PidsLimit = change.PidsLimit ?? host.PidsLimit,
        RestartPolicy = change.RestartPolicy is { Name.Length: > 0 } policy ? policy : host.RestartPolicy,
    };
}

using System.Collections.Concurrent;
using System.Text.Json;

using Caisson.Control.Builds;
using Caisson.Control.Images;
using Caisson.Control.Json;
using Caisson.Control.Machines;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Secrets;
using Caisson.Control.State;
using Caisson.Control.Volumes;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Snapshots;
using Caisson.Machines.Kernels;

namespace Caisson.Control.Workloads;

/// <summary>All containers of this engine: making them, finding them, and taking them over from an engine that died.</summary>
public sealed class ContainerEngine
{
    private readonly EngineServices _services;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Workload> _byId = [];
    private readonly SortedSet<string> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _names = [];
    private readonly HashSet<int> _blocks = [];
    private readonly ConcurrentDictionary<string, ExecSession> _execs = new();
    private long _startOrder;

    /// <summary>Loads what <paramref name="store"/> has; <see cref="RecoverAsync"/> comes next.</summary>
    public ContainerEngine(EngineServices services, IStateStore store)
    {
        _services = services;
        Builds = new BuildCache(store, services.Events, services.Images, services.Time);
        Templates = new MachineTemplates(this);
        Scanner = new ImageScanner(services.Root, services.Images, services.Time);
        Dictionary<string, byte[]> statuses = store.List(RecordKind.Status).ToDictionary(record => record.Key, record => record.Value);
        foreach (StoredRecord stored in store.List(RecordKind.Container))
        {
            ContainerRecord record = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.ContainerRecord)
                ?? throw new CaissonException(ErrorKind.Internal, $"the state store's record of container {stored.Key} is empty");
            ContainerStatus status = statuses.TryGetValue(stored.Key, out byte[]? bytes)
                ? JsonSerializer.Deserialize(bytes, ControlJson.Default.ContainerStatus) ?? new ContainerStatus()
                : new ContainerStatus();
            _startOrder = Math.Max(_startOrder, status.StartOrder);
            Add(new Workload(this, services, record, status));
            services.Volumes.Remember(record.Id, record.AllMounts);
            _names[record.Name] = record.Id;
        }
        FullMachines = new FullMachines.FullMachineEngine(this, store);
        _blocks.UnionWith(FullMachines.List().Select(machine => machine.Record.IdBlock));
    }

    /// <summary>All full machines of this engine.</summary>
    public FullMachines.FullMachineEngine FullMachines { get; }

    /// <summary>What builds have made.</summary>
    public BuildCache Builds { get; }

    /// <summary>What the engine works with.</summary>
    public EngineServices Services => _services;

    /// <summary>Looks into images.</summary>
    public ImageScanner Scanner { get; }

    internal MachineTemplates Templates { get; }

    /// <summary>True from <see cref="Stop"/> on: containers go on, nobody decides about them any more.</summary>
    public bool IsStopping { get; private set; }

    /// <summary>What <see cref="CreateAsync"/> answers.</summary>
    /// <param name="Id">The new container.</param>
    /// <param name="Warnings">What will not be as asked.</param>
    /// <param name="Volumes">Names of volumes that were made for it.</param>
    public sealed record Created(string Id, IReadOnlyList<string> Warnings, IReadOnlyList<string> Volumes);

    /// <summary>
    /// Takes over: finds running containers by their monitors, records ends that nobody saw, finishes removals, deletes what
    /// belongs to no container, and starts what is to run.
    /// </summary>
    public async Task RecoverAsync()
    {
        Workload[] known = [.. RecoveryOrder.Sort(List())];
        HashSet<string> ids = [.. known.Select(workload => workload.Id), .. FullMachines.SandboxIds()];
        foreach (string stray in StrayDirectories(ids))
        {
            await RemoveStrayAsync(stray);
        }
        foreach (string held in _services.Volumes.TakeHeld().Where(held => _byId.ContainsKey(held)))
        {
            await LetGoAsync(held);
        }
        _services.Networks.Restore(
        [
            .. known.Where(workload => workload.Status.Endpoints.Count > 0 && Lives(workload.Id)).SelectMany(workload => workload.Status.Endpoints),
            .. FullMachines.List().Where(machine => machine.Status.Endpoints.Count > 0 && Lives(machine.Id)).SelectMany(machine => machine.Status.Endpoints),
        ]);
        foreach (Workload workload in known)
        {
            try
            {
                await workload.RecoverAsync();
            }
            catch (Exception error) when (error is CaissonException or IOException)
            {
                _services.Log.Warn($"container {workload.Id}: take over: {error.Message}");
            }
        }
        await FullMachines.RecoverAsync();
        _services.Volumes.LeaveUnused();
        _services.Machines?.Images.RemoveUnfinished();
        _services.Machines?.Templates.RemoveUnfinished();
        SweepDisks();
    }

    /// <summary>Disks of images that are gone go, unless a machine stands on them.</summary>
    internal void SweepDisks()
    {
        if (_services.Machines is { } machines)
        {
            HashSet<string> wanted =
            [
                .. _services.Images.List().Select(image => Workload.KeyOf([.. image.Layers.Select(layer => layer.ChainId)])),
                .. _services.Images.Snapshots.List().Select(snapshot => Workload.KeyOf(snapshot.Record.Layers)),
            ];
            machines.Images.Sweep(wanted.Contains);
        }
    }

    /// <summary>Makes a container.</summary>
    /// <param name="name">Its name; null for one of ours.</param>
    /// <param name="asked">What is to run.</param>
    /// <param name="cancellationToken">Abandons it; nothing is left then.</param>
    /// <exception cref="ProblemsException">Something asked for is wrong; says everything that is.</exception>
    /// <exception cref="CaissonException">The image is not here, or the name is taken.</exception>
    public async Task<Created> CreateAsync(string? name, ContainerCreate asked, CancellationToken cancellationToken)
    {
        if (asked.Image.Length == 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "no image is given");
        }
        Image image = _services.Images.TryResolve(asked.Image) ?? throw new CaissonException(ErrorKind.NotFound, $"No such image: {Familiar(asked.Image)}");
        await RequireUsableAsync(asked.Image, image, cancellationToken);
        string id = Names.NewId();
        name = Reserve(name?.TrimStart('/'), id);
        int? block = null;
        try
        {
            List<Problem> problems = [];
            List<string> warnings = [];
            ContainerRecord record = ContainerPlan.Compile(
                asked, image,
                new ContainerPlan.Facts(id, name, _services.Time.GetUtcNow(), _services.Facts.Processors, other => Find(other).Record.AllMounts, _services.LogDefault), problems, warnings);
            record = NetworkChoice.Complete(
                record, asked.NetworkingConfig?.EndpointsConfig, _services.Networks, reference => Find(reference).Id, problems, warnings);
            RequireSources(record, problems);
            MachineRules.Check(record, problems);
            bool hasOwnIds = problems.Count == 0
                && ((Profiles.Find(record.Profile).UserNamespace && record.HostConfig.UsernsMode != "host") || MachineRules.IsMachine(record));
            record = SecretRequest.Complete(record, _services.Secrets.Find, problems);
            record = SharedNamespaces.Complete(record, reference => Find(reference).Record, hasOwnIds, problems);
            ProblemsException.ThrowIfAny("create container", problems);
            if (hasOwnIds)
            {
                block = record.IdBlock ?? TakeBlock();
                record = record with { IdBlock = block };
            }

            Directory.CreateDirectory(_services.DirectoryOf(id), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            await _services.Images.EnsureUnpackedAsync(image, cancellation: cancellationToken);
            Snapshot snapshot = _services.Images.CreateSnapshot(id, image);
            using ContainerVolumes.VolumeClaim claim = _services.Volumes.Claim(id, record.AllMounts);
            if (claim.Mounts.Any(mount => mount.Type == "volume"))
            {
                await Task.Run(() => CopyUp(snapshot, claim, cancellationToken), cancellationToken);
            }
            record = record with { Mounts = claim.Mounts };
            var status = new ContainerStatus();
            claim.Commit(
                new StateChange()
                    .Put(RecordKind.Container, id, record, ControlJson.Default.ContainerRecord)
                    .Put(RecordKind.Status, id, status, ControlJson.Default.ContainerStatus),
                Workload.EventOf(record, "create", _services.Time));
            Add(new Workload(this, _services, record, status));
            return new Created(id, warnings, claim.Made);
        }
        catch
        {
            Release(name);
            ReleaseBlock(block);
            await RemoveStrayAsync(id);
            throw;
        }
    }

    /// <summary>Refuses an image that the policies of this machine do not allow to run.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.PermissionDenied"/>: says which policy and why.</exception>
    internal Task RequireUsableAsync(string asked, Image image, CancellationToken cancellationToken)
    {
        _services.Images.Trust.Require(asked, image);
        return Scanner.RequireAsync(asked, image, cancellationToken);
    }

    /// <summary>Every container, newest first.</summary>
    public IReadOnlyList<Workload> List()
    {
        lock (_lock)
        {
            return [.. _byId.Values.OrderByDescending(workload => workload.Record.Created)];
        }
    }

    /// <summary>The container of an id, a name, or the beginning of an id.</summary>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.NotFound"/>: none; <see cref="ErrorKind.InvalidArgument"/>: the beginning fits several.
    /// </exception>
    public Workload Find(string reference)
    {
        string bare = reference.TrimStart('/');
        lock (_lock)
        {
            if (_byId.TryGetValue(bare, out Workload? exact))
            {
                return exact;
            }
            if (_names.TryGetValue(bare, out string? named) && _byId.TryGetValue(named, out Workload? byName))
            {
                return byName;
            }
            if (bare.Length > 0)
            {
                string[] fits = [.. _ids.GetViewBetween(bare, bare + "~").Take(2)];
                if (fits.Length == 1)
                {
                    return _byId[fits[0]];
                }
                if (fits.Length > 1)
                {
                    throw new CaissonException(ErrorKind.InvalidArgument, $"multiple IDs found with provided prefix: {bare}");
                }
            }
        }
        throw new CaissonException(ErrorKind.NotFound, $"No such container: {reference}");
    }

    /// <summary>Removes a secret or config that no container has.</summary>
    /// <exception cref="CaissonException">There is none of that name, or a container has it.</exception>
    public void RemoveSecret(bool isConfig, string reference)
    {
        SecretRecord record = _services.Secrets.Find(isConfig, reference);
        _services.Secrets.Remove(record, [.. List().Where(workload => SecretRequest.Has(workload.Record.HostConfig, record)).Select(workload => workload.Record.Name)]);
    }

    /// <summary>The exec of an id.</summary>
    public ExecSession FindExec(string id) => _execs.TryGetValue(id, out ExecSession? session)
        ? session
        : throw new CaissonException(ErrorKind.NotFound, $"No such exec instance: {id}");

    /// <summary>The launch plan of a container that would be made so, as text; nothing is kept.</summary>
    public async Task<string> ExplainAsync(ContainerCreate asked, CancellationToken cancellationToken)
    {
        Created created = await CreateAsync(null, asked, cancellationToken);
        Workload workload = Find(created.Id);
        try
        {
            return await workload.ExplainAsync(cancellationToken);
        }
        finally
        {
            await workload.RemoveAsync(force: true, volumes: true, CancellationToken.None);
            foreach (string volume in created.Volumes)
            {
                _ = _services.Volumes.Remove(volume, force: true);
            }
        }
    }

    /// <summary>From now on nothing is decided any more: the containers go on, and the next engine takes them over.</summary>
    public void Stop() => IsStopping = true;

    /// <summary>Has the template made of the machines that ask for nothing special, beside everything else.</summary>
    public void PrepareMachines(MachineKernel kernel) => Templates.MakeUsualSoon(kernel);

    /// <summary>Waits until nothing is made beside everything else any more.</summary>
    public Task EndWorkAsync()
    {
        FullMachines.LeaveLeases();
        return Templates.StopAsync();
    }

    internal long NextStartOrder() => Interlocked.Increment(ref _startOrder);

    internal void Register(ExecSession session) => _execs[session.Id] = session;

    internal void Unregister(ExecSession session) => _execs.TryRemove(session.Id, out _);

    /// <summary>Takes a name, or one of ours when <paramref name="name"/> is null or empty.</summary>
    internal string Reserve(string? name, string id)
    {
        lock (_lock)
        {
            if (string.IsNullOrEmpty(name))
            {
                name = Names.NewName(_names.ContainsKey);
            }
            else if (!Names.IsValid(name))
            {
                throw new CaissonException(
                    ErrorKind.InvalidArgument, $"invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
            }
            if (_names.TryGetValue(name, out string? holder))
            {
                throw new CaissonException(
                    ErrorKind.AlreadyExists,
                    $"Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name.");
            }
            _names[name] = id;
            return name;
        }
    }

    internal void Release(string name)
    {
        lock (_lock)
        {
            _names.Remove(name);
        }
    }

    internal void Forget(Workload workload)
    {
        lock (_lock)
        {
            _byId.Remove(workload.Id);
            _ids.Remove(workload.Id);
            _names.Remove(workload.Record.Name);
        }
        ReleaseBlock(workload.Record.IdBlock);
    }

    private void Add(Workload workload)
    {
        lock (_lock)
        {
            _byId.Add(workload.Id, workload);
            _ids.Add(workload.Id);
            if (workload.Record.IdBlock is { } block)
            {
                _blocks.Add(block);
            }
        }
    }

    internal int TakeBlock()
    {
        lock (_lock)
        {
            int block = IdRange.LowestFree(_blocks);
            _blocks.Add(block);
            return block;
        }
    }

    internal void ReleaseBlock(int? block)
    {
        if (block is { } taken)
        {
            lock (_lock)
            {
                // Containers that share processes have their ids together.
                if (!_byId.Values.Any(workload => workload.Record.IdBlock == taken))
                {
                    _blocks.Remove(taken);
                }
            }
        }
    }

    /// <summary>A mount in the long form never makes its source; said here, before anything is made.</summary>
    private static void RequireSources(ContainerRecord record, List<Problem> problems)
    {
        foreach (ContainerMount mount in record.AllMounts)
        {
            if (mount is { Type: "bind", CreateSource: false } && !Path.Exists(mount.Source))
            {
                problems.Add(new("/HostConfig/Mounts", $"invalid mount config for type \"bind\": bind source path does not exist: {mount.Source}"));
            }
        }
    }

    private static void CopyUp(Snapshot snapshot, ContainerVolumes.VolumeClaim claim, CancellationToken cancellationToken)
    {
        using Linux.MountTree view = snapshot.OpenView();
        using Linux.RootDirectory root = Linux.RootDirectory.From(view);
        claim.CopyUp(root, cancellationToken);
    }

    /// <summary>A container that an engine held for a copy of its volume when it died goes on, unless a user has paused it.</summary>
    private async Task LetGoAsync(string id)
    {
        if (Find(id).Status.Phase == ContainerPhase.Paused)
        {
            return;
        }
        try
        {
            await _services.Host.ResumeAsync(id, CancellationToken.None);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {id}: go on after a copy of its volume: {error.Message}");
        }
    }

    private bool Lives(string id)
    {
        using Linux.Namespace? network = _services.Host.OpenNetwork(id);
        return network is not null;
    }

    private IEnumerable<string> StrayDirectories(HashSet<string> known)
    {
        string containers = $"{_services.Root}/containers";
        IEnumerable<string> directories = Directory.Exists(containers)
            ? Directory.EnumerateDirectories(containers).Select(path => Path.GetFileName(path))
            : [];
        return [.. directories.Union(_services.Host.List()).Where(id => !known.Contains(id))];
    }

    /// <summary>Deletes what a creation left that was never completed.</summary>
    private async Task RemoveStrayAsync(string id)
    {
        try
        {
            await _services.Host.RemoveAsync(id, CancellationToken.None);
            _ = _services.Images.RemoveSnapshot(id);
            string directory = _services.DirectoryOf(id);
            if (Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            _services.Log.Warn($"delete what is left of container {id}: {error.Message}; the next start of the engine tries again");
        }
    }

    private static string Familiar(string reference) =>
        Oci.Reference.TryParse(reference, out Oci.Reference? parsed) ? parsed.WithDefaultTag().Familiar : reference;
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Threading.Channels;

using Caisson.Control.Health;
using Caisson.Control.Json;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.State;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Images.Users;
using Caisson.Linux;

namespace Caisson.Control.Sandboxes;

/// <summary>Something that has happened to a sandbox or a container of one.</summary>
/// <param name="Id">The container's id; that of the sandbox, when it is about that.</param>
/// <param name="SandboxId">The sandbox.</param>
/// <param name="Kind">What.</param>
/// <param name="At">When.</param>
public readonly record struct SandboxEvent(string Id, string SandboxId, SandboxEventKind Kind, DateTimeOffset At);

/// <summary>What can happen to a sandbox or a container of one.</summary>
public enum SandboxEventKind
{
    /// <summary>It was made.</summary>
    Created,

    /// <summary>Its program runs.</summary>
    Started,

    /// <summary>Its program has ended.</summary>
    Stopped,

    /// <summary>It is gone.</summary>
    Deleted,
}

/// <summary>Pods as somebody else runs them: sandboxes, and containers in them. The engine decides nothing here, it does as it is told.</summary>
/// <remarks>
/// A sandbox is a container that only waits (see <c>HolderProgram</c>), whose namespaces the others join; so what holds for containers holds for
/// it: control groups, recovery, statistics. A machine needs none: its container is the sandbox. The network is that of plugins
/// (<see cref="CniDirectory"/>), or the engine's own. Every record is committed before what it speaks of is made, so what a crash leaves can be found.
/// </remarks>
public sealed class PodSandboxes
{
    private const int EventsBehindMax = 8_192;

    private readonly Lock _lock = new();
    private readonly ContainerEngine _engine;
    private readonly EngineServices _services;
    private readonly Dictionary<string, PodSandbox> _sandboxes = [];
    private readonly Dictionary<string, SandboxContainerRecord> _containers = [];
    private readonly HashSet<SandboxIdentity> _identities = [];
    private readonly HashSet<(string Sandbox, string Name, uint Attempt)> _names = [];
    private readonly List<Channel<SandboxEvent>> _listeners = [];

    private PodSandboxes(ContainerEngine engine, CniDirectory network)
    {
        _engine = engine;
        _services = engine.Services;
        Network = network;
    }

    /// <summary>Where the networks of pods come from.</summary>
    public CniDirectory Network { get; }

    /// <summary>The containers.</summary>
    public ContainerEngine Engine => _engine;

    /// <summary>Loads what <paramref name="state"/> has; the containers have been recovered before.</summary>
    public static PodSandboxes Open(ContainerEngine engine, IStateStore state, CniDirectory network)
    {
        var all = new PodSandboxes(engine, network);
        foreach (StoredRecord stored in state.List(RecordKind.Sandbox))
        {
            SandboxRecord record = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.SandboxRecord)!;
            all._sandboxes[record.Id] = new PodSandbox(engine, record);
            all._identities.Add(record.Request.Identity);
        }
        foreach (StoredRecord stored in state.List(RecordKind.SandboxContainer))
        {
            SandboxContainerRecord record = JsonSerializer.Deserialize(stored.Value, ControlJson.Default.SandboxContainerRecord)!;
            if (engine.TryFind(record.Id) is not { } workload || !all._sandboxes.ContainsKey(record.SandboxId))
            {
                engine.Services.Events.Commit(Durability.Process, new StateChange().Delete(RecordKind.SandboxContainer, record.Id)); // somebody removed it as a container
                continue;
            }
            all._containers[record.Id] = record;
            all._names.Add((record.SandboxId, record.Name, record.Attempt));
            all.Watch(workload, record.SandboxId);
        }
        foreach (PodSandbox sandbox in all._sandboxes.Values)
        {
            if (sandbox.Holder is { } holder)
            {
                all.Watch(holder, sandbox.Id);
            }
        }
        all.RemoveStrays();
        return all;
    }

    /// <summary>All sandboxes.</summary>
    public IReadOnlyList<PodSandbox> List()
    {
        lock (_lock)
        {
            return [.. _sandboxes.Values];
        }
    }

    /// <summary>All containers of sandboxes, each with what the engine knows of it.</summary>
    public IReadOnlyList<(SandboxContainerRecord Record, Workload Workload)> Containers()
    {
        lock (_lock)
        {
            List<(SandboxContainerRecord, Workload)> all = new(_containers.Count);
            foreach (SandboxContainerRecord record in _containers.Values)
            {
                if (_engine.TryFind(record.Id) is { } workload)
                {
                    all.Add((record, workload));
                }
            }
            return all;
        }
    }

    /// <summary>The sandbox of an id, or of its beginning.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: none.</exception>
    public PodSandbox Find(string id) => TryFind(id) ?? throw new CaissonException(ErrorKind.NotFound, $"there is no pod sandbox {id}");

    /// <summary>The container of an id, or of its beginning.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: none, or it is of no sandbox.</exception>
    public (SandboxContainerRecord Record, Workload Workload) FindContainer(string id) =>
        TryFindContainer(id) ?? throw new CaissonException(ErrorKind.NotFound, $"there is no container {id}");

    /// <summary>Whether pods can be connected; the message of the exception says why not.</summary>
    /// <exception cref="CaissonException">They cannot.</exception>
    public void RequireNetwork()
    {
        if (!Network.OwnNetwork)
        {
            _ = Network.Load();
        }
    }

    /// <summary>Makes and starts a sandbox.</summary>
    /// <returns>Its id.</returns>
    /// <exception cref="CaissonException">It is not as it should be, exists already, or its network refuses; nothing is left then.</exception>
    public async Task<string> RunAsync(SandboxRequest request, CancellationToken cancellation)
    {
        SandboxPlan.Check(request);
        bool isMachine = request.Handler == SandboxPlan.MachineHandler;
        bool byPlugins = !isMachine && request.Network != NamespaceScope.Node && !Network.OwnNetwork;
        CniNetwork? network = byPlugins ? Network.Load() : null;
        string name = SandboxPlan.Name(request.Identity, "POD", request.Identity.Attempt);
        lock (_lock)
        {
            if (!_identities.Add(request.Identity))
            {
                throw new CaissonException(
                    ErrorKind.AlreadyExists, $"there is a sandbox of pod {request.Identity.Namespace}/{request.Identity.Name} ({request.Identity.Uid}), attempt {request.Identity.Attempt}; remove it first");
            }
        }
        PodSandbox? sandbox = null;
        try
        {
            string id = isMachine ? Names.NewId() : await MakeHolderAsync(name, request, cancellation);
            sandbox = new PodSandbox(_engine, new SandboxRecord { Id = id, Request = request, Created = _services.Time.GetUtcNow(), NetworkText = network?.Text ?? "" });
            Commit(sandbox.Record);
            if (!isMachine)
            {
                _ = await _engine.Find(id).StartAsync(cancellation);
            }
            SandboxRecord made = sandbox.Record with { Stage = SandboxStage.Made };
            if (network is not null)
            {
                string result = await CniRunner.AddAsync(Network, network, SandboxPlan.Place(sandbox.Record, NetworkPathOf(sandbox)), cancellation);
                made = made with { NetworkResult = result, Addresses = CniResult.Addresses(result) };
            }
            Commit(made);
            sandbox.Record = made;
            lock (_lock)
            {
                _sandboxes[id] = sandbox;
            }
            Tell(id, id, SandboxEventKind.Created);
            Tell(id, id, SandboxEventKind.Started);
            if (sandbox.Holder is { } holder)
            {
                Watch(holder, id);
            }
            return id;
        }
        catch
        {
            if (sandbox is not null)
            {
                await ReleaseAsync(sandbox);
                _services.Events.Commit(Durability.Process, new StateChange().Delete(RecordKind.Sandbox, sandbox.Id));
            }
            lock (_lock)
            {
                _identities.Remove(request.Identity);
            }
            throw;
        }
    }

    /// <summary>Ends every container of a sandbox and gives its network back; a sandbox that is stopped or not there is no error.</summary>
    public async Task StopAsync(string id, CancellationToken cancellation)
    {
        if (TryFind(id) is not { } sandbox)
        {
            return;
        }
        await sandbox.Gate.WaitAsync(cancellation);
        try
        {
            await StopUnlockedAsync(sandbox, cancellation);
        }
        finally
        {
            sandbox.Gate.Release();
        }
    }

    /// <summary>Removes a sandbox with its containers; one that is not there is no error.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancellation)
    {
        if (TryFind(id) is not { } sandbox)
        {
            return;
        }
        await sandbox.Gate.WaitAsync(cancellation);
        try
        {
            await StopUnlockedAsync(sandbox, cancellation);
            foreach ((SandboxContainerRecord record, _) in ContainersOf(sandbox.Id))
            {
                await RemoveContainerAsync(record.Id, cancellation);
            }
            if (sandbox.Holder is { } holder)
            {
                await RemoveQuietlyAsync(holder, cancellation);
            }
            _services.Events.Commit(Durability.Power, new StateChange().Delete(RecordKind.Sandbox, sandbox.Id));
            lock (_lock)
            {
                _sandboxes.Remove(sandbox.Id);
                _identities.Remove(sandbox.Record.Request.Identity);
            }
            Tell(sandbox.Id, sandbox.Id, SandboxEventKind.Deleted);
        }
        finally
        {
            sandbox.Gate.Release();
        }
    }

    /// <summary>Asks the plugins whether a sandbox is still connected as they said.</summary>
    /// <returns>True when they were asked, false when the sandbox is not theirs or they cannot be asked.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: it is not; with a plugin's words.</exception>
    public async Task<bool> CheckNetworkAsync(string id, CancellationToken cancellation)
    {
        PodSandbox sandbox = Find(id);
        if (sandbox.Record is not { NetworkResult.Length: > 0, Stage: SandboxStage.Made } record)
        {
            return false;
        }
        CniNetwork network = CniNetwork.Parse(record.NetworkText, $"of sandbox {sandbox.Id}");
        if (!network.CanCheck)
        {
            return false;
        }
        await CniRunner.CheckAsync(Network, network, SandboxPlan.Place(record, NetworkPathOf(sandbox)), record.NetworkResult, cancellation);
        return true;
    }

    /// <summary>Opens the network namespace of a sandbox; null when it is the host's.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it does not run.</exception>
    public Namespace? OpenNetwork(PodSandbox sandbox)
    {
        if (sandbox.Record.Request.Network == NamespaceScope.Node)
        {
            return null;
        }
        string holder = sandbox.IsMachine ? sandbox.Machine?.Id ?? "" : sandbox.Id;
        return (holder.Length > 0 ? _services.Host.OpenNetwork(holder) : null)
            ?? throw new CaissonException(ErrorKind.FailedPrecondition, $"pod sandbox {sandbox.Id} does not run");
    }

    /// <summary>Notes what the pod as a whole may use, as it is told back.</summary>
    public void SetDocument(string id, byte[] document)
    {
        PodSandbox sandbox = Find(id);
        SandboxRecord record = sandbox.Record with { Request = sandbox.Record.Request with { Document = document } };
        Commit(record);
        sandbox.Record = record;
    }

    /// <summary>Makes a container in a sandbox.</summary>
    /// <returns>Its id.</returns>
    /// <exception cref="CaissonException">The sandbox is not ready, the image is not here, or what is asked for is wrong; says what.</exception>
    public async Task<string> CreateContainerAsync(string sandboxId, SandboxContainerRequest request, CancellationToken cancellation)
    {
        PodSandbox sandbox = Find(sandboxId);
        (string, string, uint) key = (sandbox.Id, request.Name, request.Attempt);
        lock (_lock)
        {
            if (!_names.Add(key) && !(ForgetGoneUnlocked() && _names.Add(key)))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"there is a container {request.Name}, attempt {request.Attempt}, in pod sandbox {sandbox.Id}; remove it first");
            }
        }
        bool made = false;
        await sandbox.Gate.WaitAsync(cancellation);
        try
        {
            if (!sandbox.IsReady)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"pod sandbox {sandbox.Id} is not ready");
            }
            if (sandbox.IsMachine && ContainersOf(sandbox.Id).Any(one => one.Workload.Status.Phase != ContainerPhase.Exited))
            {
                throw new CaissonException(
                    ErrorKind.Unimplemented, "a pod with the handler vm has one container at a time: two kernels cannot share a network; make it two pods");
            }
            if (request.Pid == NamespaceScope.Target)
            {
                (SandboxContainerRecord target, _) = FindContainer(request.TargetId);
                request = target.SandboxId == sandbox.Id ? request with { TargetId = target.Id }
                    : throw new CaissonException(ErrorKind.InvalidArgument, $"container {request.TargetId}, whose processes are to be shared, is not of this pod");
            }
            string logFile = SandboxPlan.LogFile(sandbox.Record, request);
            request = await WithUserAsync(request, cancellation);
            ContainerCreate create = SandboxPlan.Container(sandbox.Record, request, ContainerNetworks.DefaultName, ReadSeccomp(request.Seccomp));
            ContainerEngine.Created created = await _engine.CreateForPodAsync(
                NameFor(SandboxPlan.Name(sandbox.Record.Request.Identity, request.Name, request.Attempt)), create,
                new ContainerEngine.CreationExtras
                {
                    IsOfPod = true,
                    LogFile = logFile,
                    Unified = request.Unified.Count > 0 ? request.Unified : null,
                    Hugepages = request.Hugepages.Count > 0 ? request.Hugepages : null,
                },
                cancellation);
            var record = new SandboxContainerRecord
            {
                Id = created.Id,
                SandboxId = sandbox.Id,
                Name = request.Name,
                Attempt = request.Attempt,
                Created = _engine.Find(created.Id).Record.Created,
                Labels = request.Labels,
                Annotations = request.Annotations,
                Document = request.Document,
            };
            _services.Events.Commit(Durability.Process, new StateChange().Put(RecordKind.SandboxContainer, record.Id, record, ControlJson.Default.SandboxContainerRecord));
            lock (_lock)
            {
                _containers[record.Id] = record;
            }
            made = true;
            Tell(record.Id, sandbox.Id, SandboxEventKind.Created);
            return record.Id;
        }
        finally
        {
            if (!made)
            {
                lock (_lock)
                {
                    _names.Remove(key);
                }
            }
            sandbox.Gate.Release();
        }
    }

    /// <summary>Runs the program of a container that has not run yet.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it has; or what kept it from running.</exception>
    public async Task StartContainerAsync(string id, CancellationToken cancellation)
    {
        (SandboxContainerRecord record, Workload workload) = FindContainer(id);
        if (workload.Status.Phase != ContainerPhase.Created || workload.Status.Error.Length > 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"container {record.Id} was started before; a container of a pod runs once");
        }
        _ = await workload.StartAsync(cancellation);
        Tell(record.Id, record.SandboxId, SandboxEventKind.Started);
        Watch(workload, record.SandboxId);
    }

    /// <summary>Asks a program to end and ends it after <paramref name="seconds"/>; one that does not run, or is not there, is no error.</summary>
    public async Task StopContainerAsync(string id, long seconds, CancellationToken cancellation)
    {
        if (TryFindContainer(id) is not { } found)
        {
            return;
        }
        await StopQuietlyAsync(found.Workload, seconds, cancellation);
    }

    /// <summary>Removes a container, running or not; one that is not there is no error.</summary>
    public async Task RemoveContainerAsync(string id, CancellationToken cancellation)
    {
        if (TryFindContainer(id) is not { } found)
        {
            return;
        }
        await RemoveQuietlyAsync(found.Workload, cancellation);
        _services.Events.Commit(Durability.Process, new StateChange().Delete(RecordKind.SandboxContainer, found.Record.Id));
        lock (_lock)
        {
            _containers.Remove(found.Record.Id);
            _names.Remove((found.Record.SandboxId, found.Record.Name, found.Record.Attempt));
        }
        Tell(found.Record.Id, found.Record.SandboxId, SandboxEventKind.Deleted);
    }

    /// <summary>Changes limits of a container, and what is told back of it.</summary>
    public async Task UpdateContainerAsync(string id, UpdateConfig change, byte[] document, CancellationToken cancellation)
    {
        (SandboxContainerRecord record, Workload workload) = FindContainer(id);
        await workload.UpdateAsync(change, cancellation);
        SandboxContainerRecord changed = record with { Document = document };
        _services.Events.Commit(Durability.Process, new StateChange().Put(RecordKind.SandboxContainer, record.Id, changed, ControlJson.Default.SandboxContainerRecord));
        lock (_lock)
        {
            _containers[record.Id] = changed;
        }
    }

    /// <summary>What happens from now on.</summary>
    /// <param name="cancellation">Ends listening.</param>
    /// <returns>Completed with an error when the listener falls too far behind.</returns>
    public ChannelReader<SandboxEvent> Listen(CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<SandboxEvent>(new BoundedChannelOptions(EventsBehindMax) { SingleReader = true });
        lock (_lock)
        {
            _listeners.Add(channel);
        }
        _ = cancellation.Register(() =>
        {
            lock (_lock)
            {
                _listeners.Remove(channel);
            }
            channel.Writer.TryComplete();
        });
        return channel.Reader;
    }

    /// <summary>The containers of a sandbox.</summary>
    public IReadOnlyList<(SandboxContainerRecord Record, Workload Workload)> ContainersOf(string sandboxId) =>
        [.. Containers().Where(one => one.Record.SandboxId == sandboxId)];

    private async Task<string> MakeHolderAsync(string name, SandboxRequest request, CancellationToken cancellation)
    {
        string holder = HolderFile.PathIn(_services.Root);
        HolderFile.Make(holder);
        ContainerEngine.Created created = await _engine.CreateForPodAsync(
            NameFor(name), SandboxPlan.Holder(request, holder, Network.OwnNetwork ? ContainerNetworks.DefaultName : null),
            new ContainerEngine.CreationExtras { IsOfPod = true, IsEmpty = true, IdBlock = request.FirstId is { } first ? IdRange.BlockOf(first) : null }, cancellation);
        return created.Id;
    }

    /// <summary>
    /// The user in numbers where groups are asked for: a group beside the user takes the user's other groups away in the words of the engine, and
    /// here it does not.
    /// </summary>
    private async Task<SandboxContainerRequest> WithUserAsync(SandboxContainerRequest request, CancellationToken cancellation)
    {
        string[] given = [.. request.Groups.Select(group => group.ToString(CultureInfo.InvariantCulture))];
        if (request.Group is null && !request.OnlyThoseGroups)
        {
            return request with { Create = request.Create with { User = request.User, HostConfig = (request.Create.HostConfig ?? new HostConfig()) with { GroupAdd = given } } };
        }
        Image image = _services.Images.TryResolve(request.Create.Image) ?? throw new CaissonException(ErrorKind.NotFound, $"there is no image {request.Create.Image}");
        await _services.Images.EnsureUnpackedAsync(image, cancellation: cancellation);
        string user = request.User.Length > 0 ? request.User : image.Execution.User ?? "";
        ResolvedUser who = _services.Images.Look(image, root => new UserDatabase(root).Resolve(user));
        uint group = request.Group ?? who.Gid;
        string[] groups = request.OnlyThoseGroups ? given : [.. who.AdditionalGids.Where(one => one != who.Gid).Select(one => one.ToString(CultureInfo.InvariantCulture)).Union(given)];
        return request with
        {
            Create = request.Create with
            {
                User = string.Create(CultureInfo.InvariantCulture, $"{who.Uid}:{group}"),
                HostConfig = (request.Create.HostConfig ?? new HostConfig()) with { GroupAdd = groups },
            },
        };
    }

    /// <summary>Connects to a port of a pod as a program of it would.</summary>
    /// <exception cref="SocketException">Nothing listens there.</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: the pod does not run.</exception>
    public async Task<Socket> ConnectAsync(string id, int port, CancellationToken cancellation)
    {
        PodSandbox sandbox = Find(id);
        if (sandbox.IsMachine)
        {
            IPAddress address = sandbox.Addresses is [var first, ..] ? IPAddress.Parse(first)
                : throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine of pod sandbox {sandbox.Id} has no address yet");
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), cancellation);
                return socket;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        using Namespace network = OpenNetwork(sandbox) ?? Namespace.OpenOwn(NamespaceKind.Network);
        return await NetworkProbe.OpenAsync(network, [new IPEndPoint(IPAddress.Loopback, port), new IPEndPoint(IPAddress.IPv6Loopback, port)], cancellation);
    }

    private static string? NameFor(string wanted) => Names.IsValid(wanted) ? wanted : null;

    private string NetworkPathOf(PodSandbox sandbox) => _engine.TryFind(sandbox.Id) is { Status: { HasProcess: true, Pid: var pid } }
        ? string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/net") : "";

    private static string ReadSeccomp(SeccompChoice choice)
    {
        if (choice.File.Length == 0)
        {
            return "";
        }
        try
        {
            string text = File.ReadAllText(choice.File).Trim();
            return text.StartsWith('{') ? text : throw new CaissonException(ErrorKind.InvalidArgument, $"the seccomp profile {choice.File} is not a JSON object");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"the seccomp profile {choice.File} cannot be read: {error.Message}", error);
        }
    }

    private async Task StopUnlockedAsync(PodSandbox sandbox, CancellationToken cancellation)
    {
        await Task.WhenAll(ContainersOf(sandbox.Id).Select(one => StopQuietlyAsync(one.Workload, 0, cancellation)));
        if (sandbox.Record.Stage != SandboxStage.Stopped)
        {
            await DisconnectAsync(sandbox, cancellation);
            SandboxRecord stopped = sandbox.Record with { Stage = SandboxStage.Stopped, NetworkResult = "", NetworkText = "", Addresses = [] };
            Commit(stopped);
            sandbox.Record = stopped;
        }
        if (sandbox.Holder is { } holder)
        {
            await StopQuietlyAsync(holder, 0, cancellation);
        }
    }

    private async Task DisconnectAsync(PodSandbox sandbox, CancellationToken cancellation)
    {
        if (sandbox.Record is { NetworkText.Length: > 0 } record)
        {
            CniNetwork network = CniNetwork.Parse(record.NetworkText, $"of sandbox {sandbox.Id}");
            await CniRunner.DeleteAsync(Network, network, SandboxPlan.Place(record, NetworkPathOf(sandbox)), record.NetworkResult.Length > 0 ? record.NetworkResult : null, cancellation);
        }
    }

    /// <summary>Takes away what there is of a sandbox that never came to be.</summary>
    private async Task ReleaseAsync(PodSandbox sandbox)
    {
        try
        {
            await DisconnectAsync(sandbox, CancellationToken.None);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"pod sandbox {sandbox.Id}, which could not be made: give its network back: {error.Message}");
        }
        if (_engine.TryFind(sandbox.Id) is { } holder)
        {
            await RemoveQuietlyAsync(holder, CancellationToken.None);
        }
    }

    /// <summary>Containers that somebody has removed as such, without their pod.</summary>
    private bool ForgetGoneUnlocked()
    {
        SandboxContainerRecord[] gone = [.. _containers.Values.Where(record => _engine.TryFind(record.Id) is null)];
        foreach (SandboxContainerRecord record in gone)
        {
            _services.Events.Commit(Durability.Process, new StateChange().Delete(RecordKind.SandboxContainer, record.Id));
            _containers.Remove(record.Id);
            _names.Remove((record.SandboxId, record.Name, record.Attempt));
        }
        return gone.Length > 0;
    }

    /// <summary>Sandboxes that an engine died over are taken away by whoever runs pods, as sandboxes that are not ready; holders without a record by us.</summary>
    private void RemoveStrays()
    {
        foreach (Workload workload in _engine.List())
        {
            if (workload.Record.IsOfPod && !_sandboxes.ContainsKey(workload.Id) && !_containers.ContainsKey(workload.Id))
            {
                _ = RemoveStrayAsync(workload);
            }
        }
    }

    private async Task RemoveStrayAsync(Workload workload)
    {
        try
        {
            await RemoveQuietlyAsync(workload, CancellationToken.None);
        }
        catch (CaissonException error)
        {
            _services.Log.Warn($"container {workload.Record.Name} of a pod that was never made: remove: {error.Message}");
        }
    }

    private static async Task StopQuietlyAsync(Workload workload, long seconds, CancellationToken cancellation)
    {
        try
        {
            _ = seconds > 0 ? await workload.StopAsync(null, (int)Math.Min(seconds, int.MaxValue), cancellation) : await workload.StopAsync("SIGKILL", 10, cancellation);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound || (error.Kind == ErrorKind.Conflict && !workload.Status.IsActive))
        {
            // It ended by itself, or is gone.
        }
    }

    private static async Task RemoveQuietlyAsync(Workload workload, CancellationToken cancellation)
    {
        try
        {
            await workload.RemoveAsync(force: true, volumes: true, cancellation);
        }
        catch (CaissonException error) when (error.Kind == ErrorKind.NotFound)
        {
            // Gone already.
        }
    }

    private PodSandbox? TryFind(string id)
    {
        lock (_lock)
        {
            if (_sandboxes.TryGetValue(id, out PodSandbox? exact))
            {
                return exact;
            }
            PodSandbox[] fits = id.Length is > 0 and < 64 ? [.. _sandboxes.Values.Where(sandbox => sandbox.Id.StartsWith(id, StringComparison.Ordinal)).Take(2)] : [];
            return fits.Length == 1 ? fits[0] : null;
        }
    }

    private (SandboxContainerRecord Record, Workload Workload)? TryFindContainer(string id)
    {
        SandboxContainerRecord? record;
        lock (_lock)
        {
            if (!_containers.TryGetValue(id, out record))
            {
                SandboxContainerRecord[] fits = id.Length is > 0 and < 64 ? [.. _containers.Values.Where(one => one.Id.StartsWith(id, StringComparison.Ordinal)).Take(2)] : [];
                record = fits.Length == 1 ? fits[0] : null;
            }
        }
        return record is not null && _engine.TryFind(record.Id) is { } workload ? (record, workload) : null;
    }

    private void Commit(SandboxRecord record) =>
        _services.Events.Commit(Durability.Process, new StateChange().Put(RecordKind.Sandbox, record.Id, record, ControlJson.Default.SandboxRecord));

    private void Watch(Workload workload, string sandboxId)
    {
        if (workload.Status.IsActive)
        {
            _ = WatchAsync(workload, sandboxId);
        }
    }

    private async Task WatchAsync(Workload workload, string sandboxId)
    {
        _ = await workload.WaitAsync(WaitCondition.NotRunning, CancellationToken.None);
        if (!_engine.IsStopping)
        {
            Tell(workload.Id, sandboxId, SandboxEventKind.Stopped);
        }
    }

    private void Tell(string id, string sandboxId, SandboxEventKind kind)
    {
        var told = new SandboxEvent(id, sandboxId, kind, _services.Time.GetUtcNow());
        lock (_lock)
        {
            for (int i = _listeners.Count - 1; i >= 0; i--)
            {
                if (!_listeners[i].Writer.TryWrite(told))
                {
                    _listeners[i].Writer.TryComplete(new CaissonException(ErrorKind.ResourceExhausted, $"the listener fell more than {EventsBehindMax} events behind"));
                    _listeners.RemoveAt(i);
                }
            }
        }
    }
}

using System.Globalization;
using System.Runtime.InteropServices;

using Caisson.Api;
using Caisson.Control;
using Caisson.Control.Access;
using Caisson.Control.Events;
using Caisson.Control.Hosting;
using Caisson.Control.Images;
using Caisson.Control.Machines;
using Caisson.Control.Networking;
using Caisson.Control.Orchestration;
using Caisson.Control.Sandboxes;
using Caisson.Control.Secrets;
using Caisson.Control.State;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Networks;

namespace Caisson.Engine;

/// <summary>The engine as a process: puts the parts together, and lets go of them in reverse.</summary>
internal sealed class EngineProcess : IAsyncDisposable
{
    /// <summary>How long requests may take to end when the engine is asked to stop; streams that wait for events are cut after it.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);

    private readonly Stack<IDisposable> _owned = new();
    private readonly EngineDirectories _directories;
    private readonly EngineLog _log;
    private ContainerEngine? _containers;
    private ApiServer? _server;
    private Orchestrator? _orchestrator;
    private RegistryProcess? _registry;
    private Task _collection = Task.CompletedTask;

    private EngineProcess(EngineDirectories directories)
    {
        _directories = directories;
        _log = new EngineLog(Console.Error, TimeProvider.System);
    }

    /// <summary>Takes the directories, takes over what runs, and serves.</summary>
    public static async Task<EngineProcess> StartAsync(EngineDirectories directories, EngineArguments arguments)
    {
        var process = new EngineProcess(directories);
        try
        {
            await process.StartAsync(arguments);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for SIGTERM or SIGINT.</summary>
    public async Task RunAsync()
    {
        TaskCompletionSource<string> stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask);
        _log.Note($"{await stop.Task}: stopping; containers go on");

        void Ask(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult(context.Signal.ToString());
        }
    }

    public async ValueTask DisposeAsync()
    {
        _containers?.Stop();
        if (_orchestrator is not null)
        {
            await _orchestrator.DisposeAsync();
        }
        if (_registry is not null)
        {
            await _registry.DisposeAsync();
        }
        if (_server is { } server)
        {
            using var deadline = new CancellationTokenSource(StopPatience);
            await server.StopAsync(deadline.Token);
            await server.DisposeAsync();
            File.Delete(_directories.DockerSocket);
            File.Delete(_directories.CaissonSocket);
            File.Delete(_directories.CriSocket);
            File.Delete(_directories.PidFile);
        }
        await _collection;
        await (_containers?.EndWorkAsync() ?? Task.CompletedTask);
        while (_owned.TryPop(out IDisposable? owned))
        {
            owned.Dispose();
        }
    }

    private async Task StartAsync(EngineArguments arguments)
    {
        foreach (FileStream held in _directories.Take())
        {
            _owned.Push(held);
        }
        bool wasKilled = File.Exists(_directories.PidFile); // an orderly end takes it away
        await File.WriteAllTextAsync(_directories.PidFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");

        SqliteStateStore state = SqliteStateStore.Open($"{_directories.Root}/state.db");
        _owned.Push(state);
        ImageStore images = ImageStore.Open(_directories.Root, new StateImageCatalog(state), registries: EngineDirectories.Registries);
        _owned.Push(images);
        var host = new KeeperContainerHost(_directories.Root, _directories.Run, EngineDirectories.RuntimePath);
        _owned.Push(host);
        var rest = new EngineRest(TimeProvider.System);
        _owned.Push(rest);
        var events = new EventLog(state, rest);
        var networks = new ContainerNetworks(new NetworkPlaneOptions { Owner = _directories.Run }, host, state, events, _log, TimeProvider.System);
        _owned.Push(networks);
        var services = new EngineServices
        {
            Root = _directories.Root,
            Host = host,
            Images = images,
            Networks = networks,
            Volumes = new ContainerVolumes(_directories.Root, state, events, _log, TimeProvider.System),
            Secrets = new SecretStore(_directories.Root, state, events, TimeProvider.System),
            Machines = new MachineServices(_directories.Root, EngineDirectories.ProgramsDirectory),
            Events = events,
            Log = _log,
            Rest = rest,
            LogDefault = EngineDirectories.LogDefault,
            Facts = HostFacts.Read(),
        };
        _containers = new ContainerEngine(services, state);
        _owned.Push(_containers.FullMachines);
        await _containers.RecoverAsync();

        // The lock is ours, so a socket that is there has nobody behind it.
        string[] sockets = [_directories.DockerSocket, _directories.CaissonSocket];
        foreach (string socket in (ReadOnlySpan<string>)[.. sockets, _directories.CriSocket])
        {
            File.Delete(socket);
        }
        _orchestrator = Orchestrator.Open(_containers, state, _directories.Run);
        var access = AccessControl.Open(state, _directories.Root, TimeProvider.System, SocketDoor.OwnUser());
        _owned.Push(access);
        CriEndpoint? cri = arguments.Pods is not { } network ? null
            : new CriEndpoint(_directories.CriSocket, () => PodSandboxes.Open(_containers, state, network));
        _server = await ApiServer.StartAsync(_containers, EngineIdentity.Load(state), access, sockets, arguments.Addresses, _orchestrator, cri);
        _log.Note($"caissond {ProductVersion.Text} serves on {_directories.DockerSocket}; {_containers.List().Count} containers");
        foreach (ListenAddress address in arguments.Addresses)
        {
            _log.Note(address.Certificates is { } files
                ? $"it serves on {address}, too, for clients with a certificate of {files.Authority}"
                : $"it serves on {address}, too, without certificates: every program of this machine that connects there is root");
        }
        if (arguments.Registry is { } registry)
        {
            var own = new RegistryArguments { Data = $"{_directories.Root}/registry", Listen = registry };
            _registry = await RegistryProcess.StartAsync(own, EngineDirectories.Registries, _log);
        }
        if (wasKilled)
        {
            _collection = Task.Run(() => CollectLeftovers(images));
        }
    }

    /// <summary>Content of images that an engine was killed over: whole, but nobody refers to it.</summary>
    private void CollectLeftovers(ImageStore images)
    {
        try
        {
            CollectedGarbage collected = images.CollectGarbage();
            if (collected.Blobs + collected.Layers.Count > 0)
            {
                _log.Note($"the last engine was killed: collected {collected.Blobs} blobs and {collected.Layers.Count} layers that no image needs, {collected.Bytes} bytes");
            }
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            _log.Warn($"collect what the last engine left of images: {error.Message}; the next removal of an image tries again");
        }
    }
}

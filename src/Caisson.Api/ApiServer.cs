using System.Net.Sockets;

using Caisson.Api.Cri;
using Caisson.Api.Docker;
using Caisson.Api.Http;
using Caisson.Api.Kubernetes;
using Caisson.Api.Metrics;
using Caisson.Api.Transport;
using Caisson.Control;
using Caisson.Control.Access;
using Caisson.Control.Builds;
using Caisson.Control.Images;
using Caisson.Control.Orchestration;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Linux;
using Caisson.Oci;

using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caisson.Api;

/// <summary>The engine's sockets and addresses.</summary>
public sealed class ApiServer : IAsyncDisposable
{
    private readonly KestrelServer _server;
    private KubernetesServer? _kubernetes;
    private CriApi? _cri;

    private ApiServer(KestrelServer server, Router router) => (_server, Router) = (server, router);

    /// <summary>What it answers, and what that needs.</summary>
    internal Router Router { get; }

    /// <summary>Serves <paramref name="engine"/> on every socket path of <paramref name="sockets"/>, which must be free.</summary>
    /// <param name="engine">The containers, recovered.</param>
    /// <param name="identity">Who the engine is.</param>
    /// <param name="access">Who may do what.</param>
    /// <param name="sockets">Absolute paths; made with mode 0660.</param>
    /// <param name="addresses">TCP addresses as well.</param>
    /// <param name="orchestrator">Kubernetes objects; null for an engine without.</param>
    /// <param name="cri">The interface for kubelets; null for an engine without.</param>
    /// <exception cref="CaissonException">A certificate cannot be used.</exception>
    public static async Task<ApiServer> StartAsync(
        ContainerEngine engine, EngineIdentity identity, AccessControl access, IReadOnlyList<string> sockets, IReadOnlyList<ListenAddress>? addresses = null, Orchestrator? orchestrator = null,
        CriEndpoint? cri = null)
    {
        var routes = new Router.Builder();
        new SystemRoutes(engine.Services, engine, identity).AddTo(routes);
        new ContainerRoutes(engine.Services, engine).AddTo(routes);
        new StreamRoutes(engine.Services, engine).AddTo(routes);
        new ArchiveRoutes(engine).AddTo(routes);
        new StatsRoutes(engine.Services, engine).AddTo(routes);
        new ImageRoutes(engine).AddTo(routes);
        new TrustRoutes(engine).AddTo(routes);
        new KernelRoutes(engine.Services, engine).AddTo(routes);
        new MachineRoutes(engine).AddTo(routes);
        new MachineWorkRoutes(engine).AddTo(routes);
        new NetworkRoutes(engine.Services, engine).AddTo(routes);
        new VolumeRoutes(engine.Services, engine).AddTo(routes);
        new SecretRoutes(engine.Services, engine).AddTo(routes);
        new AccessRoutes(access).AddTo(routes);
        var images = new ImageActions(engine);
        new BuildRoutes(engine, new ImageBuilder(engine, (name, platform, token) =>
            images.PullAsync(Reference.Parse(name), new PullOptions { Platform = Platform.Parse(platform) }, null, token))).AddTo(routes);
        AbsentRoutes.AddTo(routes);
        var metrics = new EngineMetrics(engine, orchestrator);
        new MetricsRoutes(metrics).AddTo(routes);
        KubernetesServer? kubernetes = null;
        if (orchestrator is not null)
        {
            var objects = new ObjectRoutes(
                () =>
                {
                    orchestrator.Begin();
                    return orchestrator;
                },
                metrics);
            access.Attach(kind => orchestrator.Objects.List(kind));
            kubernetes = new KubernetesServer(engine.Services.Root, objects, access, engine.Services.Log.Warn);
            new KubernetesRoutes(objects, kubernetes, engine.Services.Log.Warn).AddTo(routes);
        }
        CriApi? calls = cri is null ? null : new CriApi(cri.Open, engine.Services.Log.Warn);
        ApiServer server = await StartAsync(routes.Build(), access, sockets, addresses ?? [], engine.Services.Log.Warn, engine.Services.Rest, calls is null ? null : (cri!.Socket, calls));
        (server._kubernetes, server._cri) = (kubernetes, calls);
        if (kubernetes is not null)
        {
            await kubernetes.ReopenAsync();
        }
        return server;
    }

    internal static async Task<ApiServer> StartAsync(
        Router router, AccessControl access, IReadOnlyList<string> sockets, IReadOnlyList<ListenAddress> addresses, Action<string> log, EngineRest? rest = null, (string Socket, CriApi Api)? cri = null)
    {
        var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        options.Limits.MaxRequestBodySize = null;     // images are loaded through it; documents have their own limit
        options.Limits.MinRequestBodyDataRate = null; // a build context or an archive may come as slowly as it likes
        options.Limits.MinResponseDataRate = null;    // events and logs wait for hours
        options.Limits.MaxConcurrentConnections = null;
        options.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(5);
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        options.Limits.MaxRequestLineSize = 64 << 10;         // filters and arguments of builds stand in it
        options.Limits.MaxRequestHeadersTotalSize = 128 << 10; // credentials of many registries stand in one
        options.Limits.MaxRequestHeaderCount = 100;
        options.Limits.Http2.MaxStreamsPerConnection = 1_000; // a kubelet has one connection for all its pods
        foreach (string socket in sockets)
        {
            options.Listen(new UnixDomainSocketEndPoint(socket), SpeakHttp1);
        }
        if (cri is { Socket: var criSocket })
        {
            options.Listen(new UnixDomainSocketEndPoint(criSocket), SpeakHttp2);
        }
        Dictionary<System.Net.IPEndPoint, TcpAccess> doors = [];
        foreach (ListenAddress address in addresses)
        {
            doors[address.Address] = TcpAccess.Load(address);
            options.Listen(address.Address, SpeakHttp1);
        }

        var factory = new EngineListenerFactory(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, doors, log, cri?.Socket);
        var server = new KestrelServer(Options.Create(options), factory, NullLoggerFactory.Instance);
        try
        {
            await server.StartAsync(new EdgeApplication(new DockerApi(router, access, log, rest), cri?.Api), CancellationToken.None);
            access.UsersChanged = Admit;
            Admit();
            return new ApiServer(server, router);
        }
        catch
        {
            server.Dispose();
            throw;
        }

        void Admit()
        {
            uint[] users = [.. access.ListUsers().Select(user => user.UserId).OfType<uint>()];
            foreach (string socket in sockets)
            {
                try
                {
                    SocketDoor.Admit(socket, users);
                }
                catch (LinuxException error)
                {
                    log($"let users connect to {socket}: {error.Message}; only root and the socket's group can");
                }
            }
        }
    }

    /// <summary>What is taken over as a raw stream is HTTP/1.1 by its nature.</summary>
    private static void SpeakHttp1(ListenOptions options) => options.Protocols = HttpProtocols.Http1;

    /// <summary>Calls of gRPC are HTTP/2 by theirs, and nothing else is; there is no TLS in which the two sides could agree.</summary>
    private static void SpeakHttp2(ListenOptions options) => options.Protocols = HttpProtocols.Http2;

    /// <summary>Stops accepting, gives running requests until <paramref name="deadline"/> fires, then cuts them.</summary>
    public Task StopAsync(CancellationToken deadline) => _server.StopAsync(deadline);

    /// <summary>Cuts what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_kubernetes is { } kubernetes)
        {
            await kubernetes.DisposeAsync();
        }
        if (_cri is { } cri)
        {
            await cri.DisposeAsync();
        }
        await _server.StopAsync(new CancellationToken(canceled: true));
        _server.Dispose();
    }
}

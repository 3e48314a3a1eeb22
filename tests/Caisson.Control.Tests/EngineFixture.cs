using System.Formats.Tar;
using System.Text;

using Caisson.Control.Events;
using Caisson.Control.Images;
using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Secrets;
using Caisson.Control.State;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Images;
using Caisson.Linux;
using Caisson.Networks;
using Caisson.Oci;

using Xunit;

namespace Caisson.Control.Tests;

/// <summary>An engine on a directory of its own, with a real image store and state store and a fake host.</summary>
public sealed class EngineFixture : IAsyncDisposable
{
    private SqliteStateStore _state;
    private ImageStore _images;
    private ContainerNetworks _networks;

    private EngineFixture(string root, TimeProvider time)
    {
        Root = root;
        Time = time;
        (_state, _images, _networks, Engine) = Open();
    }

    public string Root { get; }

    public TimeProvider Time { get; }

    public FakeHost Host { get; } = new();

    /// <summary>The network namespace that takes the place of the host's.</summary>
    public Namespace Space { get; } = HostLike();

    public ContainerEngine Engine { get; private set; }

    public EngineServices Services => Engine.Services;

    public IStateStore State => _state;

    public static async Task<EngineFixture> CreateAsync(TimeProvider? time = null)
    {
        string root = Directory.CreateTempSubdirectory("caisson-engine-").FullName;
        var fixture = new EngineFixture(root, time ?? TimeProvider.System);
        await fixture.ImportAsync("tiny:latest", new ExecutionConfig
        {
            Cmd = ["/bin/serve"],
            Env = ["PATH=/bin", "FROM=image"],
            Labels = new Dictionary<string, string> { ["origin"] = "test" },
        });
        await fixture.Engine.RecoverAsync();
        return fixture;
    }

    /// <summary>Makes an image of two account files and a program.</summary>
    public async Task<Image> ImportAsync(string name, ExecutionConfig execution)
    {
        using var archive = new MemoryStream();
        await using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach ((string path, string text) in ((string, string)[])
            [
                ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/bin/sh\n"),
                ("etc/group", "root:x:0:\nweb:x:102:\nextra:x:103:web\n"),
                ("bin/serve", "#!/bin/sh\n"),
            ])
            {
                await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) });
            }
        }
        archive.Position = 0;
        return await Services.Images.ImportAsync(archive, new ImportOptions { Name = Reference.Parse(name), Execution = execution });
    }

    public async Task<Workload> CreateAsync(HostConfig? host = null, ContainerCreate? config = null, string? name = null)
    {
        ContainerCreate asked = (config ?? new ContainerCreate()) with { Image = "tiny", HostConfig = host };
        return Engine.Find((await Engine.CreateAsync(name, asked, CancellationToken.None)).Id);
    }

    public async Task<Workload> StartAsync(HostConfig? host = null, ContainerCreate? config = null, string? name = null)
    {
        Workload workload = await CreateAsync(host, config, name);
        Assert.True(await workload.StartAsync(CancellationToken.None));
        return workload;
    }

    /// <summary>The engine dies as by SIGKILL and another comes: nothing is said to the old one but that it decides no more.</summary>
    public async Task ReplaceEngineAsync()
    {
        Engine.Stop();
        _networks.Dispose();
        _images.Dispose();
        _state.Dispose();
        (_state, _images, _networks, Engine) = Open();
        await Engine.RecoverAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Workload workload in Engine.List())
        {
            Host.EndsAt = _ => true;
            await workload.RemoveAsync(force: true, CancellationToken.None);
        }
        Engine.Stop();
        _networks.Dispose();
        _images.Dispose();
        _state.Dispose();
        Host.Dispose();
        Space.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    /// <summary>A host has 127.0.0.1; a new namespace has it when its loopback device is up.</summary>
    private static Namespace HostLike()
    {
        Namespace space = Namespace.CreateNetwork();
        using RouteSocket route = RouteSocket.Open(space);
        route.SetLinkUp(NetlinkMessages.LoopbackIndex);
        return space;
    }

    private (SqliteStateStore, ImageStore, ContainerNetworks, ContainerEngine) Open()
    {
        SqliteStateStore state = SqliteStateStore.Open($"{Root}/state.db");
        ImageStore images = ImageStore.Open(Root, new StateImageCatalog(state));
        var events = new EventLog(state);
        var log = new EngineLog(TextWriter.Null, Time);
        var networks = new ContainerNetworks(new NetworkPlaneOptions { Owner = Root, Host = Space }, Host, state, events, log, Time);
        var services = new EngineServices
        {
            Root = Root,
            Host = Host,
            Images = images,
            Networks = networks,
            Volumes = new ContainerVolumes(Root, state, events, log, Time),
            Secrets = new SecretStore(Root, state, events, Time),
            Events = events,
            Log = log,
            Facts = HostFacts.Read(),
            Time = Time,
        };
        return (state, images, networks, new ContainerEngine(services, state));
    }
}

using System.Collections.Concurrent;
using System.Net.Sockets;

using Caisson.Control.Hosting;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Tests;

/// <summary>A host whose processes are objects: it records what it is told, and tests decide when a process ends and what it writes.</summary>
public sealed class FakeHost : IContainerHost, IDisposable
{
    private readonly ConcurrentDictionary<string, Namespace> _networks = new();

    public ConcurrentQueue<string> Calls { get; } = new();

    public ConcurrentDictionary<string, FakeProcess> Running { get; } = new();

    /// <summary>What the next starts fail with; null lets them succeed.</summary>
    public CaissonException? Refusal { get; set; }

    /// <summary>Processes an earlier engine left, by container.</summary>
    public ConcurrentDictionary<string, FakeProcess> Left { get; } = new();

    public ContainerLaunch? LastLaunch { get; private set; }

    /// <summary>Called with what is launched, while what it holds is open.</summary>
    public Action<ContainerLaunch>? Launched { get; set; }

    /// <summary>Called for each process before it runs; a test may give it a life of its own.</summary>
    public Action<FakeProcess>? Born { get; set; }

    /// <summary>Which signals end a process; by default all.</summary>
    public Func<int, bool> EndsAt { get; set; } = _ => true;

    public async Task<IMonitoredProcess> StartAsync(ContainerLaunch launch, CancellationToken cancellationToken)
    {
        Calls.Enqueue($"start {launch.Id[..4]}");
        if (Refusal is { } refusal)
        {
            throw refusal;
        }
        LastLaunch = launch;
        Launched?.Invoke(launch);
        var process = new FakeProcess(launch.Id, launch.Spec.Process!.Args);
        Running[launch.Id] = process;
        if (launch.BeforeRun is { } before)
        {
            await before(process, cancellationToken);
        }
        Born?.Invoke(process);
        return process;
    }

    public async Task<IMonitoredProcess> ExecAsync(ExecLaunch launch, CancellationToken cancellationToken)
    {
        Calls.Enqueue($"exec {launch.ContainerId[..4]} {string.Join(' ', launch.Process.Args)}");
        if (Refusal is { } refusal)
        {
            throw refusal;
        }
        var process = new FakeProcess(launch.Id, launch.Process.Args);
        if (launch.BeforeRun is { } before)
        {
            await before(process, cancellationToken);
        }
        Born?.Invoke(process);
        return process;
    }

    public Task<IMonitoredProcess?> ReopenAsync(string id, Action? onLogRotated, CancellationToken cancellationToken)
    {
        Left.TryRemove(id, out FakeProcess? process);
        if (process is not null)
        {
            Running[id] = process;
        }
        return Task.FromResult<IMonitoredProcess?>(process);
    }

    public bool TrySignal(string id, int signal)
    {
        Calls.Enqueue($"signal {id[..4]} {signal}");
        if (!Running.TryGetValue(id, out FakeProcess? process) || process.Exited.IsCompleted)
        {
            return false;
        }
        if (EndsAt(signal) || signal == 9)
        {
            process.End(128 + signal);
        }
        return true;
    }

    /// <summary>A real namespace for each container that is asked for one.</summary>
    public Namespace? OpenNetwork(string id)
    {
        bool lives = (Running.TryGetValue(id, out FakeProcess? process) || Left.TryGetValue(id, out process)) && !process.Exited.IsCompleted;
        return lives ? Namespace.Open(_networks.GetOrAdd(id, _ => Namespace.CreateNetwork()).ProcPath, NamespaceKind.Network) : null;
    }

    /// <summary>Our own stand for those of a process.</summary>
    public Namespace? OpenNamespace(string id, NamespaceKind kind) =>
        kind == NamespaceKind.Network ? OpenNetwork(id) : Running.ContainsKey(id) ? Namespace.OpenOwn(kind) : null;

    public void Dispose()
    {
        foreach (Namespace network in _networks.Values)
        {
            network.Dispose();
        }
    }

    /// <summary>What was told to be mounted in running containers: the path inside, and what the mount shows, as names.</summary>
    public ConcurrentQueue<(string Target, string[] Names)> Attached { get; } = new();

    public Task AttachMountAsync(string id, MountTree mount, string target, bool isFile, CancellationToken cancellationToken)
    {
        if (Refusal is { } refusal)
        {
            throw refusal;
        }
        string[] names = [];
        if (!isFile)
        {
            using DirectoryDescriptor root = mount.OpenRoot();
            names = [.. root.Enumerate().Select(entry => entry.Name).Order(StringComparer.Ordinal)];
        }
        Attached.Enqueue((target, names));
        return Record($"attach {id[..4]} {target}");
    }

    public Task DetachMountAsync(string id, string target, CancellationToken cancellationToken) => Record($"detach {id[..4]} {target}");

    public Task PauseAsync(string id, CancellationToken cancellationToken) => Record($"pause {id[..4]}");

    public Task ResumeAsync(string id, CancellationToken cancellationToken) => Record($"resume {id[..4]}");

    public ContainerUsage ReadUsage(string id) => new() { CpuTotalNs = 5, MemoryBytes = 1 << 20, Pids = 1 };

    public IReadOnlyList<int> Processes(string id) => [Environment.ProcessId];

    public IReadOnlyList<string> List() => [];

    /// <summary>The limits that the last update was told are in force.</summary>
    public LinuxResources? LastLimits { get; private set; }

    /// <summary>As a kernel does that finds more memory in use than the new limit allows.</summary>
    public bool RefuseUpdates { get; set; }

    public void Update(string id, LinuxResources change, LinuxResources current)
    {
        if (RefuseUpdates)
        {
            throw new CaissonException(ErrorKind.Conflict, "memory.limit_in_bytes: device or resource busy (EBUSY)");
        }
        LastLimits = current;
        Calls.Enqueue($"update {id[..4]} {change.Memory?.Limit}");
    }

    public string Explain(ContainerLaunch launch) => $"run {string.Join(' ', launch.Spec.Process!.Args)}\n";

    public Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        Running.TryRemove(id, out _);
        if (_networks.TryRemove(id, out Namespace? network))
        {
            network.Dispose();
        }
        return Record($"remove {id[..4]}");
    }

    private Task Record(string call)
    {
        Calls.Enqueue(call);
        return Task.CompletedTask;
    }
}

/// <summary>A process that a test controls. Its streams are real sockets, so that half-close is real.</summary>
public sealed class FakeProcess(string id, IReadOnlyList<string> args) : IMonitoredProcess
{
    private readonly TaskCompletionSource<ProcessExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Id => id;

    public IReadOnlyList<string> Args => args;

    public int Pid => Environment.ProcessId;

    public Task<ProcessExit> Exited => _exit.Task;

    public List<Socket> Streams { get; } = [];

    public (ushort Rows, ushort Columns) Size { get; private set; }

    public async Task<Attachment> AttachAsync(AttachOptions options, CancellationToken cancellationToken)
    {
        string path = Path.Combine(Path.GetTempPath(), $"caisson-test-{Guid.NewGuid():n}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var near = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await near.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        Socket far = await listener.AcceptAsync(cancellationToken);
        File.Delete(path);
        lock (Streams)
        {
            Streams.Add(far);
        }
        return new SocketAttachment(near);
    }

    public bool TrySignal(int signal)
    {
        bool runs = !_exit.Task.IsCompleted;
        End(128 + signal);
        return runs;
    }

    /// <summary>How often the log was asked to go on in another file.</summary>
    public int Rotations { get; private set; }

    public Task<bool> RotateLogAsync(CancellationToken cancellationToken)
    {
        Rotations++;
        return Task.FromResult(true);
    }

    public ValueTask ResizeAsync(ushort rows, ushort columns, CancellationToken cancellationToken)
    {
        Size = (rows, columns);
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes to stdout, as a monitor frames it.</summary>
    public void Say(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        byte[] header = [1, 0, 0, 0, 0, 0, (byte)(bytes.Length >> 8), (byte)bytes.Length];
        lock (Streams)
        {
            foreach (Socket stream in Streams)
            {
                stream.Send([.. header, .. bytes]);
            }
        }
    }

    /// <summary>Ends the process: its streams close, then its end can be seen.</summary>
    public void End(int code, bool oomKilled = false)
    {
        lock (Streams)
        {
            foreach (Socket stream in Streams)
            {
                stream.Dispose();
            }
        }
        _exit.TrySetResult(new ProcessExit(code, DateTimeOffset.UtcNow, oomKilled, null));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

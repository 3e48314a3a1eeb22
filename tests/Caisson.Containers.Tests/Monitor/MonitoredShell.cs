using System.Net.Sockets;
using Caisson.Containers.Launch;
using Caisson.Containers.Logs;
using Caisson.Containers.Monitor;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Xunit;

namespace Caisson.Containers.Tests.Monitor;

/// <summary>A keeper in a run directory of its own, and shells of the host under monitors. Needs the published caisson-runtime.</summary>
internal sealed class MonitoredShell : IAsyncDisposable
{
    private readonly DirectoryInfo _run = Directory.CreateTempSubdirectory("caisson-keeper-");
    private readonly KeeperClient _client;
    private int _count;

    private MonitoredShell(string runtime) => _client = new KeeperClient(_run.FullName, runtime);

    public string Run => _run.FullName;

    public static MonitoredShell Open()
    {
        string? runtime = Environment.GetEnvironmentVariable("CAISSON_RUNTIME") ?? FindPublished();
        Assert.SkipWhen(runtime is null, "needs caisson-runtime: publish it to artifacts/publish, or name it in CAISSON_RUNTIME");
        return new MonitoredShell(runtime!);
    }

    public string NewDirectory() => _run.CreateSubdirectory($"process-{Interlocked.Increment(ref _count)}").FullName;

    /// <summary>Prepares <c>sh -c script</c>, or another program, with pipes for its streams.</summary>
    public async Task<PendingProcess> PrepareAsync(
        string directory, string script, bool openStdin = false, string? logPath = null, string program = "/bin/sh", LogSettings? log = null)
    {
        LaunchProgram world = new(LaunchStage.World);
        Slot[] stdio = [world.Inherit("stdin"), world.Inherit("stdout"), world.Inherit("stderr")];
        world.Add(SystemCall.rt_sigprocmask, "no signal is blocked", 2, Block.Buffer(8, "{}"), 0, 8);
        byte[] report = [2, 0, 0, 0, (byte)LaunchPoint.Ready, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        world.Add(SystemCall.write, "ready", Slot.Sync, Block.Of(report, "ready"), 16);
        Slot answered = world.NewSlot("answered");
        world.Add(SystemCall.read, "wait", Slot.Sync, Block.Buffer(8, "answer"), 1).Into(answered);
        world.Add(SystemCall.Require, "the launcher is gone", answered);
        for (int i = 0; i < 3; i++)
        {
            world.Add(SystemCall.dup3, "stdio", stdio[i], i, 0);
        }
        world.Add(SystemCall.execve, "the program", program, Block.TextList(["sh", "-c", script]), Block.TextList(["PATH=/usr/bin:/bin"]));
        var request = new MonitorRequest
        {
            OpenStdin = openStdin,
            HasLog = logPath is not null,
            Log = log ?? LogSettings.Plain,
            Inputs = [MonitorInput.Stdin, MonitorInput.Stdout, MonitorInput.Stderr],
        };
        using Descriptor? file = logPath is null ? null : HostFiles.OpenAppend(logPath, 0x180);
        using DirectoryDescriptor? logDirectory = request.HasLogDirectory ? HostFiles.OpenDirectory(Path.GetDirectoryName(logPath)!) : null;
        return await _client.PrepareAsync(request, directory, world.Encode(), file, [], TestContext.Current.CancellationToken, logDirectory);
    }

    /// <summary>Connects with a call; the monitor has answered.</summary>
    public static async Task<Socket> CallAsync(string directory, MonitorCall call, byte? expected = null)
    {
        var socket = UnixSocket.Connect($"{directory}/{MonitorCall.SocketName}", UnixSocketKind.Stream).ToSocket();
        await socket.SendAsync(call.Encode(), SocketFlags.None);
        byte[] answer = new byte[1];
        Assert.Equal(1, await socket.ReceiveAsync(answer, SocketFlags.None));
        Assert.Equal(expected ?? answer[0], answer[0]);
        Assert.NotEqual(0, answer[0]);
        return socket;
    }

    /// <summary>Everything until the monitor ends.</summary>
    public static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[65536];
        int count;
        while ((count = await socket.ReceiveAsync(buffer, SocketFlags.None)) > 0)
        {
            all.Write(buffer, 0, count);
        }
        return all.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        foreach (string path in Directory.EnumerateDirectories("/proc"))
        {
            // The keeper is the one process with this run directory on its command line.
            if (int.TryParse(Path.GetFileName(path), out int pid) && CommandLine(path).EndsWith($"keeper\0{Run}\0", StringComparison.Ordinal))
            {
                using var keeper = Pidfd.TryOpen(pid);
                if (keeper?.TrySignal(Signal.TERM) == true)
                {
                    keeper.WaitReadable(5_000);
                }
            }
        }
        await Task.Yield();
        _run.Delete(recursive: true);
    }

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText($"{process}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static string? FindPublished()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string path = Path.Combine(directory.FullName, "artifacts", "publish", "caisson-runtime");
            if (File.Exists(path))
            {
                return path;
            }
        }
        return null;
    }
}

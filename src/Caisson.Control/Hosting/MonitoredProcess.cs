using System.Net.Sockets;

using Caisson.Containers.Monitor;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Hosting;

/// <summary>A process with its monitor, reached by the socket in its run directory.</summary>
internal sealed class MonitoredProcess : IMonitoredProcess
{
    private const int KilledCode = 137;
    private const int UndecidedPauseMs = 5;
    private const int UndecidedMs = 10_000;

    private readonly string _directory;
    private readonly Func<bool> _wasOom;
    private readonly Action<Pidfd?> _endOrphans;
    private readonly Socket? _watch;
    private readonly Lock _ending = new();
    private bool _isLetGo;

    /// <param name="id">Of the container or the exec.</param>
    /// <param name="pid">In the host's numbers.</param>
    /// <param name="process">The process; null when it had ended before anyone could hold it. Owned from now on.</param>
    /// <param name="directory">Its run directory.</param>
    /// <param name="watch">A fresh connection to the monitor; null when there is only an exit record. Owned from now on.</param>
    /// <param name="wasOom">Asked at the end: whether memory ran out.</param>
    /// <param name="endOrphans">Ends what runs without its monitor; given the process where it is held.</param>
    public MonitoredProcess(string id, int pid, Pidfd? process, string directory, Socket? watch, Func<bool> wasOom, Action<Pidfd?> endOrphans)
    {
        Id = id;
        Pid = pid;
        Process = process;
        _directory = directory;
        _watch = watch;
        _wasOom = wasOom;
        _endOrphans = endOrphans;
        Exited = WatchAsync();
    }

    public string Id { get; }

    public int Pid { get; }

    /// <summary>The process by descriptor; null when it had ended before anyone could hold it.</summary>
    public Pidfd? Process { get; }

    public Task<ProcessExit> Exited { get; }

    /// <summary>Called when a file of the log has become full; null for nobody.</summary>
    public Action? OnLogRotated { get; set; }

    /// <summary>Connects to the monitor in <paramref name="directory"/>; null when there is none.</summary>
    public static Socket? TryConnect(string directory)
    {
        try
        {
            UnixSocket socket = UnixSocket.Connect($"{directory}/{MonitorCall.SocketName}", UnixSocketKind.Stream);
            // A child that was being launched when its monitor was killed may still hold the listening socket, and nobody answers.
            if (ProcessSnapshot.Read(socket.PeerCredentials.ProcessId) is not { HasEnded: false })
            {
                socket.Dispose();
                return null;
            }
            return socket.ToSocket();
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ECONNREFUSED)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether there is a monitor in <paramref name="directory"/> whose program runs. One that has not decided yet, because the engine
    /// that asked for the program was killed just now, is waited for.
    /// </summary>
    public static async Task<bool> IsRunningAsync(string directory, CancellationToken cancellationToken)
    {
        byte[] answer = new byte[1];
        for (int waitedMs = 0; waitedMs < UndecidedMs; waitedMs += UndecidedPauseMs)
        {
            using Socket? monitor = TryConnect(directory);
            if (monitor is null)
            {
                return false;
            }
            try
            {
                await monitor.SendAsync(new MonitorCall(MonitorCallKind.Watch).Encode(), SocketFlags.None, cancellationToken);
                int count = await monitor.ReceiveAsync(answer, SocketFlags.None, cancellationToken);
                if (count > 0 && answer[0] == MonitorCall.Running)
                {
                    return true;
                }
            }
            catch (SocketException)
            {
                // It ended before it answered.
            }
            await Task.Delay(UndecidedPauseMs, cancellationToken);
        }
        return false;
    }

    public bool TrySignal(int signal) => Process is { HasExited: false } process && process.TrySignal((Signal)signal);

    public async Task<Attachment> AttachAsync(AttachOptions options, CancellationToken cancellationToken)
    {
        byte streams = (byte)((options.Stdin ? 1 : 0) | (options.Stdout ? 2 : 0) | (options.Stderr ? 4 : 0));
        return new SocketAttachment(await CallAsync(new MonitorCall(MonitorCallKind.Attach, streams), cancellationToken));
    }

    public async ValueTask ResizeAsync(ushort rows, ushort columns, CancellationToken cancellationToken)
    {
        using Socket done = await CallAsync(new MonitorCall(MonitorCallKind.Resize, 0, rows, columns), cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        lock (_ending)
        {
            _isLetGo = true; // from now on the id may stand for another run, whose processes are none of ours
        }
        _watch?.Dispose();
        Process?.Dispose();
        return ValueTask.CompletedTask;
    }

    public async Task<bool> RotateLogAsync(CancellationToken cancellationToken)
    {
        using Socket monitor = TryConnect(_directory) ?? throw Ended();
        try
        {
            await monitor.SendAsync(new MonitorCall(MonitorCallKind.RotateLog).Encode(), SocketFlags.None, cancellationToken);
            byte[] answer = new byte[1];
            return await monitor.ReceiveAsync(answer, SocketFlags.None, cancellationToken) > 0 ? answer[0] == 1 : throw Ended();
        }
        catch (SocketException)
        {
            throw Ended();
        }
    }

    private async Task<Socket> CallAsync(MonitorCall call, CancellationToken cancellationToken)
    {
        Socket socket = TryConnect(_directory) ?? throw Ended();
        try
        {
            await socket.SendAsync(call.Encode(), SocketFlags.None, cancellationToken);
            byte[] answer = new byte[1];
            int count = await socket.ReceiveAsync(answer, SocketFlags.None, cancellationToken);
            return (count, answer[0]) switch
            {
                (0, _) => throw Ended(),
                (_, 1) => socket,
                _ => throw new CaissonException(ErrorKind.ResourceExhausted, $"attach to {Id}: too many clients are attached"),
            };
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw Ended();
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private CaissonException Ended() => new(ErrorKind.Conflict, $"process {Id} has ended");

    private async Task<ProcessExit> WatchAsync()
    {
        if (_watch is not null)
        {
            await WaitForEndAsync(_watch);
        }
        try
        {
            if (ExitRecord.Read(_directory) is { } record)
            {
                int code = record.Status.ShellCode;
                return new ProcessExit(code, record.At, code == KilledCode && _wasOom(), ErrorOf(record));
            }
            lock (_ending)
            {
                if (!_isLetGo)
                {
                    _endOrphans(Process);
                }
            }
            return new ProcessExit(KilledCode, DateTimeOffset.UtcNow, _wasOom(), "its monitor was killed, and so it was ended");
        }
        catch (CaissonException error)
        {
            return new ProcessExit(KilledCode, DateTimeOffset.UtcNow, false, error.Message);
        }
    }

    private static string? ErrorOf(ExitRecord record) => record.Kind switch
    {
        ExitKind.MonitorFailed => $"its monitor failed: {record.Reason}",
        ExitKind.NeverRan => $"it never ran: {record.Reason}",
        _ => record.LogErrno == 0 ? null : $"a part of its log is lost: {LinuxException.Describe(record.LogErrno)}",
    };

    private async Task WaitForEndAsync(Socket watch)
    {
        byte[] buffer = new byte[16];
        try
        {
            await watch.SendAsync(new MonitorCall(MonitorCallKind.Watch).Encode(), SocketFlags.None);
            while (await watch.ReceiveAsync(buffer, SocketFlags.None) is > 0 and var count)
            {
                // The answer to the call; then word of the log, and the end.
                if (buffer.AsSpan(0, count).Contains(MonitorCall.LogRotated))
                {
                    OnLogRotated?.Invoke();
                }
            }
        }
        catch (SocketException)
        {
            // Reset is an end too.
        }
        catch (ObjectDisposedException)
        {
            // This engine lets go; nobody waits for the result any more, and a record is read if there is one.
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
        }
    }
}

using System.Diagnostics;
using System.Net.Sockets;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

namespace Caisson.Containers.Monitor;

/// <summary>Asks the keeper of a run directory to run processes, and starts the keeper when there is none. Safe for concurrent use.</summary>
/// <param name="runDirectory">Absolute; exists.</param>
/// <param name="runtimePath">The <c>caisson-runtime</c> binary.</param>
public sealed class KeeperClient(string runDirectory, string runtimePath) : IDisposable
{
    private readonly SemaphoreSlim _starting = new(1);

    /// <summary>Calls the keeper for a start, so that it forks the start's processes while the caller still prepares the request.</summary>
    /// <returns>For <see cref="PrepareAsync"/>, within two seconds; later it is called anew. The caller disposes it.</returns>
    public KeeperCall Call(CancellationToken cancellationToken) => new(ConnectAsync(cancellationToken));

    /// <summary>Has a process prepared, up to the point where only its program is missing.</summary>
    /// <param name="request">Says which descriptors follow.</param>
    /// <param name="directory">The process's own run directory, absolute; gets the monitor's socket and the exit record.</param>
    /// <param name="image">The launch.</param>
    /// <param name="log">The log, opened for appending; null where the request has none.</param>
    /// <param name="supplied">The supplied inputs in the order of the request; all stay the caller's.</param>
    /// <param name="cancellationToken">Abandons the start.</param>
    /// <param name="logDirectory">The directory of the log; null where the request names none.</param>
    /// <param name="call">The keeper, called before; it is used up.</param>
    /// <returns>The process, which waits; the caller lets it run or disposes it, which ends it.</returns>
    /// <exception cref="LaunchFailedException">A step of the launch failed.</exception>
    /// <exception cref="MonitorLostException">Keeper, monitor or the process were killed; the program has not run, so it may be asked for again.</exception>
    /// <exception cref="CaissonException">The keeper or the monitor could not do its part.</exception>
    public async Task<PendingProcess> PrepareAsync(
        MonitorRequest request, string directory, LaunchImage image, Descriptor? log, IReadOnlyList<Descriptor> supplied, CancellationToken cancellationToken,
        DirectoryDescriptor? logDirectory = null, KeeperCall? call = null)
    {
        using var directoryDescriptor = HostFiles.OpenDirectory(directory);
        using var program = Memfd.CreateSealed("caisson-launch", image.Bytes.Span);
        Descriptor[] descriptors =
            [directoryDescriptor, program, .. log is null ? (ReadOnlySpan<Descriptor>)[] : [log], .. logDirectory is null ? (ReadOnlySpan<Descriptor>)[] : [logDirectory], .. supplied];
        if (descriptors.Length != request.Descriptors)
        {
            throw new InvalidOperationException($"the request names {request.Descriptors} descriptors, {descriptors.Length} are given");
        }
        if (descriptors.Length > UnixSocket.DescriptorsMax)
        {
            throw new CaissonException(
                ErrorKind.ResourceExhausted, $"start a process with {descriptors.Length} descriptors: at most {UnixSocket.DescriptorsMax} go to the keeper at once; use fewer mounts");
        }

        byte[] message = request.Encode();
        for (int attempt = 0; ; attempt++)
        {
            UnixSocket connection = await (call?.Take() ?? ConnectAsync(cancellationToken)).ConfigureAwait(false);
            try
            {
                connection.Send(message, descriptors);
            }
            catch (LinuxException error) when (error.Errno is Errno.EPIPE or Errno.ECONNRESET && attempt < 2)
            {
                connection.Dispose(); // a keeper without work has just ended, or who was called has waited for long enough
                continue;
            }
            var socket = connection.ToSocket();
            try
            {
                return await PendingProcess.ReadAsync(socket, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _starting.Dispose();

    private async Task<UnixSocket> ConnectAsync(CancellationToken cancellationToken)
    {
        if (TryConnect() is { } connected)
        {
            return connected;
        }
        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (TryConnect() is { } another)
            {
                return another;
            }
            string answer = await StartAsync(cancellationToken).ConfigureAwait(false);
            // Another one may run, started by an engine that was killed.
            return TryConnect() ?? throw new CaissonException(ErrorKind.Unavailable, $"start the keeper of {runDirectory}: {answer}");
        }
        finally
        {
            _starting.Release();
        }
    }

    private UnixSocket? TryConnect()
    {
        try
        {
            return UnixSocket.Connect($"{runDirectory}/{Keeper.SocketName}", UnixSocketKind.SequencedPacket);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ECONNREFUSED)
        {
            return null;
        }
    }

    /// <summary>Starts one, and returns what it says of itself.</summary>
    private async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(runtimePath))
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"start the keeper: {runtimePath} is missing; install caisson-runtime beside caissond or name it in CAISSON_RUNTIME");
        }
        try
        {
            ProcessStartInfo start = new(runtimePath, ["keeper", runDirectory])
            {
                RedirectStandardOutput = true,
                RedirectStandardInput = true,
                WorkingDirectory = "/",
            };
            // It outlives the engine and needs none of it: neither secrets of who started the engine nor what steers a .NET program.
            start.Environment.Clear();
            using var keeper = Process.Start(start) ?? throw new CaissonException(ErrorKind.Internal, $"start {runtimePath}: no process");
            string? answer = await keeper.StandardOutput.ReadLineAsync(cancellationToken).ConfigureAwait(false);
            return answer == Keeper.ReadyText ? "it ended at once" : answer ?? "it ended without a word";
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"start {runtimePath}: {error.Message}", error);
        }
    }
}

/// <summary>A keeper that was called and has not heard what for. Disposing it lets those go whom the keeper has forked for it.</summary>
public sealed class KeeperCall : IDisposable
{
    private Task<UnixSocket>? _connecting;

    internal KeeperCall(Task<UnixSocket> connecting) => _connecting = connecting;

    /// <inheritdoc/>
    public void Dispose() => _ = Take()?.ContinueWith(
        static connecting =>
        {
            if (connecting.IsCompletedSuccessfully)
            {
                connecting.Result.Dispose();
            }
            _ = connecting.Exception; // nobody waits for it any more
        },
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    /// <summary>The connection, once: it is the caller's from now on. Null afterwards.</summary>
    internal Task<UnixSocket>? Take() => Interlocked.Exchange(ref _connecting, null);
}

/// <summary>A step of a launch failed; nothing is left of the process.</summary>
/// <param name="step">Which, and why; <see cref="Launch.LaunchPlan.Describe"/> says it in words.</param>
public sealed class LaunchFailedException(LaunchReport.Failed step) : Exception($"step {step.Index} of {step.Stage}: {LinuxException.Describe(step.Errno)}")
{
    /// <summary>Which step, and why.</summary>
    public LaunchReport.Failed Step { get; } = step;
}

/// <summary>Something from outside ended a start before its program ran: keeper or monitor without a word, as after <c>kill -9</c>, or the process itself.</summary>
public sealed class MonitorLostException(string reason)
    : CaissonException(ErrorKind.Unavailable, reason.Length == 0 ? "the process's monitor was killed before its program ran" : reason);

/// <summary>A process that is prepared and waits for the word to execute its program. Disposing it before that ends it.</summary>
public sealed class PendingProcess : IAsyncDisposable
{
    private readonly Socket _socket;

    private PendingProcess(Socket socket, int pid) => (_socket, Pid) = (socket, pid);

    /// <summary>In the host's numbers.</summary>
    public int Pid { get; }

    /// <summary>Lets the program run, and returns when it does.</summary>
    /// <exception cref="LaunchFailedException">It could not be executed.</exception>
    /// <exception cref="MonitorLostException">Process, keeper or monitor were killed meanwhile.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _socket.SendAsync(new byte[] { 1 }, SocketFlags.None, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            // It has ended; why is what it said last.
        }
        MonitorReport report = await ReceiveAsync(_socket, cancellationToken).ConfigureAwait(false);
        if (report is not MonitorReport.Started)
        {
            throw Failure(report);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    internal static async Task<PendingProcess> ReadAsync(Socket socket, CancellationToken cancellationToken)
    {
        MonitorReport report = await ReceiveAsync(socket, cancellationToken).ConfigureAwait(false);
        return report is MonitorReport.Ready ready ? new PendingProcess(socket, ready.Pid) : throw Failure(report);
    }

    private static async Task<MonitorReport> ReceiveAsync(Socket socket, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[MonitorReport.BytesMax];
        for (bool wasReset = false; ; wasReset = true)
        {
            try
            {
                int count = await socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
                return MonitorReport.Decode(buffer.AsSpan(0, count));
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
            {
                // It ended with a word of ours unread, which is told before what it said last; that comes next.
                if (wasReset)
                {
                    return new MonitorReport.Lost();
                }
            }
            catch (SocketException error)
            {
                return new MonitorReport.Refused($"listen to the monitor: {error.Message}");
            }
        }
    }

    private static Exception Failure(MonitorReport report) => report switch
    {
        MonitorReport.Failed failed => new LaunchFailedException(failed.Step),
        MonitorReport.Lost lost => new MonitorLostException(lost.Reason),
        MonitorReport.Refused refused => new CaissonException(ErrorKind.Internal, refused.Reason),
        _ => new CaissonException(ErrorKind.Internal, $"the monitor sent {report} out of turn"),
    };
}

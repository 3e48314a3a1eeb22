using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Qmp;

namespace Caisson.Machines.Full;

/// <summary>The engine's conversation with the QEMU of one machine. QEMU goes on when it ends, and another engine takes it up again.</summary>
/// <remarks>Safe for concurrent use: commands take turns. Events come in order by <see cref="Events"/>.</remarks>
public sealed class MachineMonitor : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly QmpClient _client;
    private readonly Channel<QmpEvent> _events = Channel.CreateBounded<QmpEvent>(
        new BoundedChannelOptions(1_024) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly List<(Func<QmpEvent, bool> Fits, TaskCompletionSource<QmpEvent> Found)> _waiting = [];
    private bool _disposed;

    private MachineMonitor(QmpClient client)
    {
        _client = client;
        new Thread(Listen, 256 << 10) { IsBackground = true, Name = "qmp" }.Start();
    }

    /// <summary>What happens in the machine; completed when QEMU has ended or this is disposed.</summary>
    public ChannelReader<QmpEvent> Events => _events.Reader;

    /// <summary>QEMU's version, for people.</summary>
    public string Version => _client.Greeting.Version;

    /// <summary>Connects to a QEMU as soon as it listens.</summary>
    /// <param name="path">The host path of its socket.</param>
    /// <param name="owner">The host's user that QEMU runs as: nobody else is spoken to.</param>
    /// <param name="ended">Completes when QEMU has ended, so that it is not waited for any more.</param>
    /// <param name="timeout">How long to wait for it.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: it ended, or does not answer.</exception>
    public static async Task<MachineMonitor> OpenAsync(string path, uint owner, Task ended, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            if (TryConnect(path, owner) is { } socket)
            {
                return new MachineMonitor(QmpClient.Open(socket, Limit));
            }
            if (ended.IsCompleted)
            {
                throw new CaissonException(ErrorKind.Unavailable, "qemu ended before it could be spoken to");
            }
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"qemu does not listen after {timeout.TotalSeconds:0} s");
            }
            await Task.WhenAny(ended, Task.Delay(1));
        }
    }

    /// <summary>Asks for something; see <see cref="QmpClient.Execute"/>.</summary>
    public JsonElement Execute(string command, Action<Utf8JsonWriter>? arguments = null, TimeSpan? timeout = null, params ReadOnlySpan<Descriptor> descriptors)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                return _client.Execute(command, arguments, timeout ?? Limit, descriptors);
            }
            finally
            {
                Deliver();
            }
        }
    }

    /// <summary>Says one step of a plan.</summary>
    public JsonElement Execute(QmpStep step) => Execute(step.Command, step.Write);

    /// <summary>Gives QEMU a descriptor under a name.</summary>
    public void Give(string name, Descriptor descriptor) => Execute("getfd", json => json.WriteString("fdname", name), null, descriptor);

    /// <summary>Gives QEMU a descriptor that it opens as <c>/dev/fdset/N</c>; returns the N.</summary>
    public int GiveFile(Descriptor descriptor)
    {
        lock (_lock)
        {
            return _client.AddToSet(descriptor, Limit);
        }
    }

    /// <summary>The run state, such as <c>running</c>. Source: QEMU qapi, RunState.</summary>
    public string ReadStatus() => Execute("query-status").GetProperty("status").GetString() ?? "";

    /// <summary>Begins to wait for an event, before what causes it is asked for.</summary>
    public Task<QmpEvent> Expect(Func<QmpEvent, bool> fits)
    {
        var found = new TaskCompletionSource<QmpEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _waiting.Add((fits, found));
        }
        return found.Task;
    }

    /// <summary>Runs a job to its end and lets go of it.</summary>
    /// <param name="id">The id that <paramref name="step"/> gives the job.</param>
    /// <param name="step">What starts it.</param>
    /// <param name="limit">How long it may take; it is then cancelled.</param>
    /// <exception cref="CaissonException">It failed, with QEMU's reason.</exception>
    public async Task RunJobAsync(string id, QmpStep step, TimeSpan limit)
    {
        Task<QmpEvent> concluded = ExpectEnd(id);
        Execute(step);
        await FinishAsync(id, concluded, step.Command, limit);
    }

    /// <summary>Starts several jobs at one moment, and runs all of them to their ends.</summary>
    /// <param name="jobs">The id of each job, and the action that starts it.</param>
    /// <param name="limit">How long each may take.</param>
    /// <exception cref="CaissonException">One failed; the others have ended, too.</exception>
    public async Task RunTransactionAsync(IReadOnlyList<(string Id, QmpStep Action)> jobs, TimeSpan limit)
    {
        Task<QmpEvent>[] ends = [.. jobs.Select(job => ExpectEnd(job.Id))];
        Execute("transaction", json =>
        {
            json.WriteStartArray("actions");
            foreach ((_, QmpStep action) in jobs)
            {
                json.WriteStartObject();
                json.WriteString("type", action.Command);
                json.WriteStartObject("data");
                action.Write(json);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
        CaissonException? failure = null;
        for (int i = 0; i < ends.Length; i++)
        {
            try
            {
                await FinishAsync(jobs[i].Id, ends[i], jobs[i].Action.Command, limit);
            }
            catch (CaissonException error)
            {
                failure ??= error;
            }
        }
        if (failure is not null)
        {
            throw failure;
        }
    }

    /// <summary>Ends and lets go of what an engine before this one began and did not see the end of.</summary>
    public async Task AbandonJobsAsync(TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        while (Execute("query-jobs") is { ValueKind: JsonValueKind.Array } jobs && jobs.GetArrayLength() > 0 && Stopwatch.GetElapsedTime(start) < limit)
        {
            foreach (JsonElement job in jobs.EnumerateArray())
            {
                bool isOver = job.GetProperty("status").GetString() == "concluded";
                try
                {
                    Execute(isOver ? "job-dismiss" : "job-cancel", json => json.WriteString("id", job.GetProperty("id").GetString()));
                }
                catch (QmpException)
                {
                    // It came to its end meanwhile, or cannot be ended before.
                }
            }
            await Task.Delay(5);
        }
    }

    private Task<QmpEvent> ExpectEnd(string id) =>
        Expect(told => told.Name == "JOB_STATUS_CHANGE" && told.Text("id") == id && told.Text("status") == "concluded");

    private async Task FinishAsync(string id, Task<QmpEvent> concluded, string command, TimeSpan limit)
    {
        try
        {
            await concluded.WaitAsync(limit);
        }
        catch (TimeoutException)
        {
            Execute("job-cancel", json => json.WriteString("id", id));
            await concluded.WaitAsync(Limit);
        }
        string? error = null;
        foreach (JsonElement job in Execute("query-jobs").EnumerateArray())
        {
            if (job.GetProperty("id").GetString() == id)
            {
                error = job.TryGetProperty("error", out JsonElement reason) ? reason.GetString() : null;
            }
        }
        Execute("job-dismiss", json => json.WriteString("id", id));
        if (error is not null)
        {
            throw new CaissonException(ErrorKind.Internal, $"qemu could not complete {command}: {error}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            ((UnixSocket)_client.Signal).Shutdown(); // who waits on it sees the end
            End();
        }
    }

    private static UnixSocket? TryConnect(string path, uint owner)
    {
        UnixSocket socket;
        try
        {
            socket = UnixSocket.Connect(path, UnixSocketKind.Stream);
        }
        catch (LinuxException error) when (error.Errno is Errno.ENOENT or Errno.ECONNREFUSED)
        {
            return null;
        }
        if (socket.PeerCredentials.UserId == owner)
        {
            return socket;
        }
        socket.Dispose();
        throw new CaissonException(ErrorKind.PermissionDenied, $"{path} leads to a program that is not the machine's");
    }

    private void Listen()
    {
        var socket = (UnixSocket)_client.Signal;
        try
        {
            while (true)
            {
                socket.WaitReadable(-1);
                lock (_lock)
                {
                    if (_disposed || !_client.Pump())
                    {
                        break;
                    }
                    Deliver();
                }
            }
        }
        catch (Exception error) when (error is CaissonException or LinuxException or ObjectDisposedException)
        {
            // What QEMU sent is no conversation any more; its process says how it goes on.
        }
        lock (_lock)
        {
            Deliver();
            _disposed = true;
            End();
        }
        _client.Dispose();
    }

    private void Deliver()
    {
        while (_client.TakeEvent() is { } told)
        {
            for (int i = _waiting.Count - 1; i >= 0; i--)
            {
                if (_waiting[i].Fits(told))
                {
                    _waiting[i].Found.TrySetResult(told);
                    _waiting.RemoveAt(i);
                }
            }
            _events.Writer.TryWrite(told);
        }
    }

    private void End()
    {
        foreach ((_, TaskCompletionSource<QmpEvent> found) in _waiting)
        {
            found.TrySetException(new CaissonException(ErrorKind.Unavailable, "the machine ended meanwhile"));
        }
        _waiting.Clear();
        _events.Writer.TryComplete();
    }
}

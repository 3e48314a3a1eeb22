using System.Net.WebSockets;
using System.Text;

using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.Hosting;
using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;

namespace Caisson.Api.Docker;

/// <summary>Attach, exec and logs: what flows. Source: Docker Engine API, "Attach to a container", "Exec", "Get container logs".</summary>
internal sealed class StreamRoutes(EngineServices services, ContainerEngine engine)
{
    private const byte Stdout = 1;
    private const byte Stderr = 2;

    /// <summary>While a log is followed: how soon new lines are looked for, from first to last while nothing comes.</summary>
    private static readonly TimeSpan FollowFirst = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan FollowLast = TimeSpan.FromMilliseconds(160);

    /// <summary>How long the end of a process may be later than the end of its output before a client is told the output has ended.</summary>
    private static readonly TimeSpan ExitPatience = TimeSpan.FromSeconds(1);

    private readonly ContainerProjects _projects = new(engine);

    public void AddTo(Router.Builder routes)
    {
        routes.Post("/containers/{id}/attach", Need.To("create", "containers/attach").In(_projects.Of), Attach);
        routes.Get("/containers/{id}/attach/ws", Need.To("create", "containers/attach").In(_projects.Of), AttachWebSocket);
        routes.Get("/containers/{id}/logs", Need.To("get", "containers/logs").In(_projects.Of), Logs);
        routes.Delete("/caisson/containers/{id}/logs", Need.To("delete", "containers/logs").In(_projects.Of), async call =>
        {
            await engine.Find(call.Path("id")).ClearLogAsync(call.Gone);
            await call.Empty();
        });
        routes.Post("/containers/{id}/exec", Need.To("create", "containers/exec").In(_projects.Of), CreateExec);
        routes.Post("/exec/{id}/start", Need.To("create", "containers/exec").In(_projects.OfExec), StartExec);
        routes.Post("/exec/{id}/resize", Need.To("create", "containers/exec").In(_projects.OfExec), ResizeExec);
        routes.Get("/exec/{id}/json", Need.To("get", "containers").In(_projects.OfExec), InspectExec);
    }

    private async Task Attach(Call call)
    {
        Workload workload = engine.Find(call.Path("id"));
        _projects.RequireEntry(call, workload);
        ContainerConfig config = workload.Record.Config;
        bool stream = call.Flag("stream");
        var options = new AttachOptions(call.Flag("stdin") && config.OpenStdin, call.Flag("stdout"), call.Flag("stderr"));
        DetachKeys keys = DetachKeys.Parse(call.Query("detachKeys"));
        // Asked for before the answer: a client that sees the answer may start the container and must miss nothing.
        Workload.PendingAttachment? pending = stream ? await workload.AttachAsync(options, call.Gone) : null;
        await Hijack.RunAsync(call, multiplexed: !config.Tty, async hijack =>
        {
            if (call.Flag("logs"))
            {
                await WritePastAsync(workload, options, hijack);
            }
            if (pending is null)
            {
                return;
            }
            if (await pending.ConnectAsync(hijack.Gone) is { } attachment)
            {
                await using (attachment)
                {
                    await StreamPump.RunAsync(hijack, attachment, new StreamPump.Wish(
                        options.Stdin, options.Stdout || options.Stderr, EndStdin: config.StdinOnce, config.Tty && options.Stdin ? keys : null));
                }
            }
        });
    }

    /// <summary>Attach as a websocket. Before 1.42 the parameters that choose streams were ignored. Source: Docker Engine API, "Attach to a container via a websocket".</summary>
    private async Task AttachWebSocket(Call call)
    {
        Workload workload = engine.Find(call.Path("id"));
        _projects.RequireEntry(call, workload);
        ContainerConfig config = workload.Record.Config;
        bool chooses = call.Version >= new ApiVersion(1, 42);
        var options = new AttachOptions(
            config.OpenStdin && (!chooses || call.Flag("stdin")), !chooses || call.Flag("stdout"), !chooses || call.Flag("stderr"));
        WebSocketMessageType kind = call.Version >= new ApiVersion(1, 28) ? WebSocketMessageType.Binary : WebSocketMessageType.Text;
        Workload.PendingAttachment? pending = call.Flag("stream") ? await workload.AttachAsync(options, call.Gone) : null;
        await Hijack.RunWebSocketAsync(call, async hijack =>
        {
            Attachment? attachment = pending is null ? null : await pending.ConnectAsync(hijack.Gone);
            try
            {
                await WebSocketPump.RunAsync(hijack, attachment, framed: !config.Tty, kind, options.Stdin);
            }
            finally
            {
                if (attachment is not null)
                {
                    await attachment.DisposeAsync();
                }
            }
        });
    }

    private static async Task WritePastAsync(Workload workload, AttachOptions options, Hijack hijack)
    {
        if (workload.LogPath is not { } path || LogReader.TryOpen(path) is not { } reader)
        {
            return;
        }
        using (reader)
        {
            var query = new LogQuery { Stdout = options.Stdout, Stderr = options.Stderr, Since = workload.LogHorizon };
            while (reader.TryRead(out LogEntry entry) || reader.TryReadUnended(out entry))
            {
                if (query.Accepts(entry))
                {
                    Write(hijack.Output, workload, entry, timestamps: false, details: []);
                    await hijack.Output.FlushAsync();
                }
            }
        }
    }

    private async Task Logs(Call call)
    {
        Workload workload = engine.Find(call.Path("id"));
        DateTimeOffset now = services.Time.GetUtcNow();
        var query = new LogQuery
        {
            Stdout = call.Flag("stdout"),
            Stderr = call.Flag("stderr"),
            Since = Later(Times.Parse(call.Query("since"), "since", now), workload.LogHorizon),
            Until = Times.Parse(call.Query("until"), "until", now),
            Tail = call.Query("tail") is { } tail && tail != "all" ? (int.TryParse(tail, out int lines) && lines >= 0 ? lines : null) : null,
        };
        if (!query.Stdout && !query.Stderr)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "Bad parameters: you must choose at least one stream");
        }
        if (workload.LogPath is not { } path)
        {
            throw new CaissonException(ErrorKind.Unimplemented, "configured logging driver does not support reading");
        }
        bool follow = call.Flag("follow");
        bool timestamps = call.Flag("timestamps");
        byte[] details = call.Flag("details") ? Details(workload.LogAttributes) : [];
        bool multiplexed = !workload.Record.Config.Tty;
        await call.Begin(multiplexed && call.Version >= new ApiVersion(1, 42)
            ? "application/vnd.docker.multiplexed-stream"
            : "application/vnd.docker.raw-stream");

        LogReader? reader = LogReader.TryOpen(path);
        try
        {
            if (query.Tail is { } count)
            {
                reader?.SeekTail(count, query);
            }
            TimeSpan pause = FollowFirst;
            while (true)
            {
                // Asked before the last reading: whatever was written until the end is then read.
                bool ended = !follow || !workload.Status.IsActive || (query.Until is { } until && services.Time.GetUtcNow() > until);
                reader ??= LogReader.TryOpen(path);
                bool any = false;
                while (reader is not null && (reader.TryRead(out LogEntry entry) || (ended && reader.TryReadUnended(out entry))))
                {
                    any = true;
                    if (query.Accepts(entry))
                    {
                        Write(call.Http.Response.BodyWriter, workload, entry, timestamps, details);
                        if (call.Http.Response.BodyWriter.UnflushedBytes > 32 << 10)
                        {
                            await call.Http.Response.BodyWriter.FlushAsync(call.Gone);
                        }
                    }
                }
                await call.Http.Response.BodyWriter.FlushAsync(call.Gone);
                if (ended)
                {
                    return;
                }
                pause = any ? FollowFirst : pause * 2 < FollowLast ? pause * 2 : FollowLast;
                await Task.Delay(pause, call.Gone);
            }
        }
        finally
        {
            reader?.Dispose();
        }
    }

    private static DateTimeOffset? Later(DateTimeOffset? one, DateTimeOffset? other) => one is null || other > one ? other ?? one : one;

    /// <summary>What stands before each line: <c>name=value,name=value</c> and a space.</summary>
    private static byte[] Details(IReadOnlyDictionary<string, string> attributes) => attributes.Count == 0 ? " "u8.ToArray() : Encoding.UTF8.GetBytes(
        string.Join(',', attributes.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value)}")) + " ");

    private static void Write(System.Buffers.IBufferWriter<byte> output, Workload workload, LogEntry entry, bool timestamps, ReadOnlySpan<byte> details)
    {
        ReadOnlySpan<byte> text = entry.Text.Span;
        if (timestamps || !details.IsEmpty)
        {
            text = (byte[])[.. timestamps ? Encoding.ASCII.GetBytes(Times.Text(entry.Time) + " ") : [], .. details, .. text];
        }
        if (workload.Record.Config.Tty)
        {
            System.Buffers.BuffersExtensions.Write(output, text);
        }
        else
        {
            StreamPump.WriteFrame(output, entry.Stderr ? Stderr : Stdout, text);
        }
    }

    private async Task CreateExec(Call call)
    {
        ExecConfig config = await call.ReadAsync(DockerJson.Default.ExecConfig);
        _ = DetachKeys.Parse(config.DetachKeys);
        Workload workload = engine.Find(call.Path("id"));
        _projects.RequireEntry(call, workload);
        call.Guard.Require(HostRights.Exec.Of(config), null);
        ExecSession session = workload.CreateExec(config);
        await call.Json(new IdBody(session.Id), DockerJson.Default.IdBody, 201);
    }

    private async Task StartExec(Call call)
    {
        ExecSession session = engine.FindExec(call.Path("id"));
        _projects.RequireEntry(call, session.Container);
        call.Guard.Require(HostRights.Exec.Of(session.Config), null);
        ExecStartBody start = await call.ReadOptionalAsync(DockerJson.Default.ExecStartBody) ?? new ExecStartBody();
        ExecConfig config = session.Config;
        IReadOnlyList<int>? size = start.ConsoleSize is { Count: 2 } given ? given : null;
        if (start.Detach)
        {
            _ = await session.Container.StartExecAsync(session, null, size, CancellationToken.None);
            await call.Empty(200);
            return;
        }
        if (session.ExitCode is not null || session.Running)
        {
            throw new CaissonException(ErrorKind.Conflict, $"exec {session.Id} has already run");
        }
        if (!session.Container.Status.HasProcess)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container {session.Container.Id} is not running");
        }

        var options = new AttachOptions(config.AttachStdin, config.AttachStdout, config.AttachStderr);
        // How the client reads is what it says here; clients that say nothing of a terminal that they made expect frames.
        bool framed = !start.Tty;
        await Hijack.RunAsync(call, framed, async hijack =>
        {
            try
            {
                // A client that leaves does not end the process: that is what its own signals are for.
                if (await session.Container.StartExecAsync(session, options, size, CancellationToken.None) is { } attachment)
                {
                    await using (attachment)
                    {
                        await StreamPump.RunAsync(hijack, attachment, new StreamPump.Wish(
                            options.Stdin,
                            options.Stdout || options.Stderr,
                            EndStdin: true,
                            config.Tty && options.Stdin ? DetachKeys.Parse(config.DetachKeys) : null,
                            Reframed: framed && config.Tty));
                    }
                    // Clients ask for the exit code as soon as the stream ends.
                    await Task.WhenAny(session.Ended, Task.Delay(ExitPatience, hijack.Gone));
                }
            }
            catch (CaissonException error)
            {
                // The answer's head is out, so the reason goes where the client shows it; the exit code tells the kind.
                byte[] text = Encoding.UTF8.GetBytes($"cannot run in the container: {error.Message}\r\n");
                if (!framed)
                {
                    System.Buffers.BuffersExtensions.Write(hijack.Output, text);
                }
                else
                {
                    StreamPump.WriteFrame(hijack.Output, Stderr, text);
                }
                await hijack.Output.FlushAsync();
            }
        });
    }

    private async Task ResizeExec(Call call)
    {
        (ushort rows, ushort columns) = ContainerRoutes.Size(call);
        await engine.FindExec(call.Path("id")).ResizeAsync(rows, columns, call.Gone);
        await call.Empty(200);
    }

    private Task InspectExec(Call call)
    {
        ExecSession session = engine.FindExec(call.Path("id"));
        ExecConfig config = session.Config;
        return call.Json(
            new ExecBody
            {
                ID = session.Id,
                Running = session.Running,
                ExitCode = session.ExitCode,
                ProcessConfig = new ProcessConfigBody
                {
                    Tty = config.Tty,
                    Entrypoint = config.Cmd is { Count: > 0 } command ? command[0] : "",
                    Arguments = [.. (config.Cmd ?? []).Skip(1)],
                    Privileged = config.Privileged,
                    User = config.User,
                },
                OpenStdin = config.AttachStdin,
                OpenStdout = config.AttachStdout,
                OpenStderr = config.AttachStderr,
                CanRemove = session.ExitCode is not null,
                ContainerID = session.Container.Id,
                DetachKeys = config.DetachKeys,
                Pid = session.Pid,
            },
            DockerJson.Default.ExecBody);
    }
}

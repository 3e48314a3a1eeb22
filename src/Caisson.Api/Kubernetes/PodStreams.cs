using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

using Caisson.Api.Http;
using Caisson.Control.Hosting;
using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Control.Orchestration;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

using Microsoft.AspNetCore.Http;

using Times = Caisson.Api.Docker.Times;

namespace Caisson.Api.Kubernetes;

/// <summary>What flows to and from pods: logs, exec, attach, forwarded ports. Source: Kubernetes API reference; the v4.channel.k8s.io protocol of remotecommand.</summary>
internal static class PodStreams
{
    private const int ChunkBytes = 32 << 10;
    private const int FrameHeadBytes = 8;
    private static readonly TimeSpan StreamPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FollowFirst = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan FollowLast = TimeSpan.FromMilliseconds(160);

    /// <summary>A container's log.</summary>
    public static async Task LogAsync(HttpContext context, Orchestrator all, KubernetesObject pod)
    {
        IQueryCollection query = context.Request.Query;
        bool Flag(string name) => query[name].ToString() is "true" or "1";
        Workload workload = all.ContainerOf(pod, query["container"].ToString(), Flag("previous"));
        long? Number(string name) => long.TryParse(query[name], NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
        DateTimeOffset now = all.Engine.Services.Time.GetUtcNow();
        var asked = new LogQuery
        {
            Stdout = true,
            Stderr = true,
            Since = Number("sinceSeconds") is { } seconds ? now.AddSeconds(-seconds) : Caisson.Kubernetes.Objects.Times.Read(query["sinceTime"].ToString()),
            Tail = (int?)Number("tailLines"),
        };
        bool follow = Flag("follow");
        bool timestamps = Flag("timestamps");
        long left = Number("limitBytes") ?? long.MaxValue;
        string path = workload.LogPath ?? throw new CaissonException(ErrorKind.Unimplemented, "configured logging driver does not support reading");
        context.Response.ContentType = "text/plain";
        await context.Response.StartAsync(context.RequestAborted);
        LogReader? reader = LogReader.TryOpen(path);
        try
        {
            if (asked.Tail is { } count)
            {
                reader?.SeekTail(count, asked);
            }
            TimeSpan pause = FollowFirst;
            while (left > 0)
            {
                bool ended = !follow || !workload.Status.IsActive; // asked before the last reading: whatever was written until the end is then read
                reader ??= LogReader.TryOpen(path);
                bool any = false;
                while (left > 0 && reader is not null && (reader.TryRead(out LogEntry entry) || (ended && reader.TryReadUnended(out entry))))
                {
                    any = true;
                    if (!asked.Accepts(entry))
                    {
                        continue;
                    }
                    if (timestamps)
                    {
                        context.Response.BodyWriter.Write(Encoding.ASCII.GetBytes(Times.Text(entry.Time) + " "));
                    }
                    ReadOnlyMemory<byte> text = entry.Text.Length > left ? entry.Text[..(int)left] : entry.Text;
                    left -= text.Length;
                    context.Response.BodyWriter.Write(text.Span);
                    if (context.Response.BodyWriter.UnflushedBytes > ChunkBytes)
                    {
                        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
                    }
                }
                await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
                if (ended)
                {
                    return;
                }
                pause = any ? FollowFirst : pause * 2 < FollowLast ? pause * 2 : FollowLast;
                await Task.Delay(pause, context.RequestAborted);
            }
        }
        finally
        {
            reader?.Dispose();
        }
    }

    /// <summary>A further process in a container, or its own streams.</summary>
    public static async Task ExecAsync(HttpContext context, Orchestrator all, KubernetesObject pod, bool attach)
    {
        IQueryCollection query = context.Request.Query;
        bool Flag(string name) => query[name].ToString() is "true" or "1";
        (bool stdin, bool stdout, bool stderr, bool tty) = (Flag("stdin"), Flag("stdout"), Flag("stderr"), Flag("tty"));
        Hijack.RequireSpdy(context);
        Workload workload = all.ContainerOf(pod, query["container"].ToString());
        ExecSession? session = attach ? null : workload.CreateExec(new ExecConfig
        {
            Cmd = [.. query["command"].Select(word => word ?? "")],
            Tty = tty,
            AttachStdin = stdin,
            AttachStdout = stdout,
            AttachStderr = stderr && !tty,
        });
        var options = new AttachOptions(stdin, stdout, stderr && !tty);
        if (attach && !workload.Status.HasProcess)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"container {workload.Record.Config.Labels?.GetValueOrDefault("io.kubernetes.container.name")} of pod {pod.Name} does not run");
        }
        string[] offered = Protocols(context);
        string protocol = ((string[])["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"]).FirstOrDefault(offered.Contains)
            ?? (offered.Length == 0 ? "v4.channel.k8s.io" : throw new CaissonException(ErrorKind.InvalidArgument, $"none of the protocols {string.Join(", ", offered)} is known; v4.channel.k8s.io is"));
        await Hijack.RunSpdyAsync(context, protocol, async hijack =>
        {
            var spdy = new SpdyConnection(hijack.Input, hijack.Output);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(hijack.Gone);
            Task reading = spdy.RunAsync(stop.Token);
            int wanted = 1 + (stdin ? 1 : 0) + (stdout ? 1 : 0) + (stderr && !tty ? 1 : 0) + (tty && protocol[1] is '3' or '4' && tty ? 1 : 0);
            Dictionary<string, SpdyStream> streams = [];
            using (var late = CancellationTokenSource.CreateLinkedTokenSource(stop.Token))
            {
                late.CancelAfter(StreamPatience);
                while (streams.Count < wanted && await spdy.Opened.WaitToReadAsync(late.Token) && spdy.Opened.TryRead(out SpdyStream? opened))
                {
                    streams[opened.Headers.GetValueOrDefault("streamtype", "")] = opened;
                }
            }
            MappingNode result;
            try
            {
                if (session is not null)
                {
                    await using Attachment? attachment = await workload.StartExecAsync(session, options, null, CancellationToken.None);
                    await PumpAsync(attachment, streams, tty, session, workload, stop.Token);
                    await session.Ended.WaitAsync(stop.Token);
                    result = ResultOf(session.ExitCode ?? 0);
                }
                else
                {
                    Workload.PendingAttachment pending = await workload.AttachAsync(options, stop.Token);
                    await using Attachment? attachment = await pending.ConnectAsync(stop.Token);
                    await PumpAsync(attachment, streams, workload.Record.Config.Tty, null, workload, stop.Token);
                    result = ResultOf(0);
                }
            }
            catch (CaissonException error)
            {
                (int code, string reason) = KubernetesAnswer.Of(error);
                result = KubernetesAnswer.Status(code, reason, error.Message);
            }
            if (streams.TryGetValue("error", out SpdyStream? errors))
            {
                await errors.WriteAsync(protocol == "v4.channel.k8s.io" ? YamlWriter.WriteJsonBytes(result)
                    : result.Text("status") == "Success" ? [] : Encoding.UTF8.GetBytes(result.Text("message")));
            }
            foreach (SpdyStream stream in streams.Values)
            {
                await stream.CloseAsync();
            }
            // The client says goodbye when it has read all; then the connection ends.
            await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None));
            await stop.CancelAsync();
        });
    }

    /// <summary>Connections to ports of a pod.</summary>
    public static async Task ForwardAsync(HttpContext context, KubernetesObject pod)
    {
        IPAddress address = IPAddress.Parse(pod.Spec.Flag("hostNetwork") ? "127.0.0.1" : Orchestrator.AddressOf(pod));
        if (Protocols(context) is { Length: > 0 } offered && !offered.Contains("portforward.k8s.io"))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"none of the protocols {string.Join(", ", offered)} is known; portforward.k8s.io is");
        }
        await Hijack.RunSpdyAsync(context, "portforward.k8s.io", async hijack =>
        {
            var spdy = new SpdyConnection(hijack.Input, hijack.Output);
            Task reading = spdy.RunAsync(hijack.Gone);
            Dictionary<string, SpdyStream> waiting = [];
            await foreach (SpdyStream stream in spdy.Opened.ReadAllAsync(hijack.Gone))
            {
                string request = stream.Headers.GetValueOrDefault("requestid", "");
                if (waiting.Remove(request, out SpdyStream? other))
                {
                    bool isData = stream.Headers.GetValueOrDefault("streamtype") == "data";
                    _ = ForwardOneAsync(address, isData ? stream : other, isData ? other : stream, hijack.Gone);
                }
                else
                {
                    waiting[request] = stream;
                }
            }
            await reading;
        });
    }

    private static async Task ForwardOneAsync(IPAddress address, SpdyStream data, SpdyStream error, CancellationToken gone)
    {
        int port = int.TryParse(data.Headers.GetValueOrDefault("port"), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(address, port), gone);
            Task up = UpAsync();
            byte[] buffer = new byte[ChunkBytes];
            int count;
            while ((count = await socket.ReceiveAsync(buffer, SocketFlags.None, gone)) > 0)
            {
                await data.WriteAsync(buffer.AsMemory(0, count));
            }
            await data.CloseAsync();
            await error.CloseAsync();
            await up;
        }
        catch (Exception failure) when (failure is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            if (!gone.IsCancellationRequested)
            {
                await error.WriteAsync(Encoding.UTF8.GetBytes($"connect to port {port} of the pod: {failure.Message}"));
                await error.CloseAsync();
                await data.CloseAsync();
            }
        }

        async Task UpAsync()
        {
            try
            {
                await foreach (byte[] bytes in data.Input.ReadAllAsync(gone))
                {
                    for (int sent = 0; sent < bytes.Length;)
                    {
                        sent += await socket.SendAsync(bytes.AsMemory(sent), SocketFlags.None, gone);
                    }
                }
                socket.Shutdown(SocketShutdown.Send);
            }
            catch (Exception failure) when (failure is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The pod's program closed first; what it sent is read by the other direction.
            }
        }
    }

    private static string[] Protocols(HttpContext context) =>
        [.. context.Request.Headers["X-Stream-Protocol-Version"].SelectMany(line => (line ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    private static MappingNode ResultOf(int exitCode) => exitCode == 0
        ? Doc.Map(("metadata", MappingNode.Empty), ("status", Doc.Text("Success")))
        : Doc.Map(
            ("metadata", MappingNode.Empty), ("status", Doc.Text("Failure")), ("reason", Doc.Text("NonZeroExitCode")),
            ("message", Doc.Text($"command terminated with non-zero exit code: exit status {exitCode}")),
            ("details", Doc.Map(("causes", Doc.List([Doc.Map(("reason", Doc.Text("ExitCode")), ("message", Doc.Text(exitCode.ToString(CultureInfo.InvariantCulture))))])))));

    private static async Task PumpAsync(
        Attachment? attachment, Dictionary<string, SpdyStream> streams, bool tty, ExecSession? session, Workload workload, CancellationToken stop)
    {
        if (attachment is null)
        {
            return;
        }
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task input = streams.TryGetValue("stdin", out SpdyStream? typed) ? InputAsync(typed, attachment, over.Token) : Task.CompletedTask;
        Task sizes = streams.TryGetValue("resize", out SpdyStream? resizes) ? ResizeAsync(resizes, session, workload, over.Token) : Task.CompletedTask;
        SpdyStream? output = streams.GetValueOrDefault("stdout");
        SpdyStream? errors = streams.GetValueOrDefault("stderr");
        byte[] buffer = new byte[ChunkBytes];
        byte[] head = new byte[FrameHeadBytes];
        int headFilled = 0;
        int left = 0;
        int count;
        while ((count = await attachment.ReadAsync(buffer, stop)) > 0)
        {
            if (tty)
            {
                await (output?.WriteAsync(buffer.AsMemory(0, count)) ?? Task.CompletedTask);
                continue;
            }
            for (int at = 0; at < count;)
            {
                if (left == 0)
                {
                    int part = Math.Min(FrameHeadBytes - headFilled, count - at);
                    buffer.AsSpan(at, part).CopyTo(head.AsSpan(headFilled));
                    at += part;
                    headFilled += part;
                    if (headFilled == FrameHeadBytes)
                    {
                        left = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
                        headFilled = 0;
                    }
                    continue;
                }
                int take = Math.Min(left, count - at);
                SpdyStream? to = head[0] == 2 ? errors : output;
                await (to?.WriteAsync(buffer.AsMemory(at, take)) ?? Task.CompletedTask);
                at += take;
                left -= take;
            }
        }
        await over.CancelAsync();
        await Task.WhenAll(input, sizes);
    }

    private static async Task InputAsync(SpdyStream typed, Attachment attachment, CancellationToken over)
    {
        try
        {
            await foreach (byte[] bytes in typed.Input.ReadAllAsync(over))
            {
                await attachment.WriteAsync(bytes, over);
            }
            attachment.CompleteInput();
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
        {
            // The process reads no more; what it says is read to its end by the other direction.
        }
    }

    private static async Task ResizeAsync(SpdyStream resizes, ExecSession? session, Workload workload, CancellationToken over)
    {
        try
        {
            await foreach (byte[] bytes in resizes.Input.ReadAllAsync(over))
            {
                DocumentNode size = JsonNodeReader.Read(bytes, withPaths: false);
                (ushort rows, ushort columns) = ((ushort)(size.Whole("Height") ?? 0), (ushort)(size.Whole("Width") ?? 0));
                await (session is null ? workload.ResizeAsync(rows, columns, over) : session.ResizeAsync(rows, columns, over));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or CaissonException)
        {
            // It ended, and a terminal that is gone has no size.
        }
    }
}

using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

using Caisson.Control.Logs;
using Caisson.Control.Orchestration;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

using Microsoft.AspNetCore.Http;

using Times = Caisson.Api.Docker.Times;

namespace Caisson.Api.Kubernetes;

/// <summary>What flows to and from pods: logs, exec, attach, forwarded ports. Source: Kubernetes API reference.</summary>
internal static class PodStreams
{
    private const int ChunkBytes = 32 << 10;
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
    public static Task ExecAsync(HttpContext context, Orchestrator all, KubernetesObject pod, bool attach)
    {
        IQueryCollection query = context.Request.Query;
        bool Flag(string name) => query[name].ToString() is "true" or "1";
        RemoteCommand.RequireUpgrade(context);
        Workload workload = all.ContainerOf(pod, query["container"].ToString());
        if (attach && !workload.Status.HasProcess)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"container {workload.Record.Config.Labels?.GetValueOrDefault("io.kubernetes.container.name")} of pod {pod.Name} does not run");
        }
        return RemoteCommand.RunAsync(context, new RemoteCommand.Request(
            workload, attach ? null : [.. query["command"].Select(word => word ?? "")], Flag("stdin"), Flag("stdout"), Flag("stderr"), Flag("tty")));
    }

    /// <summary>Connections to ports of a pod.</summary>
    public static Task ForwardAsync(HttpContext context, KubernetesObject pod)
    {
        IPAddress address = IPAddress.Parse(pod.Spec.Flag("hostNetwork") ? "127.0.0.1" : Orchestrator.AddressOf(pod));
        return RemotePorts.RunAsync(
            context,
            async (port, cancellation) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await socket.ConnectAsync(new IPEndPoint(address, port), cancellation);
                    return socket;
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
            [.. context.Request.Query["ports"].Concat(context.Request.Query["port"]).SelectMany(text => (text ?? "").Split(','))
                .Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) ? port : 0).Where(port => port is > 0 and < 65_536)]);
    }
}

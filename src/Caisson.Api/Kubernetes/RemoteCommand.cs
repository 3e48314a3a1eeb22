using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

using Caisson.Api.Http;
using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Documents;
using Caisson.Errors;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Kubernetes;

/// <summary>The streams of a process as Kubernetes' clients have them: several in one connection of SPDY or one websocket.</summary>
/// <remarks>Source: Kubernetes' protocols of remote commands, <c>channel.k8s.io</c> to <c>v5.channel.k8s.io</c>.</remarks>
internal static class RemoteCommand
{
    private const int ChunkBytes = 32 << 10;
    private const int FrameHeadBytes = 8;
    private static readonly TimeSpan StreamPatience = TimeSpan.FromSeconds(30);
    private static readonly string[] SpdyProtocols = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];

    /// <summary>What is asked for.</summary>
    /// <param name="Workload">The container.</param>
    /// <param name="Command">What is to run beside its program; null to attach to that.</param>
    /// <param name="Stdin">What the client sends goes to the process.</param>
    /// <param name="Stdout">Output comes back.</param>
    /// <param name="Stderr">Errors come back; with a terminal they are output.</param>
    /// <param name="Tty">The process gets a terminal.</param>
    internal sealed record Request(Workload Workload, IReadOnlyList<string>? Command, bool Stdin, bool Stdout, bool Stderr, bool Tty)
    {
        /// <summary>Whether its output is one stream.</summary>
        public bool HasTerminal => Command is null ? Workload.Record.Config.Tty : Tty;

        /// <summary>Whether the process hears that the client has finished typing: a container's program is there for others who attach later, unless it was made for one.</summary>
        public bool EndsInput => Command is not null || Workload.Record.Config.StdinOnce;
    }

    /// <summary>The streams of one connection; null where there is none.</summary>
    /// <param name="Stdin">What the client types.</param>
    /// <param name="Sizes">Sizes of its terminal, JSON.</param>
    /// <param name="Stdout">Takes output.</param>
    /// <param name="Stderr">Takes errors.</param>
    internal sealed record Streams(
        ChannelReader<byte[]>? Stdin, ChannelReader<byte[]>? Sizes, Func<ReadOnlyMemory<byte>, Task>? Stdout, Func<ReadOnlyMemory<byte>, Task>? Stderr);

    /// <summary>Refuses a request that asks for neither, before anything is done for it.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: it does not.</exception>
    public static void RequireUpgrade(HttpContext context)
    {
        if (!Hijack.WantsWebSocket(context.Request))
        {
            Hijack.RequireSpdy(context);
        }
    }

    /// <summary>Runs the process or attaches to it, until it has ended or the client is gone.</summary>
    /// <exception cref="CaissonException">Before the connection is taken over: it cannot be.</exception>
    public static Task RunAsync(HttpContext context, Request request) =>
        Hijack.WantsWebSocket(context.Request) ? RemoteSocket.RunCommandAsync(context, request) : RunSpdyAsync(context, request);

    /// <summary>Moves bytes between streams and process.</summary>
    /// <returns>How it ended, in Kubernetes' words.</returns>
    public static async Task<MappingNode> ServeAsync(Request request, Streams streams, CancellationToken stop)
    {
        var options = new AttachOptions(request.Stdin, request.Stdout, request.Stderr && !request.HasTerminal);
        try
        {
            if (request.Command is { } command)
            {
                ExecSession session = request.Workload.CreateExec(new ExecConfig
                {
                    Cmd = command,
                    Tty = request.Tty,
                    AttachStdin = request.Stdin,
                    AttachStdout = request.Stdout,
                    AttachStderr = request.Stderr && !request.Tty,
                });
                await using Attachment? attachment = await request.Workload.StartExecAsync(session, options, null, CancellationToken.None);
                await PumpAsync(attachment, streams, request, session, stop);
                await session.Ended.WaitAsync(stop);
                return ResultOf(session.ExitCode ?? 0);
            }
            Workload.PendingAttachment pending = await request.Workload.AttachAsync(options, stop);
            await using Attachment? own = await pending.ConnectAsync(stop);
            await PumpAsync(own, streams, request, null, stop);
            return ResultOf(0);
        }
        catch (CaissonException error)
        {
            (int code, string reason) = KubernetesAnswer.Of(error);
            return KubernetesAnswer.Status(code, reason, error.Message);
        }
    }

    /// <summary>How a result goes over the stream of errors: as a document, or as words before there were documents.</summary>
    public static byte[] Encode(MappingNode result, bool asDocument) => asDocument ? YamlWriter.WriteJsonBytes(result)
        : result.Text("status") == "Success" ? [] : Encoding.UTF8.GetBytes(result.Text("message"));

    /// <summary>The protocols that the client offers in headers of SPDY.</summary>
    public static string[] Offered(HttpContext context) =>
        [.. context.Request.Headers["X-Stream-Protocol-Version"].SelectMany(line => (line ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    private static async Task RunSpdyAsync(HttpContext context, Request request)
    {
        string[] offered = Offered(context);
        string protocol = SpdyProtocols.FirstOrDefault(offered.Contains)
            ?? (offered.Length == 0 ? SpdyProtocols[0] : throw new CaissonException(ErrorKind.InvalidArgument, $"none of the protocols {string.Join(", ", offered)} is known; v4.channel.k8s.io is"));
        await Hijack.RunSpdyAsync(context, protocol, async hijack =>
        {
            var spdy = new SpdyConnection(hijack.Input, hijack.Output);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(hijack.Gone);
            Task reading = spdy.RunAsync(stop.Token);
            bool hasErrors = request.Stderr && !request.Tty;
            int wanted = 1 + (request.Stdin ? 1 : 0) + (request.Stdout ? 1 : 0) + (hasErrors ? 1 : 0) + (request.Tty && protocol[1] is '3' or '4' && request.Tty ? 1 : 0);
            Dictionary<string, SpdyStream> opened = [];
            using (var late = CancellationTokenSource.CreateLinkedTokenSource(stop.Token))
            {
                late.CancelAfter(StreamPatience);
                while (opened.Count < wanted && await spdy.Opened.WaitToReadAsync(late.Token) && spdy.Opened.TryRead(out SpdyStream? stream))
                {
                    opened[stream.Headers.GetValueOrDefault("streamtype", "")] = stream;
                }
            }
            SpdyStream? output = opened.GetValueOrDefault("stdout");
            SpdyStream? errors = opened.GetValueOrDefault("stderr");
            var streams = new Streams(
                opened.GetValueOrDefault("stdin")?.Input, opened.GetValueOrDefault("resize")?.Input,
                output is null ? null : output.WriteAsync, errors is null ? null : errors.WriteAsync);
            MappingNode result = await ServeAsync(request, streams, stop.Token);
            if (opened.TryGetValue("error", out SpdyStream? status))
            {
                await status.WriteAsync(Encode(result, protocol == "v4.channel.k8s.io"));
            }
            foreach (SpdyStream stream in opened.Values)
            {
                await stream.CloseAsync();
            }
            // The client says goodbye when it has read all; then the connection ends.
            await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None));
            await stop.CancelAsync();
        });
    }

    private static MappingNode ResultOf(int exitCode) => exitCode == 0
        ? Doc.Map(("metadata", MappingNode.Empty), ("status", Doc.Text("Success")))
        : Doc.Map(
            ("metadata", MappingNode.Empty), ("status", Doc.Text("Failure")), ("reason", Doc.Text("NonZeroExitCode")),
            ("message", Doc.Text($"command terminated with non-zero exit code: exit status {exitCode}")),
            ("details", Doc.Map(("causes", Doc.List([Doc.Map(("reason", Doc.Text("ExitCode")), ("message", Doc.Text(exitCode.ToString(CultureInfo.InvariantCulture))))])))));

    private static async Task PumpAsync(Attachment? attachment, Streams streams, Request request, ExecSession? session, CancellationToken stop)
    {
        if (attachment is null)
        {
            return;
        }
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task input = streams.Stdin is { } typed ? InputAsync(typed, attachment, request.EndsInput, over.Token) : Task.CompletedTask;
        Task sizes = streams.Sizes is { } resizes ? ResizeAsync(resizes, session, request.Workload, over.Token) : Task.CompletedTask;
        var split = new OutputFrames();
        byte[] buffer = new byte[ChunkBytes];
        int count;
        while ((count = await attachment.ReadAsync(buffer, stop)) > 0)
        {
            if (request.HasTerminal)
            {
                await (streams.Stdout?.Invoke(buffer.AsMemory(0, count)) ?? Task.CompletedTask);
                continue;
            }
            for (int at = 0; at < count;)
            {
                (bool isError, int length) = split.Next(buffer, ref at, count);
                if (length > 0)
                {
                    await ((isError ? streams.Stderr : streams.Stdout)?.Invoke(buffer.AsMemory(at - length, length)) ?? Task.CompletedTask);
                }
            }
        }
        await over.CancelAsync();
        await Task.WhenAll(input, sizes);
    }

    private static async Task InputAsync(ChannelReader<byte[]> typed, Attachment attachment, bool ends, CancellationToken over)
    {
        try
        {
            await foreach (byte[] bytes in typed.ReadAllAsync(over))
            {
                await attachment.WriteAsync(bytes, over);
            }
            if (ends)
            {
                attachment.CompleteInput();
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
        {
            // The process reads no more; what it says is read to its end by the other direction.
        }
    }

    private static async Task ResizeAsync(ChannelReader<byte[]> resizes, ExecSession? session, Workload workload, CancellationToken over)
    {
        try
        {
            await foreach (byte[] bytes in resizes.ReadAllAsync(over))
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

    /// <summary>Finds the pieces of the two streams in an attachment's frames, which may end anywhere in what one reading brings.</summary>
    internal sealed class OutputFrames
    {
        private readonly byte[] _head = new byte[FrameHeadBytes];
        private int _headFilled;
        private int _left;

        /// <summary>The next piece, which ends at <paramref name="at"/>; of no length when only a part of a head was there.</summary>
        public (bool IsError, int Length) Next(byte[] buffer, ref int at, int end)
        {
            if (_left == 0)
            {
                int part = Math.Min(FrameHeadBytes - _headFilled, end - at);
                buffer.AsSpan(at, part).CopyTo(_head.AsSpan(_headFilled));
                at += part;
                _headFilled += part;
                if (_headFilled == FrameHeadBytes)
                {
                    _left = BinaryPrimitives.ReadInt32BigEndian(_head.AsSpan(4));
                    _headFilled = 0;
                }
                return (false, 0);
            }
            int take = Math.Min(_left, end - at);
            at += take;
            _left -= take;
            return (_head[0] == 2, take);
        }
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;

using Caisson.Control.FullMachines;
using Caisson.Errors;

namespace Caisson.Api.Http;

/// <summary>The answer of a long work: a document a line while it goes on, and at last its result or why there is none.</summary>
internal static class WorkStream
{
    /// <summary>Answers <paramref name="call"/> with the lines of <paramref name="work"/>. Errors before its first word are ordinary answers.</summary>
    /// <param name="call">The request.</param>
    /// <param name="work">Tells its progress, returns what the last line says.</param>
    public static async Task RunAsync(Call call, Func<IProgress<WorkProgress>, Task<WorkLine>> work)
    {
        var lines = System.Threading.Channels.Channel.CreateBounded<WorkLine>(
            new System.Threading.Channels.BoundedChannelOptions(256) { FullMode = System.Threading.Channels.BoundedChannelFullMode.DropOldest, SingleReader = true });
        Task<WorkLine> running = work(new Lines(line => lines.Writer.TryWrite(line)));
        _ = running.ContinueWith(_ => lines.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (!await lines.Reader.WaitToReadAsync() && running.IsFaulted)
        {
            await running;
        }
        Stream body = await call.Begin("application/x-ndjson");
        await foreach (WorkLine line in lines.Reader.ReadAllAsync())
        {
            await WriteAsync(body, line);
        }
        try
        {
            await WriteAsync(body, await running);
        }
        catch (CaissonException error)
        {
            await WriteAsync(body, new WorkLine { Error = error.Message, Kind = error.Kind.ToString() });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            await WriteAsync(body, new WorkLine { Error = error.Message, Kind = nameof(ErrorKind.Internal) });
        }
    }

    private static async Task WriteAsync(Stream body, WorkLine line)
    {
        await body.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(line, WorkJson.Default.WorkLine), (byte)'\n']);
        await body.FlushAsync();
    }

    private sealed class Lines(Action<WorkLine> write) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => write(new WorkLine { Text = value.Text, Part = value.Part });
    }
}

/// <summary>One line.</summary>
internal sealed record WorkLine
{
    /// <summary>What is done, for people.</summary>
    public string? Text { get; init; }

    /// <summary>The part that is done, 0 to 1; negative when nobody knows.</summary>
    public double Part { get; init; } = -1;

    /// <summary>What came of it: an id or a path.</summary>
    public string? Result { get; init; }

    /// <summary>What people should know of it.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>Why nothing came of it.</summary>
    public string? Error { get; init; }

    /// <summary>The kind of that.</summary>
    public string? Kind { get; init; }
}

/// <summary>Compiled reading and writing of lines.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(WorkLine))]
internal sealed partial class WorkJson : JsonSerializerContext;

using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;

using Caisson.Api.Http;
using Caisson.Control.Builds;
using Caisson.Errors;
using Caisson.Images;
using Caisson.Oci;

namespace Caisson.Api.Docker;

/// <summary>A line of a build's answer.</summary>
internal sealed record BuildLineBody
{
    [JsonPropertyName("stream")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Stream { get; init; }

    [JsonPropertyName("aux")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BuildIdBody? Aux { get; init; }

    [JsonPropertyName("errorDetail")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BuildErrorBody? ErrorDetail { get; init; }

    [JsonPropertyName("error")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Error { get; init; }

    /// <summary>For clients that asked for it: a step begins, writes or is done.</summary>
    [JsonPropertyName("step")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BuildStepBody? Step { get; init; }
}

internal sealed record BuildIdBody([property: JsonPropertyName("ID")] string Id);

internal sealed record BuildErrorBody
{
    [JsonPropertyName("code")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Code { get; init; }

    [JsonPropertyName("message")]
    public required string Message { get; init; }
}

internal sealed record BuildStepBody
{
    [JsonPropertyName("number")]
    public int Number { get; init; }

    [JsonPropertyName("total")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Total { get; init; }

    [JsonPropertyName("stage")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Stage { get; init; }

    [JsonPropertyName("text")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonPropertyName("output")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Output { get; init; }

    /// <summary><c>started</c>, <c>cached</c> or <c>done</c>; null while it writes.</summary>
    [JsonPropertyName("state")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? State { get; init; }

    [JsonPropertyName("milliseconds")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Milliseconds { get; init; }
}

/// <summary>
/// What a build tells, as JSON lines: for Docker's clients the text of its steps in the order of the file, though stages run beside
/// each other; for ours each thing when it happens.
/// </summary>
internal sealed class BuildStream(bool rich, bool quiet)
{
    private readonly Channel<BuildLineBody> _lines = Channel.CreateUnbounded<BuildLineBody>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Lock _lock = new();
    private readonly SortedDictionary<int, List<BuildLineBody>> _waiting = [];
    private readonly HashSet<int> _done = [];
    private readonly HashSet<int> _from = [];
    private int _next = 1;

    /// <summary>Takes what happens; from any thread.</summary>
    public void Tell(BuildEvent happened)
    {
        if (happened is BuildEvent.Warning warning)
        {
            Send(new BuildLineBody { Stream = warning.Text + "\n" });
        }
        else if (rich)
        {
            Send(new BuildLineBody { Step = Step(happened) });
        }
        else if (!quiet)
        {
            TellInOrder(happened);
        }
    }

    /// <summary>Writes until the build is done, and how it ended.</summary>
    public async Task RunAsync(Call call, Task<Image> working, IReadOnlyList<Reference> names)
    {
        Task completion = working.ContinueWith(_ => _lines.Writer.TryComplete(), TaskScheduler.Default);
        Stream? output = null;
        try
        {
            await foreach (BuildLineBody line in _lines.Reader.ReadAllAsync(call.Gone))
            {
                output ??= await call.Begin("application/json");
                await WriteAsync(output, line, call.Gone);
            }
        }
        finally
        {
            await completion;
        }
        try
        {
            Image image = await working;
            output ??= await call.Begin("application/json");
            await WriteAsync(output, new BuildLineBody { Aux = new BuildIdBody(image.Id.ToString()) }, call.Gone);
            if (quiet)
            {
                await WriteAsync(output, new BuildLineBody { Stream = image.Id + "\n" }, call.Gone);
                return;
            }
            await WriteAsync(output, new BuildLineBody { Stream = $"Successfully built {image.Id.Short}\n" }, call.Gone);
            foreach (Reference name in names)
            {
                await WriteAsync(output, new BuildLineBody { Stream = $"Successfully tagged {name.Familiar}\n" }, call.Gone);
            }
        }
        catch (CaissonException error) when (output is not null)
        {
            foreach (BuildLineBody line in TakeWaiting())
            {
                await WriteAsync(output, line, call.Gone);
            }
            await WriteAsync(output, new BuildLineBody { ErrorDetail = new BuildErrorBody { Code = (error as BuildFailure)?.ExitCode ?? 0, Message = error.Message }, Error = error.Message }, call.Gone);
        }
    }

    private static BuildStepBody Step(BuildEvent happened) => happened switch
    {
        BuildEvent.Started started => new() { Number = started.Number, Total = started.Total, Stage = started.Stage, Text = started.Text, State = "started" },
        BuildEvent.Output output => new() { Number = output.Number, Output = output.Text },
        BuildEvent.Finished finished => new() { Number = finished.Number, State = finished.Cached ? "cached" : "done", Milliseconds = Math.Round(finished.Duration.TotalMilliseconds, 1) },
        _ => throw new System.Diagnostics.UnreachableException("a build tells something unknown"),
    };

    /// <summary>The step whose turn it is is told at once, the others when it is theirs.</summary>
    private void TellInOrder(BuildEvent happened)
    {
        lock (_lock)
        {
            switch (happened)
            {
                case BuildEvent.Started started:
                    if (started.Text.StartsWith("FROM", StringComparison.OrdinalIgnoreCase))
                    {
                        _from.Add(started.Number); // an image that is here is no use of the cache
                    }
                    Queue(started.Number, $"Step {started.Number}/{started.Total} : {started.Text}\n");
                    break;
                case BuildEvent.Output output:
                    Queue(output.Number, output.Text);
                    break;
                case BuildEvent.Finished finished:
                    if (finished.Cached && !_from.Contains(finished.Number))
                    {
                        Queue(finished.Number, " ---> Using cache\n");
                    }
                    Queue(finished.Number, $" ---> {finished.Id}\n");
                    _done.Add(finished.Number);
                    break;
            }
            Advance();
        }
    }

    private void Queue(int number, string text)
    {
        if (!_waiting.TryGetValue(number, out List<BuildLineBody>? lines))
        {
            _waiting[number] = lines = [];
        }
        lines.Add(new BuildLineBody { Stream = text });
    }

    private void Advance()
    {
        while (_waiting.TryGetValue(_next, out List<BuildLineBody>? lines))
        {
            lines.ForEach(Send);
            lines.Clear();
            if (!_done.Contains(_next))
            {
                return;
            }
            _waiting.Remove(_next++);
        }
    }

    /// <summary>After a failure: what the steps behind it have written is part of the story.</summary>
    private List<BuildLineBody> TakeWaiting()
    {
        lock (_lock)
        {
            List<BuildLineBody> left = [.. _waiting.Values.SelectMany(lines => lines)];
            _waiting.Clear();
            return left;
        }
    }

    private void Send(BuildLineBody line) => _ = _lines.Writer.TryWrite(line);

    private static async Task WriteAsync(Stream output, BuildLineBody line, CancellationToken cancellationToken)
    {
        await output.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(line, DockerJson.Default.BuildLineBody), (byte)'\r', (byte)'\n'], cancellationToken);
        await output.FlushAsync(cancellationToken);
    }
}

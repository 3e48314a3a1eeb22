using System.Text.Json;
using System.Threading.Channels;

using Caisson.Api.Http;
using Caisson.Errors;
using Caisson.Images;

namespace Caisson.Api.Docker;

/// <summary>The progress of long work as JSON lines; a failure after the first line is a line as well, as Docker's clients expect.</summary>
internal sealed class ProgressStream : IProgress<ImageProgress>
{
    /// <summary>How much progress of one thing must be made before it is told again.</summary>
    private const long StepBytes = 512 << 10;

    /// <summary>How many lines may wait for a slow client; numbers that come then are left out, since later ones say more.</summary>
    private const int WaitingMax = 256;

    private readonly Channel<ProgressBody> _lines = Channel.CreateUnbounded<ProgressBody>();

    private readonly Dictionary<string, long> _told = [];

    private ProgressStream()
    {
    }

    /// <summary>Runs <paramref name="work"/> and tells how it goes; what it returns are the last lines.</summary>
    /// <param name="call">The request.</param>
    /// <param name="quiet">Without progress: only the last lines.</param>
    /// <param name="work">The work.</param>
    /// <param name="errorsAreLines">A failure is a line in any case: clients look for it there, whatever the status.</param>
    public static async Task RunAsync(
        Call call, bool quiet, Func<IProgress<ImageProgress>?, Task<IReadOnlyList<ProgressBody>>> work, bool errorsAreLines = false)
    {
        var progress = new ProgressStream();
        Task<IReadOnlyList<ProgressBody>> working = work(quiet ? null : progress);
        // Work that is refused at once is answered with a status.
        if (working.IsFaulted && !errorsAreLines)
        {
            await working;
        }
        Task finish = progress.CompleteWithAsync(working);
        Stream? output = null;
        await foreach (ProgressBody line in progress._lines.Reader.ReadAllAsync(call.Gone))
        {
            output ??= await call.Begin("application/json");
            await WriteAsync(output, line, call.Gone);
        }
        await finish;
        try
        {
            IReadOnlyList<ProgressBody> last = await working;
            output ??= await call.Begin("application/json");
            foreach (ProgressBody line in last)
            {
                await WriteAsync(output, line, call.Gone);
            }
        }
        catch (CaissonException error) when (output is not null || errorsAreLines)
        {
            output ??= await call.Begin("application/json");
            await WriteAsync(output, new ProgressBody { ErrorDetail = new(error.Message), Error = error.Message }, call.Gone);
        }
    }

    /// <inheritdoc/>
    public void Report(ImageProgress value)
    {
        string id = value.Id ?? (value.Subject.IsEmpty ? "" : value.Subject.Short);
        string status = value.Stage switch
        {
            ImageStage.Receiving => value.Subject.IsEmpty ? "Receiving" : "Downloading",
            ImageStage.Waiting => "Pulling fs layer",
            ImageStage.Verifying => "Verifying Checksum",
            ImageStage.Received => "Download complete",
            ImageStage.Preparing => "Preparing",
            ImageStage.Sending => "Pushing",
            ImageStage.Sent => "Pushed",
            ImageStage.Present => "Layer already exists",
            ImageStage.Mounted => $"Mounted from {value.Text}",
            ImageStage.Unpacking => "Extracting",
            ImageStage.Unpacked => "Pull complete",
            ImageStage.AlreadyExists => "Already exists",
            ImageStage.Writing => "Writing",
            _ => value.Text ?? "Building",
        };
        lock (_told)
        {
            string key = status + id;
            bool counts = value.Stage is ImageStage.Receiving or ImageStage.Unpacking or ImageStage.Writing or ImageStage.Sending;
            if (counts && _lines.Reader.Count > WaitingMax)
            {
                return;
            }
            if (counts && _told.TryGetValue(key, out long told) && value.DoneBytes - told < StepBytes && value.DoneBytes != value.TotalBytes)
            {
                return;
            }
            _told[key] = value.DoneBytes;
        }
        _ = _lines.Writer.TryWrite(new ProgressBody
        {
            Status = status,
            Id = id.Length > 0 ? id : null,
            ProgressDetail = value.DoneBytes > 0 ? new ProgressDetailBody { Current = value.DoneBytes, Total = value.TotalBytes } : new(),
        });
    }

    private async Task CompleteWithAsync(Task working)
    {
        await working.ContinueWith(static _ => { }, TaskScheduler.Default);
        _lines.Writer.TryComplete();
    }

    private static async Task WriteAsync(Stream output, ProgressBody line, CancellationToken cancellationToken)
    {
        await output.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(line, DockerJson.Default.ProgressBody), (byte)'\r', (byte)'\n'], cancellationToken);
        await output.FlushAsync(cancellationToken);
    }
}

using Caisson.Control.Hosting;
using Caisson.Control.Logs;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    private readonly Lock _compressing = new();

    /// <summary>The file into which its output is written, the full ones beside it; null when it is not kept.</summary>
    public string? LogPath => KeptLog is { } plan ? $"{_services.DirectoryOf(Id)}/{plan.FileName(Id)}" : null;

    /// <summary>Labels and variables that belong to each line of its log, by name.</summary>
    public IReadOnlyDictionary<string, string> LogAttributes => KeptLog?.Attributes ?? new Dictionary<string, string>();

    /// <summary>Before this moment output counts as gone, whether its file is still there or not; null when it does not age.</summary>
    public DateTimeOffset? LogHorizon => KeptLog is { AgeMax: var age } && age > TimeSpan.Zero ? _services.Time.GetUtcNow() - age : null;

    private LogPlan? KeptLog => LogPlan.Read(_record.HostConfig.LogConfig, _record.Config, new List<Problem>());

    /// <summary>Forgets what was logged so far; what the program writes from now on is kept as before.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: nothing is kept, or the monitor of this run cannot.</exception>
    public async Task ClearLogAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (LogPath is not { } path)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"clear the log of {_record.Name}: its log driver is none, so nothing is kept");
            }
            bool runs = _run is not null;
            if (_run is { } run && !await run.Process.RotateLogAsync(cancellationToken))
            {
                throw new CaissonException(
                    ErrorKind.FailedPrecondition, $"clear the log of {_record.Name}: the monitor of this run writes one file; restart the container, and try again");
            }
            lock (_compressing)
            {
                new LogFiles(path).Clear(alsoCurrent: !runs);
            }
        }
    }

    /// <summary>What the host is told of the log of a run that begins.</summary>
    private ContainerLog? LogUnlocked()
    {
        if (KeptLog is not { } plan)
        {
            return null;
        }
        string directory = _services.DirectoryOf(Id);
        return new ContainerLog(directory, plan.ToSettings(Id, new LogFiles($"{directory}/{plan.FileName(Id)}").NextNumber), OnLogRotated);
    }

    /// <summary>Full files are compressed beside the run: the monitor, which waits nearly always, has no room for it.</summary>
    private void OnLogRotated()
    {
        if (KeptLog is { Compress: true } plan)
        {
            _ = Task.Run(() => CompressLog(plan.FilesMax));
        }
    }

    private void CompressLog(int filesMax)
    {
        try
        {
            lock (_compressing)
            {
                if (!_gone && LogPath is { } path)
                {
                    new LogFiles(path).Compress(filesMax);
                }
            }
        }
        catch (Exception error) when (error is CaissonException or IOException or UnauthorizedAccessException)
        {
            if (!_gone)
            {
                _services.Log.Warn($"container {Id}: compress its log: {error.Message}; the next full file tries again");
            }
        }
    }
}

using Caisson.Control.Hosting;
using Caisson.Control.Logs;
using Caisson.Errors;

namespace Caisson.Control.Workloads;

public sealed partial class Workload
{
    private readonly Lock _compressing = new();

    /// <summary>The file into which its output is written, the full ones beside it; null when it is not kept.</summary>
    public string? LogPath => _record.LogFile.Length > 0 ? _record.LogFile : KeptLog is { } plan ? $"{_services.DirectoryOf(Id)}/{plan.FileName(Id)}" : null;

    /// <summary>Labels and variables that belong to each line of its log, by name.</summary>
    public IReadOnlyDictionary<string, string> LogAttributes => KeptLog?.Attributes ?? new Dictionary<string, string>();

    /// <summary>Before this moment output counts as gone, whether its file is still there or not; null when it does not age.</summary>
    public DateTimeOffset? LogHorizon => KeptLog is { AgeMax: var age } && age > TimeSpan.Zero ? _services.Time.GetUtcNow() - age : null;

    private LogPlan? KeptLog => _record.LogFile.Length > 0 ? LogPlan.OfPod : LogPlan.Read(_record.HostConfig.LogConfig, _record.Config, new List<Problem>());

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
            if (_record.LogFile.Length > 0)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"clear the log of {_record.Name}: it is a container of a pod, and whoever runs the pod keeps its log");
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

    /// <summary>Lets the log go on in a file of its name, where somebody has renamed the one that was written.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.FailedPrecondition"/>: it does not run, its log is not of that kind, or its monitor is of an older engine.</exception>
    public async Task ReopenLogAsync(CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            if (_run is not { } run || _record.LogFile.Length == 0)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"reopen the log of container {Id}: {(_record.LogFile.Length == 0 ? "it is kept by the engine" : "the container does not run")}");
            }
            if (!await run.Process.RotateLogAsync(cancellationToken))
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"reopen the log of container {Id}: the file {_record.LogFile} cannot be opened");
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
        if (_record.LogFile.Length > 0)
        {
            string place = Path.GetDirectoryName(_record.LogFile)!;
            Directory.CreateDirectory(place);
            return new ContainerLog(place, plan.ToSettings(Id, 1) with { Name = Path.GetFileName(_record.LogFile) }, OnLogRotated);
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

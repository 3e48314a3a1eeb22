using System.Globalization;
using System.IO.Pipelines;

using Caisson.Control.Hosting;
using Caisson.Errors;
using Caisson.Images.Archives;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Snapshots;
using Caisson.Images.Users;
using Caisson.Linux;
using Caisson.Machines.Agent;

namespace Caisson.Control.Workloads;

/// <summary>The files of a machine that runs, which its own kernel has: read and written by a program beside the machine's own.</summary>
public sealed partial class Workload
{
    private const int PumpBytes = 64 * 1024;

    private async Task<ContainerPath> StatInMachineUnlockedAsync(string path, CancellationToken cancellationToken)
    {
        using var told = new MemoryStream();
        await RunInMachineUnlockedAsync([GuestArchive.Look, path], null, told, cancellationToken);
        (FileStatus status, string target) = GuestArchive.Hear(told.ToArray());
        return new ContainerPath(ContainerFiles.NameOf(path), status, target);
    }

    private Task ReadInMachineUnlockedAsync(string path, Stream output, CancellationToken cancellationToken) =>
        RunInMachineUnlockedAsync([GuestArchive.Read, path], null, output, cancellationToken);

    /// <summary>What is compressed is unpacked here: the machine need not know how.</summary>
    private async Task ExtractInMachineUnlockedAsync(string path, PipeReader archive, bool keepKinds, bool asUser, CancellationToken cancellationToken)
    {
        string user = "";
        string group = "";
        if (asUser)
        {
            ResolvedUser who = ReadImage(Who);
            (user, group) = (who.Uid.ToString(CultureInfo.InvariantCulture), who.Gid.ToString(CultureInfo.InvariantCulture));
        }
        await using LayerStream content = await Task.Factory.StartNew(
            () => LayerStream.Open(archive.AsStream(leaveOpen: true), TarLimits.Default, "archive"), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await RunInMachineUnlockedAsync([GuestArchive.Extract, path, keepKinds ? "1" : "0", user, group], content, Stream.Null, cancellationToken);
    }

    /// <summary>The machine's words are a stranger's: a line that is none ends it.</summary>
    private async Task<IReadOnlyList<FileChange>> ChangesInMachineUnlockedAsync(CancellationToken cancellationToken)
    {
        using var told = new MemoryStream();
        await RunInMachineUnlockedAsync([GuestArchive.Changes], null, told, cancellationToken);
        List<FileChange> changes = [];
        foreach (string line in PathText.Decode(told.GetBuffer().AsSpan(0, (int)told.Length)).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            ChangeKind kind = line[0] switch
            {
                'A' => ChangeKind.Added,
                'C' => ChangeKind.Changed,
                'D' => ChangeKind.Deleted,
                _ => throw new CaissonException(ErrorKind.Internal, $"machine {_record.Name} said of its files what nobody understands"),
            };
            changes.Add(new FileChange(kind, line.Length > 2 ? line[2..] : "/"));
        }
        return changes;
    }

    /// <summary>Runs the agent's program for files to its end.</summary>
    /// <param name="words">What it is asked.</param>
    /// <param name="input">What it reads; null for nothing.</param>
    /// <param name="output">Receives what it writes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task RunInMachineUnlockedAsync(IReadOnlyList<string> words, Stream? input, Stream output, CancellationToken cancellationToken)
    {
        if (!_status.HasProcess)
        {
            RequireReachable();
        }
        RequireExecutable();
        if (IsForeign)
        {
            throw new CaissonException(
                ErrorKind.Unimplemented, $"machine {_record.Name} is of {Architecture.Name()}, where no program of ours runs: use a volume, or a program of the image, such as tar by exec");
        }
        Attachment? attached = null;
        IMonitoredProcess process = await LaunchInMachineAsync(
            Names.NewId(), GuestArchive.Launch(words), terminal: false, size: null, openStdin: input is not null,
            async (started, cancellation) => attached = await started.AttachAsync(new AttachOptions(input is not null, true, true), cancellation), cancellationToken);
        await using (process)
        {
            await using Attachment streams = attached ?? throw new CaissonException(ErrorKind.Unavailable, "the machine's agent ended before it was heard");
            using CancellationTokenRegistration kill = cancellationToken.Register(() => process.TrySignal((int)Signal.KILL));
            var split = new OutputSplit(output);
            Task feeding = input is null ? Task.CompletedTask : FeedAsync(input, streams, cancellationToken);
            byte[] buffer = new byte[PumpBytes];
            for (int count; (count = await streams.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await split.TakeAsync(buffer.AsMemory(0, count), cancellationToken);
            }
            ProcessExit exit = await process.Exited;
            if (exit.Code != 0)
            {
                throw GuestArchive.ErrorOf(exit.Code, split.Errors);
            }
            await feeding;
        }
    }

    /// <summary>A program that takes no more has an error, which is told; this one's is only that.</summary>
    private static async Task FeedAsync(Stream input, Attachment streams, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[PumpBytes];
        try
        {
            for (int count; (count = await input.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await streams.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            }
        }
        finally
        {
            streams.CompleteInput();
        }
    }
}

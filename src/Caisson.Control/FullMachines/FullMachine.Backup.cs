using System.Globalization;
using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;
using Caisson.Qmp;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    /// <summary>Copies the machine's disks as they are at one moment to a directory: whole the first time, from then on what has changed.</summary>
    /// <param name="path">The directory on the host, for backups of this machine alone.</param>
    /// <param name="full">Whole, although there is something to build on.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends the work; nothing of it is left, and what was there before stays.</param>
    /// <exception cref="CaissonException">It cannot be done; says why.</exception>
    public async Task<MachineBackupPoint> BackUpAsync(string path, bool full, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        using (await EnterAsync(cancellation))
        {
            RequireUsable();
            MachineBackupDirectory directory = MachineBackupDirectory.OpenOrCreate(path, Id);
            directory.DropStray();
            DateTimeOffset now = _services.Time.GetUtcNow();
            string name = directory.NewName(now);
            var point = new MachineBackupPoint { Name = name, At = now, Machine = _record };
            string[] disks = [.. FullMachinePlan.SnapshotNodes(_record.Config)];
            if (disks.Length == 0)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"machine {_record.Name} has no disk to back up");
            }
            string? whole = full ? "" : directory.Content.Points.Count == 0 ? "" : WhyWholeUnlocked(directory);
            List<(string Disk, string File, string Parent)> files = [];
            foreach (string disk in disks)
            {
                string parent = whole is null && disk != FullMachinePlan.Variables ? directory.Content.Points[^1].Files.First(file => file.Disk == disk).File : "";
                files.Add((disk, $"{name}-{disk}.qcow2", parent));
            }
            try
            {
                if (_run is { } run && _status.HasProcess)
                {
                    await CopyRunningUnlockedAsync(run.Monitor, directory, files, isFull: whole is not null, progress, cancellation);
                }
                else
                {
                    await CopyStoppedUnlockedAsync(directory, files, progress, cancellation);
                }
                progress.Report(new WorkProgress("taking digests"));
                return await directory.AddAsync(
                    point with { Parent = whole is null ? directory.Content.Points[^1].Name : "", Note = whole ?? "" }, files, cancellation);
            }
            catch
            {
                files.ForEach(file => File.Delete(directory.PathOf(file.File)));
                throw;
            }
        }
    }

    /// <summary>Why a backup cannot build on the last one; null when it can.</summary>
    private string? WhyWholeUnlocked(MachineBackupDirectory directory)
    {
        if (_run is not { } run || !_status.HasProcess)
        {
            return "it is a full one, because the machine does not run and only its QEMU knows what has changed";
        }
        if (_record.CurrentSnapshot.Length > 0)
        {
            return "it is a full one, because the machine has snapshots, and what going back to one changes is not followed";
        }
        MachineBackupPoint last = directory.Content.Points[^1];
        if (_record.RevertedAt > last.At)
        {
            return "it is a full one, because the machine was put back to a snapshot since the last one";
        }
        if (!last.Machine.Config.Disks.Select(disk => disk.Name).SequenceEqual(_record.Config.Disks.Select(disk => disk.Name)))
        {
            return "it is a full one, because the machine has other disks than before";
        }
        if (last.Machine.Config.IsEncrypted != _record.Config.IsEncrypted)
        {
            return $"it is a full one, because the machine's disks are {(_record.Config.IsEncrypted ? "encrypted now" : "no longer encrypted")}";
        }
        Dictionary<string, bool> known = Bitmaps(run.Monitor, directory.Content.Bitmap);
        return _record.Config.Disks.All(disk => known.TryGetValue(disk.Name, out bool isSound) && isSound)
            ? null
            : "it is a full one, because what has changed since the last one was lost when QEMU ended without a word";
    }

    /// <summary>For each disk that has the bitmap, whether it can be relied on.</summary>
    private static Dictionary<string, bool> Bitmaps(MachineMonitor monitor, string name)
    {
        Dictionary<string, bool> found = [];
        foreach (JsonElement node in monitor.Execute("query-named-block-nodes", json => json.WriteBoolean("flat", true)).EnumerateArray())
        {
            if (!node.TryGetProperty("dirty-bitmaps", out JsonElement bitmaps))
            {
                continue;
            }
            foreach (JsonElement bitmap in bitmaps.EnumerateArray())
            {
                if (bitmap.TryGetProperty("name", out JsonElement text) && text.GetString() == name)
                {
                    found[node.GetProperty("node-name").GetString() ?? ""] = !(bitmap.TryGetProperty("inconsistent", out JsonElement bad) && bad.ValueKind == JsonValueKind.True);
                }
            }
        }
        return found;
    }

    private async Task CopyStoppedUnlockedAsync(
        MachineBackupDirectory directory, List<(string Disk, string File, string Parent)> files, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        foreach (var (disk, file, _) in files)
        {
            DiskNode node = _record.Config.Disks.FirstOrDefault(one => one.Name == disk) is { } found
                ? NodeOf(found)
                : new DiskNode(FullMachineDisks.PathOf(DisksPath, disk), DiskFormat.Qcow2);
            await DiskImages.ConvertAsync(node, directory.PathOf(file), new DiskConversion { Format = DiskFormat.Qcow2, Passphrase = PassphraseOf(disk), SourcePassphrase = PassphraseOf(disk) }, new FullMachineEngine.Told(progress, $"copying {disk}"), cancellation);
        }
    }

    private async Task CopyRunningUnlockedAsync(
        MachineMonitor monitor, MachineBackupDirectory directory, List<(string Disk, string File, string Parent)> files, bool isFull, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        string bitmap = directory.Content.Bitmap;
        Dictionary<string, bool> known = Bitmaps(monitor, bitmap);
        List<int> sets = [];
        List<string> nodes = [];
        bool isSound = false;
        try
        {
            foreach (var (disk, file, parent) in files)
            {
                string path = directory.PathOf(file);
                long bytes = SizeOf(monitor, disk);
                if (parent.Length > 0)
                {
                    await DiskImages.CreateOverlayAsync(path, new DiskNode(directory.PathOf(parent), DiskFormat.Qcow2), parent, bytes, 0, PassphraseOf(disk), cancellation);
                }
                else
                {
                    await DiskImages.CreateAsync(path, DiskFormat.Qcow2, bytes, 0, PassphraseOf(disk), cancellation);
                }
                using FileDescriptor place = HostFiles.OpenPath(path, followLast: false);
                using FileDescriptor target = place.ReopenRegular(path, writable: true);
                int set = monitor.GiveFile(target);
                sets.Add(set);
                monitor.Execute("blockdev-add", json =>
                {
                    json.WriteString("driver", "qcow2");
                    json.WriteString("node-name", Target(disk));
                    FullMachinePlan.WriteEncryption(json, PassphraseOf(disk) is not null);
                    json.WriteNull("backing");
                    json.WriteStartObject("file");
                    json.WriteString("driver", "file");
                    json.WriteString("filename", string.Create(CultureInfo.InvariantCulture, $"/dev/fdset/{set}"));
                    json.WriteEndObject();
                });
                nodes.Add(Target(disk));
                if (isFull && known.ContainsKey(disk))
                {
                    monitor.Execute("block-dirty-bitmap-remove", json => WriteBitmap(json, disk, bitmap));
                }
            }
            monitor.Execute("transaction", json => WriteTransaction(json, files, bitmap, isFull));
            await FollowJobsAsync(monitor, [.. files.Select(file => Job(file.Disk))], progress, cancellation);
            isSound = true;
        }
        finally
        {
            if (!isSound && isFull)
            {
                files.ForEach(file => TryExecute(monitor, "block-dirty-bitmap-remove", json => WriteBitmap(json, file.Disk, bitmap)));
            }
            nodes.ForEach(node => TryExecute(monitor, "blockdev-del", json => json.WriteString("node-name", node)));
            sets.ForEach(set => TryExecute(monitor, "remove-fd", json => json.WriteNumber("fdset-id", set)));
        }
    }

    private static string Target(string disk) => $"backup-{disk}";

    private static string Job(string disk) => $"backup-{disk}";

    private static void WriteBitmap(Utf8JsonWriter json, string disk, string bitmap)
    {
        json.WriteString("node", disk);
        json.WriteString("name", bitmap);
    }

    private static void WriteTransaction(Utf8JsonWriter json, List<(string Disk, string File, string Parent)> files, string bitmap, bool isFull)
    {
        json.WriteStartArray("actions");
        foreach (var (disk, _, parent) in files)
        {
            if (isFull && disk != FullMachinePlan.Variables)
            {
                json.WriteStartObject();
                json.WriteString("type", "block-dirty-bitmap-add");
                json.WriteStartObject("data");
                WriteBitmap(json, disk, bitmap);
                json.WriteBoolean("persistent", true);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteStartObject();
            json.WriteString("type", "blockdev-backup");
            json.WriteStartObject("data");
            json.WriteString("job-id", Job(disk));
            json.WriteString("device", disk);
            json.WriteString("target", Target(disk));
            json.WriteString("sync", parent.Length > 0 ? "incremental" : "full");
            if (parent.Length > 0)
            {
                json.WriteString("bitmap", bitmap);
            }
            json.WriteBoolean("auto-dismiss", false);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartObject("properties");
        // What is copied in part must not count as copied; a whole copy has nothing to keep, and making the bitmaps knows no groups.
        json.WriteString("completion-mode", isFull ? "individual" : "grouped");
        json.WriteEndObject();
    }

    private static long SizeOf(MachineMonitor monitor, string disk)
    {
        foreach (JsonElement node in monitor.Execute("query-named-block-nodes", json => json.WriteBoolean("flat", true)).EnumerateArray())
        {
            if (node.GetProperty("node-name").GetString() == disk)
            {
                return node.GetProperty("image").GetProperty("virtual-size").GetInt64();
            }
        }
        throw new CaissonException(ErrorKind.Internal, $"qemu has no disk {disk}");
    }

    /// <summary>Waits for jobs to end well; when one does not, or nobody wants them any more, all are ended and let go of.</summary>
    private static async Task FollowJobsAsync(MachineMonitor monitor, string[] ids, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        bool isCancelled = false;
        while (true)
        {
            JsonElement[] jobs = [.. monitor.Execute("query-jobs").EnumerateArray().Where(job => ids.Contains(job.GetProperty("id").GetString()))];
            if (cancellation.IsCancellationRequested && !isCancelled)
            {
                isCancelled = true;
                foreach (string id in ids)
                {
                    TryExecute(monitor, "job-cancel", json => json.WriteString("id", id));
                }
            }
            if (jobs.All(job => job.GetProperty("status").GetString() == "concluded"))
            {
                string error = "";
                foreach (JsonElement job in jobs)
                {
                    string said = job.TryGetProperty("error", out JsonElement reason) ? reason.GetString() ?? "" : "";
                    error = said.Length > 0 && (error.Length == 0 || error.Contains("cancel", StringComparison.OrdinalIgnoreCase)) ? said : error;
                    monitor.Execute("job-dismiss", json => json.WriteString("id", job.GetProperty("id").GetString()));
                }
                cancellation.ThrowIfCancellationRequested();
                if (error.Length > 0)
                {
                    bool isRoom = error.Contains("No space", StringComparison.Ordinal);
                    throw new CaissonException(isRoom ? ErrorKind.ResourceExhausted : ErrorKind.Internal, $"copying the disks failed: {error}");
                }
                return;
            }
            double total = jobs.Sum(job => (double)job.GetProperty("total-progress").GetInt64());
            progress.Report(new WorkProgress("copying disks", total > 0 ? Math.Clamp(jobs.Sum(job => (double)job.GetProperty("current-progress").GetInt64()) / total, 0, 1) : 0));
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private static void TryExecute(MachineMonitor monitor, string command, Action<Utf8JsonWriter> arguments)
    {
        try
        {
            monitor.Execute(command, arguments);
        }
        catch (Exception error) when (error is QmpException or ObjectDisposedException or CaissonException)
        {
            // It is not there, or QEMU is not, which is what was wanted.
        }
    }
}

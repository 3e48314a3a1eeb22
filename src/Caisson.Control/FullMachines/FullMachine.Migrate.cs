using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;

using Caisson.Control.FullMachines.Migration;
using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;
using Caisson.Qmp;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const string MemoryName = "migration";
    private const int PassesBeforeHelp = 4;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ConfirmLimit = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Moves the running machine to another engine: disks are mirrored while it runs, memory is copied until little is left, then it stands still for a moment and goes on there.
    /// It is on exactly one side at any time: whatever fails before it runs there, it goes on here.
    /// </summary>
    /// <param name="address">The other engine: <c>unix:///…</c> or <c>ssh://…</c>.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Gives it up; it goes on here.</param>
    public async Task<MigrationReport> MigrateAsync(string address, MigrationOptions options, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        EnginePeer peer = EnginePeer.Parse(address);
        using (await EnterAsync(cancellation))
        {
            RequireChangeable("migrate");
            Run run = RequireRun();
            RequireMovableUnlocked(options);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(options.Limit);
            var journey = new Journey(this, run, peer, options, progress);
            SetUnlocked(_status with { MigratingTo = address }, State.Durability.Process);
            try
            {
                MigrationReport report = await journey.RunAsync(limit.Token);
                // It runs there and is theirs; what is here is a copy without an owner.
                run.IsAsked = true;
                await DeleteUnlockedAsync();
                return report;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new CaissonException(ErrorKind.ResourceExhausted, $"migrate machine {_record.Name}: it took longer than {options.Limit.TotalSeconds:0} s and was given up; it goes on here");
            }
            finally
            {
                if (_run == run && !_gone)
                {
                    SetUnlocked(_status with { MigratingTo = journey.Doubt is null ? "" : address }, State.Durability.Process);
                    RefreshUnlocked(run, journey.Doubt);
                }
            }
        }
    }

    private void RequireMovableUnlocked(MigrationOptions options)
    {
        string? why = _record.Config.Tpm ? "it has a TPM, whose state cannot be moved while it runs; stop it, and copy it by a backup"
            : _record.Config.Drives.FirstOrDefault(drive => drive.Path.Length > 0) is { } drive ? $"its drive {drive.Name} has the medium {drive.Path}, which is of this host; take it out (caisson machine set --medium {drive.Name}= {_record.Name})"
            : _record.Snapshots.Count > 0 && !options.DropSnapshots ? $"its {_record.Snapshots.Count} snapshots would stay behind; delete them, or say --drop-snapshots"
            : _status.Phase == MachinePhase.Paused ? $"it is paused; resume it first (caisson machine resume {_record.Name})"
            : _engine.StandingOn(Id).Count > 0 ? "linked clones stand on its disks"
            : null;
        if (why is not null)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"migrate machine {_record.Name}: {why}");
        }
    }

    /// <summary>What a QEMU is told on both sides, before anything of memory moves.</summary>
    private static void Agree(MachineMonitor monitor, MigrationSettings settings)
    {
        foreach (var (name, on) in ((string, bool)[])[("events", true), ("pause-before-switchover", true), ("auto-converge", !settings.PostCopy), ("postcopy-ram", settings.PostCopy)])
        {
            monitor.Execute("migrate-set-capabilities", json => WriteCapability(json, name, on));
        }
        monitor.Execute("migrate-set-parameters", json =>
        {
            json.WriteNumber("downtime-limit", settings.DowntimeMs);
            json.WriteNumber("max-bandwidth", settings.BytesPerSecond > 0 ? settings.BytesPerSecond : 1L << 40);
            json.WriteNumber("max-postcopy-bandwidth", settings.BytesPerSecond);
            json.WriteNumber("cpu-throttle-initial", 30);
            json.WriteNumber("cpu-throttle-increment", 20);
        });
    }

    private static void WriteCapability(Utf8JsonWriter json, string name, bool on)
    {
        json.WriteStartArray("capabilities");
        json.WriteStartObject();
        json.WriteString("capability", name);
        json.WriteBoolean("state", on);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    /// <summary>Gives QEMU one end of a pair of sockets under a name, and gives the other as a stream.</summary>
    private static NetworkStream Join(MachineMonitor monitor, string name)
    {
        var (ours, theirs) = UnixSocket.CreatePair(UnixSocketKind.Stream);
        using (theirs)
        {
            monitor.Give(name, theirs);
        }
        return new NetworkStream(ours.ToSocket(), ownsSocket: true);
    }

    /// <summary>One migration away from here.</summary>
    private sealed class Journey(FullMachine machine, Run run, EnginePeer peer, MigrationOptions options, IProgress<WorkProgress> progress)
    {
        private readonly FullMachineRecord _record = machine._record;
        private readonly List<string> _mirrors = [];
        private readonly List<Task> _pumps = [];
        private readonly List<Stream> _channels = [];
        private readonly CancellationTokenSource _over = new();
        private UnixSocket? _listener;
        private bool _memoryBegan;
        private volatile string _trouble = "";

        /// <summary>Why nobody knows where the machine is; null in the ordinary case.</summary>
        internal string? Doubt { get; private set; }

        private MachineMonitor Monitor => run.Monitor;

        private static string Nodes(string disk) => $"to-{disk}";

        internal async Task<MigrationReport> RunAsync(CancellationToken cancellation)
        {
            long start = Stopwatch.GetTimestamp();
            progress.Report(new WorkProgress($"asking {peer.Address}"));
            await using Stream control = await peer.OpenAsync("/caisson/machines/incoming", cancellation);
            bool isThere = false;
            try
            {
                MigrationSettings settings = await OfferAsync(control, cancellation);
                Task<MigrationWord?> failure = MigrationWire.ReceiveAsync(control, MigrationJson.Default.MigrationWord, _over.Token);
                await MirrorAsync(failure, cancellation);
                Agree(Monitor, settings);
                MigrationReport report = await MemoryAsync(control, failure, settings, start, cancellation);
                isThere = true;
                return report;
            }
            catch (LostException lost)
            {
                isThere = await AskWhereAsync(lost);
                return isThere ? new MigrationReport(Stopwatch.GetElapsedTime(start).TotalSeconds, -1, 0, 0, 0, 0, false) : throw new CaissonException(ErrorKind.Unavailable, $"migrate machine {_record.Name}: {lost.Message}; it goes on here");
            }
            catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"migrate machine {_record.Name}: the connection to {peer.Address} is lost; it goes on here", error);
            }
            catch (CaissonException error)
            {
                throw new CaissonException(error.Kind, $"migrate machine {_record.Name}: {error.Message}{(_trouble.Length > 0 ? $" ({_trouble})" : "")}; it goes on here", error);
            }
            finally
            {
                await control.DisposeAsync();
                if (!isThere && Doubt is null)
                {
                    await StayAsync();
                }
                await CloseAsync();
            }
        }

        /// <summary>Ends what another engine began; true when the machine is theirs.</summary>
        internal async Task<bool> SettleAsync()
        {
            string status = Monitor.Execute("query-migrate").TryGetProperty("status", out JsonElement value) ? value.GetString() ?? "" : "";
            if (status == "completed")
            {
                try
                {
                    if (await AskWhereAsync(new LostException("the engine was killed in the moment of the change")))
                    {
                        return true;
                    }
                }
                catch (CaissonException)
                {
                    return false; // nobody knows; it stays where it is
                }
            }
            _memoryBegan = status is not ("" or "none");
            _mirrors.AddRange(FullMachinePlan.SnapshotNodes(_record.Config));
            await StayAsync();
            File.Delete($"{machine.DirectoryPath}/run/mirror.sock");
            return false;
        }

        private async Task<MigrationSettings> OfferAsync(Stream control, CancellationToken cancellation)
        {
            List<MigrationFile> files = [];
            List<byte[]> contents = [];
            foreach (string name in (string[])["boot/kernel", "boot/initrd", $"disks/{FullMachinePlan.SeedName}"])
            {
                if (File.Exists($"{machine.DirectoryPath}/{name}"))
                {
                    contents.Add(await File.ReadAllBytesAsync($"{machine.DirectoryPath}/{name}", cancellation));
                    files.Add(new MigrationFile(name, contents[^1].Length));
                }
            }
            var settings = new MigrationSettings { DowntimeMs = options.DowntimeMs, BytesPerSecond = options.BytesPerSecond, PostCopy = true };
            await MigrationWire.SendAsync(
                control,
                new MigrationOffer
                {
                    Version = MigrationOffer.CurrentVersion,
                    Machine = _record with { Key = "" },
                    Passphrase = machine._engine.Keys.Open(_record) ?? "",
                    Qemu = Monitor.Version,
                    Addresses = [.. machine._status.Endpoints.Select(endpoint => endpoint.IPv4)],
                    Files = files,
                    Settings = settings,
                },
                MigrationJson.Default.MigrationOffer, cancellation);
            foreach (byte[] content in contents)
            {
                await control.WriteAsync(content, cancellation);
            }
            await control.FlushAsync(cancellation);
            MigrationWord ready = Require(await MigrationWire.ReceiveAsync(control, MigrationJson.Default.MigrationWord, cancellation).WaitAsync(AnswerLimit, cancellation), "ready");
            return settings with { PostCopy = ready.PostCopy };
        }

        private MigrationWord Require(MigrationWord? word, string say) => word?.Say == say ? word
            : throw new CaissonException(ErrorKind.FailedPrecondition, word is null ? $"the engine at {peer.Address} is gone" : $"the engine at {peer.Address} refuses: {word.Text}");

        /// <summary>Copies disks while the machine writes to them, until both sides are the same and every write goes to both.</summary>
        private async Task MirrorAsync(Task<MigrationWord?> failure, CancellationToken cancellation)
        {
            string[] disks = [.. FullMachinePlan.SnapshotNodes(_record.Config)];
            if (disks.Length == 0)
            {
                return;
            }
            string path = $"{machine.DirectoryPath}/run/mirror.sock";
            File.Delete(path);
            _listener = UnixSocket.Listen(path, UnixSocketKind.Stream);
            using (FileDescriptor place = HostFiles.OpenPath(path, followLast: false))
            {
                place.ChangeOwner(machine.User, machine.User);
            }
            _pumps.Add(AcceptAsync(_listener.ToSocket()));
            foreach (string disk in disks)
            {
                Monitor.Execute("blockdev-add", json =>
                {
                    json.WriteString("driver", "nbd");
                    json.WriteString("node-name", Nodes(disk));
                    json.WriteStartObject("server");
                    json.WriteString("type", "unix");
                    json.WriteString("path", $"{FullMachinePlan.RunDirectory}/mirror.sock");
                    json.WriteEndObject();
                    json.WriteString("export", disk);
                }, AnswerLimit);
                _mirrors.Add(disk);
                Monitor.Execute("blockdev-mirror", json =>
                {
                    json.WriteString("job-id", $"mirror-{disk}");
                    json.WriteString("device", disk);
                    json.WriteString("target", Nodes(disk));
                    json.WriteString("sync", "full");
                    json.WriteString("copy-mode", "write-blocking");
                    json.WriteString("on-target-error", "report");
                    json.WriteBoolean("auto-dismiss", false);
                }, AnswerLimit);
            }
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                RequireNoWord(failure);
                var jobs = Jobs();
                if (jobs.Count < disks.Length || jobs.Values.Any(job => job.Status is "concluded" or "aborting" or "null"))
                {
                    throw new CaissonException(ErrorKind.Unavailable, $"copying the disks failed: {jobs.Values.Select(job => job.Error).FirstOrDefault(error => error.Length > 0) ?? "the connection is lost"}");
                }
                if (jobs.Values.All(job => job.Status == "ready"))
                {
                    return;
                }
                long total = jobs.Values.Sum(job => job.Total);
                progress.Report(new WorkProgress("copying disks", total > 0 ? jobs.Values.Sum(job => job.Done) / (double)total : 0));
                await Task.Delay(50, cancellation);
            }
        }

        private Dictionary<string, (string Status, long Done, long Total, string Error)> Jobs()
        {
            Dictionary<string, (string, long, long, string)> jobs = [];
            foreach (JsonElement job in Monitor.Execute("query-jobs").EnumerateArray())
            {
                string id = job.GetProperty("id").GetString() ?? "";
                if (id.StartsWith("mirror-", StringComparison.Ordinal))
                {
                    jobs[id] = (job.GetProperty("status").GetString() ?? "", job.GetProperty("current-progress").GetInt64(), job.GetProperty("total-progress").GetInt64(),
                        job.TryGetProperty("error", out JsonElement error) ? error.GetString() ?? "" : "");
                }
            }
            return jobs;
        }

        private async Task AcceptAsync(Socket listener)
        {
            using (listener)
            {
                try
                {
                    while (true)
                    {
                        Socket socket = await listener.AcceptAsync(_over.Token);
                        _pumps.Add(ChannelAsync("disk", new NetworkStream(socket, ownsSocket: true)));
                    }
                }
                catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
                {
                    // It is over.
                }
            }
        }

        private async Task ChannelAsync(string kind, Stream ours)
        {
            try
            {
                await using (ours)
                {
                    await using Stream theirs = await peer.OpenAsync($"/caisson/machines/{_record.Id}/incoming?kind={kind}", _over.Token);
                    lock (_channels)
                    {
                        _channels.Add(ours);
                        _channels.Add(theirs);
                    }
                    await MigrationWire.PumpAsync(ours, theirs);
                }
            }
            catch (Exception error) when (error is CaissonException or OperationCanceledException or IOException or ObjectDisposedException)
            {
                // QEMU sees the end of its connection, and says so.
                _trouble = error.Message;
            }
        }

        private async Task<MigrationReport> MemoryAsync(Stream control, Task<MigrationWord?> words, MigrationSettings settings, long start, CancellationToken cancellation)
        {
            Task<QmpEvent> switching = Monitor.Expect(told => told.Name == "MIGRATION" && told.Text("status") is "pre-switchover" or "failed" or "cancelled");
            Task<QmpEvent> completed = Monitor.Expect(told => told.Name == "MIGRATION" && told.Text("status") is "completed" or "failed" or "cancelled");
            Task<QmpEvent> stopped = Monitor.Expect(told => told.Name == "STOP");
            NetworkStream memory = Join(Monitor, MemoryName);
            _pumps.Add(ChannelAsync("memory", memory));
            _memoryBegan = true;
            Monitor.Execute("migrate", json => json.WriteString("uri", $"fd:{MemoryName}"));
            bool isPostCopy = false;
            while (await Task.WhenAny(switching, Task.Delay(100, cancellation)) != switching)
            {
                cancellation.ThrowIfCancellationRequested();
                RequireNoWord(words);
                JsonElement state = Monitor.Execute("query-migrate");
                if (state.TryGetProperty("ram", out JsonElement ram))
                {
                    long passes = Number(ram, "dirty-sync-count");
                    long total = Number(ram, "total");
                    progress.Report(new WorkProgress(
                        string.Create(CultureInfo.InvariantCulture, $"copying memory, pass {passes}"), total > 0 ? Math.Clamp(1 - (Number(ram, "remaining") / (double)total), 0, 1) : 0));
                    if (settings.PostCopy && !isPostCopy && passes > PassesBeforeHelp)
                    {
                        isPostCopy = true;
                        Monitor.Execute("migrate-start-postcopy");
                    }
                }
            }
            RequireStatus(await switching, "pre-switchover");
            // The machine stands still from here on.
            long standing = Stopwatch.GetTimestamp();
            await FinishMirrorsAsync(cancellation);
            await MigrationWire.SendAsync(control, new MigrationWord { Say = "disks" }, MigrationJson.Default.MigrationWord, cancellation);
            MigrationWord? closed = await words.WaitAsync(AnswerLimit, cancellation);
            Require(closed, "closed");
            Task<MigrationWord?> running = MigrationWire.ReceiveAsync(control, MigrationJson.Default.MigrationWord, _over.Token);
            double disksMs = Stopwatch.GetElapsedTime(standing).TotalMilliseconds;
            Monitor.Execute("migrate-continue", json => json.WriteString("state", "pre-switchover"));
            RequireStatus(await completed.WaitAsync(options.Limit, cancellation), "completed");
            double memoryMs = Stopwatch.GetElapsedTime(standing).TotalMilliseconds - disksMs;
            // From here on it is theirs, unless they say that it is not.
            MigrationWord? word;
            try
            {
                word = await running.WaitAsync(ConfirmLimit, CancellationToken.None);
            }
            catch (Exception error) when (error is IOException or TimeoutException or SocketException)
            {
                word = null;
            }
            if (word is null)
            {
                throw new LostException($"the connection to {peer.Address} was lost at the end");
            }
            Require(word, "running");
            JsonElement last = Monitor.Execute("query-migrate");
            JsonElement sent = last.TryGetProperty("ram", out JsonElement counts) ? counts : default;
            double pause = stopped.IsCompletedSuccessfully && long.TryParse(word.Text, CultureInfo.InvariantCulture, out long resumed)
                ? (resumed - Micros((await stopped).At)) / 1_000.0 : -1;
            return new MigrationReport(Stopwatch.GetElapsedTime(start).TotalSeconds, pause, disksMs, memoryMs, Number(sent, "dirty-sync-count"), Number(sent, "transferred"), isPostCopy);
        }

        private static long Number(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.TryGetInt64(out long number) ? number : 0;

        private void RequireNoWord(Task<MigrationWord?> words)
        {
            if (words.IsCompleted)
            {
                Require(words.IsCompletedSuccessfully ? words.Result : null, "nothing of this");
            }
        }

        private void RequireStatus(QmpEvent told, string wanted)
        {
            if (told.Text("status") != wanted)
            {
                string why = Monitor.Execute("query-migrate").TryGetProperty("error-desc", out JsonElement reason) ? reason.GetString() ?? "" : "";
                throw new CaissonException(ErrorKind.Unavailable, $"copying memory failed{(why.Length > 0 ? $": {why}" : "")}");
            }
        }

        /// <summary>Both sides are the same, and nothing writes: the copies are let go of.</summary>
        private async Task FinishMirrorsAsync(CancellationToken cancellation)
        {
            Task<QmpEvent>[] ends = [.. _mirrors.Select(disk => Monitor.Expect(told => told.Name == "JOB_STATUS_CHANGE" && told.Text("id") == $"mirror-{disk}" && told.Text("status") == "concluded"))];
            foreach (string disk in _mirrors)
            {
                Monitor.Execute("block-job-cancel", json => json.WriteString("device", $"mirror-{disk}"));
            }
            await Task.WhenAll(ends).WaitAsync(AnswerLimit, cancellation);
            if (Jobs().Values.FirstOrDefault(job => job.Error.Length > 0) is { Error.Length: > 0 } failed)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"copying the disks failed at the end: {failed.Error}");
            }
            // What is left of them goes with this QEMU, or when the machine stays: not while it stands still.
        }

        /// <summary>The connection was lost when the machine could be on either side: they are asked, for a while.</summary>
        private async Task<bool> AskWhereAsync(LostException lost)
        {
            for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < ConfirmLimit; await Task.Delay(500))
            {
                try
                {
                    var (status, body) = await peer.GetAsync($"/caisson/machines/{_record.Id}", CancellationToken.None);
                    if (status == 404)
                    {
                        return false;
                    }
                    using JsonDocument document = JsonDocument.Parse(body[body.IndexOf('{')..(body.LastIndexOf('}') + 1)]);
                    if (status == 200 && document.RootElement.GetProperty("State").GetString() is "running" or "paused" or "stopped")
                    {
                        return true;
                    }
                }
                catch (Exception error) when (error is CaissonException or IOException or JsonException or SocketException or ArgumentException)
                {
                    // Asked again.
                }
            }
            Doubt = $"{lost.Message}, and {peer.Address} does not say whether the machine runs there; if it does, delete it here (caisson machine delete --force {_record.Name}), if not, resume it (caisson machine resume {_record.Name})";
            throw new CaissonException(ErrorKind.Unavailable, $"migrate machine {_record.Name}: {Doubt}");
        }

        /// <summary>It goes on here, as if nobody had asked.</summary>
        private async Task StayAsync()
        {
            try
            {
                if (_memoryBegan)
                {
                    for (int i = 0; i < 100; i++)
                    {
                        string status = Monitor.Execute("query-migrate").TryGetProperty("status", out JsonElement value) ? value.GetString() ?? "" : "";
                        if (status is "" or "none" or "completed" or "failed" or "cancelled")
                        {
                            break;
                        }
                        if (status is not "cancelling")
                        {
                            Monitor.Execute("migrate_cancel");
                        }
                        await Task.Delay(50);
                    }
                }
                await _over.CancelAsync();
                foreach (var (id, job) in Jobs())
                {
                    if (job.Status is not ("concluded" or "aborting" or "null"))
                    {
                        Monitor.Execute("job-cancel", json => json.WriteString("id", id));
                    }
                }
                for (int i = 0; i < 100 && Jobs() is { Count: > 0 } left; i++)
                {
                    foreach (string id in left.Where(job => job.Value.Status == "concluded").Select(job => job.Key))
                    {
                        Monitor.Execute("job-dismiss", json => json.WriteString("id", id));
                    }
                    await Task.Delay(20);
                }
                foreach (string disk in _mirrors)
                {
                    Try("blockdev-del", json => json.WriteString("node-name", Nodes(disk)));
                }
                if (Monitor.ReadStatus() is not "running")
                {
                    Monitor.Execute("cont");
                }
            }
            catch (Exception error) when (error is CaissonException or ObjectDisposedException)
            {
                machine._services.Log.Warn($"machine {_record.Name}: go on after a migration that failed: {error.Message}");
            }
        }

        private void Try(string command, Action<Utf8JsonWriter> arguments)
        {
            try
            {
                Monitor.Execute(command, arguments);
            }
            catch (QmpException)
            {
                // It is not there, which is what was wanted.
            }
        }

        private async Task CloseAsync()
        {
            await _over.CancelAsync();
            lock (_channels)
            {
                _channels.ForEach(channel => channel.Dispose());
            }
            await Task.WhenAll(_pumps);
            File.Delete($"{machine.DirectoryPath}/run/mirror.sock");
            _over.Dispose();
        }
    }

    /// <summary>Ends a migration that an engine was killed over: the machine goes on here, unless all of it had left.</summary>
    /// <returns>False when it is theirs and nothing of it is left here.</returns>
    private async Task<bool> SettleMigrationUnlockedAsync(Run run)
    {
        var journey = new Journey(this, run, EnginePeer.Parse(_status.MigratingTo), new MigrationOptions(), new Silence());
        bool isTheirs = await journey.SettleAsync();
        if (isTheirs)
        {
            run.IsAsked = true;
            await DeleteUnlockedAsync();
            return false;
        }
        SetUnlocked(_status with { MigratingTo = journey.Doubt is null ? "" : _status.MigratingTo }, State.Durability.Process);
        if (journey.Doubt is { } doubt)
        {
            RefreshUnlocked(run, doubt);
        }
        return true;
    }

    /// <summary>A moment as a number that both sides understand.</summary>
    private static long Micros(DateTimeOffset at) => (at - DateTimeOffset.UnixEpoch).Ticks / 10;

    /// <summary>Nobody knows on which side the machine is.</summary>
    private sealed class LostException(string message) : Exception(message);
}

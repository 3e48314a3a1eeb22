using System.Text.Json;

using Caisson.Control.Model;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;
using Caisson.Qmp;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private static readonly TimeSpan UnplugLimit = TimeSpan.FromSeconds(15);
    private const int UnplugAttempts = 3;

    /// <summary>Gives the machine a disk, also while it runs.</summary>
    /// <returns>The disk's name.</returns>
    public async Task<string> AttachDiskAsync(MachineDiskRequest asked, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("attach a disk to");
            List<Problem> problems = [];
            FullMachineConfig config = FullMachineRequest.WithDisk(_record.Config, asked, problems);
            _ = FullMachinePlan.Compile(Id, _record.Name, config, _engine.ReadFacts(), problems);
            ProblemsException.ThrowIfAny($"attach a disk to {_record.Name}", problems);
            FullDisk disk = config.Disks[^1];
            if (_status.HasProcess && disk.Bus != "virtio")
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"attach {disk.Name} to {_record.Name}: a disk on {disk.Bus} can only be attached while the machine does not run; use bus=virtio, or stop it");
            }
            string path = FullMachineDisks.PathOf(DisksPath, disk.Name);
            disk = await FullMachineDisks.MakeAsync(disk, asked, DisksPath, User, _engine.Keys.Open(_record), cancellationToken);
            try
            {
                if (_run is { } run && _status.HasProcess)
                {
                    foreach (QmpStep step in FullMachinePlan.Plug(config, disk))
                    {
                        run.Monitor.Execute(step);
                    }
                    SetUnlocked(_status with { Running = _status.Running! with { Disks = [.. _status.Running.Disks, disk] } }, Durability.Process);
                }
                SetUnlocked(_record with { Config = config with { Disks = [.. config.Disks.SkipLast(1), disk] } }, Event("attach", ("device", disk.Name)));
                return disk.Name;
            }
            catch
            {
                File.Delete(path);
                throw;
            }
        }
    }

    /// <summary>Gives the machine a network interface, also while it runs.</summary>
    /// <returns>The interface's name.</returns>
    public async Task<string> AttachInterfaceAsync(MachineNetworkRequest asked, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("attach an interface to");
            List<Problem> problems = [];
            (FullMachineConfig config, NetworkAttachment attachment) = FullMachineRequest.WithInterface(_record.Config, asked, _services.Networks, problems);
            _ = FullMachinePlan.Compile(Id, _record.Name, config, _engine.ReadFacts(), problems);
            if (_record.Networks.Any(other => other.NetworkId == attachment.NetworkId))
            {
                problems.Add(new Problem("/network", $"it is in network {attachment.NetworkName} already"));
            }
            ProblemsException.ThrowIfAny($"attach an interface to {_record.Name}", problems);
            FullInterface one = config.Interfaces[^1];
            FullMachineRecord before = _record;
            FullMachineRecord after = _record with { Config = config, Networks = [.. _record.Networks, attachment] };
            SetUnlocked(after, Event("attach", ("device", one.Name)));
            if (_run is not { } run || !_status.HasProcess)
            {
                return one.Name;
            }
            EndpointRecord? endpoint = null;
            try
            {
                using Namespace inside = RequireNetwork();
                int device = Enumerable.Range(0, int.MaxValue).First(number => _status.Endpoints.All(other => other.Device != $"eth{number}"));
                endpoint = ConnectOne(attachment, device, inside);
                PlugInterfaceUnlocked(run.Monitor, one, endpoint);
                SetUnlocked(
                    _status with { Endpoints = [.. _status.Endpoints, endpoint], Addresses = AddressesOf([.. _status.Endpoints, endpoint]), Running = _status.Running! with { Interfaces = [.. _status.Running.Interfaces, one] } },
                    Durability.Process, _services.Networks.Event(endpoint.NetworkId, "connect", Id));
                return one.Name;
            }
            catch
            {
                if (endpoint is not null)
                {
                    _engine.Lines.Remove(endpoint.Id);
                    using Namespace? inside = _services.Host.OpenNetwork(Id);
                    _services.Networks.Disconnect(endpoint, inside);
                }
                SetUnlocked(before);
                throw;
            }
        }
    }

    /// <summary>Takes a disk or an interface out of the machine, also while it runs.</summary>
    /// <param name="device">Its name.</param>
    /// <param name="keep">Of a disk: the absolute path, on this host, where its file goes.</param>
    /// <param name="delete">Of a disk: its file is deleted.</param>
    /// <param name="cancellationToken">Gives up before anything is done.</param>
    public async Task DetachAsync(string device, string keep, bool delete, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable($"detach {device} from");
            if (_record.Config.Disks.FirstOrDefault(disk => disk.Name == device) is { } disk)
            {
                await DetachDiskUnlockedAsync(disk, keep, delete);
            }
            else if (_record.Config.Interfaces.FirstOrDefault(one => one.Name == device) is { } one)
            {
                await DetachInterfaceUnlockedAsync(one);
            }
            else
            {
                throw new CaissonException(
                    ErrorKind.NotFound,
                    $"machine {_record.Name} has no disk or interface {device}{Spelling.Hint(device, [.. _record.Config.Disks.Select(known => known.Name), .. _record.Config.Interfaces.Select(known => known.Name)])}");
            }
        }
    }

    private async Task DetachDiskUnlockedAsync(FullDisk disk, string keep, bool delete)
    {
        string what = $"detach {disk.Name} from {_record.Name}";
        if (keep.Length > 0 == delete)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{what}: say what becomes of what it holds: keep it as a file, or delete it");
        }
        if (_record.Snapshots.FirstOrDefault(snapshot => snapshot.Config.Disks.Any(then => then.Name == disk.Name)) is { } needing)
        {
            throw new CaissonException(ErrorKind.Conflict, $"{what}: snapshot {needing.Name} needs it; delete the snapshot first");
        }
        if (keep.Length > 0 && (!keep.StartsWith('/') || Path.Exists(keep) || !Directory.Exists(Path.GetDirectoryName(keep))))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"{what}: {keep} is no place for a new file on the engine's host");
        }
        if (keep.Length > 0 && disk.Backing.Count > 0)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"{what}: it stands on a template's disk and is no file by itself; clone the machine in full first");
        }
        if (_run is { } run && _status.Running?.Disks.Any(now => now.Name == disk.Name) == true)
        {
            await UnplugAsync(run, disk.Name);
            run.Monitor.Execute("blockdev-del", json => json.WriteString("node-name", disk.Name));
            SetUnlocked(_status with { Running = _status.Running with { Disks = [.. _status.Running.Disks.Where(now => now.Name != disk.Name)] } }, Durability.Process);
        }
        string path = FullMachineDisks.PathOf(DisksPath, disk.Name);
        if (keep.Length > 0)
        {
            await DiskImages.ConvertAsync(NodeOf(disk), keep, new DiskConversion { Format = DiskFormat.Qcow2, Passphrase = PassphraseOf(disk.Name), SourcePassphrase = PassphraseOf(disk.Name) });
        }
        SetUnlocked(_record with { Config = _record.Config with { Disks = [.. _record.Config.Disks.Where(other => other.Name != disk.Name)] } }, Event("detach", ("device", disk.Name)));
        File.Delete(path);
    }

    private async Task DetachInterfaceUnlockedAsync(FullInterface one)
    {
        int index = _record.Config.Interfaces.ToList().FindIndex(other => other.Name == one.Name);
        if (_run is { } run && _status.Running?.Interfaces.Any(now => now.Name == one.Name) == true)
        {
            await UnplugAsync(run, one.Name);
            run.Monitor.Execute("netdev_del", json => json.WriteString("id", one.Name));
            EndpointRecord endpoint = _status.Endpoints[index];
            _engine.Lines.Remove(endpoint.Id);
            using Namespace? inside = _services.Host.OpenNetwork(Id);
            _services.Networks.Disconnect(endpoint, inside);
            SetUnlocked(
                _status with
                {
                    Endpoints = [.. _status.Endpoints.Where(other => other.Id != endpoint.Id)],
                    Running = _status.Running with { Interfaces = [.. _status.Running.Interfaces.Where(now => now.Name != one.Name)] },
                },
                Durability.Process, _services.Networks.Event(endpoint.NetworkId, "disconnect", Id));
        }
        SetUnlocked(
            _record with
            {
                Config = _record.Config with { Interfaces = [.. _record.Config.Interfaces.Where(other => other.Name != one.Name)] },
                Networks = [.. _record.Networks.Where((_, i) => i != index)],
            },
            Event("detach", ("device", one.Name)));
    }

    /// <summary>Asks the operating system to let go of a device, which takes it the time it takes.</summary>
    private async Task UnplugAsync(Run run, string device)
    {
        for (int attempt = 1; ; attempt++)
        {
            Task<QmpEvent> gone = run.Monitor.Expect(told => told.Text("device") == device && told.Name is "DEVICE_DELETED" or "DEVICE_UNPLUG_GUEST_ERROR");
            try
            {
                run.Monitor.Execute("device_del", json => json.WriteString("id", device));
                if ((await gone.WaitAsync(UnplugLimit)).Name == "DEVICE_DELETED")
                {
                    return;
                }
            }
            catch (TimeoutException) when (attempt < UnplugAttempts)
            {
                continue; // it may only just have started
            }
            catch (QmpException error) when (attempt < UnplugAttempts && error.Description.Contains("unplug", StringComparison.OrdinalIgnoreCase))
            {
                await Task.Delay(TimeSpan.FromSeconds(attempt)); // asked already, or the slot is busy
                continue;
            }
            catch (TimeoutException)
            {
                // Said below.
            }
            throw new CaissonException(ErrorKind.FailedPrecondition, $"the operating system in {_record.Name} does not let go of {device}; let it stop using it, or stop the machine");
        }
    }

    /// <summary>Changes the machine: what can be is changed at once, the rest at its next start.</summary>
    /// <returns>What waits for the next start, a sentence each.</returns>
    public async Task<IReadOnlyList<string>> ChangeAsync(FullMachineChange asked, CancellationToken cancellationToken)
    {
        using (await EnterAsync(cancellationToken))
        {
            RequireChangeable("change");
            FullMachineConfig before = _record.Config;
            FullMachineConfig config = before with
            {
                MemoryBytes = asked.Memory ?? before.MemoryBytes,
                MemoryMaxBytes = asked.MemoryMax ?? (asked.Memory > before.MemoryMaxBytes ? 0 : before.MemoryMaxBytes),
                Processors = asked.Processors ?? before.Processors,
                ProcessorsMax = asked.ProcessorsMax ?? (asked.Processors > before.ProcessorsMax ? 0 : before.ProcessorsMax),
                CpuModel = asked.CpuModel ?? before.CpuModel,
                Boot = asked.Boot ?? before.Boot,
                CommandLine = asked.CommandLine ?? before.CommandLine,
            };
            List<Problem> problems = [];
            config = WithRates(WithMedia(WithSizes(config, asked, problems), asked, problems), asked, problems);
            Check(asked.Schedules ?? [], problems);
            _ = FullMachinePlan.Compile(Id, _record.Name, config, _engine.ReadFacts(), problems);
            string policy = asked.RestartPolicy is { } wanted ? FullMachineRequest.RestartPolicy(wanted) : _record.RestartPolicy;
            if (!FullMachineRequest.IsRestartPolicy(policy))
            {
                problems.Add(new Problem("/restartPolicy", $"'{policy}' is none of no, on-failure, always"));
            }
            ProblemsException.ThrowIfAny($"change {_record.Name}", problems);
            List<string> waiting = [];
            if (_run is { } run && _status.Running is { } running)
            {
                running = ChangeRunning(run.Monitor, asked, running, config, waiting);
                SetUnlocked(_status with { Running = running, MemoryBytes = asked.Memory is { } memory && waiting.All(line => !line.StartsWith("memory", StringComparison.Ordinal)) ? memory : _status.MemoryBytes }, Durability.Process);
            }
            else
            {
                foreach ((FullDisk then, FullDisk now) in config.Disks.Zip(before.Disks).Where(pair => pair.First.Bytes > pair.Second.Bytes))
                {
                    await DiskImages.ResizeAsync(NodeOf(now), then.Bytes, PassphraseOf(now.Name), cancellationToken);
                }
            }
            if (asked.Encrypt is { } encrypt && encrypt != config.IsEncrypted)
            {
                config = await RewriteUnlockedAsync(config, encrypt, asked.Passphrase, cancellationToken);
            }
            SetUnlocked(
                _record with
                {
                    Config = config,
                    Autostart = asked.Autostart ?? _record.Autostart,
                    StartOrder = asked.StartOrder ?? _record.StartOrder,
                    StartDelaySeconds = asked.StartDelaySeconds ?? _record.StartDelaySeconds,
                    RestartPolicy = policy,
                    Description = asked.Description ?? _record.Description,
                    Schedules = asked.Schedules ?? _record.Schedules,
                },
                Event("update"));
            if (asked.Schedules is not null)
            {
                BeginSchedules();
            }
            return waiting;
        }
    }

    private static FullMachineConfig WithSizes(FullMachineConfig config, FullMachineChange asked, List<Problem> problems)
    {
        foreach ((string name, long bytes) in asked.DiskSizes ?? new Dictionary<string, long>())
        {
            FullDisk? disk = config.Disks.FirstOrDefault(one => one.Name == name);
            string? why = disk is null ? "there is no such disk" : bytes < disk.Bytes ? $"it has {disk.Bytes} bytes, and a disk is not cut" : bytes % 512 != 0 ? "a disk's size is a multiple of 512" : null;
            if (why is not null)
            {
                problems.Add(new Problem($"/disks/{name}", why));
                continue;
            }
            config = config with { Disks = [.. config.Disks.Select(one => one.Name == name ? one with { Bytes = bytes } : one)] };
        }
        return config;
    }

    private static FullMachineConfig WithRates(FullMachineConfig config, FullMachineChange asked, List<Problem> problems)
    {
        foreach ((string name, DiskRate rate) in asked.DiskRates ?? new Dictionary<string, DiskRate>())
        {
            if ((config.Disks.All(disk => disk.Name != name) ? "there is no such disk" : rate.Mistake) is { } why)
            {
                problems.Add(new Problem($"/disks/{name}/rate", why));
            }
            config = config with { Disks = [.. config.Disks.Select(disk => disk.Name == name ? disk with { Rate = rate.IsNone ? null : rate } : disk)] };
        }
        return config;
    }

    private static FullMachineConfig WithMedia(FullMachineConfig config, FullMachineChange asked, List<Problem> problems)
    {
        foreach ((string name, string path) in asked.Media ?? new Dictionary<string, string>())
        {
            string? why = config.Drives.All(drive => drive.Name != name) ? "there is no such drive; give the machine one when it is created (--cdrom '')"
                : path.Length > 0 && (!path.StartsWith('/') || !File.Exists(path)) ? $"there is no file {path} on the engine's host" : null;
            if (why is not null)
            {
                problems.Add(new Problem($"/drives/{name}", why));
            }
            config = config with { Drives = [.. config.Drives.Select(drive => drive.Name == name ? drive with { Path = path } : drive)] };
        }
        return config;
    }

    /// <summary>Changes what a QEMU that runs can change.</summary>
    /// <returns>The hardware it has then.</returns>
    private static FullMachineConfig ChangeRunning(MachineMonitor monitor, FullMachineChange asked, FullMachineConfig running, FullMachineConfig config, List<string> waiting)
    {
        foreach (FullDisk disk in config.Disks.Where(disk => running.Disks.Any(now => now.Name == disk.Name && now.Bytes < disk.Bytes)))
        {
            monitor.Execute("block_resize", json =>
            {
                json.WriteString("node-name", disk.Name);
                json.WriteNumber("size", disk.Bytes);
            });
        }
        foreach (FullDisk disk in config.Disks.Where(disk => asked.DiskRates?.ContainsKey(disk.Name) == true && running.Disks.Any(now => now.Name == disk.Name)))
        {
            monitor.Execute(FullMachinePlan.Limit(disk, disk.Rate));
        }
        foreach (FullDrive drive in config.Drives.Where(drive => asked.Media?.ContainsKey(drive.Name) == true))
        {
            if (drive.Path.Length > 0)
            {
                InsertUnlocked(monitor, drive);
            }
            else
            {
                monitor.Execute(FullMachinePlan.Eject(drive));
            }
        }
        if (asked.Memory is { } memory && !TrySetMemory(monitor, running, memory))
        {
            waiting.Add($"memory: it was started to have {Math.Max(running.MemoryBytes, running.MemoryMaxBytes) >> 20}m at most; the rest comes with its next start");
        }
        int processors = running.Processors;
        if (asked.Processors > processors)
        {
            processors = AddProcessors(monitor, asked.Processors.Value - processors) + processors;
        }
        if (asked.Processors is { } wanted && wanted != processors)
        {
            waiting.Add($"processors: it has {processors} until its next start");
        }
        if (asked.CpuModel is not null || asked.Boot is not null || asked.CommandLine is not null || asked.MemoryMax is not null || asked.ProcessorsMax is not null)
        {
            waiting.Add("what it is started with: its next start");
        }
        return running with
        {
            Processors = processors,
            Disks = [.. running.Disks.Select(disk => config.Disks.FirstOrDefault(one => one.Name == disk.Name) ?? disk)],
            Drives = [.. running.Drives.Select(drive => config.Drives.FirstOrDefault(one => one.Name == drive.Name) ?? drive)],
        };
    }

    /// <summary>More than at the start is plugged in, less is taken by the balloon.</summary>
    private static bool TrySetMemory(MachineMonitor monitor, FullMachineConfig running, long bytes)
    {
        bool canGrow = running.MemoryMaxBytes > running.MemoryBytes;
        if (bytes > running.MemoryBytes && (!canGrow || bytes > running.MemoryMaxBytes))
        {
            return false;
        }
        if (canGrow)
        {
            monitor.Execute("qom-set", json =>
            {
                json.WriteString("path", "/machine/peripheral/memory0");
                json.WriteString("property", "requested-size");
                json.WriteNumber("value", Math.Max(0, bytes - running.MemoryBytes));
            });
        }
        monitor.Execute("balloon", json => json.WriteNumber("value", Math.Min(bytes, running.MemoryBytes)));
        return true;
    }

    private static int AddProcessors(MachineMonitor monitor, int count)
    {
        int added = 0;
        JsonElement[] free = [.. monitor.Execute("query-hotpluggable-cpus").EnumerateArray().Where(slot => !slot.TryGetProperty("qom-path", out _)).Reverse()];
        foreach (JsonElement slot in free.Take(count))
        {
            string id = $"cpu-{Number("socket-id")}-{Number("core-id")}-{Number("thread-id")}";
            monitor.Execute("device_add", json =>
            {
                json.WriteString("driver", slot.GetProperty("type").GetString());
                json.WriteString("id", id);
                foreach (JsonProperty property in slot.GetProperty("props").EnumerateObject().Where(property => property.Name is "socket-id" or "die-id" or "core-id" or "thread-id"))
                {
                    property.WriteTo(json);
                }
            });
            added++;

            long Number(string name) => slot.GetProperty("props").TryGetProperty(name, out JsonElement value) && value.TryGetInt64(out long number) ? number : 0;
        }
        return added;
    }
}

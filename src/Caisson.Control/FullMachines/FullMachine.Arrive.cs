using System.Globalization;
using System.Net.Sockets;

using Caisson.Control.FullMachines.Migration;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Full;
using Caisson.Qmp;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private volatile Func<string, Stream, Task>? _takeChannel;

    /// <summary>Receives a machine that runs elsewhere: its QEMU waits, disks and memory come in, and it goes on here.</summary>
    /// <param name="control">To the other engine.</param>
    /// <param name="offer">What it said.</param>
    /// <param name="gone">The other side is gone.</param>
    internal async Task ArriveAsync(Stream control, MigrationOffer offer, CancellationToken gone)
    {
        using (await EnterAsync(CancellationToken.None))
        {
            long resumedAt = 0;
            // Committed before it is said: whoever hears that it runs here may delete it there.
            await LaunchUnlockedAsync(null, 0, arrive: async monitor => resumedAt = await ReceiveAsync(monitor, control, offer, gone));
            try
            {
                await SayAsync(control, new MigrationWord { Say = "running", Text = resumedAt.ToString(CultureInfo.InvariantCulture) });
                _run?.Monitor.Execute("announce-self", json =>
                {
                    json.WriteNumber("initial", 50);
                    json.WriteNumber("max", 550);
                    json.WriteNumber("rounds", 5);
                    json.WriteNumber("step", 100);
                });
            }
            catch (Exception error) when (error is IOException or CaissonException or OperationCanceledException or InvalidOperationException)
            {
                // It runs here; the other side asks when it has not heard.
            }
        }
    }

    /// <summary>Takes a stream with a disk's content or with memory, until it is over.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Conflict"/>: it does not arrive.</exception>
    public Task TakeChannelAsync(string kind, Stream stream) => _takeChannel is { } take && kind is "disk" or "memory"
        ? _takeChannel!(kind, stream)
        : throw new CaissonException(ErrorKind.Conflict, $"machine {_record.Name} is not arriving from another engine");

    private async Task<long> ReceiveAsync(MachineMonitor monitor, Stream control, MigrationOffer offer, CancellationToken gone)
    {
        Task<QmpEvent> resumed = monitor.Expect(told => told.Name == "RESUME");
        Task<QmpEvent> failed = monitor.Expect(told => told.Name == "MIGRATION" && told.Text("status") == "failed");
        bool postCopy = offer.Settings.PostCopy && TryPostCopy(monitor);
        Agree(monitor, offer.Settings with { PostCopy = postCopy });
        string socket = $"{DirectoryPath}/run/nbd.sock";
        string[] disks = [.. FullMachinePlan.SnapshotNodes(_record.Config)];
        if (disks.Length > 0)
        {
            OpenDisks(monitor, disks);
        }
        _takeChannel = (kind, stream) => kind == "memory" ? TakeMemoryAsync(monitor, stream) : TakeDiskAsync(socket, stream);
        try
        {
            await SayAsync(control, new MigrationWord { Say = "ready", PostCopy = postCopy });
            Task<MigrationWord?> word = MigrationWire.ReceiveAsync(control, MigrationJson.Default.MigrationWord, gone);
            while (true)
            {
                Task first = await Task.WhenAny(resumed, failed, word);
                if (first == resumed)
                {
                    _ = await resumed;
                    break;
                }
                if (first == failed)
                {
                    throw new CaissonException(ErrorKind.Unavailable, "memory did not come in whole");
                }
                MigrationWord? said = word.IsCompletedSuccessfully ? await word : null;
                if (said is not { Say: "disks" })
                {
                    // It may have begun to run in this very moment, and then it is ours.
                    if (resumed.IsCompleted || monitor.ReadStatus() == "running")
                    {
                        break;
                    }
                    throw new CaissonException(ErrorKind.Unavailable, "the engine that sent it is gone, or has thought better of it");
                }
                if (disks.Length > 0)
                {
                    monitor.Execute("nbd-server-stop");
                }
                await SayAsync(control, new MigrationWord { Say = "closed" });
                word = MigrationWire.ReceiveAsync(control, MigrationJson.Default.MigrationWord, gone);
            }
        }
        finally
        {
            _takeChannel = null;
        }
        return resumed.IsCompletedSuccessfully ? Micros((await resumed).At) : 0;
    }

    private static Task SayAsync(Stream control, MigrationWord word) => MigrationWire.SendAsync(control, word, MigrationJson.Default.MigrationWord, CancellationToken.None);

    /// <summary>Whether memory may come after the machine: the kernel must let QEMU wait for it.</summary>
    private static bool TryPostCopy(MachineMonitor monitor)
    {
        try
        {
            monitor.Execute("migrate-set-capabilities", json => WriteCapability(json, "postcopy-ram", on: true));
            return true;
        }
        catch (QmpException)
        {
            return false;
        }
    }

    private static void OpenDisks(MachineMonitor monitor, string[] disks)
    {
        monitor.Execute("nbd-server-start", json =>
        {
            json.WriteStartObject("addr");
            json.WriteString("type", "unix");
            json.WriteStartObject("data");
            json.WriteString("path", $"{FullMachinePlan.RunDirectory}/nbd.sock");
            json.WriteEndObject();
            json.WriteEndObject();
        });
        foreach (string disk in disks)
        {
            monitor.Execute("block-export-add", json =>
            {
                json.WriteString("type", "nbd");
                json.WriteString("id", $"in-{disk}");
                json.WriteString("node-name", disk);
                json.WriteString("name", disk);
                json.WriteBoolean("writable", true);
            });
        }
    }

    private static async Task TakeDiskAsync(string path, Stream stream)
    {
        // By our own call, which knows paths that are longer than an address of a socket.
        await using var disk = new NetworkStream(UnixSocket.Connect(path, UnixSocketKind.Stream).ToSocket(), ownsSocket: true);
        await MigrationWire.PumpAsync(disk, stream);
    }

    private static async Task TakeMemoryAsync(MachineMonitor monitor, Stream stream)
    {
        await using NetworkStream memory = Join(monitor, MemoryName);
        monitor.Execute("migrate-incoming", json => json.WriteString("uri", $"fd:{MemoryName}"));
        await MigrationWire.PumpAsync(memory, stream);
    }
}

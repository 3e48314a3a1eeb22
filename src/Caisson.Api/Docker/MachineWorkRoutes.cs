using System.Text.Json.Serialization;

using Caisson.Api.Http;
using Caisson.Control.FullMachines;
using Caisson.Control.FullMachines.Migration;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Machines.Bootstrap;

namespace Caisson.Api.Docker;

/// <summary>What takes long with full machines: making their disks, moving them in and out, backups, and to other engines.</summary>
internal sealed class MachineWorkRoutes(ContainerEngine engine)
{
    private FullMachineEngine Machines => engine.FullMachines;

    public void AddTo(Router.Builder routes)
    {
        routes.Post("/caisson/machines/bootstrap", Bootstrap);
        routes.Post("/caisson/machines/import", Import);
        routes.Post("/caisson/machines/incoming", call => Hijack.RunAsync(call, multiplexed: false, hijack => Machines.ReceiveAsync(hijack.AsStream(), hijack.Gone)));
        routes.Post("/caisson/machines/{id}/incoming", TakeChannel);
        routes.Post("/caisson/machines/{id}/export", Export);
        routes.Post("/caisson/machines/{id}/migrate", Migrate);
        routes.Post("/caisson/machines/{id}/backup", Backup);
        routes.Post("/caisson/machines/{id}/replicate", Replicate);
        routes.Post("/caisson/machines/restore", Restore);
        routes.Get("/caisson/standbys", call => call.Json(Machines.ListStandbys(), DockerJson.Default.IReadOnlyListMachineStandbyState));
        routes.Post("/caisson/standbys", SetStandby);
        routes.Delete("/caisson/standbys", EndStandby);
    }

    private async Task Bootstrap(Call call)
    {
        BootstrapRequest asked = await call.ReadAsync(MachineWorkJson.Default.BootstrapRequest);
        var config = new DebianMachineConfig
        {
            Suite = asked.Suite.Length > 0 ? asked.Suite : "bookworm",
            Packages = asked.Packages,
            HasCloudInit = asked.CloudInit,
            HasAllDrivers = asked.AllDrivers,
            Mirror = asked.Mirror.Length > 0 ? asked.Mirror : null,
            Bytes = asked.Bytes > 0 ? asked.Bytes : 2L << 30,
        };
        await WorkStream.RunAsync(call, async progress => new WorkLine { Result = await Machines.BootstrapAsync(config, asked.Path, asked.Force, progress, call.Gone) });
    }

    private Task Import(Call call)
    {
        string path = Required(call, "path");
        return WorkStream.RunAsync(call, async progress =>
        {
            var (machine, notes) = await Machines.ImportAsync(path, call.Query("name") ?? "", progress, call.Gone);
            return new WorkLine { Result = machine.Record.Name, Notes = notes };
        });
    }

    private Task Export(Call call)
    {
        FullMachine machine = Machines.Find(call.Path("id"));
        string path = Required(call, "path");
        return WorkStream.RunAsync(call, async progress =>
        {
            await Machines.ExportAsync(machine, path, call.Query("format") ?? "ova", call.Flag("decrypt"), progress, call.Gone);
            return new WorkLine { Result = path };
        });
    }

    private Task Backup(Call call)
    {
        FullMachine machine = Machines.Find(call.Path("id"));
        string path = Required(call, "path");
        return WorkStream.RunAsync(call, async progress =>
        {
            MachineBackupPoint point = await machine.BackUpAsync(path, call.Flag("full"), progress, call.Gone);
            return new WorkLine { Result = point.Name, Notes = point.Note.Length > 0 ? [point.Note] : null };
        });
    }

    private async Task Replicate(Call call)
    {
        FullMachine machine = Machines.Find(call.Path("id"));
        if (!call.Flag("now"))
        {
            await machine.SetReplicationAsync(
                call.Flag("stop") ? null : new MachineReplication { Target = Required(call, "target"), EverySeconds = call.Number("every") ?? 0, Keep = call.Number("keep") ?? 0 },
                call.Flag("ha"), call.Gone);
            await call.Empty();
            return;
        }
        await WorkStream.RunAsync(call, async progress => new WorkLine { Result = (await machine.ReplicateAsync(progress, call.Gone)).Point });
    }

    private async Task SetStandby(Call call)
    {
        string passphrase = (await call.ReadOptionalAsync(DockerJson.Default.MachinePassphraseBody))?.Passphrase ?? "";
        Machines.SetStandby(new MachineStandby { Target = Required(call, "target"), Fence = call.Query("fence") ?? "" }, passphrase);
        await call.Empty();
    }

    private Task EndStandby(Call call)
    {
        Machines.EndStandby(Required(call, "target"));
        return call.Empty();
    }

    private async Task Restore(Call call)
    {
        string path = Required(call, "path");
        string passphrase = (await call.ReadOptionalAsync(DockerJson.Default.MachinePassphraseBody))?.Passphrase ?? "";
        await WorkStream.RunAsync(call, async progress => call.Flag("verify")
            ? new WorkLine { Result = await Machines.VerifyBackupAsync(path, call.Query("point") ?? "", passphrase, progress, call.Gone) }
            : new WorkLine { Result = (await Machines.RestoreBackupAsync(path, call.Query("point") ?? "", call.Query("name") ?? "", passphrase, progress, call.Gone)).Record.Name });
    }

    private Task Migrate(Call call)
    {
        FullMachine machine = Machines.Find(call.Path("id"));
        string target = Required(call, "to");
        var options = new MigrationOptions
        {
            DowntimeMs = call.Number("downtime") is { } downtime and > 0 ? downtime : new MigrationOptions().DowntimeMs,
            BytesPerSecond = (call.Number("bandwidth") ?? 0) * 1_048_576L,
            Limit = call.Number("timeout") is { } seconds and > 0 ? TimeSpan.FromSeconds(seconds) : new MigrationOptions().Limit,
            DropSnapshots = call.Flag("dropsnapshots"),
        };
        return WorkStream.RunAsync(call, async progress =>
        {
            MigrationReport report = await machine.MigrateAsync(target, options, progress, call.Gone);
            return new WorkLine
            {
                Result = machine.Record.Name,
                Notes =
                [
                    string.Create(System.Globalization.CultureInfo.InvariantCulture,
                        $"moved in {report.Seconds:0.0} s, it stood still for {(report.PauseMs >= 0 ? $"{report.PauseMs:0.0} ms ({report.DisksMs:0.0} for disks, {report.MemoryMs:0.0} for memory)" : "an unknown time")}, {report.MemoryBytes >> 20} MiB of memory in {report.Passes} passes{(report.IsPostCopy ? ", the rest after it" : "")}"),
                ],
            };
        });
    }

    private Task TakeChannel(Call call)
    {
        FullMachine machine = Machines.Find(call.Path("id"));
        string kind = Required(call, "kind");
        return Hijack.RunAsync(call, multiplexed: false, hijack => machine.TakeChannelAsync(kind, hijack.AsStream()));
    }

    private static string Required(Call call, string name) =>
        call.Query(name) ?? throw new CaissonException(ErrorKind.InvalidArgument, $"query parameter {name} is needed");
}

/// <summary>A disk that is asked for.</summary>
internal sealed record BootstrapRequest
{
    public string Suite { get => field ?? ""; init; } = "";

    public IReadOnlyList<string> Packages { get => field ?? []; init; } = [];

    public bool CloudInit { get; init; }

    public bool AllDrivers { get; init; }

    public string Mirror { get => field ?? ""; init; } = "";

    public long Bytes { get; init; }

    public string Path { get => field ?? ""; init; } = "";

    public bool Force { get; init; }
}

/// <summary>Compiled reading and writing.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(BootstrapRequest))]
internal sealed partial class MachineWorkJson : JsonSerializerContext;

using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Control.FullMachines;
using Caisson.Control.Hosting;
using Caisson.Control.Logs;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Machines.Full;

namespace Caisson.Api.Docker;

/// <summary>Full machines: what Docker has not, below <c>/caisson/machines</c>.</summary>
internal sealed class MachineRoutes(ContainerEngine engine)
{
    private const byte Stdout = 1;

    private static readonly TimeSpan ExecLimit = TimeSpan.FromHours(1);

    private FullMachineEngine Machines => engine.FullMachines;

    public void AddTo(Router.Builder routes)
    {
        routes.Get("/caisson/machines", Need.To("list", "machines"), call => call.Json([.. Machines.List().Select(MachineSummaryBody.Of)], DockerJson.Default.IReadOnlyListMachineSummaryBody));
        routes.Post("/caisson/machines", Need.To("create", "machines"), Create);
        routes.Get("/caisson/machines/{id}", Need.To("get", "machines"), call => call.Json(MachineBody.Of(Find(call)), DockerJson.Default.MachineBody));
        routes.Get("/caisson/machines/{id}/explain", Need.To("get", "machines"), call => call.Text(Find(call).Explain()));
        routes.Get("/caisson/machines/{id}/passphrase", Need.To("get", "machines/passphrase"), call => call.Json(new MachinePassphraseBody(Find(call).ReadPassphrase()), DockerJson.Default.MachinePassphraseBody));
        routes.Delete("/caisson/machines/{id}", Need.To("delete", "machines"), Verb((machine, call) => machine.DeleteAsync(call.Flag("force"), call.Gone)));
        routes.Post("/caisson/machines/{id}/start", Need.To("operate", "machines"), Verb(async (machine, _) => await machine.StartAsync(CancellationToken.None)));
        routes.Post("/caisson/machines/{id}/stop", Need.To("operate", "machines"), Verb(async (machine, call) => await machine.StopAsync(call.Flag("force"), Timeout(call), call.Gone)));
        routes.Post("/caisson/machines/{id}/reboot", Need.To("operate", "machines"), Verb((machine, call) => machine.RebootAsync(call.Flag("force"), Timeout(call), call.Gone)));
        routes.Post("/caisson/machines/{id}/pause", Need.To("operate", "machines"), Verb((machine, call) => machine.PauseAsync(call.Gone)));
        routes.Post("/caisson/machines/{id}/resume", Need.To("operate", "machines"), Verb((machine, call) => machine.ResumeAsync(call.Gone)));
        routes.Post("/caisson/machines/{id}/rename", Need.To("update", "machines"), Verb((machine, call) => machine.RenameAsync(call.Query("name") ?? "", call.Gone)));
        routes.Post("/caisson/machines/{id}/template", Need.To("update", "machines"), Verb((machine, call) => machine.MakeTemplateAsync(call.Flag("undo"), call.Gone)));
        routes.Post("/caisson/machines/{id}/detach", Need.To("update", "machines/devices"), Verb((machine, call) => machine.DetachAsync(call.Query("device") ?? "", call.Query("keep") ?? "", call.Flag("delete"), call.Gone)));
        routes.Post("/caisson/machines/{id}/restore", Need.To("update", "machines/snapshots"), Verb((machine, call) => machine.RestoreAsync(call.Query("name") ?? "", call.Flag("paused"), call.Gone)));
        routes.Delete("/caisson/machines/{id}/snapshots/{name}", Need.To("delete", "machines/snapshots"), Verb((machine, call) => machine.DeleteSnapshotAsync(call.Path("name"), call.Gone)));
        routes.Post("/caisson/machines/{id}/snapshots", Need.To("create", "machines/snapshots"), CreateSnapshot);
        routes.Post("/caisson/machines/{id}/attach", Need.To("update", "machines/devices"), Attach);
        routes.Post("/caisson/machines/{id}/set", Need.To("update", "machines"), Change);
        routes.Post("/caisson/machines/{id}/clone", Need.To("create", "machines"), Clone);
        routes.Post("/caisson/machines/{id}/exec", Need.To("create", "machines/exec"), Exec);
        routes.Get("/caisson/machines/{id}/screenshot", Need.To("get", "machines/console"), ReadScreen);
        routes.Get("/caisson/machines/{id}/console", Need.To("get", "machines/console"), ReadConsole);
        routes.Post("/caisson/machines/{id}/console", Need.To("create", "machines/console"), AttachConsole);
    }

    private FullMachine Find(Call call) => Machines.Find(call.Path("id"));

    /// <summary>A handler of what answers with nothing when it is done.</summary>
    private Handler Verb(Func<FullMachine, Call, Task> act) => async call =>
    {
        await act(Find(call), call);
        await call.Empty();
    };

    private static TimeSpan Timeout(Call call) => call.Number("timeout") switch
    {
        null => FullMachine.StopPatience,
        < 0 => System.Threading.Timeout.InfiniteTimeSpan,
        { } seconds => TimeSpan.FromSeconds(seconds),
    };

    private async Task Create(Call call)
    {
        FullMachineCreate asked = await call.ReadAsync(DockerJson.Default.FullMachineCreate);
        call.Guard.Require(HostRights.Machine.Of(asked), null);
        FullMachine machine = await Machines.CreateAsync(asked, call.Gone);
        await call.Json(MachineBody.Of(machine), DockerJson.Default.MachineBody, 201);
    }

    private async Task CreateSnapshot(Call call)
    {
        MachineSnapshot snapshot = await Find(call).CreateSnapshotAsync(call.Query("name") ?? "", call.Query("description") ?? "", call.Gone);
        await call.Json(MachineSnapshotBody.Of(snapshot), DockerJson.Default.MachineSnapshotBody, 201);
    }

    private async Task Attach(Call call)
    {
        FullMachine machine = Find(call);
        MachineAttachBody asked = await call.ReadAsync(DockerJson.Default.MachineAttachBody);
        call.Guard.Require(asked.Disk is { } wanted ? HostRights.Disk.Of(wanted) : [], null);
        string name = asked switch
        {
            { Disk: { } disk, Network: null } => await machine.AttachDiskAsync(disk, call.Gone),
            { Disk: null, Network: { } network } => await machine.AttachInterfaceAsync(network, call.Gone),
            _ => throw new CaissonException(ErrorKind.InvalidArgument, "attach one thing: a Disk or a Network"),
        };
        await call.Json(new MachineDeviceBody(name), DockerJson.Default.MachineDeviceBody, 201);
    }

    private async Task Change(Call call)
    {
        FullMachineChange asked = await call.ReadAsync(DockerJson.Default.FullMachineChange);
        call.Guard.Require(HostRights.MachineChange.Of(asked), null);
        IReadOnlyList<string> waiting = await Find(call).ChangeAsync(asked, call.Gone);
        await call.Json(new WarningsBody(waiting), DockerJson.Default.WarningsBody);
    }

    private async Task Clone(Call call)
    {
        FullMachine clone = await Find(call).CloneAsync(call.Query("name") ?? "", call.Flag("linked"), call.Gone);
        await call.Json(MachineBody.Of(clone), DockerJson.Default.MachineBody, 201);
    }

    private async Task Exec(Call call)
    {
        MachineExecBody asked = await call.ReadAsync(DockerJson.Default.MachineExecBody);
        GuestProgramEnd end = await Find(call).ExecAsync(
            asked.Cmd ?? [], asked.Env, asked.Input ?? [], asked.Timeout > 0 ? TimeSpan.FromSeconds(asked.Timeout) : ExecLimit, call.Gone);
        await call.Json(new MachineExecEndBody(end.Code, end.Output, end.Errors, end.IsCut), DockerJson.Default.MachineExecEndBody);
    }

    private async Task ReadScreen(Call call)
    {
        byte[] picture = await Find(call).ReadScreenAsync(call.Gone);
        Stream body = await call.Begin("image/png");
        await body.WriteAsync(picture, call.Gone);
    }

    /// <summary>What the console has said, as the bytes that they were.</summary>
    private async Task ReadConsole(Call call)
    {
        FullMachine machine = Find(call);
        int? tail = call.Number("tail");
        Stream body = await call.Begin("application/octet-stream");
        await body.WriteAsync(History(machine, tail), call.Gone);
    }

    private async Task AttachConsole(Call call)
    {
        FullMachine machine = Find(call);
        byte[] history = call.Number("tail") is { } lines ? History(machine, lines) : [];
        bool input = call.Flag("stdin", otherwise: true);
        Attachment attachment = await machine.AttachConsoleAsync(new AttachOptions(input, Stdout: true, Stderr: false), call.Gone);
        await Hijack.RunAsync(call, multiplexed: true, async hijack =>
        {
            await using (attachment)
            {
                if (history.Length > 0)
                {
                    StreamPump.WriteFrame(hijack.Output, Stdout, history);
                    await hijack.Output.FlushAsync();
                }
                await StreamPump.RunAsync(hijack, attachment, new StreamPump.Wish(input, Output: true, EndStdin: false, Keys: null));
            }
        });
    }

    private static byte[] History(FullMachine machine, int? tail)
    {
        if (tail < 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "query parameter tail: a number of lines, 0 or more");
        }
        using var text = new MemoryStream();
        using LogReader? reader = LogReader.TryOpen(machine.ConsolePath);
        var query = new LogQuery { Stderr = false };
        while (reader is not null && (reader.TryRead(out LogEntry entry) || reader.TryReadUnended(out entry)))
        {
            if (query.Accepts(entry))
            {
                text.Write(entry.Text.Span);
            }
        }
        ReadOnlySpan<byte> all = text.GetBuffer().AsSpan(0, (int)text.Length);
        int begin = 0;
        if (tail is { } lines)
        {
            begin = all.Length;
            for (int left = lines; left > 0 && begin > 0; left--)
            {
                begin = all[..Math.Max(0, begin - 1)].LastIndexOf((byte)'\n') + 1;
            }
        }
        return all[begin..].ToArray();
    }
}

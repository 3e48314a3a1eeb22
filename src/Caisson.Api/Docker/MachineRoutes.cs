using Caisson.Api.Http;
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
        routes.Get("/caisson/machines", call => call.Json([.. Machines.List().Select(MachineSummaryBody.Of)], DockerJson.Default.IReadOnlyListMachineSummaryBody));
        routes.Post("/caisson/machines", Create);
        routes.Get("/caisson/machines/{id}", call => call.Json(MachineBody.Of(Find(call)), DockerJson.Default.MachineBody));
        routes.Get("/caisson/machines/{id}/explain", call => call.Text(Find(call).Explain()));
        routes.Get("/caisson/machines/{id}/passphrase", call => call.Json(new MachinePassphraseBody(Find(call).ReadPassphrase()), DockerJson.Default.MachinePassphraseBody));
        routes.Delete("/caisson/machines/{id}", Verb((machine, call) => machine.DeleteAsync(call.Flag("force"), call.Gone)));
        routes.Post("/caisson/machines/{id}/start", Verb(async (machine, _) => await machine.StartAsync(CancellationToken.None)));
        routes.Post("/caisson/machines/{id}/stop", Verb(async (machine, call) => await machine.StopAsync(call.Flag("force"), Timeout(call), call.Gone)));
        routes.Post("/caisson/machines/{id}/reboot", Verb((machine, call) => machine.RebootAsync(call.Flag("force"), Timeout(call), call.Gone)));
        routes.Post("/caisson/machines/{id}/pause", Verb((machine, call) => machine.PauseAsync(call.Gone)));
        routes.Post("/caisson/machines/{id}/resume", Verb((machine, call) => machine.ResumeAsync(call.Gone)));
        routes.Post("/caisson/machines/{id}/rename", Verb((machine, call) => machine.RenameAsync(call.Query("name") ?? "", call.Gone)));
        routes.Post("/caisson/machines/{id}/template", Verb((machine, call) => machine.MakeTemplateAsync(call.Flag("undo"), call.Gone)));
        routes.Post("/caisson/machines/{id}/detach", Verb((machine, call) => machine.DetachAsync(call.Query("device") ?? "", call.Query("keep") ?? "", call.Flag("delete"), call.Gone)));
        routes.Post("/caisson/machines/{id}/restore", Verb((machine, call) => machine.RestoreAsync(call.Query("name") ?? "", call.Flag("paused"), call.Gone)));
        routes.Delete("/caisson/machines/{id}/snapshots/{name}", Verb((machine, call) => machine.DeleteSnapshotAsync(call.Path("name"), call.Gone)));
        routes.Post("/caisson/machines/{id}/snapshots", CreateSnapshot);
        routes.Post("/caisson/machines/{id}/attach", Attach);
        routes.Post("/caisson/machines/{id}/set", Change);
        routes.Post("/caisson/machines/{id}/clone", Clone);
        routes.Post("/caisson/machines/{id}/exec", Exec);
        routes.Get("/caisson/machines/{id}/screenshot", ReadScreen);
        routes.Get("/caisson/machines/{id}/console", ReadConsole);
        routes.Post("/caisson/machines/{id}/console", AttachConsole);
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
        FullMachine machine = await Machines.CreateAsync(await call.ReadAsync(DockerJson.Default.FullMachineCreate), call.Gone);
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
        string name = await call.ReadAsync(DockerJson.Default.MachineAttachBody) switch
        {
            { Disk: { } disk, Network: null } => await machine.AttachDiskAsync(disk, call.Gone),
            { Disk: null, Network: { } network } => await machine.AttachInterfaceAsync(network, call.Gone),
            _ => throw new CaissonException(ErrorKind.InvalidArgument, "attach one thing: a Disk or a Network"),
        };
        await call.Json(new MachineDeviceBody(name), DockerJson.Default.MachineDeviceBody, 201);
    }

    private async Task Change(Call call)
    {
        IReadOnlyList<string> waiting = await Find(call).ChangeAsync(await call.ReadAsync(DockerJson.Default.FullMachineChange), call.Gone);
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

using System.Diagnostics;
using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Client.Streams;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson demo</c>: one container, what isolates it as it sees it itself, and what each stage took; then the same image both ways.</summary>
internal sealed partial class DemoCommand : Command
{
    private const string Image = "busybox";

    /// <summary>Runs inside: its own namespaces, id map and status, in three parts.</summary>
    private const string Script =
        "for n in /proc/self/ns/*; do echo \"${n##*/} $(readlink $n)\"; done; echo --; cat /proc/self/uid_map; echo --; cat /proc/self/status";

    private readonly List<(string Stage, TimeSpan Took)> _stages = [];

    public override string Usage => "";

    public override IReadOnlyList<string> Examples => ["demo", "explain run busybox sh"];

    public override int Run(Session session)
    {
        var engine = session.Engine;
        Measure("engine answers", () => engine.Version);
        EnsureImage(session, engine);
        string output = RunProbe(engine);
        string[] parts = output.Split("--\n");
        if (parts.Length != 3)
        {
            throw new CaissonException(ErrorKind.Internal, $"the container printed something unexpected: {output}");
        }
        var status = IsolationReport.ParseStatus(parts[2]);
        IsolationReport.Write(session, parts[0], parts[1], status);
        WriteStages(session);
        CompareBothWays(session);
        session.Out.WriteLine();
        session.Out.WriteLine("Try next:  caisson explain run busybox sh   (the whole plan, step by step)");
        session.Out.WriteLine("           caisson run --rm -it --network none busybox sh");
        session.Out.WriteLine("           caisson run --rm -it --runtime vm busybox sh");
        return 0;
    }

    private void EnsureImage(Session session, EngineClient engine)
    {
        try
        {
            Measure("image found", () => engine.InspectImage(Image)).Dispose();
        }
        catch (EngineException e) when (e.Status == 404)
        {
            Measure("image made from this host", () =>
            {
                using var response = engine.BootstrapImage(Image, []);
                return ProgressDisplay.Show(session, response.Body, session.Error);
            });
        }
    }

    private string RunProbe(EngineClient engine)
    {
        var creation = new ContainerCreation(
            new ContainerConfig { Image = Image, Cmd = ["sh", "-c", Script], AttachStdout = true, AttachStderr = true },
            new HostConfig { NetworkMode = "none" });
        string id = Measure("container created", () => engine.CreateContainer(creation, name: null, platform: null)).Id;
        try
        {
            using var stream = engine.AttachContainer(id, new AttachOptions(false, true, true));
            using var wait = engine.WaitContainer(id, "next-exit");
            Measure("container started", () =>
            {
                engine.StartContainer(id);
                return id;
            });
            using var output = new MemoryStream();
            using var error = new MemoryStream();
            int exitCode = Measure("program ran to its end", () =>
            {
                MultiplexedReader.CopyTo(stream, output, error);
                return wait.Result().StatusCode;
            });
            return exitCode == 0
                ? System.Text.Encoding.UTF8.GetString(output.ToArray())
                : throw new CaissonException(
                    ErrorKind.Internal, $"the container ended with {exitCode}: {System.Text.Encoding.UTF8.GetString(error.ToArray())}");
        }
        finally
        {
            Measure("container removed", () =>
            {
                engine.RemoveContainer(id, force: true, volumes: true);
                return id;
            });
        }
    }

    private T Measure<T>(string stage, Func<T> work)
    {
        long start = Stopwatch.GetTimestamp();
        var result = work();
        _stages.Add((stage, Stopwatch.GetElapsedTime(start)));
        return result;
    }

    private void WriteStages(Session session)
    {
        var table = new ColumnWriter();
        table.Add("STAGE\tTOOK");
        foreach (var (stage, took) in _stages)
        {
            table.Add($"{stage}\t{took.TotalMilliseconds.ToString("F1", CultureInfo.InvariantCulture)} ms");
        }
        var total = _stages.Aggregate(TimeSpan.Zero, (sum, stage) => sum + stage.Took);
        table.Add($"all\t{total.TotalMilliseconds.ToString("F1", CultureInfo.InvariantCulture)} ms");
        session.Out.WriteLine();
        table.Flush(session.Out);
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

using Caisson.Cli.Formatting;
using Caisson.Client;
using Caisson.Client.Containers;
using Caisson.Client.Machines;
using Caisson.Client.Streams;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <content>The same image and command as a container, as a machine that boots, and as one that goes on from a template.</content>
internal sealed partial class DemoCommand
{
    private static readonly TimeSpan TemplateLimit = TimeSpan.FromSeconds(60);

    private static void CompareBothWays(Session session)
    {
        EngineClient engine = session.Engine;
        var table = new ColumnWriter();
        table.Add("THE SAME IMAGE\tKERNEL\tFIRST BYTE\tALL");
        Add("as a container", RunOnce(engine, ""));
        try
        {
            KernelSummary kernel = EnsureKernel(session, engine);
            if (kernel.Templates == 0)
            {
                session.Error.WriteLine("waiting until the engine has made a template of a machine");
            }
            bool hasTemplate = kernel.Templates > 0 || WaitForTemplate(engine);
            Add("as a machine that boots", RunOnce(engine, "vm", boots: true));
            if (hasTemplate)
            {
                Add("as a machine, from a template", RunOnce(engine, "vm"));
            }
        }
        catch (EngineException error)
        {
            table.Add($"as a machine\tnot here: {error.Message}");
        }
        session.Out.WriteLine();
        table.Flush(session.Out);

        void Add(string what, Timing timing) => table.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}\t{timing.Output.Trim()}\t{timing.FirstByte.TotalMilliseconds:F1} ms\t{timing.Whole.TotalMilliseconds:F1} ms"));
    }

    private static KernelSummary EnsureKernel(Session session, EngineClient engine)
    {
        if (engine.ListKernels().FirstOrDefault(IsOwn) is { } newest)
        {
            return newest;
        }
        session.Error.WriteLine("downloading and unpacking a kernel for machines");
        return engine.InstallKernel("", "");
    }

    private static bool IsOwn(KernelSummary kernel) => kernel.Architecture == (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64");

    private static bool WaitForTemplate(EngineClient engine)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < TemplateLimit)
        {
            if (engine.ListKernels().FirstOrDefault(IsOwn) is { Templates: > 0 })
            {
                return true;
            }
            Thread.Sleep(100);
        }
        return false;
    }

    private static Timing RunOnce(EngineClient engine, string runtime, bool boots = false)
    {
        long start = Stopwatch.GetTimestamp();
        var host = new HostConfig { NetworkMode = "none", Runtime = runtime };
        if (boots)
        {
            host.Annotations.Add("caisson.machine.start", "boot");
        }
        var creation = new ContainerCreation(new ContainerConfig { Image = Image, Cmd = ["uname", "-r"], AttachStdout = true, AttachStderr = true }, host);
        string id = engine.CreateContainer(creation, name: null, platform: null).Id;
        try
        {
            using var stream = engine.AttachContainer(id, new AttachOptions(false, true, true));
            using var wait = engine.WaitContainer(id, "next-exit");
            engine.StartContainer(id);
            using var output = new TimedOutput(start);
            using var error = new MemoryStream();
            MultiplexedReader.CopyTo(stream, output, error);
            int exitCode = wait.Result().StatusCode;
            return exitCode == 0 && output.First is { } first
                ? new Timing(Encoding.UTF8.GetString(output.ToArray()), first, Stopwatch.GetElapsedTime(start))
                : throw new CaissonException(ErrorKind.Internal, $"uname ended with {exitCode}: {Encoding.UTF8.GetString(error.ToArray())}");
        }
        finally
        {
            engine.RemoveContainer(id, force: true, volumes: true);
        }
    }

    /// <param name="Output">What the program wrote.</param>
    /// <param name="FirstByte">From the request until its first byte was read.</param>
    /// <param name="Whole">From the request until it had ended.</param>
    private sealed record Timing(string Output, TimeSpan FirstByte, TimeSpan Whole);

    /// <summary>Keeps what is written, and when the first of it came.</summary>
    private sealed class TimedOutput(long start) : MemoryStream
    {
        public TimeSpan? First { get; private set; }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            First ??= Stopwatch.GetElapsedTime(start);
            base.Write(buffer);
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            First ??= Stopwatch.GetElapsedTime(start);
            base.Write(buffer, offset, count);
        }
    }
}

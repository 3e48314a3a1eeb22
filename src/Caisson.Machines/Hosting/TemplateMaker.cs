using System.Diagnostics;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Agent;
using Caisson.Machines.Plan;
using Caisson.Qmp;

namespace Caisson.Machines.Hosting;

/// <summary>Makes a template: boots a machine in memory that is a file, lets its agent do what is the same for all, and writes down the state of its devices.</summary>
/// <remarks>Nothing of any user is in it: no disk, no network, no settings. What goes on from it later gets time, chance, names and addresses of its own.</remarks>
public static class TemplateMaker
{
    private const int SaveMs = 30_000;
    private const int AttemptsMax = 2;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Makes what <paramref name="launch"/> says, in the files of <see cref="MachineLaunch.TemplateDirectory"/>, which exist.</summary>
    /// <exception cref="CaissonException">It did not boot, or QEMU cannot write it down.</exception>
    public static void Make(MachineLaunch launch)
    {
        using FileDescriptor state = HostFiles.OpenOrCreate($"{MachineLaunch.TemplateDirectory}/{MachineLaunch.StateName}", 0x180);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Make(launch, state);
                return;
            }
            catch (CaissonException error) when (error.Kind == ErrorKind.Unavailable && attempt < AttemptsMax)
            {
                // A boot that says nothing is tried once more, as every machine's is.
            }
        }
    }

    private static void Make(MachineLaunch launch, FileDescriptor state)
    {
        using QemuProcess qemu = QemuProcess.Start(launch.Qemu, launch.QemuUser, []);
        try
        {
            Make(qemu, state, launch.BootTimeoutMs);
        }
        catch (CaissonException error)
        {
            throw new CaissonException(error.Kind, $"{error.Message}; the last it said: {(qemu.LastWords(5) is { Length: > 0 } words ? words : "nothing")}", error);
        }
        finally
        {
            qemu.Kill();
        }
    }

    private static void Make(QemuProcess qemu, FileDescriptor state, int bootTimeoutMs)
    {
        var link = new AgentLink(qemu.Agent);
        ReadOnlySpan<byte> hello = Hear(qemu, link, AgentFrameKind.Hello, bootTimeoutMs);
        if (AgentLink.Number(hello, 0) is not AgentFrame.Version and var version)
        {
            throw new CaissonException(
                ErrorKind.FailedPrecondition, $"the machine's agent speaks version {version} and the host {AgentFrame.Version}: caisson-init is of another engine");
        }
        link.Send(AgentFrameKind.Prepare, 0, []);
        Hear(qemu, link, AgentFrameKind.Prepared, bootTimeoutMs);

        QmpClient qmp = QmpClient.Open(qemu.Qmp, Limit);
        qmp.IgnoreSharedMemory(Limit);
        qmp.GiveDescriptor("state", state, Limit);
        qmp.Execute("migrate", writer => writer.WriteString("uri", "fd:state"), Limit);
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            string status = qmp.Execute("query-migrate", null, Limit) is var answer && answer.TryGetProperty("status", out var named) ? named.GetString() ?? "" : "";
            if (status == "completed")
            {
                return;
            }
            if (status is "failed" or "cancelled" || Stopwatch.GetElapsedTime(start).TotalMilliseconds > SaveMs)
            {
                string reason = answer.TryGetProperty("error-desc", out var described) ? described.GetString() ?? status : status;
                throw new CaissonException(ErrorKind.Internal, $"qemu did not write down the machine's state: {reason}");
            }
            Thread.Sleep(2);
        }
    }

    /// <summary>Waits for a frame; the only ones that come before it are none.</summary>
    private static ReadOnlySpan<byte> Hear(QemuProcess qemu, AgentLink link, AgentFrameKind wanted, int timeoutMs)
    {
        using Epoll epoll = Epoll.Create();
        epoll.Add(link.Port, EpollEvents.Readable, 0);
        epoll.Add(qemu.ConsoleOutput, EpollEvents.Readable, 1);
        Span<EpollAnswer> answers = stackalloc EpollAnswer[2];
        long start = Stopwatch.GetTimestamp();
        while (!link.IsClosed)
        {
            link.Flush();
            link.Fill();
            if (link.TryTake(out AgentFrame frame, out ReadOnlySpan<byte> bytes))
            {
                return frame.Kind == wanted ? bytes
                    : throw new CaissonException(ErrorKind.FailedPrecondition, frame.Kind == AgentFrameKind.Trouble ? $"the machine cannot go on: {PathText.Decode(bytes)}" : $"the machine's agent said {frame.Kind} instead of {wanted}");
            }
            int left = timeoutMs - (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (left <= 0 || epoll.Wait(answers, left) == 0)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"the machine did not say {wanted} within {timeoutMs / 1_000} s");
            }
            if (!qemu.ReadConsole())
            {
                break;
            }
        }
        throw new CaissonException(ErrorKind.Unavailable, $"QEMU ended before the machine said {wanted}");
    }
}

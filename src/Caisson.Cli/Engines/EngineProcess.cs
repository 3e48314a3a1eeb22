using System.Diagnostics;
using System.Globalization;

using Caisson.Errors;

namespace Caisson.Cli.Engines;

/// <summary>The engine's process as its pid file names it.</summary>
internal sealed class EngineProcess
{
    private EngineProcess(int pid) => Pid = pid;

    public int Pid { get; }

    /// <summary>The engine of these directories; null when its pid file names no living engine.</summary>
    public static EngineProcess? Find(EnginePaths paths)
    {
        try
        {
            return int.TryParse(File.ReadAllText(paths.Pid).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                && IsEngine(pid)
                ? new EngineProcess(pid)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Asks it to end and waits until it has.</summary>
    /// <exception cref="CaissonException">It may not be asked, or goes on after <paramref name="patience"/>.</exception>
    public void Stop(TimeSpan patience)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("kill -TERM \"$0\"");
        start.ArgumentList.Add(Pid.ToString(CultureInfo.InvariantCulture));
        using var kill = Process.Start(start)!;
        string error = kill.StandardError.ReadToEnd().Trim();
        kill.WaitForExit();
        if (kill.ExitCode != 0 && IsEngine(Pid))
        {
            throw new CaissonException(ErrorKind.PermissionDenied, $"cannot stop the engine (pid {Pid}): {error}");
        }
        var waited = Stopwatch.StartNew();
        while (IsEngine(Pid))
        {
            if (waited.Elapsed > patience)
            {
                throw new CaissonException(ErrorKind.Unavailable, $"the engine (pid {Pid}) still runs after {patience.TotalSeconds:0} seconds; its log says why");
            }
            Thread.Sleep(10);
        }
    }

    /// <summary>A pid may have been given to another program since: look at what it runs.</summary>
    private static bool IsEngine(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            int end = stat.LastIndexOf(')');
            return stat.Contains("(caissond", StringComparison.Ordinal) && end > 0 && stat[end + 2] is not ('Z' or 'X');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

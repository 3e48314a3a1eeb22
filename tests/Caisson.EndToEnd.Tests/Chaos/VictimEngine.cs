using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>An engine that is there to be killed: started directly, with directories of its own.</summary>
internal sealed class VictimEngine : IDisposable
{
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(30);

    private readonly string _home = Directory.CreateTempSubdirectory("caisson-chaos-").FullName;
    private readonly string _binaries;
    private readonly StringBuilder _log = new();
    private Process? _process;

    public VictimEngine(string binaries)
    {
        _binaries = binaries;
        Http = new EngineHttp($"{Run}/docker.sock");
        // As the engine names it: its own place among the engines of this machine.
        CgroupName = "/caisson/" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Run)))[..12];
    }

    public string Root => $"{_home}/root";

    public string Run => $"{_home}/run";

    public string CgroupName { get; }

    public EngineHttp Http { get; }

    public int Pid => _process!.Id;

    /// <summary>How long the slowest start took until it answered.</summary>
    public TimeSpan SlowestStart { get; private set; }

    /// <summary>What all engines so far have written.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts the process, which is not ready then.</summary>
    public void Launch()
    {
        ProcessStartInfo start = new(Path.Combine(_binaries, "caissond")) { RedirectStandardError = true };
        start.Environment["CAISSON_ROOT"] = Root;
        start.Environment["CAISSON_RUN"] = Run;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _ = line.Data is { } text ? _log.AppendLine(text) : _log;
            }
        };
        _process.BeginErrorReadLine();
    }

    /// <summary>Waits until it answers.</summary>
    public async Task ReadyAsync()
    {
        long start = Stopwatch.GetTimestamp();
        while (!(await Http.Get("/_ping")).IsDone)
        {
            if (_process!.HasExited)
            {
                throw new InvalidOperationException($"caissond ended with {_process.ExitCode}:\n{Log}");
            }
            if (Stopwatch.GetElapsedTime(start) > ReadyTimeout)
            {
                throw new TimeoutException($"caissond does not answer after {ReadyTimeout.TotalSeconds} s:\n{Log}");
            }
            await Task.Delay(2);
        }
        var took = Stopwatch.GetElapsedTime(start);
        SlowestStart = took > SlowestStart ? took : SlowestStart;
    }

    /// <summary>kill -9, and waits until it is gone.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>Asks it to end, and waits until it and its keeper have.</summary>
    public void Stop()
    {
        using (var ask = Process.Start("kill", ["-TERM", Pid.ToString(CultureInfo.InvariantCulture)]))
        {
            ask.WaitForExit();
        }
        if (!_process!.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            throw new TimeoutException("caissond does not end after SIGTERM");
        }
        _process.Dispose();
        _process = null;
    }

    public void Dispose()
    {
        Http.Dispose();
        if (_process is { HasExited: false })
        {
            _process.Kill();
        }
        _process?.Dispose();
        Directory.Delete(_home, recursive: true);
    }
}

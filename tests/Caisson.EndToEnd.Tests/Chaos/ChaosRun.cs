using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>How much of it.</summary>
internal sealed record ChaosSize(int Kills, int Clients, int Seed)
{
    /// <summary>From CAISSON_KILLS, CAISSON_CLIENTS and CAISSON_SEED; without them a short run of a new seed.</summary>
    public static ChaosSize FromEnvironment() => new(
        Number("CAISSON_KILLS") ?? 25,
        Number("CAISSON_CLIENTS") ?? 4,
        Number("CAISSON_SEED") ?? Random.Shared.Next(1_000_000));

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}

/// <summary>Clients at work, and somebody who kills the engine, the keeper and monitors meanwhile.</summary>
internal sealed class ChaosRun : IDisposable
{
    private const int FaultsMax = 12;

    private readonly ChaosSize _size;
    private readonly VictimEngine _engine;
    private readonly Journal _journal = new();
    private readonly Random _random;
    private readonly ChaosClient[] _clients;
    private readonly ChaosChecker _checker;
    private readonly Turnstile _turnstile;
    private readonly long _start = Stopwatch.GetTimestamp();
    private volatile bool _over;

    public ChaosRun(ChaosSize size, string binaries)
    {
        _size = size;
        _engine = new VictimEngine(binaries);
        _random = new Random(size.Seed);
        _clients = [.. Enumerable.Range(0, size.Clients).Select(i => new ChaosClient(i, _engine.Http, _journal, new Random(size.Seed * 100 + i)))];
        _checker = new ChaosChecker(_engine, _journal, _clients);
        _turnstile = new Turnstile(size.Clients);
    }

    public IReadOnlyCollection<string> Faults => _journal.Faults;

    public string EngineLog => _engine.Log;

    public string Summary
    {
        get
        {
            StringBuilder text = new();
            text.AppendLine(CultureInfo.InvariantCulture, $"seed {_size.Seed}, {_size.Clients} clients, {Stopwatch.GetElapsedTime(_start).TotalSeconds:F1} s, slowest engine start {_engine.SlowestStart.TotalMilliseconds:F0} ms");
            foreach ((string what, int count) in _journal.Counts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"{count,7} {what}");
            }
            return text.ToString();
        }
    }

    public async Task RunAsync()
    {
        IReadOnlyList<string> before = Remains.Shared();
        _engine.Launch();
        await _engine.ReadyAsync();
        Reply made = await _engine.Http.Post("/caisson/images/bootstrap?name=busybox");
        if (!made.IsDone)
        {
            throw new InvalidOperationException($"bootstrap busybox: {made}");
        }
        string[] content = Remains.Content(_engine.Root);
        Task[] clients = [.. _clients.Select(WorkAsync)];
        for (int kill = 1; kill <= _size.Kills && _journal.Faults.Count < FaultsMax; kill++)
        {
            await Task.Delay(_random.Next(150));
            string what = string.Create(CultureInfo.InvariantCulture, $"kill {kill}, ") + await KillAsync();
            await _turnstile.AloneAsync(() => _checker.CheckAsync(what));
        }
        _over = true;
        await Task.WhenAll(clients);
        await EndAsync(before, content);
    }

    public void Dispose()
    {
        // Only after a failure is anything left to be ended.
        Remains.Remove(_engine);
        _engine.Dispose();
        _turnstile.Dispose();
    }

    private async Task WorkAsync(ChaosClient client, int number)
    {
        var random = new Random(_size.Seed * 100 + 50 + number);
        while (!_over)
        {
            await _turnstile.PassAsync(client.StepAsync);
            await Task.Delay(random.Next(20));
        }
    }

    private async Task<string> KillAsync()
    {
        int dice = _random.Next(100);
        if (dice < 15)
        {
            return KillKeeper() ? "of the keeper" : "of no keeper";
        }
        if (dice < 40)
        {
            return await KillMonitorAsync(engineRuns: true);
        }

        _engine.Kill();
        _journal.Count("kill of the engine");
        string what = "of the engine";
        if (_random.Next(2) == 0)
        {
            await Task.Delay(_random.Next(400)); // jobs end while nobody looks
            what += " with a pause";
        }
        if (_random.Next(5) == 0)
        {
            what += ", then " + await KillMonitorAsync(engineRuns: false);
        }
        if (_random.Next(5) == 0)
        {
            _engine.Launch();
            await Task.Delay(_random.Next(60));
            _engine.Kill();
            _journal.Count("kill of the engine while it took over");
            what += ", again while it took over";
        }
        _engine.Launch();
        await _engine.ReadyAsync();
        return what;
    }

    private bool KillKeeper()
    {
        // A monitor bears the keeper's name until it has taken its own; its parent is the keeper.
        HostProcess[] keepers = [.. Remains.Keepers(_engine.Run)];
        HostProcess? keeper = keepers.FirstOrDefault(found => !keepers.Any(other => other.Pid == found.Parent));
        if (keeper is null)
        {
            return false;
        }
        keeper.Kill();
        _journal.Count("kill of the keeper");
        return true;
    }

    private async Task<string> KillMonitorAsync(bool engineRuns)
    {
        HostProcess[] monitors = [.. Remains.Monitors(_engine.Run)];
        if (monitors.Length == 0)
        {
            return "of no monitor";
        }
        HostProcess monitor = monitors[_random.Next(monitors.Length)];
        HostProcess[] children = [.. HostProcess.All().Where(process => process.Parent == monitor.Pid)];
        string what = "of a monitor in between";
        Interlocked.Increment(ref _journal.UnknownVictims);
        foreach (HostProcess child in children)
        {
            string? id = _clients.SelectMany(client => client.Entries).ToArray()
                .Select(entry => entry.Id).OfType<string>().FirstOrDefault(id => child.Cgroups.Contains(id, StringComparison.Ordinal));
            if (id is not null)
            {
                Interlocked.Decrement(ref _journal.UnknownVictims);
                _journal.Victim(id, isExec: !child.IsFirst);
                what = child.IsFirst ? $"of the monitor of {id[..12]}" : $"of the monitor of an exec in {id[..12]}";
                break;
            }
        }
        monitor.Kill();
        _journal.Count(engineRuns ? "kill of a monitor" : "kill of a monitor without engine");
        if (engineRuns)
        {
            foreach (HostProcess child in children)
            {
                if (!await ChaosChecker.EventuallyAsync(() => Task.FromResult(!child.IsAlive)))
                {
                    _journal.Fault($"after kill {what}: {child} lives on without its monitor");
                }
            }
        }
        return what;
    }

    /// <summary>All containers go; then nothing is left of them, of the engine, and of what it took from the machine.</summary>
    private async Task EndAsync(IReadOnlyList<string> before, string[] content)
    {
        foreach (ChaosClient client in _clients)
        {
            await client.RemoveAllAsync();
        }
        Reply left = await _engine.Http.Get("/containers/json?all=1");
        if (left.Text.Trim() != "[]")
        {
            _journal.Fault($"after the end: containers are left: {left}");
        }
        _engine.Stop();
        foreach (string more in Remains.Content(_engine.Root).Except(content))
        {
            _journal.Fault($"after the end: left of images: {more}");
        }
        IReadOnlyList<string> remains = [];
        long start = Stopwatch.GetTimestamp();
        do
        {
            await Task.Delay(100);
            remains = Remains.Of(_engine);
        }
        while (remains.Count > 0 && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(12)); // the keeper goes when it has had no work for five
        foreach (string remain in remains)
        {
            _journal.Fault($"after the end: left: {remain}");
        }
        foreach (string more in Remains.Shared().Except(before))
        {
            _journal.Count($"on the machine that was not: {more}");
        }
    }
}

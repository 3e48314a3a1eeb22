using System.ComponentModel;
using System.Diagnostics;

using Caisson.Control.Model;
using Caisson.Errors;

namespace Caisson.Control.FullMachines;

/// <summary>Watches over one machine of another engine, and runs it when that one is gone.</summary>
internal sealed class MachineWatch(FullMachineEngine engine, MachineStandby standby) : IDisposable
{
    private static readonly TimeSpan FenceLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan AgainAfter = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource _over = new();
    private readonly TimeProvider _time = engine.Services.Time;
    private volatile MachineStandbyState _state = new(standby.Target, "", "", "unknown", "");

    public MachineStandby Standby => standby;

    public MachineStandbyState State => _state;

    public void Begin() => _ = WatchAsync();

    public void Dispose() => _over.Cancel();

    private async Task WatchAsync()
    {
        MachineLease? last = null;
        long changed = _time.GetTimestamp();
        try
        {
            while (!engine.IsStopping)
            {
                TimeSpan wait = MachineLease.Every;
                try
                {
                    MachineLease? now = MachineLease.Find(standby.Target);
                    if (now != last)
                    {
                        last = now;
                        changed = _time.GetTimestamp();
                    }
                    Say(last, last?.State switch
                    {
                        LeaseState.Running when _time.GetElapsedTime(changed) >= MachineLease.Lapse => "lost",
                        LeaseState.Running => "watched",
                        { } other => other.ToString().ToLowerInvariant(),
                        null => "no lease",
                    });
                    if (_state.State == "lost")
                    {
                        await TakeOverAsync(last!);
                        return;
                    }
                }
                catch (CaissonException error)
                {
                    engine.Services.Log.Warn($"standby for {standby.Target}: {error.Message}");
                    _state = _state with { Error = error.Message };
                    wait = _state.State == "lost" ? AgainAfter : wait;
                }
                await Task.Delay(wait, _time, _over.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // It is no longer wanted.
        }
    }

    private void Say(MachineLease? lease, string state) =>
        _state = _state with { Machine = lease?.Name ?? "", Host = lease?.Host ?? "", State = state, Error = state == "lost" ? _state.Error : "" };

    private async Task TakeOverAsync(MachineLease lapsed)
    {
        engine.Services.Log.Warn($"machine {lapsed.Name}: its engine at {lapsed.Host} has not renewed the lease in {standby.Target} for {MachineLease.Lapse.TotalSeconds} s; it is taken over");
        await FenceAsync(lapsed);
        if (MachineLease.Find(standby.Target) != lapsed)
        {
            throw new CaissonException(ErrorKind.Conflict, "the lease is renewed again");
        }
        FullMachine machine = await engine.TakeOverAsync(standby, lapsed, _over.Token);
        _state = _state with { State = "taken over", Error = "" };
        engine.EndStandby(standby.Target);
        await machine.StartAsync(CancellationToken.None);
    }

    /// <summary>Makes sure that the machine does not run there.</summary>
    private async Task FenceAsync(MachineLease lapsed)
    {
        if (standby.Fence.Length == 0)
        {
            return; // the holder ends the machine itself before the lease lapses
        }
        var start = new ProcessStartInfo("/bin/sh", ["-c", standby.Fence]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CAISSON_MACHINE"] = lapsed.Name;
        start.Environment["CAISSON_ENGINE"] = lapsed.Engine;
        start.Environment["CAISSON_HOST"] = lapsed.Host;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        limit.CancelAfter(FenceLimit);
        try
        {
            using Process process = Process.Start(start)!;
            try
            {
                process.StandardInput.Close();
                _ = process.StandardOutput.ReadToEndAsync(limit.Token);
                string said = (await process.StandardError.ReadToEndAsync(limit.Token)).Trim();
                await process.WaitForExitAsync(limit.Token);
                if (process.ExitCode != 0)
                {
                    throw new CaissonException(ErrorKind.FailedPrecondition, $"the fence ended with code {process.ExitCode}{(said.Length > 0 ? $": {said.Split('\n')[^1]}" : "")}; the machine may still run there, and is not started here");
                }
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw new CaissonException(ErrorKind.FailedPrecondition, $"the fence has not ended after {FenceLimit.TotalSeconds} s; the machine may still run there, and is not started here");
            }
        }
        catch (Win32Exception error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, $"run the fence: {error.Message}", error);
        }
    }
}

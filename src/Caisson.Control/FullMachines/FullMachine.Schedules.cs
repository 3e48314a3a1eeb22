using System.Globalization;

using Caisson.Control.Model;
using Caisson.Errors;
using Caisson.Kubernetes.Controllers;

namespace Caisson.Control.FullMachines;

public sealed partial class FullMachine
{
    private const string ScheduledPrefix = "scheduled-";
    private const int SchedulesMax = 32;
    private const int ScheduledSnapshotsMax = 1_000;

    /// <summary>The clock may be set meanwhile: it is looked at again after so long.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    private static readonly string[] ScheduleVerbs = ["start", "stop", "reboot", "snapshot"];

    private CancellationTokenSource? _scheduled;

    /// <summary>Follows the schedules of the record from now on, and no others. What was to be done while no engine ran is not made up for.</summary>
    internal void BeginSchedules()
    {
        Interlocked.Exchange(ref _scheduled, null)?.Cancel();
        if (_record.Schedules.Count == 0 || _engine.IsStopping || _gone)
        {
            return;
        }
        var over = new CancellationTokenSource();
        _scheduled = over;
        foreach (MachineSchedule schedule in _record.Schedules)
        {
            _ = FollowAsync(schedule, over.Token);
        }
    }

    private static void Check(IReadOnlyList<MachineSchedule> schedules, List<Problem> problems)
    {
        Require(schedules.Count <= SchedulesMax, "/schedules", $"at most {SchedulesMax}");
        for (int i = 0; i < schedules.Count; i++)
        {
            MachineSchedule one = schedules[i];
            string path = string.Create(CultureInfo.InvariantCulture, $"/schedules/{i}");
            Require(ScheduleVerbs.Contains(one.Verb), path, $"'{one.Verb}' is none of {string.Join(", ", ScheduleVerbs)}");
            Require(CronSchedule.TryParse(one.When, out _, out string? mistake), path, $"'{one.When}': {mistake}");
            Require(one.Keep is >= 0 and <= ScheduledSnapshotsMax && (one.Keep == 0 || one.Verb == "snapshot"), path, $"a number to keep, 1 to {ScheduledSnapshotsMax}, is of snapshots");
        }

        void Require(bool holds, string path, string message)
        {
            if (!holds)
            {
                problems.Add(new Problem(path, message));
            }
        }
    }

    private async Task FollowAsync(MachineSchedule schedule, CancellationToken over)
    {
        if (!CronSchedule.TryParse(schedule.When, out CronSchedule? times, out _))
        {
            return; // of an engine that read others
        }
        try
        {
            while (times!.Next(_services.Time.GetLocalNow()) is { } next)
            {
                while (next - _services.Time.GetLocalNow() is var left && left > TimeSpan.Zero)
                {
                    await Task.Delay(left < LongestWait ? left : LongestWait, _services.Time, over);
                }
                try
                {
                    await DoAsync(schedule, over);
                }
                catch (CaissonException error)
                {
                    _services.Log.Warn($"machine {_record.Name}: {schedule.Verb} on schedule: {error.Message}");
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It is no longer wanted.
        }
    }

    private async Task DoAsync(MachineSchedule schedule, CancellationToken over)
    {
        switch (schedule.Verb)
        {
            case "start":
                await StartAsync(over);
                break;
            case "stop":
                await StopAsync(force: false, StopPatience, over);
                break;
            case "reboot" when _status.HasProcess:
                await RebootAsync(force: false, StopPatience, over);
                break;
            case "snapshot":
                await CreateSnapshotAsync($"{ScheduledPrefix}{_services.Time.GetLocalNow():yyyyMMdd-HHmmss}", schedule.When, over);
                await DropScheduledAsync(schedule.Keep);
                break;
        }
    }

    /// <summary>Deletes the oldest snapshots that schedules made, until <paramref name="keep"/> are left; 0 keeps all.</summary>
    private async Task DropScheduledAsync(int keep)
    {
        string[] made = [.. _record.Snapshots.Select(snapshot => snapshot.Name).Where(name => name.StartsWith(ScheduledPrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        foreach (string name in keep == 0 ? [] : made.SkipLast(keep))
        {
            await DeleteSnapshotAsync(name, CancellationToken.None);
        }
    }
}

using System.Diagnostics;
using Caisson.Errors;

namespace Caisson.Linux;

public sealed partial class Cgroup
{
    /// <summary>Kills all processes in the group and below it, and those they start meanwhile. They may take a moment to be gone: <see cref="WaitEmpty"/>.</summary>
    /// <remarks>Version 2, also beside version 1 hierarchies: <c>cgroup.kill</c> (Linux 5.14). Version 1: frozen, signalled, thawed, until none is left.</remarks>
    public void Kill()
    {
        if (DirectoryOf("") is { } directory)
        {
            try
            {
                HostFiles.WriteOnce($"{directory}/cgroup.kill", "1");
                if (_layout.Find("freezer") is not null)
                {
                    Thaw(); // a process in a version 1 freezer dies only when thawed
                }
                return;
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
                if (!Exists)
                {
                    return;
                }
            }
        }
        KillOneByOne();
    }

    /// <summary>Waits until no process is left in the group and below it.</summary>
    /// <returns>False when the time is over.</returns>
    public bool WaitEmpty(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        for (int pauseMs = 1; ProcessIds().Count > 0; pauseMs = Math.Min(pauseMs * 2, 50))
        {
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                return false;
            }
            Thread.Sleep(pauseMs);
        }
        return true;
    }

    /// <summary>Stops all processes of the group and below it, unseen by them; returns once all have stopped.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: some did not stop within ten seconds; the group is thawed again.
    /// <see cref="ErrorKind.Unimplemented"/>: the host has no freezer.</exception>
    public void Freeze()
    {
        if (_layout.Find("freezer") is { Version: 1 } legacy)
        {
            string file = $"{DirectoryIn(legacy)}/freezer.state";
            Until(() =>
            {
                HostFiles.WriteOnce(file, "FROZEN"); // again each time: a fork may have slipped through
                return HostFiles.TryReadText(file)?.Trim() == "FROZEN";
            });
            return;
        }
        string directory = FreezerDirectory();
        HostFiles.WriteOnce($"{directory}/cgroup.freeze", "1");
        Until(() => (HostFiles.TryReadText($"{directory}/cgroup.events") ?? "frozen 1").Contains("frozen 1", StringComparison.Ordinal));
    }

    /// <summary>Lets the processes go on; nothing happens to a group that is not frozen.</summary>
    public void Thaw()
    {
        bool legacy = _layout.Find("freezer") is not null;
        string file = legacy ? $"{DirectoryOf("freezer")}/freezer.state" : $"{FreezerDirectory()}/cgroup.freeze";
        try
        {
            HostFiles.WriteOnce(file, legacy ? "THAWED" : "0");
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            // The group is gone, with whatever was frozen in it.
        }
    }

    /// <summary>Whether the group is frozen or being frozen, also by an ancestor.</summary>
    public bool IsFrozen => _layout.Find("freezer") is { Version: 1 }
        ? Read("freezer", "freezer.state")?.Trim() is "FROZEN" or "FREEZING"
        : Read("", "cgroup.events")?.Contains("frozen 1", StringComparison.Ordinal) ?? false;

    /// <summary>Removes the group with all groups below it, in every hierarchy; nothing happens where it does not exist.</summary>
    /// <param name="timeout">For how long dying processes are waited for; null: two seconds.</param>
    /// <exception cref="LinuxException"><see cref="Errno.EBUSY"/>: processes are still in it.</exception>
    public void Delete(TimeSpan? timeout = null)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (CgroupHierarchy hierarchy in _layout.Hierarchies)
        {
            int pauseMs = 1;
            string directory = DirectoryIn(hierarchy);
            while (!TryDelete(directory, out string at, out Errno errno))
            {
                if (errno != Errno.EBUSY || Stopwatch.GetElapsedTime(start) > (timeout ?? TimeSpan.FromSeconds(2)))
                {
                    throw new LinuxException("rmdir", errno, $"{at} (processes: {string.Join(' ', ProcessIds())})");
                }
                Thread.Sleep(pauseMs);
                pauseMs = Math.Min(pauseMs * 2, 100);
            }
        }
    }

    private static bool TryDelete(string directory, out string at, out Errno errno)
    {
        at = directory;
        if (CgroupFiles.TryRemoveDirectory(directory, out errno))
        {
            return true;
        }
        foreach (string child in CgroupFiles.Children(directory))
        {
            if (!TryDelete($"{directory}/{child}", out at, out errno))
            {
                return false;
            }
        }
        at = directory;
        return CgroupFiles.TryRemoveDirectory(directory, out errno);
    }

    private void KillOneByOne()
    {
        bool freezer = _layout.Find("freezer") is not null;
        for (int round = 0; round < 100; round++)
        {
            var pids = ProcessIds();
            if (pids.Count == 0)
            {
                return;
            }
            if (freezer)
            {
                TryFreezeForKill();
                pids = ProcessIds(); // none can end and be reused from here on
            }
            foreach (int pid in pids)
            {
                using var process = Pidfd.TryOpen(pid);
                process?.TrySignal(Signal.KILL);
            }
            if (freezer)
            {
                Thaw();
            }
            Thread.Sleep(1);
        }
        if (!WaitEmpty(TimeSpan.FromSeconds(2)))
        {
            throw new CaissonException(ErrorKind.Unavailable, $"kill {this}: processes {string.Join(' ', ProcessIds())} do not end");
        }
    }

    /// <summary>A process in uninterruptible sleep cannot be frozen; it is signalled all the same.</summary>
    private void TryFreezeForKill()
    {
        try
        {
            HostFiles.WriteOnce($"{DirectoryOf("freezer")}/freezer.state", "FROZEN");
        }
        catch (LinuxException e) when (e.Errno is Errno.EBUSY or Errno.ENOENT)
        {
        }
    }

    private string FreezerDirectory() => DirectoryOf("") ?? throw new CaissonException(
        ErrorKind.Unimplemented, $"freeze {this}: the host has neither the version 1 freezer nor a version 2 hierarchy");

    private void Until(Func<bool> reached)
    {
        long start = Stopwatch.GetTimestamp();
        for (int pauseMs = 1; !reached(); pauseMs = Math.Min(pauseMs * 2, 50))
        {
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(10))
            {
                Thaw();
                throw new CaissonException(ErrorKind.Unavailable, $"freeze {this}: some process did not stop within ten seconds");
            }
            Thread.Sleep(pauseMs);
        }
    }
}

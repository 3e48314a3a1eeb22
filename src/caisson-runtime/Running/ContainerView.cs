using Caisson.Containers.Cgroups;
using Caisson.Containers.State;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Oci.Runtime;

namespace Caisson.Runtime.Running;

/// <summary>A container as the host has it at this moment.</summary>
internal static class ContainerView
{
    /// <summary>Where it is in its life.</summary>
    public static ContainerStatus StatusOf(RuntimeState state)
    {
        var process = ProcessSnapshot.Read(state.Pid);
        bool mayBeFrozen = state.Started && process is { HasEnded: false } found && found.StartTime == state.PidStartTime;
        return state.StatusAt(process, ProcessSnapshot.ReadBootId(), mayBeFrozen && IsFrozen(state.CgroupPaths));
    }

    /// <summary>The first process, held so that its pid cannot become another's; null when it has ended.</summary>
    public static Pidfd? TryOpenProcess(RuntimeState state)
    {
        if (state.Pid <= 0 || Pidfd.TryOpen(state.Pid) is not { } process)
        {
            return null;
        }
        var snapshot = ProcessSnapshot.Read(state.Pid);
        if (snapshot is { HasEnded: false } && snapshot.Value.StartTime == state.PidStartTime && ProcessSnapshot.ReadBootId() == state.BootId)
        {
            return process;
        }
        process.Dispose();
        return null;
    }

    /// <summary>Its control group; null when the host has none of its hierarchies.</summary>
    public static Cgroup? CgroupOf(RuntimeState state) => CgroupHost.At(CgroupLayout.Detect(), state.CgroupPaths);

    /// <summary>Its control group.</summary>
    public static Cgroup RequireCgroup(RuntimeState state) => CgroupOf(state) ?? throw new CaissonException(
        ErrorKind.FailedPrecondition, $"container {state.Id} has no cgroup on this host");

    /// <summary>It has a pid namespace of its own, so that nothing of it outlives its first process.</summary>
    public static bool HasOwnPids(RuntimeState state) =>
        new FileInfo($"/proc/{state.Pid}/ns/pid").LinkTarget != new FileInfo("/proc/self/ns/pid").LinkTarget;

    /// <summary>Ends everything in it, and waits until it has ended.</summary>
    public static void Kill(RuntimeState state)
    {
        var cgroup = CgroupOf(state);
        using var process = TryOpenProcess(state);
        bool hasOwnPids = process is not null && HasOwnPids(state);
        process?.TrySignal(Signal.KILL);
        if (!hasOwnPids)
        {
            cgroup?.Kill();
        }
        else if (IsFrozen(state.CgroupPaths))
        {
            cgroup?.Thaw();
        }
        if (process?.WaitReadable(10_000) == false || cgroup?.WaitEmpty(TimeSpan.FromSeconds(10)) == false)
        {
            throw new CaissonException(ErrorKind.Unavailable, $"container {state.Id}: processes did not end within ten seconds of SIGKILL");
        }
    }

    /// <summary>The control group with these directories exists and is frozen.</summary>
    public static bool IsFrozen(IReadOnlyDictionary<string, string> cgroupPaths) =>
        cgroupPaths.TryGetValue("freezer", out string? legacy)
            ? HostFiles.TryReadText($"{legacy}/freezer.state")?.Trim() is "FROZEN" or "FREEZING"
            : cgroupPaths.TryGetValue("", out string? unified)
                && HostFiles.TryReadText($"{unified}/cgroup.events")?.Contains("frozen 1", StringComparison.Ordinal) == true;

    /// <summary>Files by which <c>exec</c> and others join, by type.</summary>
    public static Dictionary<string, string> NamespacePaths(int pid)
    {
        var paths = new Dictionary<string, string>();
        foreach (NamespaceType type in Enum.GetValues<NamespaceType>())
        {
            string name = type switch
            {
                NamespaceType.Network => "net",
                NamespaceType.Mount => "mnt",
                _ => RuntimeSpecJson.NameOf(type),
            };
            paths[RuntimeSpecJson.NameOf(type)] = $"/proc/{pid}/ns/{name}";
        }
        return paths;
    }
}

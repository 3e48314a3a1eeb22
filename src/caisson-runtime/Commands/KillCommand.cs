using Caisson.Errors;
using Caisson.Linux;
using Caisson.Runtime.CommandLine;
using Caisson.Runtime.Running;

namespace Caisson.Runtime.Commands;

/// <summary><c>kill ID [SIGNAL]</c>.</summary>
internal static class KillCommand
{
    public static int Run(Invocation invocation, string[] args)
    {
        var arguments = Arguments.Read(args, ["all|a"], 1, 2);
        string id = arguments.Words[0];
        string name = arguments.Words.Count > 1 ? arguments.Words[1] : "SIGTERM";
        if (!SignalNames.TryParse(name, out var signal) && name != "0") // 0 only asks: kill(2)
        {
            throw Arguments.Usage($"unknown signal '{name}'");
        }
        using var directory = invocation.Root.Open(id);
        var state = directory.ReadState();
        using var process = ContainerView.TryOpenProcess(state);
        if (arguments.Has("all"))
        {
            SignalAll(ContainerView.CgroupOf(state), signal);
            return 0;
        }
        if (process is null)
        {
            throw new CaissonException(ErrorKind.Conflict, $"container not running: {id}");
        }
        if (signal != Signal.KILL)
        {
            process.TrySignal(signal);
            return 0;
        }
        bool ownPids = ContainerView.HasOwnPids(state);
        process.TrySignal(signal);
        var cgroup = ContainerView.CgroupOf(state);
        if (!ownPids)
        {
            cgroup?.Kill();
        }
        else if (cgroup?.IsFrozen == true)
        {
            cgroup.Thaw(); // a frozen process ends only when it goes on
        }
        return 0;
    }

    private static void SignalAll(Cgroup? cgroup, Signal signal)
    {
        if (signal == Signal.KILL)
        {
            cgroup?.Kill();
            return;
        }
        foreach (int pid in cgroup?.ProcessIds() ?? [])
        {
            using var process = Pidfd.TryOpen(pid);
            process?.TrySignal(signal);
        }
    }
}

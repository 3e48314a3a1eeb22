using System.Collections.Immutable;

namespace Caisson.Oci.Runtime;

public static partial class RuntimeSpecRules
{
    private const uint UmaskMax = 0x1FF; // octal 777
    private const uint IdUnset = uint.MaxValue; // (uid_t)-1 means "leave it" to the kernel, so nobody can be it

    private static void CheckProcess(Process process, string path, RuleReport report)
    {
        report.Absolute($"{path}/cwd", process.Cwd);
        if (process.Args.IsEmpty)
        {
            report.Problem($"{path}/args", "must have at least one element, the program to run");
        }
        else if (process.Args[0].Length == 0)
        {
            report.Problem($"{path}/args/0", "must not be empty: it is the program to run");
        }
        CheckEnv($"{path}/env", process.Env, report);
        CheckUser(process.User, $"{path}/user", report);
        CheckRlimits(process.Rlimits, $"{path}/rlimits", report);
        if (process.Capabilities is { } capabilities)
        {
            CheckCapabilities(capabilities, $"{path}/capabilities", report);
        }
        if (process.Scheduler is { } scheduler)
        {
            CheckScheduler(scheduler, $"{path}/scheduler", report);
        }
        if (process.ExecCpuAffinity is { } affinity)
        {
            CheckList($"{path}/execCPUAffinity/initial", affinity.Initial, report);
            CheckList($"{path}/execCPUAffinity/final", affinity.Final, report);
        }
        if (process.ConsoleSize is not null && !process.Terminal)
        {
            report.Warning($"{path}/consoleSize", "is ignored without a terminal");
        }
    }

    private static void CheckEnv(string path, ImmutableArray<string> env, RuleReport report)
    {
        for (int i = 0; i < env.Length; i++)
        {
            if (env[i].IndexOf('=', StringComparison.Ordinal) <= 0)
            {
                report.Problem($"{path}/{i}", $"must be NAME=VALUE, not '{env[i]}'");
            }
        }
    }

    private static void CheckUser(User user, string path, RuleReport report)
    {
        if (user.Umask > UmaskMax)
        {
            report.Problem($"{path}/umask", "must be at most 511 (octal 777)");
        }
        if (user.Uid == IdUnset)
        {
            report.Problem($"{path}/uid", $"{IdUnset} is not an id");
        }
        if (user.Gid == IdUnset)
        {
            report.Problem($"{path}/gid", $"{IdUnset} is not an id");
        }
        for (int i = 0; i < user.AdditionalGids.Length; i++)
        {
            if (user.AdditionalGids[i] == IdUnset)
            {
                report.Problem($"{path}/additionalGids/{i}", $"{IdUnset} is not an id");
            }
        }
    }

    /// <summary>In a user namespace of its own, only mapped ids can be taken; setresuid(2) would fail with EINVAL, late and unclear.</summary>
    private static void CheckUserIsMapped(User user, LinuxConfig linux, RuleReport report)
    {
        if (linux.Namespace(NamespaceType.User) is not { Path: null } || linux.UidMappings.IsEmpty || linux.GidMappings.IsEmpty)
        {
            return;
        }
        if (!IsMapped(user.Uid, linux.UidMappings))
        {
            report.Problem("/process/user/uid", $"user id {user.Uid} is not in /linux/uidMappings");
        }
        if (!IsMapped(user.Gid, linux.GidMappings))
        {
            report.Problem("/process/user/gid", $"group id {user.Gid} is not in /linux/gidMappings");
        }
        for (int i = 0; i < user.AdditionalGids.Length; i++)
        {
            if (!IsMapped(user.AdditionalGids[i], linux.GidMappings))
            {
                report.Problem(
                    $"/process/user/additionalGids/{i}", $"group id {user.AdditionalGids[i]} is not in /linux/gidMappings");
            }
        }
    }

    private static bool IsMapped(uint id, ImmutableArray<IdMapping> mappings)
    {
        foreach (IdMapping mapping in mappings)
        {
            if (id >= mapping.ContainerId && id - mapping.ContainerId < mapping.Size)
            {
                return true;
            }
        }
        return false;
    }

    private static void CheckRlimits(ImmutableArray<Rlimit> limits, string path, RuleReport report)
    {
        uint seen = 0;
        for (int i = 0; i < limits.Length; i++)
        {
            Rlimit limit = limits[i];
            if ((seen & (1u << (int)limit.Type)) != 0)
            {
                report.Problem($"{path}/{i}/type", $"{SpecNames.Rlimit[(int)limit.Type]} occurs twice");
            }
            seen |= 1u << (int)limit.Type;
            if (limit.Soft > limit.Hard)
            {
                report.Problem($"{path}/{i}/soft", $"{limit.Soft} must not exceed the hard limit, {limit.Hard}");
            }
        }
    }

    private static void CheckCapabilities(Capabilities capabilities, string path, RuleReport report)
    {
        CheckNames($"{path}/bounding", capabilities.Bounding, report);
        CheckNames($"{path}/effective", capabilities.Effective, report);
        CheckNames($"{path}/inheritable", capabilities.Inheritable, report);
        CheckNames($"{path}/permitted", capabilities.Permitted, report);
        CheckNames($"{path}/ambient", capabilities.Ambient, report);

        ulong permitted = Capabilities.Mask(capabilities.Permitted);
        ulong inheritable = Capabilities.Mask(capabilities.Inheritable);
        ulong beyond = Capabilities.Mask(capabilities.Effective) & ~permitted;
        if (beyond != 0)
        {
            report.Problem($"{path}/effective", $"{NamesOf(beyond)} must also be permitted");
        }
        beyond = inheritable & ~Capabilities.Mask(capabilities.Bounding);
        if (beyond != 0)
        {
            report.Problem($"{path}/inheritable", $"{NamesOf(beyond)} must also be in the bounding set");
        }
        beyond = Capabilities.Mask(capabilities.Ambient) & ~(permitted & inheritable);
        if (beyond != 0)
        {
            report.Warning($"{path}/ambient", $"{NamesOf(beyond)} cannot be raised: not both permitted and inheritable");
        }
    }

    private static void CheckNames(string path, ImmutableArray<string> names, RuleReport report)
    {
        for (int i = 0; i < names.Length; i++)
        {
            if (Capabilities.NumberOf(names[i]) < 0)
            {
                report.Warning($"{path}/{i}", $"unknown capability '{names[i]}' is ignored");
            }
        }
    }

    private static string NamesOf(ulong mask)
    {
        var names = new List<string>();
        for (int i = 0; i < Capabilities.Known.Length; i++)
        {
            if ((mask & (1ul << i)) != 0)
            {
                names.Add(Capabilities.Known[i]);
            }
        }
        return string.Join(", ", names);
    }

    private static void CheckScheduler(Scheduler scheduler, string path, RuleReport report)
    {
        bool realTime = scheduler.Policy is SchedulerPolicy.Fifo or SchedulerPolicy.RoundRobin;
        if (scheduler.Nice is < -20 or > 19)
        {
            report.Problem($"{path}/nice", $"must be -20 to 19, not {scheduler.Nice}");
        }
        if (realTime && scheduler.Priority is < 1 or > 99)
        {
            report.Problem($"{path}/priority", $"must be 1 to 99 for a real-time policy, not {scheduler.Priority}");
        }
        if (!realTime && scheduler.Priority != 0)
        {
            report.Problem($"{path}/priority", "can only be given for SCHED_FIFO and SCHED_RR");
        }
        if (scheduler.Policy == SchedulerPolicy.Iso)
        {
            report.Problem($"{path}/policy", "SCHED_ISO is not implemented by the kernel");
        }
        bool timed = (scheduler.Runtime | scheduler.Deadline | scheduler.Period) != 0;
        if (timed && scheduler.Policy != SchedulerPolicy.Deadline)
        {
            report.Problem(path, "runtime, deadline and period can only be given for SCHED_DEADLINE");
        }
    }
}

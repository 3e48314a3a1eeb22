using System.Text.Json;

namespace Caisson.Oci.Runtime;

internal static partial class RuntimeSpecWriter
{
    public static void Process(Utf8JsonWriter json, Process process)
    {
        json.WriteStartObject();
        Flag(json, "terminal", process.Terminal);
        if (process.ConsoleSize is { } size)
        {
            json.WriteStartObject("consoleSize");
            json.WriteNumber("height", size.Height);
            json.WriteNumber("width", size.Width);
            json.WriteEndObject();
        }
        User(json, process.User);
        Texts(json, "args", process.Args);
        Texts(json, "env", process.Env);
        json.WriteString("cwd", process.Cwd);
        if (process.Capabilities is { } capabilities)
        {
            Capabilities(json, capabilities);
        }
        Items(json, "rlimits", process.Rlimits, Rlimit);
        Flag(json, "noNewPrivileges", process.NoNewPrivileges);
        Text(json, "apparmorProfile", process.ApparmorProfile);
        Number(json, "oomScoreAdj", process.OomScoreAdj);
        if (process.Scheduler is { } scheduler)
        {
            Scheduler(json, scheduler);
        }
        Text(json, "selinuxLabel", process.SelinuxLabel);
        if (process.IoPriority is { } priority)
        {
            json.WriteStartObject("ioPriority");
            json.WriteString("class", SpecNames.IoPriorityClass[(int)priority.Class]);
            json.WriteNumber("priority", priority.Priority);
            json.WriteEndObject();
        }
        if (process.ExecCpuAffinity is { } affinity)
        {
            json.WriteStartObject("execCPUAffinity");
            Text(json, "initial", affinity.Initial);
            Text(json, "final", affinity.Final);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void User(Utf8JsonWriter json, User user)
    {
        json.WriteStartObject("user");
        json.WriteNumber("uid", user.Uid);
        json.WriteNumber("gid", user.Gid);
        Number(json, "umask", (ulong?)user.Umask);
        Items(json, "additionalGids", user.AdditionalGids, static (json, gid) => json.WriteNumberValue(gid));
        json.WriteEndObject();
    }

    private static void Capabilities(Utf8JsonWriter json, Capabilities capabilities)
    {
        json.WriteStartObject("capabilities");
        Texts(json, "bounding", capabilities.Bounding);
        Texts(json, "effective", capabilities.Effective);
        Texts(json, "inheritable", capabilities.Inheritable);
        Texts(json, "permitted", capabilities.Permitted);
        Texts(json, "ambient", capabilities.Ambient);
        json.WriteEndObject();
    }

    private static void Rlimit(Utf8JsonWriter json, Rlimit limit)
    {
        json.WriteStartObject();
        json.WriteString("type", SpecNames.Rlimit[(int)limit.Type]);
        json.WriteNumber("hard", limit.Hard);
        json.WriteNumber("soft", limit.Soft);
        json.WriteEndObject();
    }

    private static void Scheduler(Utf8JsonWriter json, Scheduler scheduler)
    {
        json.WriteStartObject("scheduler");
        json.WriteString("policy", SpecNames.SchedulerPolicy[(int)scheduler.Policy]);
        Number(json, "nice", scheduler.Nice == 0 ? null : (long)scheduler.Nice);
        Number(json, "priority", scheduler.Priority == 0 ? null : (long)scheduler.Priority);
        Flags(json, (int)scheduler.Flags, SpecNames.SchedulerFlag);
        Number(json, "runtime", scheduler.Runtime == 0 ? null : scheduler.Runtime);
        Number(json, "deadline", scheduler.Deadline == 0 ? null : scheduler.Deadline);
        Number(json, "period", scheduler.Period == 0 ? null : scheduler.Period);
        json.WriteEndObject();
    }

    private static void Flags(Utf8JsonWriter json, int flags, string[] names)
    {
        if (flags == 0)
        {
            return;
        }
        json.WriteStartArray("flags");
        for (int bit = 0; bit < names.Length; bit++)
        {
            if ((flags & (1 << bit)) != 0)
            {
                json.WriteStringValue(names[bit]);
            }
        }
        json.WriteEndArray();
    }
}

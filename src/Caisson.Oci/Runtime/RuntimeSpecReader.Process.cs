using System.Collections.Immutable;
using Caisson.Oci.Json;

namespace Caisson.Oci.Runtime;

internal static partial class RuntimeSpecReader
{
    public static Process Process(ref JsonCursor json)
    {
        string? cwd = null;
        var process = new Process { Cwd = "" };

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "terminal": process = process with { Terminal = json.Flag() }; break;
                case "consoleSize": process = process with { ConsoleSize = ConsoleSize(ref json) }; break;
                case "user": process = process with { User = User(ref json) }; break;
                case "args": process = process with { Args = json.Texts() }; break;
                case "env": process = process with { Env = json.Texts() }; break;
                case "cwd": cwd = json.Text(); break;
                case "capabilities": process = process with { Capabilities = Capabilities(ref json) }; break;
                case "rlimits": process = process with { Rlimits = json.Array(Rlimit) }; break;
                case "noNewPrivileges": process = process with { NoNewPrivileges = json.Flag() }; break;
                case "apparmorProfile": process = process with { ApparmorProfile = TextOrNull(ref json) }; break;
                case "selinuxLabel": process = process with { SelinuxLabel = TextOrNull(ref json) }; break;
                case "oomScoreAdj": process = process with { OomScoreAdj = (int)json.Integer(-1000, 1000) }; break;
                case "scheduler": process = process with { Scheduler = Scheduler(ref json) }; break;
                case "ioPriority": process = process with { IoPriority = IoPriority(ref json) }; break;
                case "execCPUAffinity": process = process with { ExecCpuAffinity = ExecCpuAffinity(ref json) }; break;
                default: json.Skip(); break;
            }
        }
        if (entered && cwd is null)
        {
            json.ReportMissing("cwd");
        }
        return process with { Cwd = cwd ?? "" };
    }

    private static ConsoleSize ConsoleSize(ref JsonCursor json)
    {
        ushort? height = null;
        ushort? width = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "height": height = (ushort)json.Unsigned(ushort.MaxValue); break;
                case "width": width = (ushort)json.Unsigned(ushort.MaxValue); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, height, "height");
            Require(ref json, width, "width");
        }
        return new ConsoleSize(height ?? 0, width ?? 0);
    }

    private static User User(ref JsonCursor json)
    {
        uint uid = 0;
        uint gid = 0;
        uint? umask = null;
        ImmutableArray<uint> groups = [];

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "uid": uid = json.UInt32(); break;
                case "gid": gid = json.UInt32(); break;
                case "umask": umask = json.UInt32(); break;
                case "additionalGids": groups = json.Array((ref JsonCursor item) => item.UInt32()); break;
                default: json.Skip(); break;
            }
        }
        return new User { Uid = uid, Gid = gid, Umask = umask, AdditionalGids = groups };
    }

    private static Capabilities Capabilities(ref JsonCursor json)
    {
        var capabilities = new Capabilities();
        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "bounding": capabilities = capabilities with { Bounding = json.Texts() }; break;
                case "effective": capabilities = capabilities with { Effective = json.Texts() }; break;
                case "inheritable": capabilities = capabilities with { Inheritable = json.Texts() }; break;
                case "permitted": capabilities = capabilities with { Permitted = json.Texts() }; break;
                case "ambient": capabilities = capabilities with { Ambient = json.Texts() }; break;
                default: json.Skip(); break;
            }
        }
        return capabilities;
    }

    private static Rlimit Rlimit(ref JsonCursor json)
    {
        int? type = null;
        ulong? soft = null;
        ulong? hard = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "type": type = json.Choice(SpecNames.Rlimit); break;
                case "soft": soft = json.Unsigned(); break;
                case "hard": hard = json.Unsigned(); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, type, "type");
            Require(ref json, soft, "soft");
            Require(ref json, hard, "hard");
        }
        return new Rlimit((RlimitType)(type ?? 0), soft ?? 0, hard ?? 0);
    }

    private static Scheduler Scheduler(ref JsonCursor json)
    {
        int? policy = null;
        var scheduler = new Scheduler { Policy = SchedulerPolicy.Other };

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "policy": policy = json.Choice(SpecNames.SchedulerPolicy); break;
                case "nice": scheduler = scheduler with { Nice = (int)json.Integer(int.MinValue, int.MaxValue) }; break;
                case "priority": scheduler = scheduler with { Priority = (int)json.Integer(int.MinValue, int.MaxValue) }; break;
                case "flags": scheduler = scheduler with { Flags = (SchedulerOptions)Flags(ref json, SpecNames.SchedulerFlag) }; break;
                case "runtime": scheduler = scheduler with { Runtime = json.Unsigned() }; break;
                case "deadline": scheduler = scheduler with { Deadline = json.Unsigned() }; break;
                case "period": scheduler = scheduler with { Period = json.Unsigned() }; break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, policy, "policy");
        }
        return scheduler with { Policy = (SchedulerPolicy)(policy ?? 0) };
    }

    /// <summary>An array of words as a set of bits: bit <c>n</c> for the word at <c>n</c>.</summary>
    private static int Flags(ref JsonCursor json, string[] names)
    {
        int flags = 0;
        foreach (int bit in json.Array((ref JsonCursor item) => item.Choice(names)))
        {
            flags |= 1 << bit;
        }
        return flags;
    }

    private static IoPriority IoPriority(ref JsonCursor json)
    {
        int? kind = null;
        int priority = 0;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "class": kind = json.Choice(SpecNames.IoPriorityClass); break;
                case "priority": priority = (int)json.Integer(0, 7); break;
                default: json.Skip(); break;
            }
        }
        if (entered)
        {
            Require(ref json, kind, "class");
        }
        return new IoPriority((IoPriorityClass)(kind ?? 0), priority);
    }

    private static ExecCpuAffinity ExecCpuAffinity(ref JsonCursor json)
    {
        string? initial = null;
        string? final = null;

        bool entered = json.EnterObject();
        while (entered && json.NextName() is { } name)
        {
            switch (name)
            {
                case "initial": initial = TextOrNull(ref json); break;
                case "final": final = TextOrNull(ref json); break;
                default: json.Skip(); break;
            }
        }
        return new ExecCpuAffinity(initial, final);
    }
}

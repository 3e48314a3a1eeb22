using System.Text.Json;

using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Seccomp;

/// <summary>Writes a policy in the words of the runtime spec.</summary>
internal static class SeccompWriter
{
    public static void Write(Utf8JsonWriter writer, SeccompPolicy policy)
    {
        writer.WriteStartObject();
        WriteAction(writer, policy.DefaultAction, "defaultAction", "defaultErrnoRet");
        writer.WriteStartArray("architectures");
        foreach (var (name, architecture) in SeccompNames.Architectures)
        {
            if (policy.Architectures.HasFlag(architecture))
            {
                writer.WriteStringValue(name);
            }
        }
        writer.WriteEndArray();
        writer.WriteStartArray("flags");
        foreach (var (name, option) in SeccompNames.Flags)
        {
            if (option != SeccompFilterOptions.None && policy.Flags.HasFlag(option))
            {
                writer.WriteStringValue(name);
            }
        }
        writer.WriteEndArray();
        writer.WriteStartArray("syscalls");
        foreach (var rule in policy.Rules)
        {
            Write(writer, rule);
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, SeccompRule rule)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("names");
        foreach (string name in rule.Names)
        {
            writer.WriteStringValue(name);
        }
        writer.WriteEndArray();
        WriteAction(writer, rule.Action, "action", "errnoRet");
        if (!rule.Conditions.IsEmpty)
        {
            writer.WriteStartArray("args");
            foreach (var condition in rule.Conditions)
            {
                Write(writer, condition);
            }
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, SeccompCondition condition)
    {
        writer.WriteStartObject();
        writer.WriteNumber("index", condition.Index);
        writer.WriteNumber("value", condition.Value);
        if (condition.Comparison == SeccompComparison.MaskedEqual)
        {
            writer.WriteNumber("valueTwo", condition.ValueTwo);
        }
        writer.WriteString("op", Array.Find(SeccompNames.Comparisons, c => c.Comparison == condition.Comparison).Name);
        writer.WriteEndObject();
    }

    private static void WriteAction(Utf8JsonWriter writer, SeccompAction action, string member, string dataMember)
    {
        string? plain = Array.Find(SeccompNames.Actions, a => a.Action == action).Name;
        if (plain is not null)
        {
            writer.WriteString(member, plain);
            return;
        }
        writer.WriteString(member, action == SeccompAction.Trace(action.Data) ? SeccompNames.Trace : SeccompNames.Fail);
        writer.WriteNumber(dataMember, action.Data);
    }
}

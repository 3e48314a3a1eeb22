using System.Collections.Immutable;
using System.Text.Json;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Seccomp;

/// <summary>Reads a policy in the words of the runtime spec, in one pass, and reports every fault at its place.</summary>
internal ref struct SeccompReader
{
    private const int ArgumentsMax = 6;
    private const uint DataMax = ushort.MaxValue;

    private readonly string _pointer;
    private readonly List<Problem> _problems;
    private Utf8JsonReader _json;

    public SeccompReader(ReadOnlySpan<byte> json, string pointer, List<Problem> problems)
    {
        _json = new(json);
        _pointer = pointer;
        _problems = problems;
    }

    /// <summary>Reads the whole text. What it returns is sound only when no problem was reported.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public SeccompConfig? Read()
    {
        _json.Read();
        var config = _json.TokenType == JsonTokenType.Null ? null : ReadObject();
        if (_json.Read())
        {
            throw new JsonException();
        }
        return config;
    }

    private SeccompConfig? ReadObject()
    {
        if (!IsStart(JsonTokenType.StartObject, Place.Whole, "an object"))
        {
            return null;
        }
        string? action = null, listenerPath = null, listenerMetadata = null;
        uint? data = null;
        var architectures = SeccompArchitectures.X64;
        SeccompFilterOptions? flags = null;
        List<SeccompRule> rules = [];
        while (NextMember(out string member))
        {
            var at = Place.Of(member);
            switch (member)
            {
                case "defaultAction": action = ReadString(at); break;
                case "defaultErrnoRet": data = ReadNumber(at, DataMax); break;
                case "architectures": architectures = ReadArchitectures(at); break;
                case "flags": flags = ReadFlags(at); break;
                case "listenerPath": listenerPath = ReadString(at); break;
                case "listenerMetadata": listenerMetadata = ReadString(at); break;
                case "syscalls": ReadRules(at, rules); break;
                default: _json.Skip(); break;
            }
        }

        var byDefault = ActionOf(action, data, Place.Of("defaultAction"), Place.Of("defaultErrnoRet"));
        if (byDefault == SeccompAction.Notify)
        {
            Report(Place.Of("defaultAction"), "SCMP_ACT_NOTIFY cannot be the default: the calls that hand over the listener would wait for it");
        }
        bool notifies = rules.Exists(rule => rule.Action == SeccompAction.Notify);
        if (notifies && string.IsNullOrEmpty(listenerPath))
        {
            Report(Place.Of("listenerPath"), "needed for SCMP_ACT_NOTIFY");
        }
        if (!string.IsNullOrEmpty(listenerMetadata) && string.IsNullOrEmpty(listenerPath))
        {
            Report(Place.Of("listenerMetadata"), "of no use without listenerPath");
        }
        return new(
            new(byDefault, [.. rules], architectures, flags ?? SeccompFilterOptions.SpeculationAllow),
            notifies ? listenerPath : null,
            notifies ? listenerMetadata : null);
    }

    private SeccompArchitectures ReadArchitectures(Place at)
    {
        var all = SeccompArchitectures.X64;
        foreach (string name in ReadStrings(at))
        {
            int known = Array.FindIndex(SeccompNames.Architectures, a => a.Name == name);
            if (known >= 0)
            {
                all |= SeccompNames.Architectures[known].Architecture;
            }
            else if (!SeccompNames.ForeignArchitectures.Contains(name))
            {
                Report(at, $"unknown architecture {Quote(name)}");
            }
        }
        return all;
    }

    private SeccompFilterOptions? ReadFlags(Place at)
    {
        if (_json.TokenType == JsonTokenType.Null)
        {
            return null;
        }
        var all = SeccompFilterOptions.None;
        foreach (string name in ReadStrings(at))
        {
            int known = Array.FindIndex(SeccompNames.Flags, f => f.Name == name);
            if (known >= 0)
            {
                all |= SeccompNames.Flags[known].Option;
            }
            else
            {
                Report(at, $"unknown flag {Quote(name)}");
            }
        }
        return all;
    }

    private void ReadRules(Place at, List<SeccompRule> rules)
    {
        if (_json.TokenType == JsonTokenType.Null || !IsStart(JsonTokenType.StartArray, at, "an array"))
        {
            return;
        }
        for (int i = 0; NextElement(); i++)
        {
            ReadRule(new(i), rules);
        }
    }

    private void ReadRule(Place at, List<SeccompRule> rules)
    {
        if (!IsStart(JsonTokenType.StartObject, at, "an object"))
        {
            return;
        }
        string? action = null;
        uint? data = null;
        List<string> names = [];
        List<SeccompCondition> conditions = [];
        while (NextMember(out string member))
        {
            switch (member)
            {
                case "names": names = ReadStrings(at.To("names")); break;
                case "action": action = ReadString(at.To("action")); break;
                case "errnoRet": data = ReadNumber(at.To("errnoRet"), DataMax); break;
                case "args": conditions = ReadConditions(at.To("args")); break;
                default: _json.Skip(); break;
            }
        }

        if (names.Count == 0 || names.Contains(""))
        {
            Report(at.To("names"), "needs the name of at least one system call, and no empty one");
        }
        var does = ActionOf(action, data, at.To("action"), at.To("errnoRet"));
        if (does == SeccompAction.Notify && names.Contains("write"))
        {
            Report(at.To("action"), "SCMP_ACT_NOTIFY is not possible for write: the listener is handed over with it");
        }
        Add(rules, [.. names], does, conditions);
    }

    /// <summary>Conditions that share an argument are alternatives, all others must hold together; runc has it so.</summary>
    private static void Add(
        List<SeccompRule> rules, ImmutableArray<string> names, SeccompAction action, List<SeccompCondition> conditions)
    {
        int arguments = 0;
        bool distinct = true;
        foreach (var condition in conditions)
        {
            distinct &= (arguments & (1 << condition.Index)) == 0;
            arguments |= 1 << condition.Index;
        }
        if (distinct)
        {
            rules.Add(new(names, action, [.. conditions]));
            return;
        }
        foreach (var condition in conditions)
        {
            rules.Add(new(names, action, [condition]));
        }
    }

    private List<SeccompCondition> ReadConditions(Place at)
    {
        List<SeccompCondition> conditions = [];
        if (_json.TokenType == JsonTokenType.Null || !IsStart(JsonTokenType.StartArray, at, "an array"))
        {
            return conditions;
        }
        for (int i = 0; NextElement(); i++)
        {
            if (ReadCondition(at with { Member = null, Condition = i }) is { } condition)
            {
                conditions.Add(condition);
            }
        }
        return conditions;
    }

    private SeccompCondition? ReadCondition(Place at)
    {
        if (!IsStart(JsonTokenType.StartObject, at, "an object"))
        {
            return null;
        }
        string? op = null;
        ulong? index = null, value = null, valueTwo = null;
        while (NextMember(out string member))
        {
            switch (member)
            {
                case "index": index = ReadNumber(at.To("index")); break;
                case "value": value = ReadNumber(at.To("value")); break;
                case "valueTwo": valueTwo = ReadNumber(at.To("valueTwo")); break;
                case "op": op = ReadString(at.To("op")); break;
                default: _json.Skip(); break;
            }
        }

        int comparison = Array.FindIndex(SeccompNames.Comparisons, c => c.Name == op);
        if (comparison < 0)
        {
            Report(at.To("op"), op is null ? "needed" : $"unknown operator {Quote(op)}");
            return null;
        }
        if (index is null or >= ArgumentsMax)
        {
            Report(at.To("index"), "needed: the number of an argument, 0 to 5");
            return null;
        }
        return new((int)index, SeccompNames.Comparisons[comparison].Comparison, value ?? 0, valueTwo ?? 0);
    }

    private readonly SeccompAction ActionOf(string? name, uint? data, Place at, Place dataAt)
    {
        switch (name)
        {
            case SeccompNames.Fail:
                return SeccompAction.Fail((Errno)(data ?? (uint)Errno.EPERM));
            case SeccompNames.Trace:
                return SeccompAction.Trace((ushort)(data ?? (uint)Errno.EPERM));
        }
        int known = Array.FindIndex(SeccompNames.Actions, a => a.Name == name);
        if (known < 0)
        {
            Report(at, string.IsNullOrEmpty(name) ? "needed" : $"unknown action {Quote(name)}");
            return default;
        }
        if (data is not null)
        {
            Report(dataAt, $"{name} takes no number; only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do");
        }
        return SeccompNames.Actions[known].Action;
    }

    private List<string> ReadStrings(Place at)
    {
        List<string> all = [];
        if (_json.TokenType == JsonTokenType.Null || !IsStart(JsonTokenType.StartArray, at, "an array"))
        {
            return all;
        }
        for (int i = 0; NextElement(); i++)
        {
            if (_json.TokenType == JsonTokenType.String)
            {
                all.Add(_json.GetString()!);
            }
            else
            {
                Report(at with { Element = i }, "must be a string");
                _json.Skip();
            }
        }
        return all;
    }

    private string? ReadString(Place at)
    {
        if (_json.TokenType is JsonTokenType.String or JsonTokenType.Null)
        {
            return _json.GetString();
        }
        Report(at, "must be a string");
        _json.Skip();
        return null;
    }

    private ulong? ReadNumber(Place at)
    {
        if (_json.TokenType == JsonTokenType.Null)
        {
            return null;
        }
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetUInt64(out ulong number))
        {
            return number;
        }
        Report(at, "must be a whole number of 64 bits, not negative");
        _json.Skip();
        return null;
    }

    private uint? ReadNumber(Place at, uint max)
    {
        ulong? number = ReadNumber(at);
        if (number > max)
        {
            Report(at, $"must be at most {max}");
            return null;
        }
        return (uint?)number;
    }

    /// <summary>Whether the value here opens as it should; one that does not is reported and passed over.</summary>
    private bool IsStart(JsonTokenType expected, Place at, string what)
    {
        if (_json.TokenType == expected)
        {
            return true;
        }
        Report(at, $"must be {what}");
        _json.Skip();
        return false;
    }

    private bool NextMember(out string name)
    {
        _json.Read();
        bool more = _json.TokenType == JsonTokenType.PropertyName;
        name = more ? _json.GetString()! : "";
        if (more)
        {
            _json.Read();
        }
        return more;
    }

    private bool NextElement() => _json.Read() && _json.TokenType != JsonTokenType.EndArray;

    private readonly void Report(Place at, string message) => _problems.Add(new($"{_pointer}{at}", message));

    private static string Quote(string text) => text.Length > 60 ? $"\"{text[..60]}…\"" : $"\"{text}\"";

    /// <summary>Where the reader is; made to text only for a problem.</summary>
    private readonly record struct Place(int Rule, int Condition = -1, string? Member = null, int Element = -1)
    {
        public static Place Whole => new(-1);

        public static Place Of(string member) => new(-1, Member: member);

        public Place To(string member) => this with { Member = member };

        public override string ToString()
        {
            string rule = Rule < 0 ? "" : $"/syscalls/{Rule}";
            string condition = Condition < 0 ? "" : $"/args/{Condition}";
            return $"{rule}{condition}{(Member is null ? "" : $"/{Member}")}{(Element < 0 ? "" : $"/{Element}")}";
        }
    }
}

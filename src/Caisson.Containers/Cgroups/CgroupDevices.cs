using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Oci.Runtime;

namespace Caisson.Containers.Cgroups;

/// <summary>Compiles the device rules of a spec: in order for a version 2 program, as one reachable state for version 1.</summary>
/// <remarks>
/// A container starts from nothing allowed. After the spec's rules come those that every container has: the default devices of the
/// specification, pseudoterminals, <c>/dev/net/tun</c> and making (not opening) any node, as for runc, so the same documents work. Unlike
/// runc, a rule without a type but with numbers or part of the access means just that, and not every device.
/// Source: config-linux.md, "Default Devices"; Documentation/admin-guide/cgroup-v1/devices.rst.
/// </remarks>
internal static class CgroupDevices
{
    private const uint Tty = 5;
    private const uint PtySlave = 136;

    private static readonly CgroupDeviceRule[] Defaults =
    [
        new(true, 'c', null, null, CgroupDeviceAccess.Mknod),
        new(true, 'b', null, null, CgroupDeviceAccess.Mknod),
        new(true, 'c', 1, 3, CgroupDeviceAccess.All), // null
        new(true, 'c', 1, 8, CgroupDeviceAccess.All), // random
        new(true, 'c', 1, 7, CgroupDeviceAccess.All), // full
        new(true, 'c', Tty, 0, CgroupDeviceAccess.All), // tty
        new(true, 'c', 1, 5, CgroupDeviceAccess.All), // zero
        new(true, 'c', 1, 9, CgroupDeviceAccess.All), // urandom
        new(true, 'c', PtySlave, null, CgroupDeviceAccess.All),
        new(true, 'c', Tty, 2, CgroupDeviceAccess.All), // ptmx
        new(true, 'c', 10, 200, CgroupDeviceAccess.All), // net/tun
    ];

    /// <summary>The spec's rules and the default ones, in order: of those that match an access, the last decides.</summary>
    public static ImmutableArray<CgroupDeviceRule> Rules(ImmutableArray<LinuxDeviceCgroup> rules)
    {
        var all = ImmutableArray.CreateBuilder<CgroupDeviceRule>(rules.Length + Defaults.Length);
        foreach (LinuxDeviceCgroup rule in rules)
        {
            all.Add(Rule(rule));
        }
        all.AddRange(Defaults);
        return all.DrainToImmutable();
    }

    /// <summary>What to write into <c>devices.deny</c> and <c>devices.allow</c> of a version 1 cgroup to reach what the rules say.</summary>
    /// <param name="rules">As <see cref="Rules"/> gives them.</param>
    /// <param name="path">The JSON pointer of the spec's rules.</param>
    /// <param name="problems">Receives rules that version 1 cannot follow: the kernel would pass over them without a word.</param>
    public static IEnumerable<CgroupDeviceRule> V1Writes(
        ImmutableArray<CgroupDeviceRule> rules, string path, ICollection<Problem> problems)
    {
        var state = new V1State();
        for (int i = 0; i < rules.Length; i++)
        {
            if (state.Apply(rules[i]) is { } wider)
            {
                problems.Add(new Problem(
                    $"{path}/{i}", $"cgroup v1 cannot except {rules[i].ToLine()} from the wider rule on {wider.ToLine()}; order them apart"));
            }
        }
        return state.Writes();
    }

    private static CgroupDeviceRule Rule(LinuxDeviceCgroup rule) => new(
        rule.Allow,
        rule.Type switch { null or "a" => 'a', "b" => 'b', _ => 'c' },
        rule.Major is >= 0 and <= uint.MaxValue ? (uint)rule.Major : null,
        rule.Minor is >= 0 and <= uint.MaxValue ? (uint)rule.Minor : null,
        CgroupDeviceRule.Parse(rule.Access ?? ""));

    /// <summary>A version 1 devices cgroup: a default, and exceptions from it.</summary>
    private sealed class V1State
    {
        private readonly List<CgroupDeviceRule> _exceptions = [];
        private bool _allowed;

        /// <summary>Applies <paramref name="rule"/>; the wider exception that it cannot cut a hole into, if there is one.</summary>
        public CgroupDeviceRule? Apply(CgroupDeviceRule rule)
        {
            if (rule is { Type: 'a', Major: null, Minor: null, Access: CgroupDeviceAccess.All })
            {
                _allowed = rule.Allow;
                _exceptions.Clear();
                return null;
            }
            return rule.Type == 'a'
                ? ApplyTyped(rule with { Type = 'b' }) ?? ApplyTyped(rule with { Type = 'c' })
                : ApplyTyped(rule);
        }

        public IEnumerable<CgroupDeviceRule> Writes() =>
            _exceptions.Prepend(new CgroupDeviceRule(_allowed, 'a', null, null, CgroupDeviceAccess.All));

        private CgroupDeviceRule? ApplyTyped(CgroupDeviceRule rule)
        {
            if (rule.Allow != _allowed)
            {
                Add(rule);
                return null;
            }
            for (int i = _exceptions.Count - 1; i >= 0; i--)
            {
                CgroupDeviceRule exception = _exceptions[i];
                if (!Meet(rule, exception) || (exception.Access & rule.Access) == 0)
                {
                    continue;
                }
                if (!Covers(rule, exception))
                {
                    return exception;
                }
                CgroupDeviceAccess left = exception.Access & ~rule.Access;
                if (left == 0)
                {
                    _exceptions.RemoveAt(i);
                }
                else
                {
                    _exceptions[i] = exception with { Access = left };
                }
            }
            return null;
        }

        private void Add(CgroupDeviceRule rule)
        {
            int same = _exceptions.FindIndex(e => (e.Type, e.Major, e.Minor) == (rule.Type, rule.Major, rule.Minor));
            if (same < 0)
            {
                _exceptions.Add(rule);
            }
            else
            {
                _exceptions[same] = rule with { Access = rule.Access | _exceptions[same].Access };
            }
        }

        private static bool Covers(CgroupDeviceRule wide, CgroupDeviceRule narrow) =>
            wide.Type == narrow.Type
            && (wide.Major is null || wide.Major == narrow.Major)
            && (wide.Minor is null || wide.Minor == narrow.Minor);

        private static bool Meet(CgroupDeviceRule a, CgroupDeviceRule b) =>
            a.Type == b.Type
            && (a.Major is null || b.Major is null || a.Major == b.Major)
            && (a.Minor is null || b.Minor is null || a.Minor == b.Minor);
    }
}

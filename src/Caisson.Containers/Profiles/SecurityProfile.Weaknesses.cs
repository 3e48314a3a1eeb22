using System.Collections.Immutable;
using System.Globalization;

using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Profiles;

public sealed partial record SecurityProfile
{
    private const int NamesShown = 8;

    /// <summary>What is weaker than in <paramref name="comparedTo"/>, a sentence each, the gravest first; empty when nothing is.</summary>
    /// <remarks>Works on edited copies too, so <c>inspect</c> can show what a user's flags gave up.</remarks>
    public ImmutableArray<string> Weaknesses(SecurityProfile comparedTo)
    {
        ArgumentNullException.ThrowIfNull(comparedTo);
        var found = ImmutableArray.CreateBuilder<string>();
        Say(found, comparedTo.UserNamespace && !UserNamespace, "root in the container is root on the host");
        Say(found, AllDevices && !comparedTo.AllDevices, "all devices of the host can be used");
        CompareCapabilities(found, comparedTo);
        CompareSeccomp(found, comparedTo.Seccomp);
        Say(found, comparedTo.NoNewPrivileges && !NoNewPrivileges,
            "programs may gain privileges through setuid files and file capabilities");
        Say(found, comparedTo.RequiresNonRoot && !RequiresNonRoot, "processes may run as root of the container");
        CompareFiles(found, comparedTo);
        CompareDevices(found, comparedTo);
        CompareLimits(found, comparedTo);
        return found.DrainToImmutable();
    }

    private void CompareCapabilities(ImmutableArray<string>.Builder found, SecurityProfile other)
    {
        Say(found, Capabilities.Except(other.Capabilities), "processes started as root hold");
        Say(found, NonRootCapabilities.Except(other.NonRootCapabilities).Except(Capabilities.Except(other.Capabilities)),
            "processes started as another user can come to hold");
    }

    private void CompareSeccomp(ImmutableArray<string>.Builder found, SeccompProfile? other)
    {
        if (other is null || Seccomp is null)
        {
            Say(found, other is not null, "system calls are not filtered");
            return;
        }
        List<string> allowed = [];
        List<string> unchecked_ = [];
        foreach (string name in Seccomp.Groups.SelectMany(g => g.Rules).SelectMany(r => r.Names).Distinct())
        {
            var (mine, mineAlways) = Seccomp.Allows(name);
            var (theirs, theirsAlways) = other.Allows(name);
            if (mine && !theirs)
            {
                allowed.Add(name);
            }
            else if (mineAlways && !theirsAlways)
            {
                unchecked_.Add(name);
            }
            else if (mine && !mineAlways && !SameConditions(name, other))
            {
                unchecked_.Add(name);
            }
        }
        Say(found, allowed, "more system calls are allowed:");
        Say(found, unchecked_, "system calls are allowed with more arguments:");
        var conventions = Seccomp.Policy.Architectures & ~other.Policy.Architectures;
        Say(found, conventions.HasFlag(SeccompArchitectures.X86), "32-bit system calls are allowed");
        Say(found, conventions.HasFlag(SeccompArchitectures.X32), "x32 system calls are allowed");
    }

    /// <summary>Whether every way that is open here is open there as well.</summary>
    private bool SameConditions(string name, SeccompProfile other)
    {
        var theirs = other.Explain(name);
        return Seccomp!.Explain(name).All(mine =>
            mine.Action != SeccompAction.Allow
            || theirs.Any(t => t.Action == SeccompAction.Allow && t.Conditions.SequenceEqual(mine.Conditions)))
            && theirs.All(t =>
                t.Action == SeccompAction.Allow
                || Seccomp.Explain(name).Any(m => m.Action != SeccompAction.Allow && m.Conditions.SequenceEqual(t.Conditions)));
    }

    private void CompareFiles(ImmutableArray<string>.Builder found, SecurityProfile other)
    {
        Say(found, other.MaskedPaths.Except(MaskedPaths), "files of the kernel can be read:");
        Say(found, other.ReadOnlyPaths.Except(ReadOnlyPaths).Except(MaskedPaths), "files of the kernel can be written to:");
        Say(found, WritableSysfs && !other.WritableSysfs, "/sys can be written to");
        Say(found, WritableCgroup && !other.WritableCgroup, "the container may divide its cgroup further");
        Say(found, other.ReadOnlyRoot && !ReadOnlyRoot, "the root file system can be written to");
        Say(found, other.RootMountOptions.Except(RootMountOptions), "the root file system is mounted without");
        Say(found, other.VolumeMountOptions.Except(VolumeMountOptions), "volumes are mounted without");
    }

    private void CompareDevices(ImmutableArray<string>.Builder found, SecurityProfile other)
    {
        if (AllDevices)
        {
            return;
        }
        Say(found, Devices.Select(d => d.Path).Except(other.Devices.Select(d => d.Path)), "more devices can be used:");
        var makers = Devices.Where(d => d.Access.Contains('m', StringComparison.Ordinal)
            && other.Devices.Any(o => o.Path == d.Path && !o.Access.Contains('m', StringComparison.Ordinal)));
        Say(found, makers.Select(d => d.Path), "device nodes can be made for");
    }

    private void CompareLimits(ImmutableArray<string>.Builder found, SecurityProfile other)
    {
        if (other.PidsMax > 0 && (PidsMax == 0 || PidsMax > other.PidsMax))
        {
            string limit = other.PidsMax.ToString(CultureInfo.InvariantCulture);
            found.Add(PidsMax == 0
                ? $"the number of processes is not limited ({limit} in {other.Name})"
                : $"up to {PidsMax.ToString(CultureInfo.InvariantCulture)} processes ({limit} in {other.Name})");
        }
        foreach (var limit in other.Limits)
        {
            var mine = Limits.FirstOrDefault(l => l.Name == limit.Name);
            Say(found, mine is null || mine.Hard > limit.Hard, $"{limit.Name} is not limited to {limit.Hard.ToString(CultureInfo.InvariantCulture)}");
        }
        Say(found, NetworkByDefault && !other.NetworkByDefault, "there is a network though none was named");
    }

    private static void Say(ImmutableArray<string>.Builder found, bool weaker, string sentence)
    {
        if (weaker)
        {
            found.Add(sentence);
        }
    }

    private static void Say(ImmutableArray<string>.Builder found, IEnumerable<string> names, string before)
    {
        string[] all = [.. names];
        if (all.Length > 0)
        {
            string rest = all.Length > NamesShown ? $" and {all.Length - NamesShown} more" : "";
            found.Add($"{before} {string.Join(", ", all.Take(NamesShown))}{rest}");
        }
    }
}

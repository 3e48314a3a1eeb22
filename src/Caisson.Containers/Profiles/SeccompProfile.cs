using System.Collections.Immutable;

using Caisson.Linux.Seccomp;

namespace Caisson.Containers.Profiles;

/// <summary>System calls that are treated alike for one reason.</summary>
/// <param name="Reason">One line for people: why they are allowed, or what refusing them prevents.</param>
/// <param name="Rules">What happens to them.</param>
public sealed record SeccompGroup(string Reason, ImmutableArray<SeccompRule> Rules)
{
    /// <summary>Whether any rule names <paramref name="syscall"/>.</summary>
    public bool Concerns(string syscall) => Rules.Any(rule => rule.Names.Contains(syscall));
}

/// <summary>What one profile decides on one system call, and why.</summary>
/// <param name="Action">What happens.</param>
/// <param name="Conditions">To calls with such arguments; none means always.</param>
/// <param name="Reason">Why; one line.</param>
public readonly record struct SeccompDecision(
    SeccompAction Action, ImmutableArray<SeccompCondition> Conditions, string Reason);

/// <summary>A seccomp policy that knows its reasons. Immutable.</summary>
public sealed class SeccompProfile
{
    private readonly SeccompAction _defaultAction;
    private readonly SeccompArchitectures _architectures;

    internal SeccompProfile(
        SeccompAction defaultAction, SeccompArchitectures architectures, ImmutableArray<SeccompGroup> groups)
    {
        _defaultAction = defaultAction;
        _architectures = architectures;
        Groups = groups;
        Policy = new(defaultAction, [.. groups.SelectMany(group => group.Rules)], architectures);
    }

    /// <summary>The rules by reason, in the order of the policy.</summary>
    public ImmutableArray<SeccompGroup> Groups { get; }

    /// <summary>The same as the compiler takes it.</summary>
    public SeccompPolicy Policy { get; }

    /// <summary>The profile for images of 32-bit programs (platform 386), which the machine's own calls do not suffice.</summary>
    /// <remarks>Their socket calls may go through <c>socketcall</c>, whose arguments no filter sees.</remarks>
    public SeccompProfile For386() => _architectures.HasFlag(SeccompArchitectures.X86)
        ? this
        : new(_defaultAction, _architectures | SeccompArchitectures.X86, [SyscallGroups.Socketcall, .. Groups]);

    /// <summary>All that the profile says on <paramref name="syscall"/>; empty when it has the default action, being unknown to it.</summary>
    public ImmutableArray<SeccompDecision> Explain(string syscall) =>
    [
        .. from @group in Groups
           from rule in @group.Rules
           where rule.Names.Contains(syscall)
           select new SeccompDecision(rule.Action, rule.Conditions, @group.Reason),
    ];

    /// <summary>Whether calls of that name can get through, and if so whether with any arguments.</summary>
    internal (bool Allowed, bool Always) Allows(string syscall)
    {
        var decisions = Explain(syscall);
        foreach (var decision in decisions)
        {
            if (decision.Conditions.IsEmpty)
            {
                bool allowed = decision.Action == SeccompAction.Allow;
                return (allowed, allowed);
            }
        }
        return (decisions.Any(decision => decision.Action == SeccompAction.Allow), false);
    }
}

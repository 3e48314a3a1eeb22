using Caisson.Errors;
using Caisson.Oci.Json;

namespace Caisson.Registry.Access;

/// <summary>What somebody may want of a repository.</summary>
public enum RegistryAction
{
    /// <summary>Read it.</summary>
    Pull,

    /// <summary>Write to it.</summary>
    Push,

    /// <summary>Take away from it.</summary>
    Delete,
}

/// <summary>Who may do what with which repositories.</summary>
public sealed class RegistryRights
{
    /// <summary>What somebody without a name is called here.</summary>
    public const string Anonymous = "anonymous";

    private const int BytesMax = 1 << 20;
    private static readonly string[] Actions = ["pull", "push", "delete"];

    private readonly IReadOnlyList<Rule> _rules;

    private RegistryRights(IReadOnlyList<Rule> rules) => _rules = rules;

    /// <summary>Everybody may do everything.</summary>
    public static RegistryRights Everybody { get; } = new([new([Anonymous, "*"], ["**"], [RegistryAction.Pull, RegistryAction.Push, RegistryAction.Delete])]);

    /// <summary>Everybody with a name may do everything.</summary>
    public static RegistryRights Users { get; } = new([new(["*"], ["**"], [RegistryAction.Pull, RegistryAction.Push, RegistryAction.Delete])]);

    /// <summary>Reads a list of rules, of which any may allow: <c>users</c>, <c>repositories</c>, <c>actions</c>.</summary>
    /// <param name="content">A JSON document.</param>
    /// <param name="subject">What to call it in errors.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: says what is wrong, all of it.</exception>
    public static RegistryRights Parse(ReadOnlyMemory<byte> content, string subject)
    {
        List<Problem> problems = [];
        RegistryRights? rights = JsonCursor.Read(content, problems, BytesMax, (ref JsonCursor json) => new RegistryRights(json.Array(ReadRule)));
        ProblemsException.ThrowIfAny(subject, problems);
        return rights!;
    }

    /// <summary>Whether <paramref name="user"/>, null for nobody in particular, may do <paramref name="action"/>.</summary>
    public bool Allows(string? user, string repository, RegistryAction action) => _rules.Any(rule =>
        rule.Actions.Contains(action)
        && rule.Users.Any(each => each == (user ?? Anonymous) || (each == "*" && user is not null))
        && rule.Repositories.Any(pattern => Matches(pattern, repository)));

    /// <summary><c>*</c> stands for anything within one part of a name, <c>**</c> for anything.</summary>
    internal static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        while (!pattern.IsEmpty)
        {
            if (pattern[0] != '*')
            {
                if (name.IsEmpty || name[0] != pattern[0])
                {
                    return false;
                }
                pattern = pattern[1..];
                name = name[1..];
                continue;
            }
            bool any = pattern.StartsWith("**");
            ReadOnlySpan<char> rest = pattern[(any ? 2 : 1)..];
            for (int taken = 0; taken <= name.Length; taken++)
            {
                if (Matches(rest, name[taken..]))
                {
                    return true;
                }
                if (taken < name.Length && !any && name[taken] == '/')
                {
                    return false;
                }
            }
            return false;
        }
        return name.IsEmpty;
    }

    private static Rule ReadRule(ref JsonCursor json)
    {
        IReadOnlyList<string> users = [];
        IReadOnlyList<string> repositories = [];
        List<RegistryAction> actions = [];
        if (!json.EnterObject())
        {
            return new Rule(users, repositories, actions);
        }
        while (json.NextName() is { } name)
        {
            switch (name)
            {
                case "users":
                    users = json.Texts();
                    break;
                case "repositories":
                    repositories = json.Texts();
                    break;
                case "actions":
                    actions.AddRange(json.Array((ref JsonCursor item) => (RegistryAction)item.Choice(Actions)));
                    break;
                default:
                    json.Report("is not known; there are users, repositories and actions");
                    json.Skip();
                    break;
            }
        }
        return new Rule(users, repositories, actions);
    }

    private sealed record Rule(IReadOnlyList<string> Users, IReadOnlyList<string> Repositories, IReadOnlyList<RegistryAction> Actions);
}

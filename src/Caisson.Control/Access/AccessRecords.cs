namespace Caisson.Control.Access;

/// <summary>A user, as kept in the state store.</summary>
public sealed record AccessUser
{
    /// <summary>Letters, digits, <c>-</c>, <c>_</c>, <c>.</c>, <c>@</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Groups that grants may name.</summary>
    public IReadOnlyList<string> Groups { get => field ?? []; init; } = [];

    /// <summary>The user of this machine that it is; null for none.</summary>
    public uint? UserId { get; init; }

    /// <summary>Common names of certificates that it is known by.</summary>
    public IReadOnlyList<string> Certificates { get => field ?? []; init; } = [];

    /// <summary>Its tokens, of which only hashes are kept.</summary>
    public IReadOnlyList<AccessToken> Tokens { get => field ?? []; init; } = [];

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; init; }
}

/// <summary>A token, of which nobody but its owner has the text.</summary>
public sealed record AccessToken
{
    /// <summary>What it is called in lists; also the first part of its text.</summary>
    public required string Id { get; init; }

    /// <summary>SHA-256 of its text, in hexadecimal.</summary>
    public required string Hash { get; init; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>From when on it is worth nothing; null for never.</summary>
    public DateTimeOffset? Expires { get; init; }
}

/// <summary>A role that a user or a group has.</summary>
/// <param name="Subject">A user's name, or <c>group:NAME</c>.</param>
/// <param name="Role">The role's name.</param>
/// <param name="Project">Only there; empty for everywhere.</param>
public sealed record AccessGrant(string Subject, string Role, string Project)
{
    /// <summary>What stands before a group's name.</summary>
    public const string GroupPrefix = "group:";

    /// <summary>Whether it is for <paramref name="caller"/>.</summary>
    public bool IsFor(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return Subject.StartsWith(GroupPrefix, StringComparison.Ordinal) ? caller.Groups.Contains(Subject[GroupPrefix.Length..]) : Subject == caller.Name;
    }

    /// <summary>Unique among all.</summary>
    public string Key => $"{Subject} {Role} {Project}";
}

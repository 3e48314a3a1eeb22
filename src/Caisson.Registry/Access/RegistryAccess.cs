using System.Text;

namespace Caisson.Registry.Access;

/// <summary>Who somebody has shown to be.</summary>
/// <param name="User">Their name; null for nobody in particular.</param>
/// <param name="Token">What they brought, when it says all there is to say.</param>
public sealed record RegistryCaller(string? User, RegistryToken? Token);

/// <summary>Who is let in, and what they may do.</summary>
/// <remarks>For several threads.</remarks>
public sealed record RegistryAccess
{
    private static readonly string[] Words = ["pull", "push", "delete"];

    /// <summary>Users and passwords; null when there are none.</summary>
    public PasswordFile? Passwords { get; init; }

    /// <summary>Tokens that are taken; null for none.</summary>
    public RegistryTokens? Tokens { get; init; }

    /// <summary>What users may do.</summary>
    public RegistryRights Rights { get; init; } = RegistryRights.Everybody;

    /// <summary>True when callers may show who they are.</summary>
    public bool KnowsUsers => Passwords is not null || Tokens is not null;

    /// <summary>Who sends this header <c>Authorization</c>.</summary>
    /// <exception cref="RegistryRefusal"><see cref="RefusalCode.Unauthorized"/>: what they show is not good.</exception>
    public RegistryCaller Identify(string? authorization)
    {
        if (string.IsNullOrEmpty(authorization) || !KnowsUsers)
        {
            return new RegistryCaller(null, null);
        }
        int space = authorization.IndexOf(' ', StringComparison.Ordinal);
        (string scheme, string value) = space < 0 ? (authorization, "") : (authorization[..space], authorization[(space + 1)..].Trim());
        if (scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase) && Passwords is { } passwords)
        {
            Span<byte> bytes = new byte[value.Length];
            string pair = Convert.TryFromBase64String(value, bytes, out int length) ? Encoding.UTF8.GetString(bytes[..length]) : "";
            int colon = pair.IndexOf(':', StringComparison.Ordinal);
            return colon > 0 && passwords.Verify(pair[..colon], pair[(colon + 1)..])
                ? new RegistryCaller(pair[..colon], null)
                : throw new RegistryRefusal(RefusalCode.Unauthorized, "the user's name or the password is wrong");
        }
        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) && Tokens?.Verify(value) is { } token)
        {
            return new RegistryCaller(token.Subject.Length > 0 ? token.Subject : null, token);
        }
        throw new RegistryRefusal(RefusalCode.Unauthorized, "the token is not good, or too old");
    }

    /// <summary>Whether <paramref name="caller"/> may do <paramref name="action"/>.</summary>
    public bool Allows(RegistryCaller caller, string repository, RegistryAction action) =>
        caller.Token is { } token ? token.Allows(repository, action) : Rights.Allows(caller.User, repository, action);

    /// <summary>The part of <paramref name="scopes"/> that <paramref name="caller"/> may have. Source: distribution's "Token Scope Documentation".</summary>
    /// <param name="caller">Who asks for a token.</param>
    /// <param name="scopes">Each <c>repository:NAME:ACTION,…</c>; others are left out.</param>
    public IReadOnlyList<(string Repository, IReadOnlyList<string> Actions)> Grant(RegistryCaller caller, IEnumerable<string> scopes)
    {
        List<(string, IReadOnlyList<string>)> grants = [];
        foreach (string scope in scopes.SelectMany(each => each.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            int first = scope.IndexOf(':', StringComparison.Ordinal);
            int last = scope.LastIndexOf(':');
            if (first < 0 || last <= first || scope[..first] != "repository")
            {
                continue;
            }
            string repository = scope[(first + 1)..last];
            string[] asked = scope[(last + 1)..].Split(',');
            string[] actions = [.. Words.Where((word, i) =>
                (asked.Contains(word) || asked.Contains("*")) && Rights.Allows(caller.User, repository, (RegistryAction)i))];
            if (actions.Length > 0)
            {
                grants.Add((repository, actions));
            }
        }
        return grants;
    }
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

using Caisson.Control.Json;
using Caisson.Control.State;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

namespace Caisson.Control.Access;

/// <summary>Who asks, and what that one may: the one place that every way into the engine asks. The one owner of users, tokens and grants.</summary>
/// <remarks>Safe for concurrent use. With no user and no grant, whoever a socket or a certificate lets in may do everything, as with Docker.</remarks>
public sealed class AccessControl : IDisposable
{
    private const int NameMax = 64;
    private const string TokenPrefix = "caisson";
    private const string BearerPrefix = "Bearer ";

    private readonly Lock _lock = new();
    private readonly IStateStore _store;
    private readonly TimeProvider _time;
    private readonly uint _owner;
    private volatile Users _users;
    private volatile AccessPolicy _policy;
    private Func<string, IReadOnlyList<KubernetesObject>> _objects = _ => [];

    private AccessControl(IStateStore store, string root, TimeProvider time, uint owner)
    {
        (_store, _time, _owner) = (store, time, owner);
        Audit = AuditLog.Open($"{root}/audit", time);
        Accounts = ServiceAccountTokens.Open($"{root}/accounts.key", time);
        _users = new([.. store.List(RecordKind.User).Select(record => JsonSerializer.Deserialize(record.Value, ControlJson.Default.AccessUser)!)]);
        _policy = new([.. store.List(RecordKind.Grant).Select(record => JsonSerializer.Deserialize(record.Value, ControlJson.Default.AccessGrant)!)], kind => _objects(kind));
    }

    /// <summary>Loads what the state store has.</summary>
    /// <param name="store">Keeps users and grants.</param>
    /// <param name="root">CAISSON_ROOT, absolute: the audit log and the key of tokens are below it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="owner">The user that the engine runs as, who may do everything, as root may.</param>
    public static AccessControl Open(IStateStore store, string root, TimeProvider time, uint owner = 0) => new(store, root, time, owner);

    /// <summary>Who changed what, and who was refused.</summary>
    public AuditLog Audit { get; }

    /// <summary>Tokens of service accounts.</summary>
    public ServiceAccountTokens Accounts { get; }

    /// <summary>All grants, with the bindings of Kubernetes.</summary>
    public AccessPolicy Policy => _policy;

    /// <summary>Told when the users of this machine that have an account here are others: sockets let them in.</summary>
    public Action? UsersChanged { get; set; }

    /// <summary>Where Kubernetes' roles, bindings and accounts come from; asked with the name of a kind.</summary>
    public void Attach(Func<string, IReadOnlyList<KubernetesObject>> objects) => _objects = objects;

    /// <summary>The caller of a connection; null for nobody whom we know, such as one with a token that is worth nothing.</summary>
    /// <param name="credential">What the connection says.</param>
    /// <param name="authorization">The header of that name; empty for none. A token counts before the connection.</param>
    public Caller? Identify(Credential credential, string authorization)
    {
        ArgumentNullException.ThrowIfNull(authorization);
        if (authorization.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase))
        {
            return OfToken(authorization[BearerPrefix.Length..].Trim());
        }
        switch (credential)
        {
            case Credential.UnixPeer peer when peer.UserId == 0 || peer.UserId == _owner:
                return peer.UserId == 0 ? Caller.Owner : Caller.Owner with { Known = Uid(peer.UserId) };
            case Credential.UnixPeer peer:
                return _users.ByUid.TryGetValue(peer.UserId, out AccessUser? user) ? Known(user, Uid(peer.UserId), [])
                    : !peer.IsInGroup ? null // it was a user when it connected
                    : new($"uid:{peer.UserId}", [Caller.SocketGroup, Caller.Authenticated], Uid(peer.UserId), Standing.Trusted);
            case Credential.Certificate certificate:
                return _users.ByCertificate.TryGetValue(certificate.Name, out AccessUser? holder)
                    ? Known(holder, "certificate", certificate.Organizations)
                    : new(certificate.Name, [.. certificate.Organizations, Caller.CertificateGroup, Caller.Authenticated], "certificate", Standing.Trusted);
            case Credential.LocalAddress:
                return new("local", [Caller.LocalGroup, Caller.Authenticated], "address", Standing.Trusted);
            default:
                return null;
        }
    }

    /// <summary>Says whether <paramref name="caller"/> has <paramref name="right"/>; as <see cref="AccessPolicy.Decide"/>.</summary>
    public AccessDecision Decide(Caller caller, Right right, string? project, string name = "") => _policy.Decide(caller, right, project, name);

    /// <summary>Lets pass who has <paramref name="right"/>.</summary>
    /// <exception cref="AccessException">It has not; the message names the right.</exception>
    public void Require(Caller caller, Right right, string? project, string name = "")
    {
        if (_policy.Decide(caller, right, project, name).Missing is { } missing)
        {
            throw new AccessException(caller, missing, project);
        }
    }

    /// <summary>All users, by name.</summary>
    public IReadOnlyList<AccessUser> ListUsers() => _users.All;

    /// <summary>Makes a user.</summary>
    /// <exception cref="ProblemsException">The name is none.</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.AlreadyExists"/>: the name, the uid or a certificate is another's.</exception>
    public AccessUser AddUser(AccessUser asked)
    {
        ArgumentNullException.ThrowIfNull(asked);
        List<Problem> problems = [];
        CheckName("/Name", asked.Name, problems);
        for (int i = 0; i < asked.Groups.Count; i++)
        {
            CheckName($"/Groups/{i}", asked.Groups[i], problems);
        }
        if (asked.UserId == 0 || (asked.UserId is { } uid && uid == _owner))
        {
            problems.Add(new("/UserId", "the engine's own user may do everything, which no role takes from it"));
        }
        ProblemsException.ThrowIfAny("add a user", problems);
        lock (_lock)
        {
            Users now = _users;
            if (now.All.Any(user => user.Name == asked.Name))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"user {asked.Name} exists already");
            }
            if (asked.UserId is { } id && now.ByUid.TryGetValue(id, out AccessUser? other))
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"uid {id} is user {other.Name}");
            }
            if (asked.Certificates.Append(asked.Name).FirstOrDefault(now.ByCertificate.ContainsKey) is { } taken)
            {
                throw new CaissonException(ErrorKind.AlreadyExists, $"the certificate of '{taken}' is user {now.ByCertificate[taken].Name}'s");
            }
            AccessUser made = asked with { Created = _time.GetUtcNow(), Tokens = [] };
            SaveUnlocked(made);
            return made;
        }
    }

    /// <summary>Removes a user with its tokens and grants.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public void RemoveUser(string name)
    {
        lock (_lock)
        {
            AccessUser user = Find(name);
            var change = new StateChange().Delete(RecordKind.User, user.Name);
            foreach (AccessGrant grant in _policy.Grants.Where(grant => grant.Subject == name))
            {
                change.Delete(RecordKind.Grant, grant.Key);
            }
            _ = _store.Commit(Durability.Power, change);
            _users = new([.. _users.All.Where(other => other.Name != name)]);
            _policy = _policy with { Grants = [.. _policy.Grants.Where(grant => grant.Subject != name)] };
        }
        UsersChanged?.Invoke();
    }

    /// <summary>Makes a token for a user; only its hash is kept.</summary>
    /// <param name="name">The user.</param>
    /// <param name="lifetime">How long it is good; null for ever.</param>
    /// <returns>Its text, which nobody can ask for again.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public string MakeToken(string name, TimeSpan? lifetime)
    {
        lock (_lock)
        {
            AccessUser user = Find(name);
            string id = RandomNumberGenerator.GetHexString(8, lowercase: true);
            string text = $"{TokenPrefix}_{id}_{RandomNumberGenerator.GetHexString(64, lowercase: true)}";
            DateTimeOffset now = _time.GetUtcNow();
            var token = new AccessToken { Id = id, Hash = Hash(text), Created = now, Expires = lifetime is { } life ? now + life : null };
            SaveUnlocked(user with { Tokens = [.. user.Tokens.Where(other => other.Expires is null || other.Expires > now), token] });
            return text;
        }
    }

    /// <summary>Takes tokens away.</summary>
    /// <param name="name">The user.</param>
    /// <param name="id">Which token; empty for all.</param>
    /// <returns>How many.</returns>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>.</exception>
    public int RemoveTokens(string name, string id)
    {
        lock (_lock)
        {
            AccessUser user = Find(name);
            AccessToken[] left = [.. user.Tokens.Where(token => id.Length > 0 && token.Id != id)];
            int gone = user.Tokens.Count - left.Length;
            if (gone > 0)
            {
                SaveUnlocked(user with { Tokens = left });
            }
            return gone;
        }
    }

    /// <summary>Gives a role.</summary>
    /// <param name="grant">To whom, which, where.</param>
    /// <param name="by">Who gives it: nobody gives what it has not.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: there is no such user or role.</exception>
    /// <exception cref="AccessException">The role has more than who gives it.</exception>
    public void Grant(AccessGrant grant, Caller by)
    {
        ArgumentNullException.ThrowIfNull(grant);
        lock (_lock)
        {
            bool isGroup = grant.Subject.StartsWith(AccessGrant.GroupPrefix, StringComparison.Ordinal);
            if (!isGroup)
            {
                _ = Find(grant.Subject);
            }
            else if (grant.Subject.Length == AccessGrant.GroupPrefix.Length)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, "a group has a name: group:NAME");
            }
            IReadOnlyList<AccessRule> rules = _policy.RoleRules("ClusterRole", grant.Role, null)
                ?? throw new CaissonException(
                    ErrorKind.NotFound, $"there is no role '{grant.Role}'{Spelling.Hint(grant.Role, Role.BuiltIn.Select(role => role.Name))}; see caisson access role ls");
            RequireCovers(by, rules, grant.Project.Length > 0 ? grant.Project : null);
            if (!_policy.Grants.Contains(grant))
            {
                _ = _store.Commit(Durability.Power, new StateChange().Put(RecordKind.Grant, grant.Key, grant, ControlJson.Default.AccessGrant));
                _policy = _policy with { Grants = [.. _policy.Grants, grant] };
            }
        }
    }

    /// <summary>Takes a role away.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.NotFound"/>: it was not given.</exception>
    public void Revoke(AccessGrant grant)
    {
        ArgumentNullException.ThrowIfNull(grant);
        lock (_lock)
        {
            if (!_policy.Grants.Contains(grant))
            {
                throw new CaissonException(
                    ErrorKind.NotFound, $"{grant.Subject} has no role {grant.Role}{(grant.Project.Length > 0 ? $" in project {grant.Project}" : "")} by a grant; see caisson access user ls");
            }
            _ = _store.Commit(Durability.Power, new StateChange().Delete(RecordKind.Grant, grant.Key));
            _policy = _policy with { Grants = [.. _policy.Grants.Where(other => other != grant)] };
        }
    }

    /// <summary>Refuses who would give more than it has.</summary>
    /// <param name="caller">Who gives.</param>
    /// <param name="rules">What.</param>
    /// <param name="project">Where; null for everywhere.</param>
    /// <exception cref="AccessException">Names a right that it has not.</exception>
    public void RequireCovers(Caller caller, IReadOnlyList<AccessRule> rules, string? project)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(rules);
        if (caller.Standing == Standing.Owner)
        {
            return;
        }
        IReadOnlyList<AccessRule> own = _policy.RulesOf(caller, project);
        foreach (AccessRule rule in rules.Where(rule => !rule.IsCoveredBy(own)))
        {
            Right missing = rule.Parts().FirstOrDefault(part => !own.Any(mine => mine.Allows(part.Right, part.Name))).Right ?? new Right(rule.Verbs.FirstOrDefault("*"), rule.Paths.FirstOrDefault("*"), "");
            throw new AccessException(caller, missing, project, "nobody gives what it has not: ");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Audit.Dispose();

    private static string Uid(uint id) => string.Create(CultureInfo.InvariantCulture, $"uid {id}");

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    private static void CheckName(string path, string name, List<Problem> problems)
    {
        if (name.Length is 0 or > NameMax || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '@'))
        {
            problems.Add(new(path, $"invalid name '{name}': 1 to {NameMax} letters, digits, '-', '_', '.' and '@', of which the first is a letter or a digit"));
        }
        else if (name == Caller.Owner.Name)
        {
            problems.Add(new(path, $"'{name}' is the engine's own user"));
        }
    }

    private static Caller Known(AccessUser user, string how, IReadOnlyList<string> groups) => new(user.Name, [.. user.Groups, .. groups, Caller.Authenticated], how, Standing.Granted);

    private AccessUser Find(string name) => _users.All.FirstOrDefault(user => user.Name == name)
        ?? throw new CaissonException(ErrorKind.NotFound, $"there is no user '{name}'{Spelling.Hint(name, _users.All.Select(user => user.Name))}; see caisson access user ls");

    private void SaveUnlocked(AccessUser user)
    {
        _ = _store.Commit(Durability.Power, new StateChange().Put(RecordKind.User, user.Name, user, ControlJson.Default.AccessUser));
        _users = new([.. _users.All.Where(other => other.Name != user.Name), user]);
        UsersChanged?.Invoke();
    }

    private Caller? OfToken(string text)
    {
        if (text.Split('_') is [TokenPrefix, var id, { Length: > 0 }])
        {
            return _users.ByToken.TryGetValue(id, out (AccessUser User, AccessToken Token) found)
                && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Hash(text)), Encoding.ASCII.GetBytes(found.Token.Hash))
                && (found.Token.Expires is not { } end || end > _time.GetUtcNow())
                ? Known(found.User, $"token {id}", [])
                : null;
        }
        if (Accounts.Verify(text) is not { } claims
            || !_objects("ServiceAccount").Any(account => account.Namespace == claims.Project && account.Name == claims.Name && account.Uid == claims.Uid))
        {
            return null;
        }
        return new(
            AccessPolicy.ServiceAccountName(claims.Project, claims.Name),
            ["system:serviceaccounts", $"system:serviceaccounts:{claims.Project}", Caller.Authenticated], "service account token", Standing.Granted);
    }

    /// <summary>The users by what they are known by.</summary>
    private sealed class Users
    {
        public Users(IReadOnlyList<AccessUser> all)
        {
            All = [.. all.OrderBy(user => user.Name, StringComparer.Ordinal)];
            ByUid = All.Where(user => user.UserId is not null).ToDictionary(user => user.UserId!.Value);
            ByCertificate = All.SelectMany(user => user.Certificates.Append(user.Name).Distinct().Select(name => (name, user))).ToDictionary(pair => pair.name, pair => pair.user);
            ByToken = All.SelectMany(user => user.Tokens.Select(token => (user, token))).ToDictionary(pair => pair.token.Id);
        }

        public IReadOnlyList<AccessUser> All { get; }

        public Dictionary<uint, AccessUser> ByUid { get; }

        public Dictionary<string, AccessUser> ByCertificate { get; }

        public Dictionary<string, (AccessUser User, AccessToken Token)> ByToken { get; }
    }
}

/// <summary>Somebody asked for what it may not.</summary>
public sealed class AccessException : CaissonException
{
    /// <summary>Names the right that is missing, and who is meant.</summary>
    public AccessException(Caller caller, Right missing, string? project, string before = "")
        : base(ErrorKind.PermissionDenied, Say(caller, missing, project, before)) => (Caller, Missing, Project) = (caller, missing, project);

    /// <summary>Who asked.</summary>
    public Caller Caller { get; }

    /// <summary>What is missing.</summary>
    public Right Missing { get; }

    /// <summary>Where; null for the engine as a whole.</summary>
    public string? Project { get; }

    private static string Say(Caller caller, Right missing, string? project, string before)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(missing);
        string where = project is null ? "" : $" in project {project}";
        string role = Role.Least(missing)?.Name ?? Role.ServerAdmin.Name;
        return $"{before}{caller} lacks the right '{missing}'{where}; the role {role} has it";
    }
}

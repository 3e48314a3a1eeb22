using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Errors;
using Caisson.Kubernetes.Schema;

namespace Caisson.Api.Docker;

/// <summary>A user who is asked for.</summary>
internal sealed record AccessUserCreate
{
    public string? Name { get; init; }
    public IReadOnlyList<string>? Groups { get; init; }
    public uint? UserId { get; init; }
    public IReadOnlyList<string>? Certificates { get; init; }
}

/// <summary>A user, without what its tokens are.</summary>
internal sealed record AccessUserBody(
    string Name, IReadOnlyList<string> Groups, uint? UserId, IReadOnlyList<string> Certificates, IReadOnlyList<AccessTokenBody> Tokens, string Created);

internal sealed record AccessTokenBody(string Id, string Created, string? Expires);

internal sealed record AccessNewTokenBody(string Token);

internal sealed record AccessGrantBody(string Subject, string Role, string Project);

internal sealed record AccessRoleBody(string Name, string Kind, string Project, string Summary, IReadOnlyList<AccessRuleBody> Rules);

internal sealed record AccessRuleBody(IReadOnlyList<string> Verbs, IReadOnlyList<string> Groups, IReadOnlyList<string> Resources, IReadOnlyList<string> Names, IReadOnlyList<string> Paths);

internal sealed record AccessCallerBody(string Name, string Known, IReadOnlyList<string> Groups, IReadOnlyList<string> Roles);

internal sealed record AccessAnswerBody(bool Allowed, string Right, string Role);

internal sealed record AccessRemovedBody(int Removed);

/// <summary>Users, roles, grants, tokens and the audit log: what Docker has not, below <c>/caisson/access</c>.</summary>
internal sealed class AccessRoutes(AccessControl access)
{
    private const string Prefix = "/caisson/access";
    private const int LinesUsual = 1_000;
    private const int LinesMax = 100_000;

    public void AddTo(Router.Builder routes)
    {
        routes.Get(Prefix + "/whoami", Need.Nothing, WhoAmI);
        routes.Get(Prefix + "/can-i", Need.Nothing, CanI);
        routes.Get(Prefix + "/users", Need.To("list", "users"), call => call.Json([.. access.ListUsers().Select(Body)], DockerJson.Default.IReadOnlyListAccessUserBody));
        routes.Post(Prefix + "/users", Need.To("create", "users"), Create);
        routes.Delete(Prefix + "/users/{name}", Need.To("delete", "users"), Remove);
        routes.Post(Prefix + "/users/{name}/token", Need.To("create", "users/token"), MakeToken);
        routes.Delete(Prefix + "/users/{name}/token", Need.To("delete", "users/token"), RemoveTokens);
        routes.Get(Prefix + "/roles", Need.To("list", "roles").Anywhere, Roles);
        routes.Get(Prefix + "/grants", Need.To("list", "grants").In(Project), Grants);
        routes.Post(Prefix + "/grants", Need.To("create", "grants").In(Project), Grant);
        routes.Delete(Prefix + "/grants", Need.To("delete", "grants").In(Project), Revoke);
        routes.Get(Prefix + "/audit", Need.To("get", "audit"), Audit);
        routes.Get(Prefix + "/audit/check", Need.To("get", "audit"), call => call.Json(access.Audit.Verify(), DockerJson.Default.AuditCheck));
    }

    private static string? Project(Call call) => call.Query("project");

    private static AccessGrant GrantOf(Call call) => new(Required(call, "subject"), Required(call, "role"), Project(call) ?? "");

    private static string Required(Call call, string name) =>
        call.Query(name) ?? throw new CaissonException(ErrorKind.InvalidArgument, $"query parameter {name} is needed");

    private static AccessUserBody Body(AccessUser user) => new(
        user.Name, user.Groups, user.UserId, user.Certificates,
        [.. user.Tokens.Select(token => new AccessTokenBody(token.Id, Times.Text(token.Created), token.Expires is { } end ? Times.Text(end) : null))], Times.Text(user.Created));

    private static AccessRuleBody Body(AccessRule rule) => new(rule.Verbs, rule.Groups, rule.Resources, rule.Names, rule.Paths);

    private Task WhoAmI(Call call)
    {
        Caller caller = call.Guard.Caller;
        bool isTrusted = caller.Standing == Standing.Owner || (caller.Standing == Standing.Trusted && !access.Policy.Grants.Any(grant => grant.IsFor(caller)));
        string[] roles = isTrusted ? [Role.ServerAdmin.Name]
            : [.. access.Policy.Grants.Where(grant => grant.IsFor(caller)).Select(grant => grant.Project.Length > 0 ? $"{grant.Role} in {grant.Project}" : grant.Role)];
        return call.Json(new AccessCallerBody(caller.Name, caller.Known, caller.Groups, roles), DockerJson.Default.AccessCallerBody);
    }

    private Task CanI(Call call)
    {
        var right = Right.Parse(Required(call, "verb"), Required(call, "resource"), word => ResourceKind.FindWord(word) is { } kind ? (kind.Group, kind.Plural) : null);
        string name = call.Query("name") ?? "";
        bool isAllowed = call.Guard.Access.Decide(call.Guard.Caller, right, Project(call), name).IsAllowed;
        return call.Json(new AccessAnswerBody(isAllowed, right.ToString(), Role.Least(right, name)?.Name ?? Role.ServerAdmin.Name), DockerJson.Default.AccessAnswerBody);
    }

    private async Task Create(Call call)
    {
        AccessUserCreate asked = await call.ReadAsync(DockerJson.Default.AccessUserCreate);
        AccessUser made = access.AddUser(new() { Name = asked.Name ?? "", Groups = asked.Groups ?? [], UserId = asked.UserId, Certificates = asked.Certificates ?? [] });
        await call.Json(Body(made), DockerJson.Default.AccessUserBody, 201);
    }

    private Task Remove(Call call)
    {
        access.RemoveUser(call.Path("name"));
        return call.Empty();
    }

    private Task MakeToken(Call call)
    {
        int? seconds = call.Number("seconds");
        if (seconds <= 0)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, "query parameter seconds: a token is good for a second or more");
        }
        string token = access.MakeToken(call.Path("name"), seconds is { } life ? TimeSpan.FromSeconds(life) : null);
        call.Http.Response.Headers.CacheControl = "no-store";
        return call.Json(new AccessNewTokenBody(token), DockerJson.Default.AccessNewTokenBody, 201);
    }

    private Task RemoveTokens(Call call) => call.Json(new AccessRemovedBody(access.RemoveTokens(call.Path("name"), call.Query("id") ?? "")), DockerJson.Default.AccessRemovedBody);

    private Task Roles(Call call)
    {
        IEnumerable<AccessRoleBody> own = Role.BuiltIn.Select(role => new AccessRoleBody(role.Name, "built-in", "", role.Summary, [.. role.Rules.Select(Body)]));
        IEnumerable<AccessRoleBody> kubernetes = ((string[])["ClusterRole", "Role"]).SelectMany(kind => access.Policy.Objects(kind).Select(role => new AccessRoleBody(
            role.Name, kind, role.Namespace, "", [.. (access.Policy.RoleRules(kind, role.Name, role.Namespace) ?? []).Select(Body)])));
        return call.Json([.. own, .. kubernetes], DockerJson.Default.IReadOnlyListAccessRoleBody);
    }

    private Task Grants(Call call) => call.Json(
        [
            .. access.Policy.Grants.Where(grant => Project(call) is not { } project || grant.Project == project)
                .OrderBy(grant => grant.Key, StringComparer.Ordinal).Select(grant => new AccessGrantBody(grant.Subject, grant.Role, grant.Project)),
        ],
        DockerJson.Default.IReadOnlyListAccessGrantBody);

    private Task Grant(Call call)
    {
        access.Grant(GrantOf(call), call.Guard.Caller);
        return call.Empty();
    }

    private Task Revoke(Call call)
    {
        access.Revoke(GrantOf(call));
        return call.Empty();
    }

    private async Task Audit(Call call)
    {
        DateTimeOffset? since = Times.Parse(call.Query("since"), "since", TimeProvider.System.GetUtcNow());
        int limit = Math.Clamp(call.Number("limit") ?? LinesUsual, 1, LinesMax);
        IReadOnlyCollection<string> lines = access.Audit.Read(since, limit);
        await using var writer = new StreamWriter(await call.Begin("application/x-ndjson"), leaveOpen: true);
        foreach (string line in lines)
        {
            await writer.WriteAsync(line.AsMemory(), call.Gone);
            await writer.WriteAsync('\n');
        }
    }
}

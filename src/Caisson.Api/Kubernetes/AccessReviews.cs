using System.Globalization;

using Caisson.Api.Http;
using Caisson.Control.Access;
using Caisson.Documents;
using Caisson.Errors;
using Caisson.Kubernetes.Objects;

using Microsoft.AspNetCore.Http;

namespace Caisson.Api.Kubernetes;

/// <summary>Answers about rights, and what needs them: reviews, impersonation, tokens of service accounts. Source: Kubernetes API, groups authorization.k8s.io and authentication.k8s.io.</summary>
internal static class AccessReviews
{
    private const string Rbac = "rbac.authorization.k8s.io";
    private const long TokenSecondsMin = 600;
    private const long TokenSecondsUsual = 3_600;
    private const long TokenSecondsMax = 30L * 24 * 3_600;

    /// <summary>Whether a path is one of reviews.</summary>
    public static bool Has(string path) =>
        path.StartsWith("/apis/authorization.k8s.io/v1/", StringComparison.Ordinal) || path.StartsWith("/apis/authentication.k8s.io/v1/", StringComparison.Ordinal);

    /// <summary>The caller that a request speaks for, by its headers.</summary>
    /// <exception cref="AccessException">Who asks may not speak for others.</exception>
    public static Guard Impersonate(HttpContext context)
    {
        Guard guard = Guard.Of(context);
        string name = context.Request.Headers["Impersonate-User"].ToString();
        string[] groups = [.. context.Request.Headers["Impersonate-Group"].OfType<string>()];
        if (name.Length == 0)
        {
            return groups.Length == 0 ? guard : throw new CaissonException(ErrorKind.InvalidArgument, "Impersonate-Group needs Impersonate-User");
        }
        guard.Require(new Right("impersonate", "users", ""), null, name);
        foreach (string group in groups)
        {
            guard.Require(new Right("impersonate", "groups", ""), null, group);
        }
        IReadOnlyList<string> own = guard.Access.ListUsers().FirstOrDefault(user => user.Name == name)?.Groups ?? [];
        string[] all = [.. groups.Length > 0 ? groups : own, .. name.StartsWith("system:serviceaccount:", StringComparison.Ordinal) ? ServiceAccountGroups(name) : [], Caller.Authenticated];
        return Guard.Enter(
            context, guard.Access, new Caller(name, all, $"by {guard.Caller}", all.Contains(Caller.Owner.Groups[0]) ? Standing.Owner : Standing.Granted));
    }

    /// <summary>Answers a review.</summary>
    public static async Task AnswerAsync(HttpContext context, Guard guard, string path)
    {
        string resource = path.Split('/')[^1];
        if (context.Request.Method != "POST")
        {
            throw new CaissonException(ErrorKind.NotFound, $"the server could not find the requested resource: {context.Request.Method} {path}");
        }
        DocumentNode asked = JsonNodeReader.Read(await KubernetesAnswer.ReadAsync(context));
        MappingNode review = asked as MappingNode ?? MappingNode.Empty;
        DocumentNode? spec = review["spec"];
        MappingNode status;
        switch (resource)
        {
            case "selfsubjectaccessreviews":
                status = Status(guard.Access, guard.Caller, spec);
                break;
            case "subjectaccessreviews" or "localsubjectaccessreviews":
                string? project = resource[0] == 'l' ? path.Split('/') is [.., "namespaces", var space, _] ? space : "" : null;
                guard.Require(new Right("create", resource, "authorization.k8s.io"), project);
                status = Status(guard.Access, new Caller(spec.Text("user"), [.. spec.Texts("groups"), Caller.Authenticated], "asked about", Standing.Granted), spec);
                break;
            case "selfsubjectrulesreviews":
                status = Rules(guard.Access.Policy.RulesOf(guard.Caller, spec.Text("namespace") is { Length: > 0 } home ? home : null));
                break;
            case "selfsubjectreviews":
                status = Doc.Map(("userInfo", Doc.Map(("username", Doc.Text(guard.Caller.Name)), ("groups", Doc.List(guard.Caller.Groups)))));
                break;
            default:
                throw new CaissonException(ErrorKind.NotFound, $"the server could not find the requested resource: {path}");
        }
        await KubernetesAnswer.SendAsync(context, review.With("status", status), 201);
    }

    /// <summary>Makes a token of a service account.</summary>
    public static async Task MakeTokenAsync(HttpContext context, Guard guard, KubernetesObject account, DateTimeOffset now)
    {
        byte[] body = await KubernetesAnswer.ReadAsync(context);
        MappingNode request = (body.Length > 0 ? JsonNodeReader.Read(body) : null) as MappingNode ?? MappingNode.Empty;
        long seconds = request.At("spec").Whole("expirationSeconds") ?? TokenSecondsUsual;
        if (seconds < TokenSecondsMin)
        {
            throw new CaissonException(
                ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"TokenRequest \"{account.Name}\" is invalid: spec.expirationSeconds: Invalid value: {seconds}: may not specify a duration less than 10 minutes"));
        }
        IReadOnlyList<string> audiences = request.At("spec").Texts("audiences");
        DateTimeOffset expires = now.AddSeconds(Math.Min(seconds, TokenSecondsMax));
        string token = guard.Access.Accounts.Issue(new(account.Namespace, account.Name, account.Uid, expires), audiences);
        await KubernetesAnswer.SendAsync(
            context,
            Doc.Map(
                ("kind", Doc.Text("TokenRequest")), ("apiVersion", Doc.Text("authentication.k8s.io/v1")),
                ("metadata", Doc.Map(("name", Doc.Text(account.Name)), ("namespace", Doc.Text(account.Namespace)), ("creationTimestamp", Times.Node(now)))),
                ("spec", Doc.Map(("audiences", Doc.List(audiences.Count > 0 ? audiences : [ServiceAccountTokens.Audience])), ("expirationSeconds", Doc.Number(seconds)))),
                ("status", Doc.Map(("token", Doc.Text(token)), ("expirationTimestamp", Times.Node(expires))))),
            201);
    }

    /// <summary>Refuses objects by which somebody would get more than it has: pods that reach for the host, roles and bindings beyond its own rights.</summary>
    /// <exception cref="AccessException">Names what it lacks.</exception>
    public static void Admit(Guard guard, KubernetesObject one)
    {
        if (guard.Caller.Standing == Standing.Owner)
        {
            return;
        }
        string? project = one.Kind.Namespaced ? one.Namespace : null;
        guard.Require(HostRights.Of(one), null);
        switch (one.Kind.Kind)
        {
            case "Role" or "ClusterRole" when !guard.Has(new Right("escalate", one.Kind.Plural, Rbac), project):
                guard.Access.RequireCovers(
                    guard.Caller, one.Tree["aggregationRule"] is null ? [.. one.Tree["rules"].Items().Select(AccessRule.Read)] : [AccessRule.Everything], project);
                break;
            case "RoleBinding" or "ClusterRoleBinding":
                DocumentNode? role = one.Tree["roleRef"];
                string plural = role.Text("kind") == "Role" ? "roles" : "clusterroles";
                if (!guard.Access.Decide(guard.Caller, new Right("bind", plural, Rbac), project, role.Text("name")).IsAllowed)
                {
                    // Whoever would make the role later decides what is in it: until then it could be anything.
                    guard.Access.RequireCovers(guard.Caller, guard.Access.Policy.RoleRules(role.Text("kind"), role.Text("name"), project) ?? [AccessRule.Everything], project);
                }
                break;
        }
    }

    private static string[] ServiceAccountGroups(string name) => name.Split(':') is [_, _, var space, _] ? ["system:serviceaccounts", $"system:serviceaccounts:{space}"] : [];

    private static MappingNode Status(AccessControl access, Caller caller, DocumentNode? spec)
    {
        bool isAllowed;
        if (spec.Field("nonResourceAttributes") is { } path)
        {
            isAllowed = access.Policy.RulesOf(caller, null).Any(rule => rule.AllowsPath(path.Text("verb"), path.Text("path")));
        }
        else
        {
            DocumentNode? asked = spec.Field("resourceAttributes");
            string part = asked.Text("subresource");
            var right = new Right(asked.Text("verb"), part.Length > 0 ? $"{asked.Text("resource")}/{part}" : asked.Text("resource"), asked.Text("group"));
            isAllowed = access.Decide(caller, right, asked.Text("namespace") is { Length: > 0 } space ? space : null, asked.Text("name")).IsAllowed;
        }
        return Doc.Map(("allowed", Doc.Flag(isAllowed)), ("reason", isAllowed ? null : Doc.Text("no role of this user has the right")));
    }

    private static MappingNode Rules(IReadOnlyList<AccessRule> rules) => Doc.Map(
        ("incomplete", Doc.Flag(false)),
        ("resourceRules", Doc.List(rules.Where(rule => rule.Resources.Count > 0).Select(rule => (DocumentNode)Doc.Map(
            ("verbs", Doc.List(rule.Verbs)), ("apiGroups", Doc.List(rule.Groups)), ("resources", Doc.List(rule.Resources)),
            ("resourceNames", rule.Names.Count > 0 ? Doc.List(rule.Names) : null))))),
        ("nonResourceRules", Doc.List(rules.Where(rule => rule.Paths.Count > 0).Select(rule => (DocumentNode)Doc.Map(
            ("verbs", Doc.List(rule.Verbs)), ("nonResourceURLs", Doc.List(rule.Paths)))))));
}

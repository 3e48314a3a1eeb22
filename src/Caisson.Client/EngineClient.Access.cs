using System.Text.Json;

using Caisson.Client.Http;

namespace Caisson.Client;

public sealed partial class EngineClient
{
    private const string AccessPath = "/caisson/access";

    /// <summary>A token that is sent with every request and says who asks; null where the connection does.</summary>
    public string? Token { get; init; }

    /// <summary>Who the engine takes this client for. The caller disposes the document.</summary>
    public JsonDocument WhoAmI() => ReadAccess("GET", "/whoami");

    /// <summary>Whether this client may do something. The caller disposes the document.</summary>
    /// <param name="verb">Such as <c>create</c>.</param>
    /// <param name="resource">Such as <c>containers</c>, <c>pods/log</c>.</param>
    /// <param name="project">Empty for the engine as a whole.</param>
    /// <param name="name">Of which object; empty for none in particular.</param>
    public JsonDocument CanI(string verb, string resource, string project = "", string name = "") => ReadAccess(
        "GET", "/can-i" + new QueryString().Add("verb", verb).Add("resource", resource).Add("project", project).Add("name", name));

    /// <summary>All users. The caller disposes the document.</summary>
    public JsonDocument ListUsers() => ReadAccess("GET", "/users", JsonValueKind.Array);

    /// <summary>Makes a user.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="uid">The user of the engine's machine that it is; null for none.</param>
    /// <param name="groups">Groups that grants may name.</param>
    /// <param name="certificates">Common names of its certificates, beside its own name.</param>
    public void AddUser(string name, uint? uid, IReadOnlyCollection<string> groups, IReadOnlyCollection<string> certificates) =>
        Do("POST", AccessPath + "/users", JsonBody.Write(json =>
        {
            json.WriteString("Name", name);
            json.Number("UserId", (long?)uid);
            json.Texts("Groups", groups);
            json.Texts("Certificates", certificates);
        }));

    /// <summary>Removes a user with its tokens and grants.</summary>
    public void RemoveUser(string name) => Do("DELETE", $"{AccessPath}/users/{Escape(name)}");

    /// <summary>Makes a token for a user; nobody can ask for it again.</summary>
    /// <param name="name">The user.</param>
    /// <param name="seconds">How long it is good; null for ever.</param>
    public string MakeToken(string name, long? seconds)
    {
        using JsonDocument made = ReadAccess("POST", $"/users/{Escape(name)}/token" + new QueryString().Add("seconds", seconds));
        return made.RootElement.Text("Token");
    }

    /// <summary>Takes tokens of a user away, and says how many.</summary>
    /// <param name="name">The user.</param>
    /// <param name="id">Which; empty for all.</param>
    public long RemoveTokens(string name, string id)
    {
        using JsonDocument gone = ReadAccess("DELETE", $"/users/{Escape(name)}/token" + new QueryString().Add("id", id));
        return gone.RootElement.Number("Removed");
    }

    /// <summary>All roles. The caller disposes the document.</summary>
    public JsonDocument ListRoles() => ReadAccess("GET", "/roles", JsonValueKind.Array);

    /// <summary>All grants. The caller disposes the document.</summary>
    /// <param name="project">Only those in it; empty for all.</param>
    public JsonDocument ListGrants(string project = "") => ReadAccess("GET", "/grants" + new QueryString().Add("project", project), JsonValueKind.Array);

    /// <summary>Gives a role, or takes it away.</summary>
    /// <param name="give">Which of both.</param>
    /// <param name="subject">A user's name, or <c>group:NAME</c>.</param>
    /// <param name="role">The role.</param>
    /// <param name="project">Only there; empty for everywhere.</param>
    public void SetGrant(bool give, string subject, string role, string project) => Do(
        give ? "POST" : "DELETE", AccessPath + "/grants" + new QueryString().Add("subject", subject).Add("role", role).Add("project", project));

    /// <summary>Lines of the audit log, oldest first.</summary>
    /// <param name="since">Only those not before it, as other times are given; empty for all.</param>
    /// <param name="limit">At most so many, the newest.</param>
    public IEnumerable<string> ReadAudit(string since, long limit)
    {
        using HttpResponse response = Call("GET", AccessPath + "/audit" + new QueryString().Add("since", since).Add("limit", limit));
        using var reader = new StreamReader(response.Body);
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    /// <summary>Whether the audit log is as it was written. The caller disposes the document.</summary>
    public JsonDocument CheckAudit() => ReadAccess("GET", "/audit/check");

    private JsonDocument ReadAccess(string method, string path, JsonValueKind kind = JsonValueKind.Object)
    {
        using HttpResponse response = Call(method, AccessPath + path);
        return response.ReadJson(kind);
    }
}

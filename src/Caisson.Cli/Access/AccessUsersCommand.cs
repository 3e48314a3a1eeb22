using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access user ls</c></summary>
internal sealed class AccessUsersCommand : Command
{
    private const string Usual = "{{.Name}}\t{{.KnownBy}}\t{{.Groups}}\t{{.Roles}}";

    private readonly SwitchOption _quiet;
    private readonly ValueOption<string> _format;

    public AccessUsersCommand()
    {
        _format = Format();
        _quiet = Switch("quiet", "Only display names", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override string Details => "Groups that have roles are listed behind the users.";

    public override IReadOnlyList<string> Examples => ["access user ls", "access user ls --format '{{.Name}}: {{.Roles}}'"];

    public override int Run(Session session)
    {
        using JsonDocument users = session.Engine.ListUsers();
        using JsonDocument grants = session.Engine.ListGrants();
        ILookup<string, string> roles = grants.RootElement.EnumerateArray().ToLookup(
            grant => grant.Text("Subject"), grant => grant.Text("Project") is { Length: > 0 } project ? $"{grant.Text("Role")} in {project}" : grant.Text("Role"));
        List<Line> lines = [.. users.RootElement.EnumerateArray().Select(user => new Line(user.Text("Name"), KnownBy(user), string.Join(", ", user.Texts("Groups")), string.Join(", ", roles[user.Text("Name")])))];
        if (!_quiet.Value)
        {
            HashSet<string> names = [.. lines.Select(line => line.Name)];
            lines.AddRange(roles.Where(subject => !names.Contains(subject.Key)).Select(subject => new Line(subject.Key, "", "", string.Join(", ", subject))));
        }
        ListFormat.Print(session.Out, _quiet.Value ? "{{.Name}}" : _format.Value, Usual, Columns, lines);
        return 0;
    }

    private static readonly Column<Line>[] Columns =
    [
        new("Name", "USER", line => line.Name),
        new("KnownBy", "KNOWN BY", line => line.KnownBy),
        new("Groups", "GROUPS", line => line.Groups),
        new("Roles", "ROLES", line => line.Roles),
    ];

    private static string KnownBy(JsonElement user)
    {
        List<string> ways = [];
        if (user.Field("UserId").ValueKind == JsonValueKind.Number)
        {
            ways.Add($"uid {user.Number("UserId")}");
        }
        ways.AddRange(user.Texts("Certificates").Select(name => $"certificate {name}"));
        ways.AddRange(user.Items("Tokens").Select(token => $"token {token.Text("Id")}"));
        return string.Join(", ", ways);
    }

    private sealed record Line(string Name, string KnownBy, string Groups, string Roles);
}

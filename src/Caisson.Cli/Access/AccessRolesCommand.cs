using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access role ls</c></summary>
internal sealed class AccessRolesCommand : Command
{
    private const string Usual = "{{.Name}}\t{{.Kind}}\t{{.Project}}\t{{.Summary}}";

    private static readonly Column<JsonElement>[] Columns =
    [
        new("Name", "ROLE", role => role.Text("Name")),
        new("Kind", "KIND", role => role.Text("Kind")),
        new("Project", "PROJECT", role => role.Text("Project")),
        new("Summary", "WHAT IT MAY", role => role.Text("Summary")),
    ];

    private readonly ValueOption<string> _format;

    public AccessRolesCommand() => _format = Format();

    public override string Usage => "[OPTIONS]";

    public override string Details => "Roles of your own are the Role and ClusterRole objects of Kubernetes: see caisson apply.";

    public override IReadOnlyList<string> Examples => ["access role ls", "access role ls --format '{{.Name}}'"];

    public override int Run(Session session)
    {
        using JsonDocument roles = session.Engine.ListRoles();
        ListFormat.Print(session.Out, _format.Value, Usual, Columns, [.. roles.RootElement.EnumerateArray()]);
        return 0;
    }
}

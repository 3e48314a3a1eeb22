using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access role show</c></summary>
internal sealed class AccessRoleShowCommand : Command
{
    private readonly ValueOption<string> _project;

    public AccessRoleShowCommand() => _project = Text("project", "Where a Role of Kubernetes is", 'p', "name");

    public override string Usage => "[OPTIONS] ROLE";

    public override IReadOnlyList<string> Examples => ["access role show viewer", "access role show pod-reader --project shop"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override int Run(Session session)
    {
        using JsonDocument roles = session.Engine.ListRoles();
        JsonElement[] all = [.. roles.RootElement.EnumerateArray()];
        JsonElement role = all.FirstOrDefault(one => one.Text("Name") == Arguments[0] && (_project.Value.Length == 0 || one.Text("Project") == _project.Value));
        if (role.ValueKind == JsonValueKind.Undefined)
        {
            throw new CaissonException(ErrorKind.NotFound, $"there is no role '{Arguments[0]}'{Spelling.Hint(Arguments[0], all.Select(one => one.Text("Name")))}");
        }
        var lines = new ColumnWriter();
        lines.Add("VERBS\tRESOURCES\tGROUPS\tNAMES");
        foreach (JsonElement rule in role.Items("Rules"))
        {
            string[] what = [.. rule.Texts("Resources"), .. rule.Texts("Paths")];
            string groups = string.Join(",", rule.Texts("Groups").Select(group => group.Length == 0 ? "core" : group));
            lines.Add($"{string.Join(",", rule.Texts("Verbs"))}\t{string.Join(" ", what)}\t{groups}\t{string.Join(",", rule.Texts("Names"))}");
        }
        lines.Flush(session.Out);
        return 0;
    }
}

using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access whoami</c></summary>
internal sealed class AccessWhoAmICommand : Command
{
    public override string Usage => "";

    public override IReadOnlyList<string> Examples => ["access whoami", "--host tcp://engine.example.com:2376 --tlsverify access whoami"];

    public override int Run(Session session)
    {
        using JsonDocument caller = session.Engine.WhoAmI();
        JsonElement root = caller.RootElement;
        session.Out.WriteLine(DisplayText.Printable($"user    {root.Text("Name")}"));
        session.Out.WriteLine(DisplayText.Printable($"by      {root.Text("Known")}"));
        session.Out.WriteLine(DisplayText.Printable($"groups  {string.Join(", ", root.Texts("Groups"))}"));
        session.Out.WriteLine(DisplayText.Printable($"roles   {(root.Texts("Roles") is { Count: > 0 } roles ? string.Join(", ", roles) : "none by a grant")}"));
        return 0;
    }
}

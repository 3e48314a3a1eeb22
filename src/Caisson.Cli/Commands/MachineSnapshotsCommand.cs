using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine snapshots</c></summary>
internal sealed class MachineSnapshotsCommand : Command
{
    private readonly SwitchOption _quiet;

    public MachineSnapshotsCommand() => _quiet = Switch("quiet", "Only display names", 'q');

    public override string Usage => "[OPTIONS] MACHINE";

    public override IReadOnlyList<string> Examples => ["machine snapshots deb", "machine snapshots -q deb"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        using JsonDocument machine = session.Engine.InspectMachine(Arguments[0]);
        JsonElement[] snapshots = [.. machine.RootElement.Items("Snapshots")];
        if (_quiet.Value)
        {
            foreach (JsonElement snapshot in snapshots)
            {
                session.Out.WriteLine(snapshot.Text("Name"));
            }
            return 0;
        }
        List<(string Tree, JsonElement Snapshot)> rows = [];
        AddChildren("", "", true);
        int width = Math.Max(8, rows.Select(row => row.Tree.Length).DefaultIfEmpty(0).Max()) + 3;
        session.Out.WriteLine($"{"SNAPSHOT".PadRight(width)}{"MEMORY",-9}{"CREATED",-24}DESCRIPTION");
        string current = machine.RootElement.Text("CurrentSnapshot");
        foreach ((string tree, JsonElement snapshot) in rows)
        {
            string name = snapshot.Text("Name") == current ? tree + " *" : tree;
            session.Out.WriteLine(
                $"{name.PadRight(width)}{(snapshot.Truth("Memory") ? "yes" : "no"),-9}{PsCommand.Time(snapshot.Time("Created"), session.Clock),-24}{DisplayText.Printable(snapshot.Text("Description"))}".TrimEnd());
        }
        return 0;

        void AddChildren(string parent, string indent, bool isTop)
        {
            JsonElement[] children = [.. snapshots.Where(snapshot => snapshot.Text("Parent") == parent)];
            for (int i = 0; i < children.Length; i++)
            {
                bool isLast = i == children.Length - 1;
                string name = children[i].Text("Name");
                rows.Add((isTop ? name : $"{indent}{(isLast ? "└─ " : "├─ ")}{name}", children[i]));
                AddChildren(name, isTop ? "" : indent + (isLast ? "   " : "│  "), isTop: false);
            }
        }
    }
}

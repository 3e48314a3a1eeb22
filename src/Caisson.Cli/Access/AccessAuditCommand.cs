using System.Text;
using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;
using Caisson.Errors;

namespace Caisson.Cli.Access;

/// <summary><c>caisson access audit</c></summary>
internal sealed class AccessAuditCommand : Command
{
    private readonly SwitchOption _verify;
    private readonly ValueOption<string> _since;
    private readonly ValueOption<long> _limit;
    private readonly SwitchOption _json;

    public AccessAuditCommand()
    {
        _verify = Switch("verify", "Say whether the log is as it was written");
        _since = Text("since", "Only what happened since then (e.g. 2026-01-02T13:23:37Z, 42m)");
        _limit = Number("tail", "At most so many entries, the newest", 'n', absent: 1_000);
        _json = Switch("json", "Print the lines as they are kept");
    }

    public override string Usage => "[OPTIONS]";

    public override string Details =>
        "One entry for each request that changed something, and for each that was refused. Each has the SHA-256 of the one before it:\n"
        + "--verify names the first that does not fit, and ends with exit code 1.";

    public override IReadOnlyList<string> Examples => ["access audit --since 1h", "access audit --verify", "access audit --json -n 20"];

    public override int Run(Session session)
    {
        if (_verify.Value)
        {
            return Verify(session);
        }
        IEnumerable<string> lines = session.Engine.ReadAudit(_since.Value, _limit.Value);
        if (_json.Value)
        {
            foreach (string line in lines)
            {
                session.Out.WriteLine(line);
            }
            return 0;
        }
        var table = new ColumnWriter();
        table.Add("TIME\tSTATUS\tUSER\tKNOWN BY\tRIGHT\tPROJECT\tREQUEST");
        foreach (string line in lines)
        {
            using JsonDocument document = Parse(line);
            JsonElement entry = document.RootElement;
            table.Add($"{entry.Text("time")}\t{entry.Number("status")}\t{entry.Text("caller")}\t{entry.Text("known")}\t{entry.Text("right")}\t{entry.Text("project")}\t{entry.Text("method")} {entry.Text("path")}");
        }
        table.Flush(session.Out);
        return 0;
    }

    private static int Verify(Session session)
    {
        using JsonDocument check = session.Engine.CheckAudit();
        JsonElement root = check.RootElement;
        if (root.Text("Broken") is { Length: > 0 } broken)
        {
            session.Error.WriteLine(DisplayText.Printable($"{broken}: {root.Text("Reason")}"));
            return 1;
        }
        session.Out.WriteLine($"{root.Number("Entries")} entries, each with the SHA-256 of the one before it");
        return 0;
    }

    private static JsonDocument Parse(string line)
    {
        try
        {
            return JsonDocument.Parse(Encoding.UTF8.GetBytes(line));
        }
        catch (JsonException error)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, "a line of the audit log is none of ours; see caisson access audit --verify", error);
        }
    }
}

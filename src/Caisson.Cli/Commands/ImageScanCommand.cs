using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image scan</c></summary>
internal sealed class ImageScanCommand : Command
{
    private readonly ListOption<string> _database, _ignore;
    private readonly ValueOption<string> _failOn, _format;

    public ImageScanCommand()
    {
        _database = List("db", "Directory of vulnerability data on the engine's machine", kind: "directory");
        _failOn = Text("fail-on", "Exit with 1 when a finding is of this severity or worse, or unknown (low, medium, high, critical)", kind: "severity");
        _format = Text("format", "table, json or sarif", absent: "table");
        _ignore = List("ignore", "Id of a vulnerability that is accepted", kind: "id");
    }

    public override string Usage => "[OPTIONS] IMAGE";

    public override string Details =>
        "Packages of dpkg, apk, rpm and of languages are compared with OSV records, package indexes of Debian archives and\n"
        + "changelogs, all of them files: nothing is fetched and nothing of the image is run.";

    public override IReadOnlyList<string> Examples =>
        ["image scan --db /var/lib/apt/lists debian:bookworm", "image scan --fail-on high --format sarif web > web.sarif"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        if (_format.Value is not ("table" or "json" or "sarif"))
        {
            throw new UsageException($"unknown format: {_format.Value}; write table, json or sarif");
        }
        using var answer = session.Engine.ScanImage(
            Arguments[0], _format.Value == "sarif" ? "sarif" : "json", _database.Values, _failOn.Value, _ignore.Values);
        JsonElement report = answer.RootElement.Field("Report");
        if (_format.Value == "table")
        {
            WriteTables(session, report);
        }
        else
        {
            session.Out.WriteLine(report.GetRawText());
        }
        long refused = answer.RootElement.Number("Refused");
        if (refused > 0)
        {
            session.Flush();
            session.Error.WriteLine($"caisson: {refused} findings are of severity {_failOn.Value} or worse, or unknown");
        }
        return refused > 0 ? 1 : 0;
    }

    private static void WriteTables(Session session, JsonElement report)
    {
        JsonElement system = report.Field("system");
        session.Out.WriteLine($"{report.Text("image")}: {report.Number("packages")} packages"
            + (system.ValueKind == JsonValueKind.Object ? $", {DisplayText.Printable(system.Text("prettyName"))}" : ""));
        var lines = new ColumnWriter();
        foreach (JsonElement finding in report.Items("findings"))
        {
            if (lines.IsEmpty)
            {
                lines.Add("SEVERITY\tID\tPACKAGE\tINSTALLED\tFIXED IN\tSUMMARY");
            }
            string summary = DisplayText.Ellipsis(DisplayText.Printable(finding.Text("summary")), 60);
            lines.Add(string.Join('\t', ((string[])[finding.Text("severity"), finding.Text("id"), finding.Text("package"), finding.Text("installed"), finding.Text("fixedIn")]).Select(DisplayText.Printable).Append(summary)));
        }
        Separate(session, lines);
        foreach (JsonElement update in report.Items("updates"))
        {
            if (lines.IsEmpty)
            {
                lines.Add("PACKAGE\tINSTALLED\tCANDIDATE\tSUITE");
            }
            lines.Add(string.Join('\t', ((string[])[update.Text("package"), update.Text("installed"), update.Text("candidate"), update.Text("suite")]).Select(DisplayText.Printable)));
        }
        Separate(session, lines);
        session.Out.WriteLine();
        foreach (string unknown in report.Texts("unknown"))
        {
            session.Out.WriteLine($"unknown: {DisplayText.Printable(unknown)}");
        }
        foreach (string problem in report.Texts("problems"))
        {
            session.Out.WriteLine($"not read: {DisplayText.Printable(problem)}");
        }
        session.Out.WriteLine($"{report.Items("findings").Count()} findings, {report.Items("updates").Count()} updates; data: "
            + string.Join(", ", report.Items("sources").Select(source => source.Text("name") + (source.Text("date") is { Length: >= 10 } date ? $" of {date[..10]}" : ""))));
    }

    private static void Separate(Session session, ColumnWriter lines)
    {
        if (!lines.IsEmpty)
        {
            session.Out.WriteLine();
            lines.Flush(session.Out);
        }
    }
}

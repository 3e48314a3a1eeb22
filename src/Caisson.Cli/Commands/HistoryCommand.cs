using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Client.Images;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson history</c></summary>
internal sealed class HistoryCommand : Command
{
    private readonly ValueOption<string> _format;
    private readonly SwitchOption _human, _noTrunc, _quiet;

    public HistoryCommand()
    {
        _format = Format();
        _human = Switch("human", "Print sizes and dates in human readable format (default true)", 'H', value: true);
        _noTrunc = Switch("no-trunc", "Don't truncate output");
        _quiet = Switch("quiet", "Only show image IDs", 'q');
    }

    public override string Usage => "[OPTIONS] IMAGE";

    public override IReadOnlyList<string> Examples => ["history busybox", "history --no-trunc --format '{{.CreatedBy}}' busybox"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        var history = session.Engine.ImageHistory(Arguments[0]);
        string usual = _human.Value
            ? "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
            : "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.ID}}" : _format.Value;
        ListFormat.Print(session.Out, format, usual, Columns(session.Clock.GetUtcNow()), history);
        return 0;
    }

    private Column<ImageHistoryEntry>[] Columns(DateTimeOffset now) =>
    [
        new("ID", "IMAGE", entry => _noTrunc.Value || entry.Id.StartsWith('<') ? entry.Id : DisplayText.ShortId(entry.Id)),
        new("CreatedSince", "CREATED", entry => entry.Created.ToUnixTimeSeconds() <= 0 ? "N/A" : HumanDuration.Ago(entry.Created, now)),
        new("CreatedAt", "CREATED AT", entry => entry.Created.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)),
        new("CreatedBy", "CREATED BY", entry => CreatedBy(entry)),
        new("Size", "SIZE", entry => _human.Value ? HumanSize.Decimal(entry.SizeBytes) : entry.SizeBytes.ToString(CultureInfo.InvariantCulture)),
        new("Comment", "COMMENT", entry => entry.Comment),
    ];

    private string CreatedBy(ImageHistoryEntry entry)
    {
        string text = entry.CreatedBy.Replace('\t', ' ');
        return _noTrunc.Value ? text : DisplayText.Ellipsis(text, 45);
    }
}

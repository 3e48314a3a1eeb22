using System.Globalization;
using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Templates;
using Caisson.Cli.Values;
using Caisson.Client.Streams;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson events</c></summary>
internal sealed class EventsCommand : Command
{
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format, _since, _until;

    public EventsCommand()
    {
        _filter = Values("filter", "filter", "Filter output based on conditions provided", Filters.Parse, 'f');
        _format = Format();
        _since = Text("since", "Show all events created since timestamp, or after an event's number (seq:41)");
        _until = Text("until", "Stream events until this timestamp");
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => ["events --since 10m --until 0s", "events -f type=container -f event=die --format json"];

    public override int Run(Session session)
    {
        var now = session.Clock.GetUtcNow();
        var template = _format.Value is "" or "json" ? null : Template.Parse(_format.Value);
        using var response = session.Engine.Events(
            ParseTime(_since.Value, now), ParseTime(_until.Value, now), Filters.Gather(_filter.Values));
        foreach (var document in JsonLines.Read(response.Body))
        {
            using (document)
            {
                var json = document.RootElement;
                session.Out.WriteLine(_format.Value == "json" ? TemplateJson.Write(json) : template?.Render(json) ?? Line(json, session.Clock.LocalTimeZone));
                session.Flush();
            }
        }
        return 0;
    }

    private static string ParseTime(string text, DateTimeOffset now)
    {
        try
        {
            return text.StartsWith("seq:", StringComparison.Ordinal) ? text : Timestamps.Parse(text, now);
        }
        catch (FormatException e)
        {
            throw new UsageException(e.Message, exitCode: 1);
        }
    }

    /// <summary><c>TIME TYPE ACTION ID (name=value, …)</c>.</summary>
    internal static string Line(JsonElement json, TimeZoneInfo zone)
    {
        string line = $"{Time(json, zone)} {Text(json, "Type")} {Text(json, "Action")}";
        if (!json.TryGetProperty("Actor", out var actor))
        {
            return line;
        }
        line += " " + Text(actor, "ID");
        if (!actor.TryGetProperty("Attributes", out var attributes) || attributes.ValueKind != JsonValueKind.Object)
        {
            return line;
        }
        var pairs = attributes.EnumerateObject().OrderBy(pair => pair.Name, StringComparer.Ordinal).Select(pair => $"{pair.Name}={pair.Value}").ToList();
        return pairs.Count > 0 ? $"{line} ({string.Join(", ", pairs)})" : line;
    }

    private static string Time(JsonElement json, TimeZoneInfo zone)
    {
        long nanoseconds = json.TryGetProperty("timeNano", out var nano) && nano.TryGetInt64(out long value) ? value
            : json.TryGetProperty("time", out var time) && time.TryGetInt64(out long seconds) ? seconds * 1_000_000_000
            : 0;
        var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(nanoseconds / 1_000_000_000), zone);
        string offset = local.Offset == TimeSpan.Zero ? "Z" : local.ToString("zzz", CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{local:yyyy-MM-ddTHH:mm:ss}.{nanoseconds % 1_000_000_000:D9}{offset}");
    }

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ToString() : "";
}

using System.Text.Json;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Cli.Templates;
using Caisson.Cli.Values;
using Caisson.Client.Streams;
using Caisson.Compose.Model;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose events</c></summary>
internal sealed class ComposeEventsCommand : ComposeCommand
{
    private readonly SwitchOption _json;
    private readonly ValueOption<string> _since, _until;

    public ComposeEventsCommand()
    {
        _json = Switch("json", "Output events as a stream of json objects");
        _since = Text("since", "Show all events created since timestamp");
        _until = Text("until", "Stream events until this timestamp");
    }

    public override IReadOnlyList<string> Examples => ["compose events", "compose events --json web"];

    protected override int RunCompose(Session session)
    {
        string project = LoadOrReconstruct(session, Arguments).Name;
        var now = session.Clock.GetUtcNow();
        var filters = new Dictionary<string, List<string>> { ["type"] = ["container"], ["label"] = [$"{ComposeLabels.Project}={project}"] };
        using var response = session.Engine.Events(Timestamps.Parse(_since.Value, now), Timestamps.Parse(_until.Value, now), filters);
        foreach (var document in JsonLines.Read(response.Body))
        {
            using (document)
            {
                Print(session, document.RootElement);
            }
        }
        return 0;
    }

    private void Print(Session session, JsonElement json)
    {
        var attributes = json.TryGetProperty("Actor", out var actor) && actor.TryGetProperty("Attributes", out var named) && named.ValueKind == JsonValueKind.Object
            ? named.EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.ToString(), StringComparer.Ordinal)
            : [];
        string service = attributes.GetValueOrDefault(ComposeLabels.Service, "");
        if (attributes.GetValueOrDefault(ComposeLabels.OneOff) == "True" || (Arguments.Count > 0 && !Arguments.Contains(service)))
        {
            return;
        }
        if (!_json.Value)
        {
            session.Out.WriteLine(EventsCommand.Line(json, session.Clock.LocalTimeZone));
            session.Flush();
            return;
        }
        long nanoseconds = json.TryGetProperty("timeNano", out var nano) && nano.TryGetInt64(out long value) ? value : 0;
        var own = new Fields(attributes.Where(pair => !pair.Key.StartsWith("com.docker.compose.", StringComparison.Ordinal)).Select(pair => KeyValuePair.Create(pair.Key, (object?)pair.Value)));
        session.Out.WriteLine(TemplateJson.Write(new Fields(
        [
            new("action", json.TryGetProperty("Action", out var action) ? action.ToString() : ""),
            new("attributes", own),
            new("id", actor.ValueKind == JsonValueKind.Object && actor.TryGetProperty("ID", out var id) ? id.ToString() : ""),
            new("service", service),
            new("time", DateTimeOffset.FromUnixTimeMilliseconds(nanoseconds / 1_000_000).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture)),
            new("type", "container"),
        ])));
        session.Flush();
    }

    /// <summary>Named values, as JSON writes them.</summary>
    private sealed class Fields(IEnumerable<KeyValuePair<string, object?>> values) : ITemplateObject
    {
        private readonly SortedDictionary<string, object?> _values = new(values.ToDictionary(pair => pair.Key, pair => pair.Value), StringComparer.Ordinal);

        public IEnumerable<string> Names => _values.Keys;

        public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value) => _values.TryGetValue(name, out value);
    }
}

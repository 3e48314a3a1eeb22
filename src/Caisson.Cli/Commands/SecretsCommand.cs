using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Secrets;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson secret ls</c> and <c>caisson config ls</c></summary>
internal sealed class SecretsCommand : Command
{
    private const string Usual = "{{.ID}}\t{{.Name}}\t{{.CreatedAt}}";

    private readonly SecretKind _kind;
    private readonly SwitchOption _quiet;
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format;

    public SecretsCommand(SecretKind kind)
    {
        _kind = kind;
        _filter = Values("filter", "filter", "Filter output based on conditions provided", Filters.Parse, 'f');
        _format = Format();
        _quiet = Switch("quiet", "Only display IDs", 'q');
    }

    public override string Usage => "[OPTIONS]";

    public override IReadOnlyList<string> Examples => _kind == SecretKind.Secret
        ? ["secret ls", "secret ls --filter label=app=shop --format '{{.Name}}'"]
        : ["config ls", "config ls -q"];

    public override int Run(Session session)
    {
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.ID}}" : _format.Value;
        var secrets = session.Engine.ListSecrets(_kind, Filters.Gather(_filter.Values));
        ListFormat.Print(session.Out, format, Usual, Columns(session.Clock), secrets, (secret, name) => secret.Labels.GetValueOrDefault(name, ""));
        return 0;
    }

    private static Column<SecretSummary>[] Columns(TimeProvider clock) =>
    [
        new("ID", "ID", secret => secret.Id),
        new("Name", "NAME", secret => secret.Name),
        new("Labels", "LABELS", secret => string.Join(',', secret.Labels.Select(label => $"{label.Key}={label.Value}"))),
        new("CreatedAt", "CREATED", secret => HumanDuration.Ago(secret.Created, clock.GetUtcNow())),
    ];
}

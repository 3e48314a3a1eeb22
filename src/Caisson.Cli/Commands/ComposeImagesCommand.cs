using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Composing;
using Caisson.Cli.Formatting;
using Caisson.Cli.Templates;
using Caisson.Cli.Values;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson compose images</c></summary>
internal sealed class ComposeImagesCommand : ComposeCommand
{
    private readonly SwitchOption _quiet;
    private readonly ValueOption<string> _format;

    public ComposeImagesCommand()
    {
        _format = Text("format", "Format the output. Values: [table | json]", absent: "table");
        _quiet = Switch("quiet", "Only display IDs", 'q');
    }

    public override IReadOnlyList<string> Examples => ["compose images", "compose images -q web"];

    protected override int RunCompose(Session session)
    {
        string project = LoadOrReconstruct(session, Arguments).Name;
        var images = new List<UsedImage>();
        foreach (var container in Containers(session, project, Arguments, oneOff: true))
        {
            using var json = session.Engine.InspectImage(container.ImageId.Length > 0 ? container.ImageId : container.Image);
            var image = json.RootElement;
            var name = ImageName.Parse(container.Image);
            images.Add(new(
                NameOf(container), name.Repository, name.Tag.Length > 0 ? name.Tag : "latest", $"{Text(image, "Os")}/{Text(image, "Architecture")}", Text(image, "Id"),
                image.TryGetProperty("Size", out var size) && size.TryGetInt64(out long bytes) ? bytes : 0,
                DateTimeOffset.TryParse(Text(image, "Created"), CultureInfo.InvariantCulture, DateTimeStyles.None, out var created) ? created : null));
        }
        if (_quiet.Value)
        {
            foreach (string id in images.Select(image => image.Id[(image.Id.IndexOf(':', StringComparison.Ordinal) + 1)..]).Distinct(StringComparer.Ordinal))
            {
                session.Out.WriteLine(id);
            }
            return 0;
        }
        var columns = Columns(session.Clock);
        if (_format.Value == "json")
        {
            session.Out.WriteLine(TemplateJson.Write(images.Select(image => (object?)new Row<UsedImage>(image, columns)).ToList()));
            return 0;
        }
        ListFormat.Print(session.Out, "table", "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ShortID}}\t{{.HumanSize}}\t{{.Since}}", columns, images);
        return 0;
    }

    private static Column<UsedImage>[] Columns(TimeProvider clock) =>
    [
        new("ContainerName", "CONTAINER", image => image.Container),
        new("Repository", "REPOSITORY", image => image.Repository),
        new("Tag", "TAG", image => image.Tag),
        new("Platform", "PLATFORM", image => image.Platform),
        new("ID", "ID", image => image.Id),
        new("ShortID", "IMAGE ID", image => DisplayText.ShortId(image.Id)),
        new("Size", "BYTES", image => image.SizeBytes),
        new("HumanSize", "SIZE", image => HumanSize.Decimal(image.SizeBytes)),
        new("Since", "CREATED", image => image.Created is { } created ? HumanDuration.Ago(created, clock.GetUtcNow()) : "N/A"),
    ];

    private static string Text(System.Text.Json.JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ToString() : "";

    private sealed record UsedImage(string Container, string Repository, string Tag, string Platform, string Id, long SizeBytes, DateTimeOffset? Created);
}

using System.Globalization;

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Images;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson images</c></summary>
internal sealed class ImagesCommand : Command
{
    private const string Usual = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
    private const string WithDigests = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
    private const string None = "<none>";

    private readonly SwitchOption _all, _digests, _noTrunc, _quiet;
    private readonly ListOption<KeyValuePair<string, string>> _filter;
    private readonly ValueOption<string> _format;

    public ImagesCommand()
    {
        _all = Switch("all", "Show all images (default hides intermediate images)", 'a');
        _digests = Switch("digests", "Show digests");
        _filter = Values("filter", "filter", "Filter output based on conditions provided", Filters.Parse, 'f');
        _format = Format();
        _noTrunc = Switch("no-trunc", "Don't truncate output");
        _quiet = Switch("quiet", "Only show image IDs", 'q');
    }

    public override string Usage => "[OPTIONS] [REPOSITORY[:TAG]]";

    public override IReadOnlyList<string> Examples => ["images", "images --format '{{.Repository}}:{{.Tag}} {{.Size}}'"];

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        var filters = Filters.Gather(_filter.Values);
        if (Arguments.Count == 1)
        {
            filters["reference"] = [Arguments[0]];
        }
        var lines = session.Engine.ListImages(_all.Value, filters)
            .OrderByDescending(image => image.Created)
            .SelectMany(image => Lines(image, _digests.Value));
        string format = _quiet.Value && _format.Value is ("" or "table") ? "{{.ID}}" : _format.Value;
        ListFormat.Print(
            session.Out, format, _digests.Value ? WithDigests : Usual, Columns(session.Clock, !_noTrunc.Value), lines);
        return 0;
    }

    /// <summary>One line for each name of an image.</summary>
    internal static IEnumerable<ImageLine> Lines(ImageSummary image, bool digests)
    {
        var tags = image.RepoTags.Where(tag => tag != "<none>:<none>").Select(ImageName.Parse).ToList();
        var digestNames = image.RepoDigests.Where(digest => digest != "<none>@<none>").Select(ImageName.Parse).ToList();
        if (tags.Count == 0 && digestNames.Count == 0)
        {
            return [new(image, None, None, None)];
        }
        if (tags.Count == 0)
        {
            return digestNames.Select(digest => new ImageLine(image, digest.Repository, None, digest.Tag)).Take(digests ? int.MaxValue : 1);
        }
        return tags.Select(tag => new ImageLine(
            image, tag.Repository, tag.Tag, digestNames.FirstOrDefault(digest => digest.Repository == tag.Repository)?.Tag ?? None));
    }

    internal static Column<ImageLine>[] Columns(TimeProvider clock, bool cut) =>
    [
        new("ID", "IMAGE ID", line => cut ? DisplayText.ShortId(line.Image.Id) : line.Image.Id),
        new("Repository", "REPOSITORY", line => line.Repository),
        new("Tag", "TAG", line => line.Tag),
        new("Digest", "DIGEST", line => line.Digest),
        new("CreatedSince", "CREATED", line => HumanDuration.Ago(line.Image.Created, clock.GetUtcNow())),
        new("CreatedAt", "CREATED AT", line => PsCommand.Time(line.Image.Created, clock)),
        new("Size", "SIZE", line => HumanSize.Decimal(line.Image.SizeBytes)),
        new("Containers", "CONTAINERS", line => line.Image.Containers < 0 ? "N/A" : line.Image.Containers.ToString(CultureInfo.InvariantCulture)),
        new("SharedSize", "SHARED SIZE", line => line.Image.SharedSizeBytes <= 0 ? "N/A" : HumanSize.Decimal(line.Image.SharedSizeBytes)),
        new("UniqueSize", "UNIQUE SIZE", line => line.Image.SharedSizeBytes <= 0 ? "N/A" : HumanSize.Decimal(line.Image.SizeBytes - line.Image.SharedSizeBytes)),
    ];

    /// <summary>A name of an image.</summary>
    internal sealed record ImageLine(ImageSummary Image, string Repository, string Tag, string Digest);
}

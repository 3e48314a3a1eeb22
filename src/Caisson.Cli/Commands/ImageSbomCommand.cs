using Caisson.Cli.Archives;
using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image sbom</c></summary>
internal sealed class ImageSbomCommand : Command
{
    private readonly ValueOption<string> _format, _output;

    public ImageSbomCommand()
    {
        _format = Text("format", "spdx (SPDX 2.3) or cyclonedx (CycloneDX 1.5), both as JSON", absent: "spdx");
        _output = Text("output", "Write to a file, instead of STDOUT", 'o', "file");
    }

    public override string Usage => "[OPTIONS] IMAGE";

    public override IReadOnlyList<string> Examples => ["image sbom web > web.spdx.json", "image sbom --format cyclonedx -o web.cdx.json web"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        using var response = session.Engine.WriteSbom(Arguments[0], _format.Value);
        ArchiveOutput.Write(session, response.Body, _output.Value);
        return 0;
    }
}

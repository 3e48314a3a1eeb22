using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson image convert</c></summary>
internal sealed class ImageConvertCommand : Command
{
    private readonly ValueOption<string> _compression, _format;

    public ImageConvertCommand()
    {
        _compression = Text("compression", "How layers are packed: gzip, zstd or none (default: as they are)");
        _format = Text("format", "How the image is described: oci or docker (default: as it is)");
    }

    public override string Usage => "[OPTIONS] IMAGE NEW_NAME";

    public override IReadOnlyList<string> Examples =>
        ["image convert --compression zstd web web:zstd", "image convert --format docker --compression gzip web web:docker"];

    public override (int Min, int Max) ArgumentCount => (2, 2);

    public override CompletionKind Completes => CompletionKind.Images;

    public override int Run(Session session)
    {
        session.Out.WriteLine(session.Engine.ConvertImage(Arguments[0], Arguments[1], _format.Value, _compression.Value));
        return 0;
    }
}

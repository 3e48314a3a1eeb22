using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine screenshot</c></summary>
internal sealed class MachineScreenshotCommand : Command
{
    public override string Usage => "MACHINE [FILE|-]";

    public override string Details => "A picture as PNG; MACHINE.png without a name, standard output with '-'.";

    public override IReadOnlyList<string> Examples => ["machine screenshot deb", "machine screenshot deb - > now.png"];

    public override (int Min, int Max) ArgumentCount => (1, 2);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        ReadOnlyMemory<byte> picture = session.Engine.ReadMachineScreen(Arguments[0]);
        string file = Arguments.Count > 1 ? Arguments[1] : $"{Arguments[0]}.png";
        if (file == "-")
        {
            session.OutputStream.Write(picture.Span);
            return 0;
        }
        File.WriteAllBytes(file, picture.Span);
        session.Out.WriteLine(file);
        return 0;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Client.Http;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson system dial-stdio</c></summary>
internal sealed class DialStdioCommand : Command
{
    private const int BufferBytes = 256 << 10;

    public override string Usage => "";

    public override string Details => "Connects standard input and output to the engine, for programs that reach it by ssh, as machine migrate and docker -H ssh:// do.";

    public override IReadOnlyList<string> Examples => ["system dial-stdio", "system dial-stdio < requests > answers"];

    public override (int Min, int Max) ArgumentCount => (0, 0);

    public override int Run(Session session)
    {
        using HijackedStream engine = session.Engine.Dial();
        var sender = new Thread(() => Send(engine), 256 << 10) { IsBackground = true };
        sender.Start();
        using Stream output = Console.OpenStandardOutput();
        byte[] buffer = new byte[BufferBytes];
        int count;
        while ((count = engine.Read(buffer)) > 0)
        {
            output.Write(buffer, 0, count);
            output.Flush();
        }
        return 0;
    }

    private static void Send(HijackedStream engine)
    {
        using Stream input = Console.OpenStandardInput();
        byte[] buffer = new byte[BufferBytes];
        try
        {
            int count;
            while ((count = input.Read(buffer)) > 0)
            {
                engine.Write(buffer.AsSpan(0, count));
            }
            engine.CompleteWriting();
        }
        catch (IOException)
        {
            // The engine ended the connection, which the other direction sees.
        }
    }
}

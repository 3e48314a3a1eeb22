using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine exec</c></summary>
internal sealed class MachineExecCommand : Command
{
    private readonly ListOption<string> _env;
    private readonly SwitchOption _interactive;
    private readonly ValueOption<long> _timeout;

    public MachineExecCommand()
    {
        _env = List("env", "Set a variable, as NAME=value", 'e');
        _interactive = Switch("interactive", "Give the command standard input, up to its end", 'i');
        _timeout = Number("timeout", "Seconds to wait for its end (default 3600)");
    }

    public override string Usage => "[OPTIONS] MACHINE COMMAND [ARG...]";

    public override string Details => """
        Needs qemu-guest-agent in the machine. The command runs as the agent does, root as a rule;
        what it writes comes when it has ended. For a terminal there are console and ssh.
        """;

    public override IReadOnlyList<string> Examples => ["machine exec deb uname -a", "machine exec deb sh -c 'df -h | tail -n 3'"];

    public override (int Min, int Max) ArgumentCount => (2, -1);

    public override bool StopsAtFirstArgument => true;

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        using var input = new MemoryStream();
        if (_interactive.Value)
        {
            session.InputStream.CopyTo(input);
        }
        var end = session.Engine.ExecInMachine(Arguments[0], [.. Arguments.Skip(1)], [.. _env.Values], input.ToArray(), _timeout.Value);
        session.OutputStream.Write(end.Output.Span);
        session.ErrorStream.Write(end.Errors.Span);
        if (end.IsCut)
        {
            session.Error.WriteLine("caisson: it wrote more than the machine's agent keeps; what is shown is the beginning");
        }
        return end.Code;
    }
}

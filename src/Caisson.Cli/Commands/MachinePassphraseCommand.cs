using Caisson.Cli.CommandLine;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine passphrase</c></summary>
internal sealed class MachinePassphraseCommand : Command
{
    public override string Usage => "MACHINE";

    public override string Details => """
        Prints the passphrase of a machine's encrypted disks. Keep it elsewhere: without it, and
        without this engine, backups of the machine say nothing to anybody.
        """;

    public override IReadOnlyList<string> Examples => ["machine passphrase deb", "machine passphrase deb >/root/deb.passphrase"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        session.Out.WriteLine(session.Engine.ReadMachinePassphrase(Arguments[0]));
        return 0;
    }
}

using Caisson.Cli.CommandLine;
using Caisson.Cli.Formatting;
using Caisson.Cli.Values;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine standby</c></summary>
internal sealed class MachineStandbyCommand : Command
{
    private const string NoFence = "none";
    private const string Usual = "{{.Machine}}\t{{.State}}\t{{.Host}}\t{{.Target}}\t{{.Error}}";

    private readonly ValueOption<string> _fence, _passphrase, _format;
    private readonly SwitchOption _stop;

    public MachineStandbyCommand()
    {
        _fence = Text("fence", "Line of the shell that ends the machine where it was; 'none' to rely on its lease", kind: "command");
        _format = Format();
        _passphrase = Text("passphrase-file", "Path of a file whose first line is the passphrase of its disks", kind: "path");
        _stop = Switch("stop", "No longer");
    }

    public override string Usage => "[OPTIONS] [DIRECTORY]";

    public override string Details => """
        Watches over a machine of another engine, whose copies are in a directory that both
        engines see (machine replicate --ha): when its engine has not renewed its lease there for
        20 seconds, the machine is made of the last copy and started here.

        Before that the fence must end with 0: it makes sure that the machine runs there no more,
        by switching its host off for example, and has CAISSON_MACHINE, CAISSON_HOST and
        CAISSON_ENGINE. An engine that cannot renew a lease ends the machine itself after 10
        seconds, so with 'none' only a host whose engine is dead or hangs, and whose machine goes
        on, has it twice.

        Without a DIRECTORY, lists what this engine watches over.
        """;

    public override IReadOnlyList<string> Examples => ["machine standby --fence 'ipmitool -H bmc-of-$CAISSON_HOST power off' /mnt/copies/deb", "machine standby", "machine standby --stop /mnt/copies/deb"];

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override int Run(Session session)
    {
        if (Arguments.Count == 0)
        {
            ListFormat.Print(session.Out, _format.Value, Usual, Columns, session.Engine.ListStandbys(), (_, _) => "");
            return 0;
        }
        string directory = Path.GetFullPath(Arguments[0]);
        if (_stop.Value)
        {
            session.Engine.EndStandby(directory);
            return 0;
        }
        if (_fence.Value.Length == 0)
        {
            throw new UsageException("say what makes sure that the machine runs there no more (--fence COMMAND), or --fence none", exitCode: 1);
        }
        session.Engine.SetStandby(directory, _fence.Value == NoFence ? "" : _fence.Value, MachineSpec.FirstLine(_passphrase.Value));
        return 0;
    }

    private static Column<MachineStandby>[] Columns { get; } =
    [
        new("Machine", "MACHINE", standby => standby.Machine),
        new("State", "STATE", standby => standby.State),
        new("Host", "HOST", standby => standby.Host),
        new("Target", "DIRECTORY", standby => standby.Target),
        new("Error", "ERROR", standby => DisplayText.Printable(standby.Error)),
    ];
}

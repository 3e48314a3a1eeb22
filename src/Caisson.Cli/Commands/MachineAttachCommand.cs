using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine attach</c></summary>
internal sealed class MachineAttachCommand : Command
{
    private readonly ListOption<MachineDisk> _disks;
    private readonly ListOption<MachineNetwork> _networks;

    public MachineAttachCommand()
    {
        _disks = Values("disk", "disk", "SIZE of an empty disk, or PATH of one that is copied; then size=, name=, format=, cache=", MachineSpec.Disk);
        _networks = Values("network", "network", "NETWORK; then name=, mac=, ip=, model=virtio|e1000e", MachineSpec.Network);
    }

    public override string Usage => "[OPTIONS] MACHINE";

    public override IReadOnlyList<string> Examples => ["machine attach --disk 20g deb", "machine attach --network backend deb"];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    public override CompletionKind Completes => CompletionKind.Machines;

    public override int Run(Session session)
    {
        if (_disks.Values.Count + _networks.Values.Count == 0)
        {
            throw new UsageException("nothing to attach: give --disk or --network", exitCode: 1);
        }
        foreach (MachineDisk disk in _disks.Values)
        {
            session.Out.WriteLine(session.Engine.AttachMachineDisk(Arguments[0], disk));
        }
        foreach (MachineNetwork network in _networks.Values)
        {
            session.Out.WriteLine(session.Engine.AttachMachineNetwork(Arguments[0], network));
        }
        return 0;
    }
}

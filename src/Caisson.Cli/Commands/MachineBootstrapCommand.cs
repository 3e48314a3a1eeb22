using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Machines;
using Caisson.Errors;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine bootstrap</c></summary>
internal sealed class MachineBootstrapCommand : MachineWorkCommand
{
    private readonly ValueOption<string> _suite, _mirror, _output;
    private readonly ValueOption<long> _size;
    private readonly ListOption<string> _packages;
    private readonly SwitchOption _cloudInit, _allDrivers, _force;

    public MachineBootstrapCommand()
    {
        _suite = Text("suite", "Release (default bookworm)");
        _packages = List("package", "Package to install beside those that a machine needs");
        _size = Value("size", "bytes", "Size of the disk (default 2g); a machine may make it larger", ByteSize.Parse, 0L);
        _cloudInit = Switch("cloud-init", "With cloud-init, which does all that a cloud-config can say and takes longer to start");
        _allDrivers = Switch("all-drivers", "With the kernel for all hardware, as other hypervisors show it");
        _mirror = Text("mirror", "Where packages come from");
        _output = Text("output", "Path of the qcow2 file (default one of the engine's)", 'o', kind: "path");
        _force = Switch("force", "Replace a file that is there", 'f');
    }

    public override string Usage => "[OPTIONS] debian";

    public override string Details => """
        Makes a disk that starts Debian under BIOS and UEFI, out of Debian's packages: nothing else
        is downloaded. It has an SSH server, the guest agent and a serial console, and does at its
        first start what the machine is told at its creation (create --ssh-key, --password,
        --user-data). Prints the path of the disk.
        """;

    public override IReadOnlyList<string> Examples =>
    [
        "machine bootstrap debian",
        "machine bootstrap --package nginx -o web.qcow2 debian",
    ];

    public override (int Min, int Max) ArgumentCount => (1, 1);

    protected override MachineWork Act(Session session, Action<string, double> progress) => Arguments[0] == "debian"
        ? session.Engine.BootstrapMachineDisk(
            new MachineBootstrap
            {
                Suite = _suite.Value,
                Packages = [.. _packages.Values.SelectMany(words => words.Split(',', StringSplitOptions.RemoveEmptyEntries))],
                CloudInit = _cloudInit.Value,
                AllDrivers = _allDrivers.Value,
                Mirror = _mirror.Value,
                Bytes = _size.Value,
                Path = _output.Value.Length > 0 ? Absolute(_output.Value) : "",
                Force = _force.Value,
            },
            progress)
        : throw new CaissonException(ErrorKind.InvalidArgument, $"'{Arguments[0]}' is not made of packages here; debian is");
}

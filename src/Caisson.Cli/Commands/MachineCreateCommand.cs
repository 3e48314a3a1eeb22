using Caisson.Cli.CommandLine;
using Caisson.Cli.Values;
using Caisson.Client.Containers;
using Caisson.Client.Machines;

namespace Caisson.Cli.Commands;

/// <summary><c>caisson machine create</c></summary>
internal sealed class MachineCreateCommand : Command
{
    private readonly ValueOption<long> _memory, _memoryMax, _cpus, _cpusMax, _order, _delay;
    private readonly ValueOption<string> _cpuModel, _firmware, _kernel, _initrd, _append, _boot, _restart, _description, _hostname, _user, _password, _passphrase, _userData, _networkConfig;
    private readonly SwitchOption _secureBoot, _tpm, _encrypt, _noNetwork, _autostart, _start;
    private readonly ListOption<MachineDisk> _disks;
    private readonly ListOption<MachineNetwork> _networks;
    private readonly ListOption<string> _cdroms, _publish, _sshKeys, _install, _commands;

    public MachineCreateCommand()
    {
        Heading("Hardware");
        _cpus = Number("cpus", "Processors (default 1)");
        _cpusMax = Number("cpus-max", "To how many it may grow while it runs");
        _cpuModel = Text("cpu-model", "QEMU's name of the processor's model (qemu-system-x86_64 -cpu help)");
        _memory = Value("memory", "bytes", "Memory (default 1g)", ByteSize.Parse, 0L, 'm');
        _memoryMax = Value("memory-max", "bytes", "To how much it may grow while it runs", ByteSize.Parse, 0L);
        _firmware = Text("firmware", "bios or uefi (default bios)");
        _secureBoot = Switch("secure-boot", "UEFI starts only what is signed");
        _tpm = Switch("tpm", "With a TPM 2.0");
        Heading("Disks and networks");
        _disks = Values("disk", "disk", "SIZE of an empty disk, or PATH of one that is copied; then size=, name=, format=, bus=virtio|sata, cache=writeback|none|unsafe, bps=, iops=", MachineSpec.Disk);
        _encrypt = Switch("encrypt", "Encrypt the disks (LUKS), by a passphrase of the engine's or yours");
        _passphrase = Text("passphrase-file", "Path of a file whose first line is the passphrase of the disks", kind: "path");
        _cdroms = List("cdrom", "Path of an image in a drive, read only; an empty text for an empty drive", kind: "path");
        _networks = Values("network", "network", "NETWORK; then name=, mac=, ip=, model=virtio|e1000e (default bridge)", MachineSpec.Network);
        _noNetwork = Switch("no-network", "Without a network interface");
        _publish = List("publish", "Publish a port of the machine to the host", 'p');
        Heading("First start (cloud-init, or a disk of machine bootstrap)");
        _hostname = Text("hostname", "Its name for itself (default the machine's)");
        _user = Text("user", "The user that keys and password are of (default the image's own)");
        _sshKeys = List("ssh-key", "Public key, or path of its file, by which the user is let in", kind: "key");
        _password = Text("password-file", "Path of a file whose first line is the user's password", kind: "path");
        _install = List("package", "Package to install");
        _commands = List("run", "Line of the shell to run");
        _userData = Text("user-data", "Path of a document of your own: #cloud-config or a script", kind: "path");
        _networkConfig = Text("network-config", "Path of a network-config of your own", kind: "path");
        Heading("Start");
        _boot = Text("boot", "What is tried in order (default disk,cdrom)", kind: "list");
        _kernel = Text("kernel", "Kernel that is started directly; it is copied", kind: "path");
        _initrd = Text("initrd", "The kernel's first file system; it is copied", kind: "path");
        _append = Text("append", "The kernel's command line");
        _start = Switch("start", "Start it at once", 's');
        _autostart = Switch("autostart", "Start it with the engine, unless it was stopped");
        _order = Number("start-order", "Of those that start with the engine, lower numbers go first");
        _delay = Number("start-delay", "Seconds to wait after its start before the next");
        _restart = Text("restart", "no, on-failure (after a crash) or always (default no)");
        _description = Text("description", "What you want to remember about it");
    }

    public override string Usage => "[OPTIONS] [MACHINE]";

    public override string Details => """
        Disks are copied into the engine's directory as qcow2: what is given is never changed. A
        disk that stands on another file is refused.
        """;

    public override IReadOnlyList<string> Examples =>
    [
        "machine create --disk debian-12-generic.qcow2,size=20g --cpus 2 -m 2g --start deb",
        "machine create --firmware uefi --disk 40g --cdrom install.iso --start new",
        "machine create --kernel vmlinuz --initrd initrd.img --append console=ttyS0 --no-network bare",
    ];

    public override (int Min, int Max) ArgumentCount => (0, 1);

    public override int Run(Session session)
    {
        string name = Arguments.Count > 0 ? Arguments[0] : "";
        string id = session.Engine.CreateMachine(new MachineCreation
        {
            Name = name,
            MemoryBytes = _memory.Value,
            MemoryMaxBytes = _memoryMax.Value,
            Processors = _cpus.Value,
            ProcessorsMax = _cpusMax.Value,
            CpuModel = _cpuModel.Value,
            Firmware = _firmware.Value,
            SecureBoot = _secureBoot.Value,
            Tpm = _tpm.Value,
            Encrypt = _encrypt.Value || _passphrase.Value.Length > 0,
            Passphrase = MachineSpec.FirstLine(_passphrase.Value),
            Kernel = MachineSpec.HostPath(_kernel.Value),
            Initrd = MachineSpec.HostPath(_initrd.Value),
            CommandLine = _append.Value,
            Disks = [.. _disks.Values],
            Cdroms = [.. _cdroms.Values.Select(MachineSpec.HostPath)],
            Networks = _noNetwork.Value ? [] : _networks.Values.Count > 0 ? [.. _networks.Values] : null,
            Ports = [.. Ports()],
            Seed = Seed(),
            Boot = _boot.Value.Length > 0 ? _boot.Value.Split(',') : [],
            Autostart = _autostart.Value,
            StartOrder = _order.Value,
            StartDelaySeconds = _delay.Value,
            RestartPolicy = _restart.Value,
            Description = _description.Value,
        });
        session.Out.WriteLine(name.Length > 0 ? name : id);
        if (_start.Value)
        {
            session.Flush();
            session.Engine.StartMachine(id);
        }
        return 0;
    }

    private List<MachinePort> Ports()
    {
        Dictionary<string, List<PortBinding>> bindings = [];
        foreach (string text in _publish.Values)
        {
            PortSpec.Publish(text, new HashSet<string>(), bindings);
        }
        return [.. bindings.SelectMany(port => port.Value.Select(binding => new MachinePort(binding.HostIp, binding.HostPort, port.Key)))];
    }

    /// <summary>What it is told at its first start; null when nothing was said.</summary>
    private MachineSeed? Seed()
    {
        bool isAsked = new[] { _hostname, _user, _password, _userData, _networkConfig }.Any(option => option.Value.Length > 0)
            || _sshKeys.Values.Count + _install.Values.Count + _commands.Values.Count > 0;
        return !isAsked ? null : new MachineSeed
        {
            Hostname = _hostname.Value,
            User = _user.Value,
            SshKeys = [.. _sshKeys.Values.SelectMany(Keys)],
            Password = MachineSpec.FirstLine(_password.Value),
            Packages = [.. _install.Values],
            Commands = [.. _commands.Values],
            UserData = _userData.Value.Length > 0 ? File.ReadAllText(_userData.Value) : "",
            NetworkConfig = _networkConfig.Value.Length > 0 ? File.ReadAllText(_networkConfig.Value) : "",
        };
    }

    /// <summary>A key as it is, or those in a file.</summary>
    private static IEnumerable<string> Keys(string text) => text.Contains(' ')
        ? [text]
        : File.ReadLines(text).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#');
}

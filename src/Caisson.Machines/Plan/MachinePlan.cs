using System.Collections.Immutable;
using System.Globalization;
using System.Text;

using Caisson.Errors;
using Caisson.Machines.Agent;

namespace Caisson.Machines.Plan;

/// <summary>A machine as QEMU is told it: the arguments of its process, and what is said to it over QMP.</summary>
/// <remarks>
/// Pure. The least that a kernel needs (<see cref="MachineModel"/>): devices on virtio-mmio, and the kernel unpacked and started directly.
/// </remarks>
public sealed record MachinePlan
{
    /// <summary>The number at which QEMU inherits its QMP socket.</summary>
    public const int QmpDescriptor = 100;

    /// <summary>The number at which QEMU inherits the agent's socket.</summary>
    public const int AgentDescriptor = 101;

    /// <summary>The number at which QEMU inherits the state of a template's devices.</summary>
    public const int StateDescriptor = 102;

    /// <summary>The number at which QEMU inherits the line to the server of directories of the host.</summary>
    public const int FilesDescriptor = 103;

    /// <summary>The number at which QEMU inherits the first interface's device; the others follow.</summary>
    public const int InterfaceDescriptor = 110;

    /// <summary>The least memory with which Debian's kernel starts.</summary>
    public const long MemoryBytesMin = 128L << 20;

    /// <summary>The most interfaces; of the devices that a machine may have, the others need five.</summary>
    public const int InterfacesMax = 3;

    private const long Megabyte = 1 << 20;

    /// <summary>What an emulated processor keeps of translated instructions; QEMU's own choice, an eighth of the host's memory, would count as the machine's and end it.</summary>
    private const int TranslationMegabytes = 128;

    private const string Memory = "memory";
    private const long PlaceholderBytes = 1L << 46;

    // Places of devices, which are what a template and the machines made of it must agree on. On microvm the kernel finds none at 0.
    private const int AgentPlace = 1;
    private const int ImagePlace = 2;
    private const int DataPlace = 3;
    private const int LastInterfacePlace = DataPlace + InterfacesMax;
    private const int OtherDataPlace = LastInterfacePlace + 1;
    private const string IgnoreShared = "migrate-set-capabilities x-ignore-shared";

    /// <summary>The program and its arguments.</summary>
    public required ImmutableArray<string> Arguments { get; init; }

    /// <summary>What runs the machine's instructions: <c>kvm</c> or <c>tcg</c>.</summary>
    public required string Accelerator { get; init; }

    /// <summary>What is said to QEMU once it runs, a command each.</summary>
    public required ImmutableArray<string> Conversation { get; init; }

    /// <summary>Compiles <paramref name="config"/>.</summary>
    /// <param name="config">What is wanted.</param>
    /// <param name="facts">The host.</param>
    /// <param name="problems">Receives everything that cannot be; the plan means nothing then.</param>
    public static MachinePlan Compile(MachineConfig config, MachineFacts facts, ICollection<Problem> problems)
    {
        Check(config, facts, problems);
        MachineModel model = MachineModel.Of(config.Architecture, config.Processors, facts);
        string accelerator = facts.HasKvm ? "kvm" : "tcg";
        string size = string.Create(CultureInfo.InvariantCulture, $"{config.MemoryBytes / Megabyte}M");
        bool boots = config.Start != MachineStart.Restore;
        List<string> arguments =
        [
            facts.QemuPath,
            "-name", config.Name,
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", model.Board + (config.Start == MachineStart.Boot ? "" : $",memory-backend={Memory}"),
            "-accel", facts.HasKvm ? "kvm" : string.Create(CultureInfo.InvariantCulture, $"tcg,thread=multi,tb-size={TranslationMegabytes}"),
            "-cpu", model.Processor,
            .. model.Further,
            "-smp", config.Processors.ToString(CultureInfo.InvariantCulture),
            "-m", size,
            .. config.Start == MachineStart.Boot ? Array.Empty<string>()
                : ["-object", $"memory-backend-file,id={Memory},size={size},mem-path={config.MemoryPath},share={(boots ? "on" : "off")}"],
            .. boots ? (string[])["-kernel", config.KernelPath, "-initrd", config.InitrdPath, "-append", model.CommandLine] : ["-incoming", "defer"],
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", string.Create(CultureInfo.InvariantCulture, $"socket,id=qmp,fd={QmpDescriptor}"), "-mon", "chardev=qmp,mode=control",
            "-device", $"virtio-serial-device,{Place(AgentPlace)}",
            "-chardev", string.Create(CultureInfo.InvariantCulture, $"socket,id=agent,fd={AgentDescriptor}"),
            "-device", $"virtserialport,chardev=agent,name={AgentFrame.PortName}",
        ];
        if (config.HasShares || config.Start != MachineStart.Boot)
        {
            // A template has the port without anybody behind it, so that machines with and without directories of the host go on from it.
            arguments.AddRange(
            [
                "-chardev", config.HasShares ? string.Create(CultureInfo.InvariantCulture, $"socket,id=files,fd={FilesDescriptor}") : "null,id=files",
                "-device", $"virtserialport,chardev=files,name={AgentFrame.FilesPortName}",
            ]);
        }
        // Larger than any disk that a machine gets in their place: what is on a disk says how much of it there is, and its driver need not ask again.
        string nothing = string.Create(CultureInfo.InvariantCulture, $"driver=null-co,size={PlaceholderBytes},read-zeroes=on");
        string? changes = config.DataPath is { } data ? File(data, isReadOnly: false) : null;
        bool isOther = config.Start == MachineStart.Restore && config.DataIsUsed;
        arguments.AddRange(Disk(ImagePlace, MachineSettings.ImageDisk, config.Start == MachineStart.Template ? nothing + ",read-only=on" : File(config.ImagePath, isReadOnly: true)));
        if (config.Start != MachineStart.Boot)
        {
            // A template has its own disk mounted, so the machine of a fresh disk finds a copy of that; any other disk comes beside it, and nothing in its place.
            arguments.AddRange(Disk(DataPlace, MachineSettings.DataDisk, isOther ? nothing : changes ?? nothing));
            arguments.AddRange(Disk(OtherDataPlace, MachineSettings.OtherDataDisk, isOther ? changes ?? nothing : nothing));
        }
        else if (changes is not null)
        {
            arguments.AddRange(Disk(DataPlace, MachineSettings.DataDisk, changes));
        }
        for (int i = 0; i < config.Interfaces.Length; i++)
        {
            arguments.AddRange(
            [
                "-netdev", string.Create(CultureInfo.InvariantCulture, $"tap,id=net{i},fd={InterfaceDescriptor + i}"),
                "-device", string.Create(CultureInfo.InvariantCulture, $"virtio-net-device,{Place(InterfacePlace(i))},netdev=net{i},mac={config.Interfaces[i]}"),
            ]);
        }
        for (int i = config.Interfaces.Length; i < InterfacesMax && config.Start != MachineStart.Boot; i++)
        {
            arguments.AddRange(["-device", $"virtio-net-device,{Place(InterfacePlace(i))}"]);
        }
        return new MachinePlan
        {
            Arguments = [.. arguments],
            Accelerator = accelerator,
            Conversation = config.Start switch
            {
                MachineStart.Template => ["qmp_capabilities", IgnoreShared, "getfd state", "migrate fd:state", "quit"],
                MachineStart.Restore => ["qmp_capabilities", IgnoreShared, string.Create(CultureInfo.InvariantCulture, $"migrate-incoming fd:{StateDescriptor}")],
                _ => ["qmp_capabilities", "query-status"],
            },
        };

        // Inside, interfaces are told apart by their order.
        int InterfacePlace(int index) => model.IsNumberedBackwards ? LastInterfacePlace - index : DataPlace + 1 + index;
    }

    /// <summary>The machine as a person reads it.</summary>
    public string Explain()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"machine: {Arguments[0]}, accelerated by {Accelerator}\n");
        for (int i = 1; i < Arguments.Length; i++)
        {
            bool isOption = Arguments[i].StartsWith('-');
            text.Append(isOption ? (i == 1 ? "      " : "\n      ") : " ").Append(Arguments[i]);
        }
        text.Append("\nqmp: what is said to it\n");
        foreach (string command in Conversation)
        {
            text.Append("      ").Append(command).Append('\n');
        }
        return text.ToString();
    }

    private static void Check(MachineConfig config, MachineFacts facts, ICollection<Problem> problems)
    {
        Require(config.MemoryBytes >= MemoryBytesMin, "/memory", $"a machine needs at least {MemoryBytesMin / Megabyte}m of memory");
        Require(config.MemoryBytes <= facts.MemoryBytes, "/memory", $"this host has {facts.MemoryBytes / Megabyte}m of memory");
        Require(config.Processors >= 1 && config.Processors <= Math.Max(1, facts.Processors), "/processors", $"1 to {facts.Processors}, as many as this host has");
        Require(config.Interfaces.Length <= InterfacesMax, "/interfaces", $"a machine has at most {InterfacesMax} network interfaces");
        foreach (string? path in (string?[])
        [
            config.KernelPath, config.InitrdPath, config.Start == MachineStart.Template ? null : config.ImagePath, config.DataPath,
            config.Start == MachineStart.Boot ? null : config.MemoryPath,
        ])
        {
            // A comma ends a value in QEMU's own syntax; ours are made by us and have none.
            Require(path is null || (path.StartsWith('/') && !path.Contains(',')), "/paths", $"'{path}' is no plain absolute path");
        }

        void Require(bool holds, string path, string message)
        {
            if (!holds)
            {
                problems.Add(new Problem(path, message));
            }
        }
    }

    private static string Place(int place) => string.Create(CultureInfo.InvariantCulture, $"bus=virtio-mmio-bus.{place}");

    /// <summary>Always with its format and its file's driver by name: nothing in a disk decides how it is read.</summary>
    private static string File(string path, bool isReadOnly) =>
        $"driver=raw,read-only={(isReadOnly ? "on" : "off,discard=unmap,file.discard=unmap")},file.driver=file,file.filename={path}";

    private static string[] Disk(int place, string name, string content) =>
        ["-blockdev", $"{content},node-name={name}", "-device", $"virtio-blk-device,{Place(place)},drive={name},serial={name}"];
}

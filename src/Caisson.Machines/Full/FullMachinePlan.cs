using System.Collections.Immutable;
using System.Globalization;
using System.Text;

using Caisson.Errors;

namespace Caisson.Machines.Full;

/// <summary>A full machine as QEMU is told it: the arguments of its process, and how devices are named to it over QMP.</summary>
/// <remarks>
/// Pure. The machine is QEMU's <c>q35</c>. It begins stopped: interfaces and media, which are descriptors of the engine, are given over QMP before it runs.
/// What can be plugged has a root port of its own, always the same one. Paths are those of the sandbox. Source: qemu(1), QEMU docs/interop/qemu-qmp-ref.
/// </remarks>
public sealed partial record FullMachinePlan
{
    /// <summary>The machine's disks, in its sandbox.</summary>
    public const string DisksDirectory = "/machine/disks";

    /// <summary>Sockets of its QEMU, in its sandbox.</summary>
    public const string RunDirectory = "/machine/run";

    /// <summary>Its kernel and first file system, in its sandbox.</summary>
    public const string BootDirectory = "/machine/boot";

    /// <summary>Disks of templates, in its sandbox, in directories named by id.</summary>
    public const string BasesDirectory = "/machine/bases";

    /// <summary>The node and file of the firmware's variables.</summary>
    public const string Variables = "vars";

    /// <summary>The pipe among <see cref="RunDirectory"/> by which QEMU gets the passphrase of the disks, and the object that has it then.</summary>
    public const string PassphraseName = "passphrase";

    /// <summary>Devices that may be plugged: disks and interfaces together.</summary>
    public const int PortsMax = 16;

    /// <summary>Drives and disks of the SATA controller.</summary>
    public const int SataPortsMax = 6;

    /// <summary>The most memory and processors are multiples or powers of what QEMU takes; this is the step of memory.</summary>
    public const long MemoryStepBytes = 2L << 20;

    /// <summary>The least memory of a machine.</summary>
    public const long MemoryBytesMin = 16L << 20;

    private const int ProcessorsLimit = 255;

    /// <summary>The program and its arguments.</summary>
    public required ImmutableArray<string> Arguments { get; init; }

    /// <summary>What runs the machine's instructions: <c>kvm</c> or <c>tcg</c>.</summary>
    public required string Accelerator { get; init; }

    /// <summary>What is said to it before it runs, but for interfaces and media.</summary>
    public required ImmutableArray<QmpStep> Conversation { get; init; }

    /// <summary>Nodes whose state a snapshot keeps, the one with the memory first; empty when nothing can be kept.</summary>
    public static ImmutableArray<string> SnapshotNodes(FullMachineConfig config) =>
        [.. config.Disks.Select(disk => disk.Name), .. config.Firmware == MachineFirmware.Uefi ? [Variables] : Array.Empty<string>()];

    /// <summary>Compiles the machine.</summary>
    /// <param name="id">Its id, 64 hex digits.</param>
    /// <param name="name">Its name.</param>
    /// <param name="config">Its hardware.</param>
    /// <param name="facts">The host.</param>
    /// <param name="problems">Receives what cannot be.</param>
    public static FullMachinePlan Compile(string id, string name, FullMachineConfig config, FullMachineFacts facts, ICollection<Problem> problems)
    {
        Check(config, facts, problems);
        bool uefi = config.Firmware == MachineFirmware.Uefi;
        List<string> arguments =
        [
            facts.QemuPath, "-S", "-no-user-config", "-nodefaults",
            "-name", $"guest={name},process=caisson-{id[..12]}",
            "-uuid", $"{id[..8]}-{id[8..12]}-{id[12..16]}-{id[16..20]}-{id[20..32]}",
            "-machine", $"q35,accel={(facts.HasKvm ? "kvm" : "tcg")},vmport=off{(config.SecureBoot ? ",smm=on" : "")}{(uefi ? ",pflash0=code,pflash1=" + Variables : "")}",
            "-cpu", config.CpuModel.Length > 0 ? config.CpuModel : facts.HasKvm ? "host" : "Nehalem-v1,+rdrand",
            "-smp", string.Create(CultureInfo.InvariantCulture, $"{config.Processors},maxcpus={Math.Max(config.Processors, config.ProcessorsMax)}"),
            "-m", Memory(config),
            "-rtc", "base=utc,driftfix=slew",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-chardev", $"socket,id=qmp,path={RunDirectory}/qmp.sock,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-display", "none", "-vnc", $"unix:{RunDirectory}/vnc.sock", "-device", "VGA,id=video0,bus=pcie.0,addr=0x1",
            "-device", "virtio-serial-pci,id=serial0,bus=pcie.0,addr=0x2",
            "-chardev", $"socket,id=agent,path={RunDirectory}/agent.sock,server=on,wait=off",
            "-device", "virtserialport,id=agent0,bus=serial0.0,chardev=agent,name=org.qemu.guest_agent.0",
            "-device", "virtio-balloon-pci,id=balloon0,bus=pcie.0,addr=0x3,free-page-reporting=on,deflate-on-oom=on",
            "-device", "virtio-rng-pci,id=rng0,bus=pcie.0,addr=0x5",
            "-device", "vmgenid,guid=auto,id=generation0", "-device", "pvpanic",
            "-device", "qemu-xhci,id=usb0,bus=pcie.0,addr=0x6", "-device", "usb-tablet,id=tablet0,bus=usb0.0",
        ];
        if (config.MemoryMaxBytes > config.MemoryBytes)
        {
            arguments.AddRange(
            [
                "-object", string.Create(CultureInfo.InvariantCulture, $"memory-backend-ram,id=growth0,size={config.MemoryMaxBytes - config.MemoryBytes},reserve=off"),
                "-device", "virtio-mem-pci,id=memory0,memdev=growth0,requested-size=0,bus=pcie.0,addr=0x4",
            ]);
        }
        for (int port = 0; port < PortsMax; port++)
        {
            arguments.AddRange(
            [
                "-device",
                string.Create(CultureInfo.InvariantCulture, $"pcie-root-port,id=port{port},bus=pcie.0,chassis={port + 1},slot={port + 1},addr=0x{0x10 + port / 8:x}.{port % 8},multifunction=on"),
            ]);
        }
        if (uefi)
        {
            arguments.AddRange(["-blockdev", CodeNode(config), "-blockdev", DiskNode(Variables, $"{DisksDirectory}/{Variables}.qcow2", "", [], isEncrypted: false)]);
            if (config.SecureBoot)
            {
                arguments.AddRange(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
            }
        }
        if (config.Tpm)
        {
            arguments.AddRange(["-chardev", $"socket,id=tpm,path={RunDirectory}/tpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]);
        }
        if (config.HasKernel)
        {
            arguments.AddRange(["-kernel", $"{BootDirectory}/kernel", .. config.HasInitrd ? ["-initrd", $"{BootDirectory}/initrd"] : Array.Empty<string>(), "-append", config.CommandLine]);
        }
        if (config.IsEncrypted)
        {
            arguments.AddRange(["-object", $"secret,id={PassphraseName},file={RunDirectory}/{PassphraseName}"]);
        }
        foreach (FullDisk disk in config.Disks)
        {
            arguments.AddRange(["-blockdev", DiskNode(disk, config.IsEncrypted), "-device", DiskDevice(disk, BootIndex(config, "disk", disk.Name))]);
        }
        if (config.HasSeed)
        {
            // As a disk of virtio and not in a drive: kernels for clouds have no driver for SATA.
            arguments.AddRange(["-blockdev", SeedNode(), "-device", "virtio-blk-pci,id=seed0,drive=seed,bus=pcie.0,addr=0x7,serial=seed"]);
        }
        foreach (FullDrive drive in config.Drives)
        {
            arguments.AddRange(["-device", DriveDevice(drive, BootIndex(config, "cdrom", drive.Name))]);
        }
        return new FullMachinePlan
        {
            Arguments = [.. arguments],
            Accelerator = facts.HasKvm ? "kvm" : "tcg",
            // Plugged while it is stopped, an interface is as one that was always there only after a reset.
            Conversation = [.. Limits(config), .. config.Interfaces.Count > 0 ? [new QmpStep("system_reset", "{}")] : (ImmutableArray<QmpStep>)[], new QmpStep("cont", "{}")],
        };
    }

    /// <summary>The same machine, whose memory comes from another QEMU: it waits for it, and runs as soon as it has it.</summary>
    public FullMachinePlan Arriving() => this with { Arguments = [.. Arguments.Where(word => word != "-S"), "-incoming", "defer"], Conversation = [.. Conversation.Where(step => step.Command == LimitCommand)] };

    /// <summary>The machine as a person reads it.</summary>
    public string Explain()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"machine: {Arguments[0]}, accelerated by {Accelerator}\n");
        for (int i = 1; i < Arguments.Length; i++)
        {
            text.Append(Arguments[i].StartsWith('-') ? (i == 1 ? "      " : "\n      ") : " ").Append(Arguments[i]);
        }
        text.Append("\nqmp: what is said to it, after its interfaces and media\n");
        foreach (QmpStep step in Conversation)
        {
            text.Append("      ").Append(step).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The lowest root port that nothing has; null when all are taken.</summary>
    public static int? FreePort(FullMachineConfig config)
    {
        HashSet<int> taken = [.. config.Disks.Where(disk => disk.Bus != "sata").Select(disk => disk.Port), .. config.Interfaces.Select(one => one.Port)];
        return FirstFree(taken, PortsMax);
    }

    /// <summary>The lowest port of the SATA controller that nothing has; null when all are taken.</summary>
    public static int? FreeSataPort(FullMachineConfig config)
    {
        HashSet<int> taken = [.. config.Disks.Where(disk => disk.Bus == "sata").Select(disk => disk.Port), .. config.Drives.Select(drive => drive.Port)];
        return FirstFree(taken, SataPortsMax);
    }

    private static int? FirstFree(HashSet<int> taken, int count) =>
        Enumerable.Range(0, count).Where(port => !taken.Contains(port)).Select(port => (int?)port).FirstOrDefault();

    private static string Memory(FullMachineConfig config) => config.MemoryMaxBytes > config.MemoryBytes
        ? string.Create(CultureInfo.InvariantCulture, $"{config.MemoryBytes >> 20}M,maxmem={config.MemoryMaxBytes >> 20}M")
        : string.Create(CultureInfo.InvariantCulture, $"{config.MemoryBytes >> 20}M");

    /// <summary>The file of the seed, among the machine's disks.</summary>
    public const string SeedName = "seed.iso";

    private static string SeedNode() => QmpStep.Json(json =>
    {
        json.WriteString("node-name", "seed");
        json.WriteString("driver", "raw");
        json.WriteBoolean("read-only", true);
        json.WriteStartObject("file");
        json.WriteString("driver", "file");
        json.WriteString("filename", $"{DisksDirectory}/{SeedName}");
        json.WriteEndObject();
    });

    private static string CodeNode(FullMachineConfig config) => QmpStep.Json(json =>
    {
        json.WriteString("node-name", "code");
        json.WriteString("driver", "raw");
        json.WriteBoolean("read-only", true);
        json.WriteStartObject("file");
        json.WriteString("driver", "file");
        json.WriteString("filename", FullMachineFacts.CodePath(config.SecureBoot));
        json.WriteEndObject();
    });

    private static void Check(FullMachineConfig config, FullMachineFacts facts, ICollection<Problem> problems)
    {
        const string Step = "memory is given in steps of 2m";
        Require(config.MemoryBytes >= MemoryBytesMin, "/memory", $"a machine needs at least {MemoryBytesMin >> 20}m of memory");
        Require(config.MemoryBytes <= facts.MemoryBytes, "/memory", $"this host has {facts.MemoryBytes >> 20}m of memory");
        Require(config.MemoryBytes % MemoryStepBytes == 0 && config.MemoryMaxBytes % MemoryStepBytes == 0, "/memory", Step);
        Require(config.MemoryMaxBytes == 0 || config.MemoryMaxBytes >= config.MemoryBytes, "/memoryMax", "less than the machine has at its start");
        Require(config.Processors is >= 1 and <= ProcessorsLimit, "/processors", $"1 to {ProcessorsLimit}");
        Require(config.ProcessorsMax == 0 || (config.ProcessorsMax >= config.Processors && config.ProcessorsMax <= ProcessorsLimit), "/processorsMax", $"from what the machine has at its start to {ProcessorsLimit}");
        Require(config.CpuModel.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ',' or '+' or '='), "/cpuModel", $"'{config.CpuModel}' is no model of QEMU (qemu-system-x86_64 -cpu help)");
        Require(config.Firmware != MachineFirmware.Uefi || facts.HasUefi, "/firmware", "UEFI needs OVMF, which is not installed on this host; install it (Debian: apt-get install ovmf)");
        Require(!config.SecureBoot || config.Firmware == MachineFirmware.Uefi, "/secureBoot", "secure boot is of UEFI; choose it as firmware");
        Require(!config.Tpm || facts.TpmPath is not null, "/tpm", "a TPM needs swtpm, which is not installed on this host; install it (Debian: apt-get install swtpm)");
        Require(config.HasKernel || (!config.HasInitrd && config.CommandLine.Length == 0), "/kernel", "a first file system and a command line go with a kernel");
        Require(config.Boot.All(word => word is "disk" or "cdrom" or "network") && config.Boot.Distinct().Count() == config.Boot.Count, "/boot", "an order of disk, cdrom and network, each once");
        Require(!config.IsEncrypted || config.Disks.Count > 0, "/encrypt", "it has no disk that could be encrypted");
        string[] names = [.. config.Disks.Select(disk => disk.Name), .. config.Drives.Select(drive => drive.Name), .. config.Interfaces.Select(one => one.Name)];
        Require(names.Distinct().Count() == names.Length, "/devices", "two devices have one name");
        foreach (FullDisk disk in config.Disks)
        {
            Require(IsName(disk.Name) && disk.Name != Variables, $"/disks/{disk.Name}", "a disk's name has letters, digits and hyphens, at most 20");
            Require(disk.Bus is "virtio" or "sata", $"/disks/{disk.Name}/bus", $"'{disk.Bus}' is none of virtio, sata");
            Require(disk.Cache is "" or "writeback" or "none" or "unsafe", $"/disks/{disk.Name}/cache", $"'{disk.Cache}' is none of writeback, none, unsafe");
        }
        foreach (FullInterface one in config.Interfaces)
        {
            Require(one.Model is "virtio" or "e1000e", $"/interfaces/{one.Name}/model", $"'{one.Model}' is none of virtio, e1000e");
        }

        void Require(bool holds, string path, string message)
        {
            if (!holds)
            {
                problems.Add(new Problem(path, message));
            }
        }
    }

    /// <summary>Whether a device may be called so: it is a node of QEMU, a file and a serial number.</summary>
    public static bool IsName(string name) => name.Length is >= 1 and <= 20 && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-');

    /// <summary>Where a device comes in the order; null when it is never started from.</summary>
    private static int? BootIndex(FullMachineConfig config, string kind, string name)
    {
        IReadOnlyList<string> order = config.Boot.Count > 0 ? config.Boot : ["disk", "cdrom"];
        string[] devices =
        [
            .. order.SelectMany(word => word switch
            {
                "disk" => config.Disks.Select(disk => disk.Name),
                "cdrom" => config.Drives.Select(drive => drive.Name),
                _ => config.Interfaces.Select(one => one.Name),
            }),
        ];
        int index = order.Contains(kind) ? Array.IndexOf(devices, name) : -1;
        return index >= 0 ? index + 1 : null;
    }
}

using System.Globalization;

using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Errors;
using Caisson.Machines.Disks;
using Caisson.Machines.Full;

namespace Caisson.Control.FullMachines;

/// <summary>Reads what a client asks of a machine. Touches nothing, but for <see cref="CopyBoot"/>.</summary>
internal static class FullMachineRequest
{
    private const long BootBytesMax = 512L << 20;

    private static readonly string[] RestartPolicies = ["no", "on-failure", "always"];

    /// <summary>The hardware and networks of a new machine; sizes of copied disks are not known yet.</summary>
    public static (FullMachineConfig Config, IReadOnlyList<NetworkAttachment> Networks) Read(
        FullMachineCreate asked, long memoryBytes, ContainerNetworks networks, ICollection<Problem> problems)
    {
        var config = new FullMachineConfig
        {
            MemoryBytes = asked.Memory > 0 ? asked.Memory : memoryBytes,
            MemoryMaxBytes = asked.MemoryMax,
            Processors = asked.Processors > 0 ? asked.Processors : 1,
            ProcessorsMax = asked.ProcessorsMax,
            CpuModel = asked.CpuModel,
            Firmware = Firmware(asked.Firmware, problems),
            SecureBoot = asked.SecureBoot,
            Tpm = asked.Tpm,
            HasKernel = asked.Kernel.Length > 0,
            HasInitrd = asked.Initrd.Length > 0,
            CommandLine = asked.CommandLine,
            IsEncrypted = asked.Encrypt,
            Boot = asked.Boot,
        };
        foreach (MachineDiskRequest disk in asked.Disks)
        {
            config = WithDisk(config, disk, problems);
        }
        foreach (string path in asked.Cdroms)
        {
            config = WithDrive(config, path, problems);
        }
        List<NetworkAttachment> attachments = [];
        foreach (MachineNetworkRequest network in asked.Networks ?? [new MachineNetworkRequest()])
        {
            (config, NetworkAttachment attachment) = WithInterface(config, network, networks, problems);
            attachments.Add(attachment);
        }
        _ = RestartPolicies.Contains(RestartPolicy(asked.RestartPolicy)) ? null : Add($"'{asked.RestartPolicy}' is none of {string.Join(", ", RestartPolicies)}");
        return (config, attachments);

        object? Add(string message)
        {
            problems.Add(new Problem("/restartPolicy", message));
            return null;
        }
    }

    /// <summary>The policy of a word; empty for none.</summary>
    public static string RestartPolicy(string asked) => asked.Length == 0 ? "no" : asked;

    /// <summary>Whether there is such a policy.</summary>
    public static bool IsRestartPolicy(string policy) => RestartPolicies.Contains(policy);

    /// <summary>The machine with one more disk.</summary>
    public static FullMachineConfig WithDisk(FullMachineConfig config, MachineDiskRequest asked, ICollection<Problem> problems)
    {
        string name = asked.Name.Length > 0 ? asked.Name : Free("disk", config.Disks.Select(disk => disk.Name));
        string bus = asked.Bus.Length > 0 ? asked.Bus : "virtio";
        int? port = bus == "sata" ? FullMachinePlan.FreeSataPort(config) : FullMachinePlan.FreePort(config);
        if (port is null)
        {
            problems.Add(new Problem($"/disks/{name}", $"a machine has room for {FullMachinePlan.PortsMax} disks and interfaces, and {FullMachinePlan.SataPortsMax} on sata"));
        }
        if (asked.Source.Length == 0 && asked.Bytes is < DiskImages.BytesMin or > DiskHeader.VirtualBytesMax)
        {
            problems.Add(new Problem($"/disks/{name}", "an empty disk needs a size of 64k or more, such as 20g"));
        }
        if (asked.Source.Length > 0 && !asked.Source.StartsWith('/'))
        {
            problems.Add(new Problem($"/disks/{name}/source", $"'{asked.Source}' is no absolute path"));
        }
        if (asked.Rate?.Mistake is { } mistake)
        {
            problems.Add(new Problem($"/disks/{name}/rate", mistake));
        }
        if (asked.Bytes % 512 != 0)
        {
            problems.Add(new Problem($"/disks/{name}/bytes", "a disk's size is a multiple of 512"));
        }
        return config with { Disks = [.. config.Disks, new FullDisk { Name = name, Bytes = asked.Bytes, Bus = bus, Port = port ?? 0, Cache = asked.Cache, Rate = asked.Rate is { IsNone: false } rate ? rate : null }] };
    }

    /// <summary>The machine with one more drive.</summary>
    public static FullMachineConfig WithDrive(FullMachineConfig config, string path, ICollection<Problem> problems)
    {
        string name = Free("cd", config.Drives.Select(drive => drive.Name));
        if (path.Length > 0 && !path.StartsWith('/'))
        {
            problems.Add(new Problem($"/drives/{name}", $"'{path}' is no absolute path"));
        }
        else if (path.Length > 0 && !File.Exists(path))
        {
            problems.Add(new Problem($"/drives/{name}", $"there is no file {path} on the engine's host"));
        }
        int? port = FullMachinePlan.FreeSataPort(config);
        if (port is null)
        {
            problems.Add(new Problem($"/drives/{name}", $"a machine has room for {FullMachinePlan.SataPortsMax} drives"));
        }
        return config with { Drives = [.. config.Drives, new FullDrive { Name = name, Path = path, Port = port ?? 0 }] };
    }

    /// <summary>The machine with one more interface, and what it is in.</summary>
    public static (FullMachineConfig Config, NetworkAttachment Attachment) WithInterface(
        FullMachineConfig config, MachineNetworkRequest asked, ContainerNetworks networks, ICollection<Problem> problems)
    {
        string name = asked.Name.Length > 0 ? asked.Name : Free("net", config.Interfaces.Select(one => one.Name));
        int? port = FullMachinePlan.FreePort(config);
        if (port is null)
        {
            problems.Add(new Problem($"/interfaces/{name}", $"a machine has room for {FullMachinePlan.PortsMax} disks and interfaces"));
        }
        if (!FullMachinePlan.IsName(name))
        {
            problems.Add(new Problem($"/interfaces/{name}", "an interface's name has letters, digits and hyphens, at most 20"));
        }
        NetworkRecord network = networks.Find(asked.Network.Length > 0 ? asked.Network : ContainerNetworks.DefaultName);
        if (network.Driver != "bridge")
        {
            problems.Add(new Problem($"/interfaces/{name}/network", $"{network.Name} is no bridge; a machine's interfaces are in networks of driver bridge"));
        }
        NetworkAttachment attachment = EndpointRequest.Read(
            network,
            new EndpointSettings
            {
                MacAddress = asked.HardwareAddress.Length > 0 ? asked.HardwareAddress : FullMachineEngine.NewHardwareAddress(),
                IPAMConfig = new EndpointAddresses { IPv4Address = asked.IPv4 },
            },
            other => other, $"/interfaces/{name}", problems);
        var one = new FullInterface { Name = name, Model = asked.Model.Length > 0 ? asked.Model : "virtio", Port = port ?? 0 };
        return (config with { Interfaces = [.. config.Interfaces, one] }, attachment);
    }

    /// <summary>Copies a kernel and its first file system to the machine.</summary>
    public static void CopyBoot(FullMachineCreate asked, string directory)
    {
        foreach ((string path, string name) in ((string, string)[])[(asked.Kernel, "kernel"), (asked.Initrd, "initrd")])
        {
            if (path.Length == 0)
            {
                continue;
            }
            var file = new FileInfo(path);
            if (!file.Exists || file.Length is 0 or > BootBytesMax)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, string.Create(
                    CultureInfo.InvariantCulture, $"{path} cannot be a machine's {name}: {(file.Exists ? $"it has {file.Length} bytes" : "there is no such file on the engine's host")}"));
            }
            File.Copy(path, $"{directory}/boot/{name}");
            File.SetUnixFileMode($"{directory}/boot/{name}", UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
    }

    private static MachineFirmware Firmware(string asked, ICollection<Problem> problems)
    {
        if (asked is not ("" or "bios" or "uefi"))
        {
            problems.Add(new Problem("/firmware", $"'{asked}' is none of bios, uefi"));
        }
        return asked == "uefi" ? MachineFirmware.Uefi : MachineFirmware.Bios;
    }

    private static string Free(string kind, IEnumerable<string> taken)
    {
        HashSet<string> names = [.. taken];
        return Enumerable.Range(0, int.MaxValue).Select(number => string.Create(CultureInfo.InvariantCulture, $"{kind}{number}")).First(name => !names.Contains(name));
    }
}

using System.Globalization;

using Caisson.Control.Model;
using Caisson.Control.Networking;
using Caisson.Control.Volumes;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Machines.Disks;

namespace Caisson.Control.Machines;

/// <summary>What a workload cannot have when it runs as a machine: a part of the host's kernel, or of another container's.</summary>
internal static class MachineRules
{
    /// <summary>The runtime's name.</summary>
    public const string Runtime = "vm";

    /// <summary>The annotation that says how a machine starts.</summary>
    public const string StartAnnotation = "caisson.machine.start";

    private const string BootValue = "boot";

    /// <summary>Whether the machine is to boot, also where there is a template of its shape.</summary>
    public static bool Boots(ContainerRecord record) => record.HostConfig.Annotations?.GetValueOrDefault(StartAnnotation) == BootValue;

    /// <summary>Whether the workload runs as a machine.</summary>
    public static bool IsMachine(ContainerRecord record) => record.HostConfig.Runtime == Runtime;

    /// <summary>What a machine for <paramref name="record"/> is: 32-bit programs of x86 run on its 64-bit kernel. Null for what no machine here is.</summary>
    public static KernelArchitecture? ArchitectureOf(ContainerRecord record) => record.Architecture switch
    {
        "" => KernelArchitectures.Own,
        "386" => KernelArchitecture.X64,
        var name => KernelArchitectures.TryParse(name, out KernelArchitecture architecture) ? architecture : null,
    };

    /// <summary>The size of the disk for what is written, of the storage option <c>size</c>; null where it is not given or no size.</summary>
    public static long? DiskBytes(HostConfig host) =>
        host.StorageOpt?.GetValueOrDefault("size") is { Length: > 1 } text
            && long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number is > 0 and < 1 << 20
            ? char.ToLowerInvariant(text[^1]) switch { 'm' => number << 20, 'g' => number << 30, 't' => number << 40, _ => null }
            : null;

    /// <summary>Says everything that <paramref name="record"/> asks for and a machine cannot have.</summary>
    public static void Check(ContainerRecord record, ICollection<Problem> problems)
    {
        if (!IsMachine(record))
        {
            return;
        }
        HostConfig host = record.HostConfig;
        if (ArchitectureOf(record) is null)
        {
            problems.Add(new Problem("/Image", $"the image is for linux/{record.Architecture}, and machines are of linux/amd64 or linux/arm64; choose its variant for one of them with --platform"));
        }
        Refuse(NetworkChoice.SharedWith(host) is not null || host.NetworkMode == "host", "NetworkMode", "a machine has a network of its own; give it a network, or none");
        Refuse(host.PidMode.Length > 0, "PidMode", "a machine has processes of its own");
        Refuse(host.IpcMode == "host" || SharedNamespaces.SharedWith(host.IpcMode) is not null, "IpcMode", "a machine has memory of its own");
        Refuse(host.UTSMode.Length > 0, "UTSMode", "a machine has a name of its own");
        Refuse(host.Devices is { Count: > 0 }, "Devices", "devices of the host are not in a machine");
        Refuse(
            host.StorageOpt is { Count: > 0 } && (host.StorageOpt.Count > 1 || DiskBytes(host) is null or < DataDisk.BytesMin), "StorageOpt",
            "a machine's storage has one option: size, such as size=20g, at least 16m");
        Refuse(
            host.Annotations?.GetValueOrDefault(StartAnnotation) is { } start && start != BootValue, "Annotations",
            $"{StartAnnotation} has one value: {BootValue}; without it the machine goes on from a template where there is one");
        foreach (ContainerMount mount in record.AllMounts)
        {
            Refuse(mount.Type == "image", "Mounts", $"{mount.Target}: the files of another image cannot be mounted in a machine");
            Refuse(mount.Propagation is not ("" or "private" or "rprivate"), "Mounts", $"{mount.Target}: mounts of the host do not appear in a machine later ({mount.Propagation})");
        }

        void Refuse(bool asked, string member, string message)
        {
            if (asked)
            {
                problems.Add(new Problem($"/HostConfig/{member}", message));
            }
        }
    }
}

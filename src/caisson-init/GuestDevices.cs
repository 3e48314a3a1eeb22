using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Init;

/// <summary>Kinds of virtio devices. Source: virtio 1.2, 5 "Device Types".</summary>
internal enum GuestDeviceKind
{
    Network = 1,
    Block = 2,
    Console = 3,
    Balloon = 5,
    FileSystem = 26,
}

/// <summary>The machine's virtio devices, which no driver takes before it is told to.</summary>
/// <remarks>
/// What a device has, its size or its address, is read when a driver takes it. A machine that goes on from a template has other disks and networks than the one
/// that was booted, so drivers are loaded with the kernel, and devices are given to them once they are this machine's. Source: kernel
/// Documentation/ABI/testing/sysfs-bus-pci, drivers_autoprobe and drivers_probe, which every bus has.
/// </remarks>
internal static class GuestDevices
{
    private const string Bus = "/sys/bus/virtio";
    private const int AppearMs = 5_000;

    private static bool _areHeld;

    /// <summary>From now on, devices wait. Again after a module was loaded, until the bus is there.</summary>
    public static void Hold()
    {
        if (!_areHeld && Directory.Exists(Bus))
        {
            HostFiles.WriteOnce($"{Bus}/drivers_autoprobe", "0");
            _areHeld = true;
        }
    }

    /// <summary>Gives every device of <paramref name="kind"/> to its driver.</summary>
    public static void Bind(GuestDeviceKind kind)
    {
        foreach (string device in List(kind))
        {
            Bind(device);
        }
    }

    /// <summary>Gives the network device at <paramref name="index"/>, in the order of the host's list, to its driver.</summary>
    /// <returns>The interface's name.</returns>
    public static string BindInterface(int index)
    {
        string[] devices = List(GuestDeviceKind.Network);
        if (index >= devices.Length)
        {
            throw new CaissonException(ErrorKind.FailedPrecondition, string.Create(CultureInfo.InvariantCulture, $"the machine has {devices.Length} network devices, and needs {index + 1}"));
        }
        Bind(devices[index]);
        string names = $"{Bus}/devices/{devices[index]}/net";
        for (int waitedMs = 0; waitedMs < AppearMs; waitedMs++)
        {
            if (Directory.Exists(names) && Directory.GetDirectories(names) is [var name, ..])
            {
                return Path.GetFileName(name);
            }
            Thread.Sleep(1);
        }
        throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine's network device {devices[index]} has no interface");
    }

    /// <summary>Devices of a kind in the order of their places, which is the order in which the host named them.</summary>
    private static string[] List(GuestDeviceKind kind) => !Directory.Exists($"{Bus}/devices") ? [] :
    [
        .. Directory.GetFileSystemEntries($"{Bus}/devices")
            .Where(device => (HostFiles.TryReadText($"{device}/device") ?? "").Trim() == string.Create(CultureInfo.InvariantCulture, $"0x{(int)kind:x4}"))
            .Select(Path.GetFileName)
            .OrderBy(name => int.Parse(name.AsSpan("virtio".Length), CultureInfo.InvariantCulture))!,
    ];

    private static void Bind(string device)
    {
        if (!Directory.Exists($"{Bus}/devices/{device}/driver"))
        {
            HostFiles.WriteOnce($"{Bus}/drivers_probe", device);
        }
    }
}

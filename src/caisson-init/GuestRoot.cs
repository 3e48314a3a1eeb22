using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Processes;
using Caisson.Machines.Agent;

namespace Caisson.Init;

/// <summary>The machine's file systems: a small one in memory for the agent, and the image's with what is written over it.</summary>
/// <remarks>
/// The kernel's first file system can be neither left nor unmounted, and <c>pivot_root</c> refuses it; so a file system in memory is put over it before
/// anything else, and programs get their root in mount namespaces below that. Source: kernel Documentation/filesystems/ramfs-rootfs-initramfs.rst.
/// </remarks>
internal static class GuestRoot
{
    /// <summary>Where the image's files are.</summary>
    public const string ImagePath = "/run/caisson/image";

    /// <summary>Where what was changed of them is.</summary>
    public const string ChangesPath = $"{UpperPath}/upper";

    private const string LowerPath = ImagePath;
    private const string UpperPath = "/run/caisson/data";
    private const string OtherUpperPath = "/run/caisson/other-data";
    private const string BlockDevices = "/sys/block";
    private const int DiskMs = 10_000;

    private static readonly Dictionary<string, string> Found = [];

    private static bool _isDataMounted;
    private static string _upperPath = UpperPath;

    /// <summary>Leaves the first file system for one in memory, with what the kernel shows of itself.</summary>
    public static void Enter()
    {
        // Before the change, since opening a new file system's parts needs nothing of the old one.
        using (MountTree root = Make("tmpfs", ("mode", "755")))
        {
            OwnProcess.EnterRoot(root);
        }
        foreach (string directory in (string[])["/proc", "/sys", "/dev", "/run", "/tmp"])
        {
            HostFiles.TryMakeDirectory(directory, 0x1ed);
        }
        Put("proc", "/proc");
        Put("sysfs", "/sys");
        Put("devtmpfs", "/dev");
        Put("cgroup2", "/sys/fs/cgroup");
        foreach (string directory in (string[])["/run/caisson", MachineSettings.FilesDirectory, MachineSettings.RootPath, MachineSettings.SharesDirectory, LowerPath, UpperPath, OtherUpperPath, MachineSettings.CgroupDirectory])
        {
            HostFiles.TryMakeDirectory(directory, 0x1ed);
        }
        TryWrite("/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory +pids +io");
    }

    /// <summary>Looks where the disks are, and mounts the one for changes: machines with a copy of it go on with that. What is on the others comes later.</summary>
    public static void Prepare()
    {
        foreach (string serial in (string[])[MachineSettings.ImageDisk, MachineSettings.DataDisk, MachineSettings.OtherDataDisk])
        {
            Found[serial] = FindDisk(serial);
        }
        // Nobody fills in inode tables behind what goes on from here: a machine that has another disk finds nothing in this one's place.
        Put("ext4", UpperPath, 0, ("source", Found[MachineSettings.DataDisk]), ("noinit_itable", ""));
        HostFiles.TryMakeDirectory($"{UpperPath}/work", 0x1c0);
        HostFiles.TryMakeDirectory($"{UpperPath}/upper", 0x1ed);
        MachinePower.Flush();
        _isDataMounted = true;
    }

    /// <summary>Mounts the disks, and gives the root file system of programs as a detached mount.</summary>
    public static MountTree Mount(MachineSettings settings)
    {
        if (settings.ProcessesMax > 0)
        {
            TryWrite($"{MachineSettings.CgroupDirectory}/pids.max", settings.ProcessesMax.ToString(CultureInfo.InvariantCulture));
        }
        Put("erofs", LowerPath, MountAttributes.ReadOnly, ("source", FindDisk(MachineSettings.ImageDisk)));
        bool isNew = _isDataMounted && settings is { HasDataDisk: true, DataIsUsed: false };
        if (!isNew)
        {
            MountChanges(settings);
            HostFiles.TryMakeDirectory($"{_upperPath}/work", 0x1c0);
            isNew = HostFiles.TryMakeDirectory($"{_upperPath}/upper", 0x1ed);
        }
        using DirectoryDescriptor lower = HostFiles.OpenDirectory(LowerPath);
        using DirectoryDescriptor data = HostFiles.OpenDirectory(_upperPath);
        FileStatus root = lower.Status; // in an overlay the upper root's attributes are those of /
        if (isNew && root is not { UserId: 0, GroupId: 0, Mode: 0x1ed })
        {
            using DirectoryDescriptor upper = data.OpenDirectory("upper");
            upper.ChangeOwner(root.UserId, root.GroupId);
            upper.ChangeMode(root.Mode);
        }
        return OverlayMount.Create([lower], new OverlayWritable(data));
    }

    /// <summary>Takes the disks out of use, so that nothing on them is half written; programs have ended.</summary>
    public static void Unmount()
    {
        MachinePower.Flush();
        MountTable.Unmount(_upperPath);
        MountTable.Unmount(LowerPath);
    }

    private static void MountChanges(MachineSettings settings)
    {
        if (!settings.HasDataDisk)
        {
            Put("tmpfs", UpperPath, 0, ("mode", "700"));
        }
        else if (_isDataMounted)
        {
            _upperPath = OtherUpperPath; // below the other path nothing is left to write to
            Put("ext4", _upperPath, 0, ("source", FindDisk(MachineSettings.OtherDataDisk)));
        }
        else
        {
            Put("ext4", UpperPath, 0, ("source", FindDisk(MachineSettings.DataDisk)));
        }
    }

    private static MountTree Make(string type, params ReadOnlySpan<(string Key, string Value)> options) => Make(type, 0, options);

    private static MountTree Make(string type, MountAttributes attributes, ReadOnlySpan<(string Key, string Value)> options)
    {
        using FilesystemContext context = FilesystemContext.Open(type);
        if ((attributes & MountAttributes.ReadOnly) != 0)
        {
            context.SetFlag("ro");
        }
        foreach ((string key, string value) in options)
        {
            _ = value.Length == 0 ? context.SetFlag(key) : context.Set(key, value);
        }
        return context.Mount(attributes);
    }

    private static void Put(string type, string path, MountAttributes attributes = 0, params ReadOnlySpan<(string Key, string Value)> options)
    {
        using MountTree tree = Make(type, attributes, options);
        using FileDescriptor place = HostFiles.OpenPath(path);
        tree.Attach(place);
    }

    /// <summary>Disks are found by what their host calls them; the kernel's own order says nothing.</summary>
    private static string FindDisk(string serial)
    {
        if (Found.TryGetValue(serial, out string? known))
        {
            return known;
        }
        for (int waitedMs = 0; waitedMs < DiskMs; waitedMs++)
        {
            foreach (string device in Directory.GetDirectories(BlockDevices))
            {
                if (HostFiles.TryReadText($"{device}/serial")?.TrimEnd() == serial && File.Exists($"/dev/{Path.GetFileName(device)}"))
                {
                    return $"/dev/{Path.GetFileName(device)}";
                }
            }
            Thread.Sleep(1);
        }
        throw new CaissonException(ErrorKind.FailedPrecondition, $"the machine has no disk called {serial}");
    }

    private static void TryWrite(string path, string text)
    {
        try
        {
            HostFiles.WriteOnce(path, text);
        }
        catch (LinuxException error)
        {
            GuestInit.Tell($"limits inside are not all to be had: {error.Message}");
        }
    }
}

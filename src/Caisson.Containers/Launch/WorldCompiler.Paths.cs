using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

internal sealed partial class WorldCompiler
{
    /// <summary>Devices every container has. Source: config-linux.md, "Default Devices".</summary>
    private static readonly (string Name, uint Major, uint Minor)[] DefaultDevices =
    [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ];

    private static readonly (string Target, string Name)[] DeviceLinks =
    [
        ("/proc/self/fd", "fd"), ("/proc/self/fd/0", "stdin"), ("/proc/self/fd/1", "stdout"), ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
    ];

    /// <summary>Device nodes and the links of /dev, unless the host's /dev itself is bound in.</summary>
    private void Devices()
    {
        bool isHostDev = _spec.Mounts.Any(mount => Relative(mount.Destination) == "dev" && Request(mount).Bind);
        if (isHostDev)
        {
            return;
        }
        Slot dev = OpenTarget("dev", isFile: false, "/dev", strict: true);
        foreach (var (name, major, minor) in DefaultDevices)
        {
            if (!_linux.Devices.Any(device => device.Path == $"/dev/{name}"))
            {
                Device(dev, $"/dev/{name}", S_IFCHR, major, minor, 0x1B6, 0, 0, $"default device /dev/{name}");
            }
        }
        for (int i = 0; i < _linux.Devices.Length; i++)
        {
            var device = _linux.Devices[i];
            int type = device.Type switch { "b" => S_IFBLK, "p" => S_IFIFO, _ => S_IFCHR };
            Device(
                dev, device.Path, type, (uint)device.Major, (uint)device.Minor, (int)(device.FileMode ?? 0x1B6) & 0xFFF,
                device.Uid ?? 0, device.Gid ?? 0, $"/linux/devices/{i} {device.Path}");
        }
        foreach (var (target, name) in DeviceLinks)
        {
            Program.Add(SystemCall.symlinkat, $"default link /dev/{name}", target, dev, name).Expect(Errno.EEXIST);
        }
        Program.Add(SystemCall.close, "/dev", dev);
    }

    /// <summary>A node made with mknod(2); in a new user namespace, which may not, the host's node bound onto an empty file.</summary>
    private void Device(Slot dev, string path, int type, uint major, uint minor, int mode, uint uid, uint gid, string reason)
    {
        string relative = Relative(path);
        if (type != S_IFIFO && (HasNewUserNamespace || _joined.ContainsKey(NamespaceType.User)))
        {
            Slot node = Program.NewSlot("node");
            Program.Add(
                SystemCall.open_tree, reason, Here, path,
                Flags(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC")).Into(node);
            Slot target = OpenTarget(relative, isFile: true, reason);
            Attach(node, target, reason);
            Program.Add(SystemCall.close, reason, node);
            return;
        }

        string[] names = relative.Split('/');
        Slot parent = names is ["dev", _] ? dev : OpenTarget(string.Join('/', names[..^1]), isFile: false, reason);
        string name = names[^1];
        long number = ((major & 0xFFFL) << 8) | (minor & 0xFF) | ((minor & ~0xFFL) << 12) | ((major & ~0xFFFL) << 32);
        Label exists = new();
        string modeText = Convert.ToString(mode, 8);
        Program.Add(
            SystemCall.mknodat, reason, parent, name, Flags(type | mode, $"{(char)(type == S_IFBLK ? 'b' : type == S_IFIFO ? 'p' : 'c')} 0{modeText}"),
            Flags(number, $"{major}:{minor}")).Expect(exists, Errno.EEXIST);
        if (uid != 0 || gid != 0)
        {
            Program.Add(SystemCall.fchownat, reason, parent, name, uid, gid, Flags(AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"));
        }
        Program.Mark(exists);
        if (parent != dev)
        {
            Program.Add(SystemCall.close, reason, parent);
        }
    }

    /// <summary>Read-only and masked paths, and a read-only root. Source: config-linux.md, "Masked Paths", "Readonly Paths".</summary>
    private void Paths()
    {
        for (int i = 0; i < _linux.ReadonlyPaths.Length; i++)
        {
            MakeReadonly(_linux.ReadonlyPaths[i], $"/linux/readonlyPaths/{i} {_linux.ReadonlyPaths[i]}");
        }
        if (!_linux.MaskedPaths.IsEmpty)
        {
            MaskAll();
        }
        foreach (var (tree, reason) in _readonlyLater)
        {
            SetAttributes(tree, MOUNT_ATTR_RDONLY, 0, 0, recursive: false, reason);
            Program.Add(SystemCall.close, reason, tree);
        }
        if (_spec.Root?.Readonly == true)
        {
            SetAttributes(_root, MOUNT_ATTR_RDONLY, 0, 0, recursive: false, "/root/readonly");
        }
    }

    private void MakeReadonly(string path, string reason)
    {
        Label absent = new();
        Slot target = OpenExisting(path, absent, reason);
        Slot tree = Program.NewSlot("tree");
        Program.Add(
            SystemCall.open_tree, reason, target, "",
            Flags(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE, "OPEN_TREE_CLONE|AT_EMPTY_PATH|AT_RECURSIVE")).Into(tree);
        SetAttributes(tree, MOUNT_ATTR_RDONLY, 0, 0, recursive: true, reason);
        Attach(tree, target, reason);
        Program.Add(SystemCall.close, reason, tree);
        Program.Mark(absent);
    }

    /// <summary>
    /// Files are masked by the null device, directories by one empty file system for all. Which a path is shows when it is tried, and a mount that did
    /// not fit serves the next path: a detached mount that is closed costs a grace period of RCU.
    /// </summary>
    private void MaskAll()
    {
        const string Files = "what masks files", Directories = "what masks directories";
        Slot nothing = Program.NewSlot("null");
        Slot file = Program.NewSlot("mask");
        // The host's own null device, so that nothing in the image can stand in for it (CVE-2025-31133).
        Program.Add(SystemCall.openat, Files, Here, "/dev/null", Flags(O_PATH | O_NOFOLLOW | O_CLOEXEC, "O_PATH|O_NOFOLLOW"), 0).Into(nothing);
        CloneMask(nothing, file, Files);
        Slot empty = NewFilesystem("tmpfs", Directories, ["source=tmpfs", "size=0k"], MOUNT_ATTR_RDONLY);
        for (int i = 0; i < _linux.MaskedPaths.Length; i++)
        {
            Mask(_linux.MaskedPaths[i], nothing, file, empty, $"/linux/maskedPaths/{i} {_linux.MaskedPaths[i]}");
        }
        Program.Add(SystemCall.close, Directories, empty);
        Program.Add(SystemCall.close, Files, file);
        Program.Add(SystemCall.close, Files, nothing);
    }

    private void Mask(string path, Slot nothing, Slot file, Slot empty, string reason)
    {
        Label done = new();
        Label isFile = new();
        Label isAlone = new();
        Slot target = OpenExisting(path, done, reason);
        MoveMask(file, target, reason).Then(isFile).Expect(Errno.ENOTDIR, Errno.EINVAL);

        Slot directory = Program.NewSlot("directory");
        CloneMask(empty, directory, reason).Expect(isAlone, Errno.EINVAL);
        MoveMask(directory, target, reason);
        Program.Add(SystemCall.close, reason, directory);
        Program.Add(SystemCall.close, reason, target).Then(done);

        // Before Linux 6.15 only what is attached can be copied, so the first directory gets the original.
        Program.Mark(isAlone);
        MoveMask(empty, target, reason);
        Program.Add(SystemCall.close, reason, target).Then(done);

        Program.Mark(isFile);
        Program.Add(SystemCall.close, reason, file);
        CloneMask(nothing, file, reason);
        Program.Add(SystemCall.close, reason, target);
        Program.Mark(done);
    }

    private LaunchStep CloneMask(Slot from, Slot into, string reason) => Program.Add(
        SystemCall.open_tree, reason, from, "",
        Flags(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, "OPEN_TREE_CLONE|AT_EMPTY_PATH")).Into(into);

    private LaunchStep MoveMask(Slot mask, Slot target, string reason) => Program.Add(
        SystemCall.move_mount, reason, mask, "", target, "",
        Flags(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"));

    /// <summary>Opens a path inside the root, or goes on at <paramref name="absent"/>.</summary>
    private Slot OpenExisting(string path, Label absent, string reason)
    {
        Slot target = Program.NewSlot("target");
        Block how = How(O_PATH | O_CLOEXEC, "O_PATH", RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, "RESOLVE_IN_ROOT");
        Program.Add(SystemCall.openat2, reason, _root, Relative(path), how, 24).Into(target)
            .Expect(absent, Errno.ENOENT, Errno.ENOTDIR, Errno.EACCES);
        return target;
    }
}

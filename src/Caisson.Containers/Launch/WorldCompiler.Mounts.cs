using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

internal sealed partial class WorldCompiler
{
    private readonly Dictionary<NamespaceType, Slot> _joined = [];
    private readonly List<(Slot Tree, string Reason)> _readonlyLater = [];

    /// <summary>What a mount's options say, sorted by who takes them.</summary>
    private sealed record MountRequest(bool Bind, bool Recursive, bool CopyUp, bool Mapped, bool RecursiveMap)
    {
        internal long Set { get; set; }

        internal long Clear { get; set; }

        internal long RecursiveSet { get; set; }

        internal long RecursiveClear { get; set; }

        internal MountPropagation Propagation { get; set; }

        internal bool RecursivePropagation { get; set; }

        internal List<string> Data { get; } = [];
    }

    /// <summary>Inputs are named before every other slot: joined namespaces, and sources that must be opened outside.</summary>
    private void NameMountSources()
    {
        foreach (var entry in _linux.Namespaces)
        {
            if (entry.Path is { } path)
            {
                _joined[entry.Type] = Input(new LaunchInput.JoinedNamespace(KindOf(entry.Type), path), entry.Type.ToString());
            }
        }
        for (int i = 0; i < _spec.Mounts.Length; i++)
        {
            var mount = _spec.Mounts[i];
            var request = Request(mount);
            bool mapped = request.Mapped || !mount.UidMappings.IsEmpty;
            if (request.Bind && (mapped || HasNewUserNamespace || _joined.Count > 0
                || _facts.SuppliedBinds.ContainsKey(mount.Destination) || _facts.SuppliedMounts.Contains(mount.Source ?? "")))
            {
                _sources[i] = Input(
                    new LaunchInput.BindSource(i, mount, request.Recursive, mapped, request.RecursiveMap), $"source{i}");
            }
            else if (request.CopyUp && mount.Type == "tmpfs")
            {
                _sources[i] = Input(
                    new LaunchInput.CopiedTmpfs(i, mount, request.Data, (MountAttributes)request.Set), $"source{i}");
            }
        }
    }

    private void Mounts()
    {
        for (int i = 0; i < _spec.Mounts.Length; i++)
        {
            var mount = _spec.Mounts[i];
            string reason = $"/mounts/{i} {mount.Destination}";
            var request = Request(mount);
            if (request.Bind)
            {
                BindMount(i, mount, request, reason);
            }
            else if (_sources.TryGetValue(i, out var copied))
            {
                AttachConfigured(copied, mount, request, isFile: false, reason);
            }
            else if (mount.Type == "cgroup" && !_facts.IsCgroupUnified)
            {
                CgroupMount(mount, request, reason);
            }
            else
            {
                FilesystemMount(i, mount, request, reason);
            }
        }
    }

    private void BindMount(int index, Mount mount, MountRequest request, string reason)
    {
        if (mount.Source is not { } source
            || !(_facts.SuppliedBinds.TryGetValue(mount.Destination, out var kind) || _facts.Sources.TryGetValue(source, out kind)))
        {
            _problems.Add(new($"/mounts/{index}/source", mount.Source is null
                ? "a bind mount needs a source"
                : $"{mount.Source}: no such file or directory on the host"));
            return;
        }
        if (!_sources.TryGetValue(index, out var tree))
        {
            tree = Program.NewSlot("bind");
            long flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (request.Recursive ? AT_RECURSIVE : 0);
            Program.Add(
                SystemCall.open_tree, reason, Here, source,
                Flags(flags, request.Recursive ? "OPEN_TREE_CLONE|AT_RECURSIVE" : "OPEN_TREE_CLONE")).Into(tree);
        }
        AttachConfigured(tree, mount, request, isFile: kind != FileKind.Directory, reason);
    }

    private void FilesystemMount(int index, Mount mount, MountRequest request, string reason)
    {
        if (mount.Type is not { } type)
        {
            _problems.Add(new($"/mounts/{index}/type", "needed unless the options contain bind or rbind"));
            return;
        }
        if (type == "cgroup")
        {
            type = "cgroup2";
        }
        List<string> data = [.. request.Data];
        if (mount.Source is { Length: > 0 } source && source != "none")
        {
            data.Insert(0, $"source={source}");
        }
        if (type == "tmpfs" && !_facts.IsRootSupplied && _facts.CoveredModes.TryGetValue(mount.Destination, out int mode)
            && !data.Any(option => option.StartsWith("mode=", StringComparison.Ordinal)))
        {
            data.Add($"mode={Convert.ToString(mode, 8)}"); // as the directory it covers
        }
        bool isReadonlyLater = type == "tmpfs" && (request.Set & MOUNT_ATTR_RDONLY) != 0;
        if (isReadonlyLater)
        {
            request.Set &= ~MOUNT_ATTR_RDONLY;
        }
        Slot tree = NewFilesystem(type, reason, data, request.Set);
        request.Set = 0;
        if (isReadonlyLater)
        {
            _readonlyLater.Add((tree, reason));
        }
        if (type == "devpts")
        {
            _devpts = tree;
        }
        AttachConfigured(tree, mount, request, isFile: false, reason, keepOpen: type == "devpts" || isReadonlyLater);
    }

    /// <summary>A tmpfs that holds one mount for each hierarchy, as version 1 hosts lay them out.</summary>
    private void CgroupMount(Mount mount, MountRequest request, string reason)
    {
        bool hasNamespace = _linux.Namespace(NamespaceType.Cgroup) is not null;
        long attributes = request.Set & ~MOUNT_ATTR_RDONLY;
        Slot tree = NewFilesystem("tmpfs", reason, ["mode=755", "source=tmpfs"], attributes);
        Slot target = OpenTarget(Relative(mount.Destination), isFile: false, reason);
        Attach(tree, target, reason);
        foreach (var view in _facts.CgroupViews)
        {
            string name = $"{reason}/{view.Name}";
            Slot hierarchy;
            if (hasNamespace)
            {
                hierarchy = NewFilesystem(view.IsV2 ? "cgroup2" : "cgroup", name, [.. view.Options, "source=cgroup"], request.Set);
            }
            else
            {
                hierarchy = Program.NewSlot("cgroup");
                Program.Add(
                    SystemCall.open_tree, name, Here, view.HostDirectory,
                    Flags(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC")).Into(hierarchy);
                SetAttributes(hierarchy, request.Set, 0, 0, recursive: false, name);
            }
            Slot place = OpenTarget($"{Relative(mount.Destination)}/{view.Name}", isFile: false, name);
            Attach(hierarchy, place, name);
            foreach (string controller in view.Name.Contains(',', StringComparison.Ordinal) ? view.Name.Split(',') : [])
            {
                Program.Add(SystemCall.symlinkat, name, view.Name, tree, controller).Expect(Errno.EEXIST);
            }
        }
        if ((request.Set & MOUNT_ATTR_RDONLY) != 0)
        {
            SetAttributes(tree, MOUNT_ATTR_RDONLY, 0, 0, recursive: false, reason);
        }
    }

    /// <summary>Gives a detached tree its attributes, and puts it on its destination.</summary>
    private void AttachConfigured(Slot tree, Mount mount, MountRequest request, bool isFile, string reason, bool keepOpen = false)
    {
        if ((request.Set | request.Clear) != 0)
        {
            SetAttributes(tree, request.Set, request.Clear, 0, recursive: false, reason);
        }
        if ((request.RecursiveSet | request.RecursiveClear) != 0)
        {
            SetAttributes(tree, request.RecursiveSet, request.RecursiveClear, 0, recursive: true, reason);
        }
        bool strict = mount.Type is "proc" or "sysfs" || Relative(mount.Destination) == "dev";
        Slot target = OpenTarget(Relative(mount.Destination), isFile, reason, strict);
        Attach(tree, target, reason);
        if (request.Propagation != 0)
        {
            SetAttributes(tree, 0, 0, (long)request.Propagation, request.RecursivePropagation, reason);
        }
        if (!keepOpen)
        {
            Program.Add(SystemCall.close, reason, tree);
        }
    }

    /// <summary>A new filesystem as a detached mount. Source: fsopen(2), fsconfig(2), fsmount(2).</summary>
    private Slot NewFilesystem(string type, string reason, IReadOnlyList<string> data, long attributes = 0)
    {
        Slot context = Program.NewSlot("context");
        Slot tree = Program.NewSlot(type);
        Program.Add(SystemCall.fsopen, reason, type, Flags(FSOPEN_CLOEXEC, "FSOPEN_CLOEXEC")).Into(context);
        foreach (string option in data)
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                Program.Add(SystemCall.fsconfig, reason, context, Flags(FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG"), option, 0, 0);
            }
            else
            {
                Program.Add(
                    SystemCall.fsconfig, reason, context, Flags(FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING"),
                    option[..equals], option[(equals + 1)..], 0);
            }
        }
        Program.Add(SystemCall.fsconfig, reason, context, Flags(FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE"), 0, 0, 0);
        Program.Add(
            SystemCall.fsmount, reason, context, Flags(FSMOUNT_CLOEXEC, "FSMOUNT_CLOEXEC"),
            Flags(attributes, ((MountAttributes)attributes).ToString())).Into(tree);
        Program.Add(SystemCall.close, reason, context);
        return tree;
    }

    private void Attach(Slot tree, Slot target, string reason)
    {
        Program.Add(
            SystemCall.move_mount, reason, tree, "", target, "",
            Flags(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"));
        Program.Add(SystemCall.close, reason, target);
    }

    private void SetAttributes(Slot tree, long set, long clear, long propagation, bool recursive, string reason)
    {
        if ((set & MOUNT_ATTR__ATIME) != 0)
        {
            clear |= MOUNT_ATTR__ATIME;
        }
        string description = propagation != 0
            ? ((MountPropagation)propagation).ToString()
            : $"+{(MountAttributes)set} -{(MountAttributes)clear}";
        Program.Add(
            SystemCall.mount_setattr, reason, tree, "",
            Flags(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), recursive ? "AT_EMPTY_PATH|AT_RECURSIVE" : "AT_EMPTY_PATH"),
            MountAttr(set, clear, propagation, description), MOUNT_ATTR_SIZE_VER0);
    }

    /// <summary>Opens a path inside the root, making what is missing; see <see cref="LaunchSteps.OpenTarget"/>.</summary>
    private Slot OpenTarget(string path, bool isFile, string reason, bool strict = false) => Program.OpenTarget(_root, path, isFile, reason, strict);

    private static MountRequest Request(Mount mount)
    {
        bool bind = mount.Options.Contains("bind") || mount.Options.Contains("rbind") || mount.Type is "bind" or "rbind";
        bool recursive = mount.Options.Contains("rbind") || mount.Type == "rbind";
        MountRequest request = new(
            bind, recursive, mount.Options.Contains("tmpcopyup"),
            mount.Options.Contains("idmap") || mount.Options.Contains("ridmap"), mount.Options.Contains("ridmap"));
        foreach (string word in mount.Options)
        {
            if (word is "bind" or "rbind" or "idmap" or "ridmap" or "tmpcopyup" or "defaults" or "remount" or "")
            {
                continue;
            }
            if (MountOptions.TryFind(word, out var option))
            {
                if (option.Propagation != 0)
                {
                    request.Propagation = option.Propagation;
                    request.RecursivePropagation = option.Recursive;
                }
                else if (option.Recursive)
                {
                    request.RecursiveSet = (request.RecursiveSet & ~(long)option.Clear) | (long)option.Set;
                    request.RecursiveClear = (request.RecursiveClear & ~(long)option.Set) | (long)option.Clear;
                }
                else
                {
                    request.Set = (request.Set & ~(long)option.Clear) | (long)option.Set;
                    request.Clear = (request.Clear & ~(long)option.Set) | (long)option.Clear;
                }
            }
            else if (!bind)
            {
                AddData(request, word);
            }
        }
        return request;
    }

    private static void AddData(MountRequest request, string word)
    {
        if (!MountOptions.IsSuperblockFlag(word))
        {
            request.Data.Add(word);
        }
        else if (word is "sync" or "dirsync" or "lazytime" or "mand")
        {
            request.Data.Add(word);
        }
    }

    /// <summary>A destination as a path relative to the root, without <c>.</c>, <c>..</c> and doubled slashes (lexically, as the specification's absolute paths are meant).</summary>
    internal static string Relative(string destination)
    {
        List<string> parts = [];
        foreach (string part in destination.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
            {
                if (parts.Count > 0)
                {
                    parts.RemoveAt(parts.Count - 1);
                }
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }
        return string.Join('/', parts);
    }
}

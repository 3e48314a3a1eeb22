using System.Globalization;
using System.Text;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

/// <summary>Compiles the first stage of a new container: from a fresh clone to the execution of the second stage in its new root.</summary>
/// <remarks>
/// Every path inside the root is resolved by openat2 with RESOLVE_IN_ROOT to a descriptor, and every mount is put on a descriptor: no path
/// text of the image ever reaches mount(2), and a link swapped in between changes nothing. All of it happens before pivot_root, so
/// that host files (<c>/dev/null</c>) can be used as they are.
/// </remarks>
internal sealed partial class WorldCompiler
{
    private readonly RuntimeSpec _spec;
    private readonly LinuxConfig _linux;
    private readonly LaunchFacts _facts;
    private readonly ICollection<Problem> _problems;
    private readonly Dictionary<int, Slot> _sources = [];
    private readonly Slot?[] _stdio = new Slot?[3];
    private Slot _self = Slot.None;
    private Slot? _gate;
    private Slot? _suppliedRoot;
    private Slot _root = Slot.None;
    private Slot _place = Slot.None;
    private Slot? _devpts;

    internal WorldCompiler(RuntimeSpec spec, LaunchFacts facts, ICollection<Problem> problems)
    {
        _spec = spec;
        _linux = spec.Linux ?? new LinuxConfig();
        _facts = facts;
        _problems = problems;
        Program = new(LaunchStage.World);
    }

    internal LaunchProgram Program { get; }

    internal List<LaunchInput> Inputs { get; } = [];

    private Process Process => _spec.Process!;

    private bool HasNewUserNamespace => IsNew(NamespaceType.User);

    internal void Compile()
    {
        NameInputs();
        Program.Add(SystemCall.umask, "modes are as written", 0).Into(Program.NewSlot("umask"));
        Label? parent = Enter();
        _place = Program.NewSlot("place");
        if (HasNewUserNamespace)
        {
            BecomeRootInside();
        }
        else
        {
            OpenRootPath();
            if (_joined.ContainsKey(NamespaceType.User))
            {
                JoinCompiler.BecomeRootInside(Program, "be root of the joined user namespace");
            }
        }
        NewNamespacesAfterBirth();
        PrepareRoot();
        Mounts();
        Devices();
        Console();
        EnsureWorkingDirectory();
        Program.Checkpoint(LaunchPoint.BeforePivot, "hooks before the root changes");
        KernelParameters();
        Names();
        Loopback();
        Paths();
        ChangeRoot();
        SessionKeyring();
        Program.ExecuteSelf(_self, _stdio, _gate, _facts.PreservedDescriptors);
        if (parent is { } label)
        {
            JoinCompiler.FinishJoiner(Program, label);
        }
    }

    private bool IsNew(NamespaceType type) => _linux.Namespace(type) is { Path: null };

    private Slot Input(LaunchInput input, string name)
    {
        Inputs.Add(input);
        return Program.Inherit(name);
    }

    private void NameInputs()
    {
        _self = Input(new LaunchInput.SelfProgram(), "self");
        if (_facts.UnifiedCgroup is { } cgroup)
        {
            Program.Cgroup = Input(new LaunchInput.UnifiedCgroup(cgroup), "cgroup");
        }
        if (_facts.IsRootSupplied)
        {
            _suppliedRoot = Input(new LaunchInput.Root(), "rootmount");
        }
        if (_facts.HasStartGate)
        {
            _gate = Input(new LaunchInput.StartGate(), "gate");
        }
        if (_facts.SuppliesStdio && !Process.Terminal)
        {
            for (int i = 0; i < 3; i++)
            {
                _stdio[i] = Input(new LaunchInput.Stdio(i), $"stdio{i}");
            }
        }
        NameMountSources();
    }

    /// <summary>Joins cgroups and existing namespaces; the namespaces to be made are those of the clone, or of the second clone after a join.</summary>
    private Label? Enter()
    {
        NamespaceKind created = 0;
        List<LinuxNamespace> joined = [];
        foreach (var entry in _linux.Namespaces)
        {
            if (entry.Path is not null)
            {
                joined.Add(entry);
            }
            else if (entry.Type is not (NamespaceType.Cgroup or NamespaceType.Time))
            {
                created |= KindOf(entry.Type);
            }
        }
        if (joined.Count == 0)
        {
            Program.Namespaces = created;
            Program.Mode = LaunchMode.Shared;
            Program.JoinCgroups(_facts.CgroupTaskFiles);
            JoinCompiler.AdjustOom(Program, Process);
            return null;
        }

        Program.Mode = LaunchMode.Copied;
        JoinCompiler.BecomeUntraceable(Program);
        Program.EndWithLauncher();
        Program.JoinCgroups(_facts.CgroupTaskFiles);
        JoinCompiler.AdjustOom(Program, Process);

        // The user namespace first: the others may need its capabilities. The descriptors were opened outside.
        foreach (var entry in joined.OrderBy(entry => entry.Type == NamespaceType.User ? 0 : 1))
        {
            Program.Add(
                SystemCall.setns, $"/linux/namespaces: join {entry.Path}", _joined[entry.Type], Argument.Of(KindOf(entry.Type)));
        }
        return JoinCompiler.CloneInside(Program, created);
    }

    /// <summary>
    /// Directories above the root filesystem may be closed to everyone but the host's root, or to everyone but the container's:
    /// the path is tried as both.
    /// </summary>
    private void BecomeRootInside()
    {
        const string reason = "be root of the new user namespace";
        Label opened = new();
        Label inside = new();
        Program.Checkpoint(LaunchPoint.MapIds, "/linux/uidMappings, /linux/gidMappings");
        OpenRootPath().Then(opened).Expect(Errno.EACCES);
        JoinCompiler.BecomeRootInside(Program, reason);
        OpenRootPath();
        Program.Add(SystemCall.Branch, reason, 1).Then(inside);
        Program.Mark(opened);
        JoinCompiler.BecomeRootInside(Program, reason);
        Program.Mark(inside);
        Program.EndWithLauncher();
    }

    private LaunchStep OpenRootPath() => Program.Add(
        SystemCall.openat, $"/root/path {_facts.RootPath}", Here, _facts.RootPath,
        Flags(O_PATH | O_DIRECTORY | O_CLOEXEC, "O_PATH|O_DIRECTORY|O_CLOEXEC"), 0).Into(_place);

    /// <summary>Namespaces that must be made late: the cgroup one roots at the cgroup just joined, the time one takes its offsets first.</summary>
    private void NewNamespacesAfterBirth()
    {
        if (IsNew(NamespaceType.Cgroup))
        {
            Program.Add(SystemCall.unshare, "/linux/namespaces: new, rooted at the cgroup joined", Argument.Of(NamespaceKind.Cgroup));
        }
        if (IsNew(NamespaceType.Time))
        {
            Program.Add(SystemCall.unshare, "/linux/namespaces: new, entered at the next execution", Argument.Of(NamespaceKind.Time));
            foreach (var (clock, offset) in _linux.TimeOffsets)
            {
                string line = string.Create(CultureInfo.InvariantCulture, $"{clock} {offset.Secs} {offset.Nanosecs}\n");
                Program.WriteFile("/proc/self/timens_offsets", line, $"/linux/timeOffsets/{clock}");
            }
        }
    }

    private void PrepareRoot()
    {
        if (IsNew(NamespaceType.Mount))
        {
            CutPropagation();
        }
        else if (HasNewUserNamespace && _linux.Namespace(NamespaceType.Mount) is null)
        {
            _problems.Add(new("/linux/namespaces", "a new user namespace needs a mount namespace of its own: add {\"type\": \"mount\"}"));
        }

        if (_suppliedRoot is { } supplied)
        {
            _root = supplied;
        }
        else
        {
            _root = Program.NewSlot("root");
            Program.Add(
                SystemCall.open_tree, "/root/path: a mount of its own", _place, "",
                Flags(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE, "OPEN_TREE_CLONE|AT_EMPTY_PATH|AT_RECURSIVE"))
                .Into(_root);
        }
        if (!IsNew(NamespaceType.Mount))
        {
            SetAttributes(_root, 0, 0, (long)MountPropagation.Private, recursive: true, "what is mounted below is seen nowhere else");
        }
        Program.Add(
            SystemCall.move_mount, "put it where pivot_root wants it", _root, "", _place, "",
            Flags(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"));
    }

    /// <summary>A tree that is unbindable could not be taken for the root: that comes when the root has changed.</summary>
    private void CutPropagation()
    {
        var (propagation, recursive) = Propagation();
        MountPropagation before = propagation switch
        {
            MountPropagation.Unchanged => MountPropagation.Slave,
            MountPropagation.Unbindable => MountPropagation.Private,
            _ => propagation,
        };
        Program.Add(
            SystemCall.mount, "mounts made here are not seen on the host", 0, "/", 0,
            Flags((uint)before | (recursive || propagation == 0 ? (uint)MS_REC : 0), $"{before}|MS_REC"), 0);
        if (propagation == MountPropagation.Shared)
        {
            Program.Add(
                SystemCall.mount, "the container's root itself must not appear on the host", 0, _facts.RootMountPoint, 0,
                Flags(MS_PRIVATE, "MS_PRIVATE"), 0);
        }
    }

    private (MountPropagation Kind, bool Recursive) Propagation()
    {
        if (_linux.RootfsPropagation is not { } word)
        {
            return (MountPropagation.Unchanged, true);
        }
        if (MountOptions.TryFind(word, out var option) && option.Propagation != 0)
        {
            return (option.Propagation, option.Recursive);
        }
        _problems.Add(new("/linux/rootfsPropagation", $"'{word}' is none of shared, slave, private, unbindable, or their recursive forms"));
        return (MountPropagation.Unchanged, true);
    }

    private void Console()
    {
        if (!Process.Terminal)
        {
            return;
        }
        Slot multiplexer = Program.NewSlot("ptmx");
        const string reason = "/process/terminal: of the container's own devpts";
        Argument flags = Flags(O_RDWR | O_NOCTTY | O_CLOEXEC, "O_RDWR|O_NOCTTY|O_CLOEXEC");
        if (_devpts is { } mounted)
        {
            Program.Add(SystemCall.openat, reason, mounted, "ptmx", flags, 0).Into(multiplexer);
        }
        else
        {
            Block how = How(O_RDWR | O_NOCTTY | O_CLOEXEC, "O_RDWR|O_NOCTTY", RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, "RESOLVE_IN_ROOT");
            Program.Add(SystemCall.openat2, reason, _root, "dev/ptmx", how, 24).Into(multiplexer);
        }
        Slot peer = JoinCompiler.OpenTerminal(Program, multiplexer, Process);
        _stdio[0] = _stdio[1] = _stdio[2] = peer;
        Slot target = OpenTarget("dev/console", isFile: true, "/dev/console is the terminal");
        Slot tree = Program.NewSlot("console");
        Program.Add(
            SystemCall.open_tree, "/dev/console is the terminal", peer, "",
            Flags(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH")).Into(tree);
        Attach(tree, target, "/dev/console is the terminal");
    }

    private void EnsureWorkingDirectory()
    {
        if (Process.Cwd.Length > 1)
        {
            Slot directory = OpenTarget(Relative(Process.Cwd), isFile: false, "/process/cwd");
            Program.Add(SystemCall.close, "/process/cwd", directory);
        }
    }

    /// <summary>Kernel parameters, through a procfs of our own that no mount of the container can stand in for.</summary>
    private void KernelParameters()
    {
        if (_linux.Sysctl.Count == 0)
        {
            return;
        }
        Slot proc = NewFilesystem("proc", "procfs of our own for /linux/sysctl", []);
        Block how = How(
            O_WRONLY | O_CLOEXEC, "O_WRONLY", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
            "RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV");
        foreach (var (name, value) in _linux.Sysctl)
        {
            Slot file = Program.NewSlot("sysctl");
            string reason = $"/linux/sysctl/{name}";
            Program.Add(SystemCall.openat2, reason, proc, $"sys/{Sysctl.PathOf(name)}", how, 24).Into(file);
            Program.Add(SystemCall.write, reason, file, value, Encoding.UTF8.GetByteCount(value));
            Program.Add(SystemCall.close, reason, file);
        }
        Program.Add(SystemCall.close, "/linux/sysctl", proc);
    }

    private void Names()
    {
        if (_spec.Hostname is { Length: > 0 } host)
        {
            Program.Add(SystemCall.sethostname, "/hostname", host, Encoding.UTF8.GetByteCount(host));
        }
        if (_spec.Domainname is { Length: > 0 } domain)
        {
            Program.Add(SystemCall.setdomainname, "/domainname", domain, Encoding.UTF8.GetByteCount(domain));
        }
    }

    /// <summary>Turns the loopback interface of a new network namespace on. Source: rtnetlink(7).</summary>
    private void Loopback()
    {
        if (!IsNew(NamespaceType.Network))
        {
            return;
        }
        byte[] message = NetlinkMessages.LinkUp(NetlinkMessages.LoopbackIndex);
        Slot socket = Program.NewSlot("route");
        const string reason = "loopback is up";
        Program.Add(
            SystemCall.socket, reason, Flags(AF_NETLINK, "AF_NETLINK"), Flags(SOCK_RAW | SOCK_CLOEXEC, "SOCK_RAW|SOCK_CLOEXEC"),
            Flags(0, "NETLINK_ROUTE")).Into(socket);
        Program.Add(SystemCall.sendto, reason, socket, Block.Of(message, "RTM_NEWLINK lo up"), message.Length, 0, 0, 0);
        Program.Add(SystemCall.close, reason, socket);
    }

    private void ChangeRoot()
    {
        Program.Add(SystemCall.fchdir, "into the new root", _root);
        if (IsNew(NamespaceType.Mount))
        {
            Slot old = Program.NewSlot("oldroot");
            Program.Add(
                SystemCall.openat, "the host's root, to leave it", Here, "/",
                Flags(O_PATH | O_DIRECTORY | O_CLOEXEC, "O_PATH|O_DIRECTORY|O_CLOEXEC"), 0).Into(old);
            Program.Add(SystemCall.pivot_root, "the new root, the old one under it", ".", ".");
            Program.Add(SystemCall.fchdir, "leave the host's mounts", old);
            Program.Add(SystemCall.mount, "leaving is not seen on the host", 0, ".", 0, Flags(MS_SLAVE | MS_REC, "MS_SLAVE|MS_REC"), 0);
            Program.Add(SystemCall.umount2, "leave the host's mounts", ".", Flags(MNT_DETACH, "MNT_DETACH"));
            Program.Add(SystemCall.fchdir, "into the new root", _root);
        }
        Program.Add(SystemCall.chroot, "into the new root", ".");
        if (Propagation() is (not MountPropagation.Unchanged and var kind, var recursive))
        {
            Program.Add(
                SystemCall.mount, "/linux/rootfsPropagation", 0, "/", 0, Flags((uint)kind | (recursive ? (uint)MS_REC : 0), kind.ToString()), 0);
        }
    }

    private void SessionKeyring() => Program.Add(
        SystemCall.keyctl, "keys of the host's session stay out", Flags(1, "KEYCTL_JOIN_SESSION_KEYRING"), $"_ses.{_facts.Id}")
        .ExpectAny();

    private static NamespaceKind KindOf(NamespaceType type) => type switch
    {
        NamespaceType.Pid => NamespaceKind.Pid,
        NamespaceType.Network => NamespaceKind.Network,
        NamespaceType.Mount => NamespaceKind.Mount,
        NamespaceType.Ipc => NamespaceKind.Ipc,
        NamespaceType.Uts => NamespaceKind.Uts,
        NamespaceType.User => NamespaceKind.User,
        NamespaceType.Cgroup => NamespaceKind.Cgroup,
        _ => NamespaceKind.Time,
    };
}

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Caisson.Containers.Seccomp;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Linux.Seccomp;
using Caisson.Oci.Runtime;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

/// <summary>Compiles the second stage: in the container, from a sealed executable of our own to the user's program.</summary>
/// <remarks>
/// Descriptors on entry: 0 to 2 and the preserved ones, then the synchronisation socket and the start gate, nothing else: no
/// directory of the host is open when the working directory is entered (CVE-2024-21626).
/// </remarks>
internal sealed class SelfCompiler
{
    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Signals that whoever started us may have ignored; being ignored survives clone3 and execve.</summary>
    private static readonly Signal[] Inheritable =
    [
        Signal.HUP, Signal.INT, Signal.QUIT, Signal.PIPE, Signal.TERM, Signal.USR1, Signal.USR2, Signal.CHLD, Signal.TSTP, Signal.TTIN,
        Signal.TTOU,
    ];

    private readonly LaunchProgram _program = new(LaunchStage.Self);
    private readonly Process _process;
    private readonly LinuxConfig? _linux;
    private readonly SeccompPlan? _seccomp;
    private readonly LaunchFacts _facts;
    private readonly ICollection<Problem> _problems;
    private Slot _entered = Slot.None;

    private SelfCompiler(Process process, LinuxConfig? linux, SeccompPlan? seccomp, LaunchFacts facts, ICollection<Problem> problems)
    {
        _process = process;
        _linux = linux;
        _seccomp = seccomp;
        _facts = facts;
        _problems = problems;
    }

    private Capabilities Sets => _process.Capabilities ?? new Capabilities();

    private bool HasListener => _seccomp is { } plan && (plan.Filter.Flags & SeccompFilterOptions.NewListener) != 0;

    internal static LaunchProgram Compile(
        Process process, LinuxConfig? linux, SeccompPlan? seccomp, LaunchFacts facts, bool isExec, ICollection<Problem> problems)
    {
        var compiler = new SelfCompiler(process, linux, seccomp, facts, problems);
        compiler.Compile(isExec);
        return compiler._program;
    }

    private void Compile(bool isExec)
    {
        int sync = 3 + _facts.PreservedDescriptors;
        OwnDescriptors(sync);
        Session();
        Scheduling(isExec);
        Limits();
        Labels();

        var candidates = Candidates();
        Groups();
        if (_process.NoNewPrivileges || _seccomp is null)
        {
            Capability(0);
            Ambient();
            EnterAsUser();
            FindProgram(candidates);
            if (_process.NoNewPrivileges)
            {
                _program.Add(SystemCall.prctl, "/process/noNewPrivileges", Flags(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0);
            }
            if (HasListener)
            {
                Filter(); // the launcher must still be there to take the listener
            }
        }
        else
        {
            // Without no_new_privs a filter needs CAP_SYS_ADMIN, so that goes last: a filter may refuse what everything before it does.
            Capability(1UL << CAP_SYS_ADMIN);
            Ambient();
            EnterAsUser();
            FindProgram(candidates);
            Filter();
            Capability(0);
        }

        _program.Checkpoint(LaunchPoint.Ready, "everything but the program is done");
        if (_facts.HasStartGate)
        {
            WaitForStart(sync + 1);
        }
        _program.Add(
            SystemCall.rt_sigprocmask, "no signal is blocked", Flags(SIG_SETMASK, "SIG_SETMASK"), Block.Buffer(8, "{}"), 0, 8);
        if (_process.NoNewPrivileges && !HasListener)
        {
            Filter(); // as late as can be: fewer calls need to be allowed
        }
        Execute(candidates);
    }

    private void OwnDescriptors(int sync)
    {
        const string reason = "ends with the execution of the program";
        Argument set = Flags(F_SETFD, "F_SETFD");
        Argument close = Flags(FD_CLOEXEC, "FD_CLOEXEC");
        _program.SyncDescriptor = sync;
        _program.Add(SystemCall.fcntl, reason, sync, set, close);
        if (_facts.HasStartGate)
        {
            _program.Add(SystemCall.fcntl, reason, sync + 1, set, close);
        }
        Block byDefault = Block.Buffer(32, "SIG_DFL");
        foreach (var signal in Inheritable)
        {
            _program.Add(SystemCall.rt_sigaction, "signals do what they do by default", Argument.Of(signal), byDefault, 0, 8);
        }
    }

    private void Session()
    {
        _program.Add(SystemCall.setsid, "a session of its own").Expect(Errno.EPERM);
        if (_process.Terminal)
        {
            _program.Add(SystemCall.ioctl, "/process/terminal controls the session", 0, Flags(0x540E, "TIOCSCTTY"), 0);
        }
        uint umask = _process.User.Umask ?? 0x12;
        _program.Add(SystemCall.umask, "/process/user/umask", Flags(umask, $"0{Convert.ToString(umask, 8)}"));
        if (_linux?.Personality is { } personality)
        {
            _program.Add(SystemCall.personality, "/linux/personality", Argument.Of(personality.Domain));
        }
    }

    private void Scheduling(bool isExec)
    {
        if (_process.Scheduler is { } scheduler)
        {
            byte[] attributes = new byte[48];
            BinaryPrimitives.WriteInt32LittleEndian(attributes, attributes.Length);
            BinaryPrimitives.WriteInt32LittleEndian(attributes.AsSpan(4), (int)scheduler.Policy);
            BinaryPrimitives.WriteInt64LittleEndian(attributes.AsSpan(8), (long)scheduler.Flags);
            BinaryPrimitives.WriteInt32LittleEndian(attributes.AsSpan(16), scheduler.Nice);
            BinaryPrimitives.WriteInt32LittleEndian(attributes.AsSpan(20), scheduler.Priority);
            BinaryPrimitives.WriteUInt64LittleEndian(attributes.AsSpan(24), scheduler.Runtime);
            BinaryPrimitives.WriteUInt64LittleEndian(attributes.AsSpan(32), scheduler.Deadline);
            BinaryPrimitives.WriteUInt64LittleEndian(attributes.AsSpan(40), scheduler.Period);
            _program.Add(SystemCall.sched_setattr, "/process/scheduler", 0, Block.Of(attributes, scheduler.Policy.ToString()), 0);
        }
        if (_process.IoPriority is { } priority)
        {
            _program.Add(
                SystemCall.ioprio_set, "/process/ioPriority", Flags(1, "IOPRIO_WHO_PROCESS"), 0,
                Flags(((long)priority.Class << 13) | (uint)priority.Priority, $"{priority.Class} {priority.Priority}"));
        }
        if (isExec && _process.ExecCpuAffinity?.Final is { } cpus && Bits(cpus, "/process/execCPUAffinity/final") is { } mask)
        {
            _program.Add(SystemCall.sched_setaffinity, "/process/execCPUAffinity/final", 0, mask.Length, Block.Of(mask, cpus));
        }
        if (_linux?.MemoryPolicy is { } policy)
        {
            byte[]? nodes = policy.Nodes is { } list ? Bits(list, "/linux/memoryPolicy/nodes") : null;
            Argument address = nodes is null ? 0 : Block.Of(nodes, policy.Nodes!);
            _program.Add(
                SystemCall.set_mempolicy, "/linux/memoryPolicy", Flags((long)policy.Mode | (long)policy.Flags, policy.Mode.ToString()),
                address, nodes is null ? 0 : (nodes.Length * 8) + 1);
        }
    }

    private void Limits()
    {
        foreach (var limit in _process.Rlimits)
        {
            Block value = Block.Words($"{limit.Soft}:{limit.Hard}", limit.Soft, limit.Hard);
            _program.Add(SystemCall.prlimit64, $"/process/rlimits {limit.Type}", 0, Argument.Of(limit.Type), value, 0);
        }
    }

    private void Labels()
    {
        if (_process.ApparmorProfile is { Length: > 0 } profile)
        {
            if (!_facts.HasAppArmor)
            {
                _problems.Add(new("/process/apparmorProfile", $"'{profile}': this kernel has no AppArmor; leave the profile out"));
            }
            _program.WriteFile("/proc/self/attr/exec", $"exec {profile}", "/process/apparmorProfile");
        }
        if (_process.SelinuxLabel is { Length: > 0 } label)
        {
            if (!_facts.HasSelinux)
            {
                _problems.Add(new("/process/selinuxLabel", $"'{label}': this kernel has no SELinux; leave the label out"));
            }
            _program.WriteFile("/proc/self/attr/exec", label, "/process/selinuxLabel");
        }
    }

    /// <summary>Working directory, bounding set, groups and ids. Source: capabilities(7).</summary>
    private void Groups()
    {
        _entered = _program.NewSlot("entered");
        _program.Add(SystemCall.chdir, "/process/cwd", _process.Cwd).Into(_entered).Expect(Errno.EACCES);

        ulong bounding = Capabilities.Mask(Sets.Bounding);
        for (int capability = 0; capability <= _facts.LastCapability; capability++)
        {
            if ((bounding >> capability & 1) == 0)
            {
                _program.Add(
                    SystemCall.prctl, "/process/capabilities/bounding", Flags(PR_CAPBSET_DROP, "PR_CAPBSET_DROP"), Name(capability));
            }
        }

        var user = _process.User;
        _program.Add(SystemCall.prctl, "capabilities outlive the change of user", Flags(PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"), 1);
        uint[] groups = [.. user.AdditionalGids];
        Block list = Block.Of(MemoryMarshal.AsBytes(groups.AsSpan()), $"[{string.Join(", ", groups)}]");
        var setgroups = _program.Add(SystemCall.setgroups, "/process/user/additionalGids", groups.Length, list);
        if (groups.Length == 0)
        {
            setgroups.Expect(Errno.EPERM);
        }
        _program.Add(SystemCall.setresgid, "/process/user/gid", user.Gid, user.Gid, user.Gid);
        _program.Add(SystemCall.setresuid, "/process/user/uid", user.Uid, user.Uid, user.Uid);
        _program.Add(SystemCall.prctl, "capabilities outlive the change of user", Flags(PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"), 0);
    }

    /// <summary>The effective, permitted and inheritable sets.</summary>
    /// <param name="kept">What stays effective beyond them for now, as bits.</param>
    private void Capability(ulong kept)
    {
        ulong effective = Capabilities.Mask(Sets.Effective) | kept;
        ulong permitted = Capabilities.Mask(Sets.Permitted) | kept;
        ulong inheritable = Capabilities.Mask(Sets.Inheritable);
        byte[] data = new byte[24];
        for (int half = 0; half < 2; half++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(half * 12), (uint)(effective >> (half * 32)));
            BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan((half * 12) + 4), (uint)(permitted >> (half * 32)));
            BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan((half * 12) + 8), (uint)(inheritable >> (half * 32)));
        }
        Block header = Block.Words("version 3", _LINUX_CAPABILITY_VERSION_3);
        string description = string.Create(
            CultureInfo.InvariantCulture, $"{{effective {effective:x}, permitted {permitted:x}, inheritable {inheritable:x}}}");
        _program.Add(SystemCall.capset, "/process/capabilities", header, Block.Of(data, description));
    }

    private void Ambient()
    {
        _program.Add(
            SystemCall.prctl, "/process/capabilities/ambient", Flags(PR_CAP_AMBIENT, "PR_CAP_AMBIENT"),
            Flags(PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL"), 0, 0, 0);
        ulong ambient = Capabilities.Mask(Sets.Ambient);
        for (int capability = 0; capability <= _facts.LastCapability; capability++)
        {
            if ((ambient >> capability & 1) != 0)
            {
                _program.Add(
                    SystemCall.prctl, "/process/capabilities/ambient", Flags(PR_CAP_AMBIENT, "PR_CAP_AMBIENT"),
                    Flags(PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE"), Name(capability), 0, 0);
            }
        }
    }

    /// <summary>A directory that only root may enter was entered as root; one that only the user may enter, now.</summary>
    private void EnterAsUser()
    {
        Label again = new();
        Label done = new();
        _program.Add(SystemCall.Branch, "/process/cwd: not yet entered", _entered).Then(again);
        _program.Add(SystemCall.Branch, "/process/cwd: entered", 1).Then(done);
        _program.Mark(again);
        _program.Add(SystemCall.chdir, "/process/cwd as the user", _process.Cwd);
        _program.Mark(done);
    }

    private void Filter()
    {
        if (_seccomp is not { } plan)
        {
            return;
        }
        Block instructions = Block.Of(plan.Filter.Program.Span, $"{plan.Filter.InstructionCount} instructions");
        byte[] fprog = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(fprog, (ushort)plan.Filter.InstructionCount);
        Block program = Block.Of(fprog, $"{{{plan.Filter.InstructionCount} instructions}}", (8, instructions, 0));
        Slot listener = _program.NewSlot("listener");
        _program.Add(
            SystemCall.seccomp, "/linux/seccomp", Flags(1, "SECCOMP_SET_MODE_FILTER"), Argument.Of(plan.Filter.Flags), program)
            .Into(listener);
        if (HasListener)
        {
            _program.SendDescriptor(listener, LaunchOutput.SeccompListener, "/linux/seccomp/listenerPath");
            _program.Add(SystemCall.close, "/linux/seccomp/listenerPath", listener);
        }
    }

    /// <summary>The paths at which execvp(3) would look.</summary>
    private List<string> Candidates()
    {
        string name = _process.Args[0];
        if (name.Contains('/', StringComparison.Ordinal))
        {
            return [name];
        }
        string? path = _process.Env.LastOrDefault(entry => entry.StartsWith("PATH=", StringComparison.Ordinal))?["PATH=".Length..];
        return [.. (path ?? DefaultPath).Split(':').Select(directory => directory.Length == 0 ? $"./{name}" : $"{directory}/{name}")];
    }

    /// <summary>Says before <c>start</c> that the program is missing (ENOENT) or may not be executed (EACCES), as a directory never may.</summary>
    private void FindProgram(List<string> candidates)
    {
        Label found = new();
        Label notExecutable = new();
        Label done = new();
        string reason = $"find '{_process.Args[0]}'";
        foreach (string candidate in candidates)
        {
            Label directory = new();
            _program.Add(SystemCall.faccessat2, reason, Here, $"{candidate}/.", Flags(0, "F_OK"), Flags(AT_EACCESS, "AT_EACCESS")).Then(directory).ExpectAny();
            _program.Add(SystemCall.faccessat2, reason, Here, candidate, Flags(1, "X_OK"), Flags(AT_EACCESS, "AT_EACCESS")).Then(found).ExpectAny();
            _program.Mark(directory);
        }
        foreach (string candidate in candidates)
        {
            _program.Add(SystemCall.faccessat2, reason, Here, candidate, Flags(0, "F_OK"), Flags(AT_EACCESS, "AT_EACCESS")).Then(notExecutable).ExpectAny();
        }
        _program.Add(SystemCall.Fail, $"{reason}: not found", Flags((long)Errno.ENOENT, "ENOENT"));
        _program.Mark(notExecutable);
        _program.Add(SystemCall.Branch, $"{reason}: there, but not executable", 1).Then(done);
        _program.Mark(found);
        Label good = new();
        _program.Add(SystemCall.Branch, $"{reason}: found", 1).Then(good);
        _program.Mark(done);
        _program.Add(SystemCall.Fail, $"{reason}: not executable by this user", Flags((long)Errno.EACCES, "EACCES"));
        _program.Mark(good);
    }

    private void WaitForStart(int gate)
    {
        Block answer = Block.Buffer(8, "start");
        Slot count = _program.NewSlot("started");
        _program.Add(SystemCall.read, "wait for start", gate, answer, 1).Into(count);
        _program.Add(SystemCall.Require, "wait for start", count);
    }

    private void Execute(List<string> candidates)
    {
        Block arguments = Block.TextList(_process.Args);
        Block environment = Block.TextList(_process.Env);
        for (int i = 0; i < candidates.Count; i++)
        {
            var step = _program.Add(SystemCall.execve, "the program", candidates[i], arguments, environment);
            if (i < candidates.Count - 1)
            {
                step.Expect(Errno.ENOENT, Errno.ENOTDIR, Errno.EACCES);
            }
        }
    }

    private static Argument Name(int capability) =>
        Flags(capability, capability < Capabilities.Known.Length ? Capabilities.Known[capability] : $"capability {capability}");

    /// <summary>A list such as <c>0-3,7</c> as the bits the kernel takes, in eight-byte words.</summary>
    private byte[]? Bits(string list, string path)
    {
        byte[] bits = new byte[128];
        foreach (string part in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2
                || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
                || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
                || first > last || last >= bits.Length * 8)
            {
                _problems.Add(new(path, $"'{list}' is not a list such as 0-3,7 with numbers below {bits.Length * 8}"));
                return null;
            }
            for (int i = first; i <= last; i++)
            {
                bits[i / 8] |= (byte)(1 << (i % 8));
            }
        }
        return bits;
    }
}

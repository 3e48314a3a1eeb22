using System.Buffers.Binary;
using Caisson.Linux;
using Caisson.Linux.Launch;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

/// <summary>Short sequences of steps that several compilers need.</summary>
internal static class LaunchSteps
{
    /// <summary>Of <c>openat</c> relative to the working directory.</summary>
    internal static Argument Here { get; } = Argument.Of(AT_FDCWD, "AT_FDCWD");

    internal static Argument Flags(long value, string symbol) => Argument.Of(value, symbol);

    /// <summary><c>struct open_how</c>. Source: openat2(2).</summary>
    internal static Block How(long flags, string symbols, long resolve, string resolveSymbols) =>
        Block.OpenHow(flags, 0, resolve, $"{{{symbols}, {resolveSymbols}}}");

    /// <summary><c>struct mount_attr</c>. Source: mount_setattr(2).</summary>
    internal static Block MountAttr(long set, long clear, long propagation, string description)
    {
        byte[] bytes = new byte[MOUNT_ATTR_SIZE_VER0];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, set);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), clear);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), propagation);
        return Block.Of(bytes, description);
    }

    /// <summary>Tells the launcher where the child is, and waits until it says to go on.</summary>
    internal static void Checkpoint(this LaunchProgram program, LaunchPoint point, string reason)
    {
        Block report = Report(program, LaunchReportKind.Checkpoint, (int)point, point.ToString());
        Block answer = Block.Buffer(8, "answer");
        Slot count = program.NewSlot("answered");
        program.Add(SystemCall.write, reason, Slot.Sync, report, 16);
        program.Add(SystemCall.read, $"{reason}: wait", Slot.Sync, answer, 1).Into(count);
        program.Add(SystemCall.Require, $"{reason}: the launcher is gone", count);
    }

    /// <summary>Sends the descriptor in <paramref name="slot"/> to the launcher.</summary>
    internal static void SendDescriptor(this LaunchProgram program, Slot slot, LaunchOutput purpose, string reason)
    {
        Block report = Report(program, LaunchReportKind.Descriptor, (int)purpose, purpose.ToString());
        Block message = Block.DescriptorMessage(report, out Block control);
        program.Add(SystemCall.Store, reason, Argument.At(control, 16), slot);
        program.Add(SystemCall.sendmsg, reason, Slot.Sync, message, 0);
    }

    /// <summary>Writes <paramref name="text"/> to a file of the host's trusted file systems, by path.</summary>
    internal static void WriteFile(this LaunchProgram program, string path, string text, string reason, bool mayBeMissing = false)
    {
        Slot file = program.NewSlot("file");
        Label done = new();
        var open = program.Add(SystemCall.openat, reason, Here, path, Flags(O_WRONLY | O_CLOEXEC, "O_WRONLY|O_CLOEXEC"), 0).Into(file);
        if (mayBeMissing)
        {
            open.Expect(done, Linux.Errno.ENOENT);
        }
        program.Add(SystemCall.write, reason, file, text, System.Text.Encoding.UTF8.GetByteCount(text));
        program.Add(SystemCall.close, reason, file);
        program.Mark(done);
    }

    /// <summary>Joins the version 1 cgroups: a thread that writes 0 moves itself. Source: cgroups(7).</summary>
    /// <remarks>
    /// By <c>tasks</c>, since the process has one thread: the kernel then need not hold back forks and exits of the whole host, for which
    /// <c>cgroup.procs</c> waits through an RCU grace period of ten milliseconds (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
    /// </remarks>
    internal static void JoinCgroups(this LaunchProgram program, IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            program.WriteFile(file, "0", "join the container's cgroup");
        }
    }

    /// <summary>Opens what <see cref="Join"/> writes to, while the host's files are there.</summary>
    internal static List<Slot> OpenCgroups(this LaunchProgram program, IEnumerable<string> files)
    {
        List<Slot> opened = [];
        foreach (string file in files)
        {
            Slot slot = program.NewSlot("cgroup");
            program.Add(
                SystemCall.openat, "open the container's cgroup", Here, file, Flags(O_WRONLY | O_CLOEXEC, "O_WRONLY|O_CLOEXEC"), 0).Into(slot);
            opened.Add(slot);
        }
        return opened;
    }

    /// <summary>Joins the cgroups that were opened. Joining is never refused for a limit, making a process within may be.</summary>
    internal static void Join(this LaunchProgram program, List<Slot> cgroups)
    {
        foreach (Slot cgroup in cgroups)
        {
            program.Add(SystemCall.write, "join the container's cgroup", cgroup, "0", 1);
            program.Add(SystemCall.close, "join the container's cgroup", cgroup);
        }
    }

    /// <summary>Puts the descriptors where the program and the second stage expect them, and executes the second stage.</summary>
    /// <remarks>
    /// Standard descriptors at 0 to 2, inherited ones from 3, then the synchronisation socket and the start gate; all others are marked to be
    /// closed. Every source is first moved out of the way, so that no target can hit one that is still needed.
    /// </remarks>
    internal static void ExecuteSelf(
        this LaunchProgram program, Slot self, Slot?[] stdio, Slot? gate, int preserved)
    {
        const string reason = "arrange the program's descriptors";
        int sync = 3 + preserved;
        int floor = sync + 8;
        Slot Move(Slot slot, string name)
        {
            Slot moved = program.NewSlot(name);
            program.Add(SystemCall.fcntl, reason, slot, Flags(F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"), floor).Into(moved);
            return moved;
        }

        Slot movedSelf = Move(self, "self");
        Slot? movedGate = gate is { } g ? Move(g, "gate") : null;
        Slot?[] movedStdio = [.. stdio.Select(s => s is { } slot ? Move(slot, slot.Name) : (Slot?)null)];
        program.Add(SystemCall.fcntl, reason, Slot.Sync, Flags(F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"), floor).Into(Slot.Sync);
        for (int i = 0; i < movedStdio.Length; i++)
        {
            if (movedStdio[i] is { } source)
            {
                program.Add(SystemCall.dup3, $"standard descriptor {i}", source, i, 0);
            }
        }
        program.Add(SystemCall.dup3, "the second stage reports here", Slot.Sync, sync, 0).Into(Slot.Sync);
        if (movedGate is { } start)
        {
            program.Add(SystemCall.dup3, "the second stage waits for start here", start, sync + 1, 0);
        }
        int first = movedGate is null ? sync + 1 : sync + 2;
        program.Add(
            SystemCall.close_range, "no other descriptor survives", first, uint.MaxValue,
            Flags(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"));
        program.Add(SystemCall.prctl, "the second stage sees by its socket that the launcher has died", Flags(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), 0);
        Block nothing = Block.TextList([]);
        program.Add(
            SystemCall.execveat, "become the second stage", movedSelf, "", Block.TextList(["caisson-init"]), nothing,
            Flags(AT_EMPTY_PATH, "AT_EMPTY_PATH"));
    }

    /// <summary>
    /// Until it executes, the child holds copies of all the launcher's descriptors, also of the other end of its own socket: it would wait for
    /// a launcher that was killed for ever, and whoever talks to the launcher would wait with it. New credentials take this back. Source:
    /// PR_SET_PDEATHSIG(2const).
    /// </summary>
    internal static void EndWithLauncher(this LaunchProgram program) => program.Add(
        SystemCall.prctl, "end when the launcher dies", Flags(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), (int)Signal.KILL);

    /// <summary>Opens a path inside the root, making what is missing, directory by directory.</summary>
    /// <param name="program">Gets the steps.</param>
    /// <param name="root">The root directory, held by handle.</param>
    /// <param name="path">Relative to the root, without a leading slash; empty is the root itself.</param>
    /// <param name="isFile">What to make when it is missing.</param>
    /// <param name="reason">Of the steps.</param>
    /// <param name="strict">Refuse symbolic links on the way.</param>
    internal static Slot OpenTarget(this LaunchProgram program, Slot root, string path, bool isFile, string reason, bool strict = false)
    {
        Slot target = program.NewSlot("target");
        long resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (strict ? RESOLVE_NO_SYMLINKS : 0);
        Block how = How(
            O_PATH | O_CLOEXEC | (isFile ? 0 : O_DIRECTORY), isFile ? "O_PATH" : "O_PATH|O_DIRECTORY", resolve,
            strict ? "RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS" : "RESOLVE_IN_ROOT");
        if (path.Length == 0)
        {
            program.Add(SystemCall.openat2, reason, root, ".", how, 24).Into(target);
            return target;
        }

        Label found = new();
        program.Add(SystemCall.openat2, reason, root, path, how, 24).Into(target).Then(found).Expect(Errno.ENOENT);
        Block directory = How(
            O_PATH | O_CLOEXEC | O_DIRECTORY, "O_PATH|O_DIRECTORY", resolve, strict ? "RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS" : "RESOLVE_IN_ROOT");
        string[] names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        Slot parent = root;
        for (int i = 0; i < names.Length; i++)
        {
            bool last = i == names.Length - 1;
            string prefix = string.Join('/', names[..(i + 1)]);
            Slot next = last ? target : program.NewSlot("parent");
            Label exists = new();
            if (!last)
            {
                program.Add(SystemCall.openat2, reason, root, prefix, directory, 24).Into(next).Then(exists).Expect(Errno.ENOENT);
            }
            if (last && isFile)
            {
                program.Add(
                    SystemCall.mknodat, $"{reason}: make the mount point", parent, names[i],
                    Flags(S_IFREG | 0x1A4, "S_IFREG|0644"), 0).Expect(Errno.EEXIST);
            }
            else
            {
                program.Add(SystemCall.mkdirat, $"{reason}: make the mount point", parent, names[i], Flags(0x1ED, "0755"))
                    .Expect(Errno.EEXIST);
            }
            program.Add(SystemCall.openat2, reason, root, prefix, last ? how : directory, 24).Into(next);
            program.Mark(exists);
            parent = next;
        }
        program.Mark(found);
        return target;
    }

    private static Block Report(LaunchProgram program, LaunchReportKind kind, int value, string description)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)kind);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), value);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), (int)program.Stage);
        return Block.Of(bytes, description);
    }
}

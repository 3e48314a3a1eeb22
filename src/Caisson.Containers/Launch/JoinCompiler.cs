using System.Collections.Immutable;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

/// <summary>Compiles the first stage of an exec: enter a running container's namespaces and become the second stage there.</summary>
/// <remarks>
/// The child is a copy of its launcher, made non-dumpable before it enters, so that nobody inside can trace it or open its
/// memory or descriptors (CVE-2016-9962); its own child, the one with a pid inside, inherits that until it executes.
/// Source: setns(2), clone(2), pid_namespaces(7).
/// </remarks>
internal static class JoinCompiler
{
    internal static (LaunchProgram Program, ImmutableArray<LaunchInput> Inputs) Compile(Process process, NamespaceKind kinds, LaunchFacts facts)
    {
        LaunchProgram program = new(LaunchStage.World) { Mode = LaunchMode.Copied };
        var inputs = ImmutableArray.CreateBuilder<LaunchInput>();
        Slot Input(LaunchInput input, string name)
        {
            inputs.Add(input);
            return program.Inherit(name);
        }

        Slot self = Input(new LaunchInput.SelfProgram(), "self");
        if (facts.UnifiedCgroup is { } cgroup)
        {
            program.Cgroup = Input(new LaunchInput.UnifiedCgroup(cgroup), "cgroup");
        }
        Slot container = Input(new LaunchInput.JoinedProcess(kinds), "container");
        Slot?[] stdio = new Slot?[3];
        if (facts.SuppliesStdio && !process.Terminal)
        {
            for (int i = 0; i < 3; i++)
            {
                stdio[i] = Input(new LaunchInput.Stdio(i), $"stdio{i}");
            }
        }

        BecomeUntraceable(program);
        program.EndWithLauncher();
        List<Slot> cgroups = program.OpenCgroups(facts.CgroupTaskFiles);
        AdjustOom(program, process);
        program.Add(SystemCall.setns, "enter the container's namespaces, all at once", container, Argument.Of(kinds));
        Label parent = CloneInside(program, 0);

        // After the last clone: a container that has reached its limit of processes can still be looked into.
        program.Join(cgroups);
        if (kinds.HasFlag(NamespaceKind.User))
        {
            BecomeRootInside(program, "be root of the container's user namespace");
        }
        program.EndWithLauncher();
        if (process.Terminal)
        {
            Slot multiplexer = program.NewSlot("ptmx");
            program.Add(
                SystemCall.openat, "a terminal of the container's own", Here, "/dev/pts/ptmx",
                Flags(O_RDWR | O_NOCTTY | O_CLOEXEC, "O_RDWR|O_NOCTTY|O_CLOEXEC"), 0).Into(multiplexer);
            Slot peer = OpenTerminal(program, multiplexer, process);
            stdio = [peer, peer, peer];
        }
        program.ExecuteSelf(self, stdio, null, facts.PreservedDescriptors);
        FinishJoiner(program, parent);
        return (program, inputs.ToImmutable());
    }

    /// <summary>Nobody who shares a namespace from here on may look inside.</summary>
    internal static void BecomeUntraceable(LaunchProgram program) =>
        program.Add(SystemCall.prctl, "nobody inside may trace or read this process", Flags(PR_SET_DUMPABLE, "PR_SET_DUMPABLE"), 0);

    /// <summary>Takes the ids of a user namespace's root: as nobody of it, the process would lose its capabilities there with the next execution.</summary>
    internal static void BecomeRootInside(LaunchProgram program, string reason)
    {
        program.Add(SystemCall.setgroups, reason, 0, 0).Expect(Errno.EPERM);
        program.Add(SystemCall.setresgid, reason, 0, 0, 0);
        program.Add(SystemCall.setresuid, reason, 0, 0, 0);
    }

    internal static void AdjustOom(LaunchProgram program, Process process)
    {
        if (process.OomScoreAdj is { } score)
        {
            program.WriteFile(
                "/proc/self/oom_score_adj", score.ToString(System.Globalization.CultureInfo.InvariantCulture), $"/process/oomScoreAdj {score}");
        }
    }

    /// <summary>Makes the process that has a pid inside, a child of the launcher; the joiner goes on at the returned label.</summary>
    internal static Label CloneInside(LaunchProgram program, NamespaceKind created)
    {
        Slot told = program.NewSlot("told");
        Slot child = program.NewSlot("child");
        Label parent = new();
        program.Add(SystemCall.eventfd2, "the joiner will have said whom it made", 0, Flags(O_CLOEXEC, "EFD_CLOEXEC")).Into(told);
        program.Add(
            SystemCall.clone, "the process that has a pid inside; the launcher is its parent",
            Flags(CLONE_PARENT | (long)Signal.CHLD | (uint)created, created == 0 ? "CLONE_PARENT|SIGCHLD" : $"CLONE_PARENT|SIGCHLD|{created}"),
            0, 0, 0, 0).Into(child);
        program.Add(SystemCall.Branch, "the joiner has done its part", child).Then(parent);
        program.Joiner = (child, told, parent);

        // Otherwise the launcher may hear from this process before it hears of it, and take the joiner's end for its own.
        program.Add(SystemCall.read, "wait until the launcher knows this process", told, Block.Buffer(8, "count"), 8);
        program.Add(SystemCall.close, "the launcher knows", told);
        return parent;
    }

    /// <summary>The joiner tells the launcher whom it made, and ends.</summary>
    internal static void FinishJoiner(LaunchProgram program, Label parent)
    {
        program.Mark(parent);
        byte[] bytes = new byte[16];
        bytes[0] = (byte)LaunchReportKind.Cloned;
        Block report = Block.Of(bytes, "Cloned");
        program.Add(SystemCall.Store, "say whom", Argument.At(report, 4), program.Joiner.Child);
        program.Add(SystemCall.write, "say whom", Slot.Sync, report, 16);
        program.Add(SystemCall.write, "it may go on", program.Joiner.Told, Block.Words("1", 1), 8);
        program.Add(SystemCall.exit_group, "the joiner ends", 0);
    }

    /// <summary>Unlocks the terminal behind <paramref name="multiplexer"/>, opens its other side without a path, and sends it to the launcher.</summary>
    /// <remarks>Source: ioctl_tty(2), TIOCGPTPEER.</remarks>
    internal static Slot OpenTerminal(LaunchProgram program, Slot multiplexer, Process process)
    {
        const string reason = "/process/terminal";
        Slot peer = program.NewSlot("terminal");
        program.Add(SystemCall.ioctl, reason, multiplexer, Flags(0x40045431, "TIOCSPTLCK"), Block.Buffer(8, "0"));
        program.Add(
            SystemCall.ioctl, reason, multiplexer, Flags(0x5441, "TIOCGPTPEER"),
            Flags(O_RDWR | O_NOCTTY | O_CLOEXEC, "O_RDWR|O_NOCTTY|O_CLOEXEC")).Into(peer);
        if (process.ConsoleSize is { } size)
        {
            Block window = Block.Words($"{size.Height} rows, {size.Width} columns", size.Height | ((ulong)size.Width << 16));
            program.Add(SystemCall.ioctl, "/process/consoleSize", peer, Flags(0x5414, "TIOCSWINSZ"), window);
        }
        if (process.User.Uid != 0)
        {
            program.Add(
                SystemCall.fchownat, "the user owns the terminal", peer, "", process.User.Uid, -1, Flags(AT_EMPTY_PATH, "AT_EMPTY_PATH"));
        }
        program.SendDescriptor(multiplexer, LaunchOutput.Terminal, reason);
        program.Add(SystemCall.close, "the launcher has it", multiplexer);
        return peer;
    }
}

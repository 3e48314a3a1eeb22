using Caisson.Linux;
using Caisson.Linux.Launch;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

/// <summary>Compiles changes of a running container's mounts: a child enters its mount namespace, changes it, and ends.</summary>
/// <remarks>
/// The child is a copy of its launcher and non-dumpable, stays in the launcher's process namespace, where nobody inside sees it, and in its
/// cgroup. It executes nothing, so nothing of the container's root is run. Source: setns(2), move_mount(2), umount2(2).
/// </remarks>
internal static class MountCompiler
{
    internal static LaunchPlan Attach(string destination, bool isFile, NamespaceKind kinds)
    {
        string reason = $"attach {destination}";
        LaunchProgram program = new(LaunchStage.World) { Mode = LaunchMode.Copied };
        Slot container = program.Inherit("container");
        Slot tree = program.Inherit("tree");
        Enter(program, container, kinds);

        Slot root = program.NewSlot("root");
        program.Add(
            SystemCall.openat, "the container's root", Here, "/", Flags(O_PATH | O_DIRECTORY | O_CLOEXEC, "O_PATH|O_DIRECTORY|O_CLOEXEC"), 0).Into(root);
        Slot target = program.OpenTarget(root, WorldCompiler.Relative(destination), isFile, reason);
        program.Add(
            SystemCall.move_mount, reason, tree, "", target, "",
            Flags(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"));
        return Finish(program, [new LaunchInput.JoinedProcess(Needed(kinds)), new LaunchInput.AttachedMount()]);
    }

    internal static LaunchPlan Detach(string destination, NamespaceKind kinds)
    {
        LaunchProgram program = new(LaunchStage.World) { Mode = LaunchMode.Copied };
        Slot container = program.Inherit("container");
        Enter(program, container, kinds);
        program.Add(
            SystemCall.umount2, $"detach {destination}", "/" + WorldCompiler.Relative(destination),
            Flags(MNT_DETACH | UMOUNT_NOFOLLOW, "MNT_DETACH|UMOUNT_NOFOLLOW")).Expect(Errno.EINVAL, Errno.ENOENT); // it is not mounted any more
        return Finish(program, [new LaunchInput.JoinedProcess(Needed(kinds))]);
    }

    private static NamespaceKind Needed(NamespaceKind kinds) => kinds & (NamespaceKind.User | NamespaceKind.Mount);

    private static void Enter(LaunchProgram program, Slot container, NamespaceKind kinds)
    {
        JoinCompiler.BecomeUntraceable(program);
        program.EndWithLauncher();
        program.Add(SystemCall.setns, "enter the container's mounts", container, Argument.Of(Needed(kinds)));
        if (kinds.HasFlag(NamespaceKind.User))
        {
            JoinCompiler.BecomeRootInside(program, "be root of the container's user namespace");
        }
        program.Add(SystemCall.umask, "what is made has the mode that is said", 0);
    }

    private static LaunchPlan Finish(LaunchProgram program, LaunchInput[] inputs)
    {
        program.Checkpoint(LaunchPoint.Ready, "the mounts are changed");
        program.Add(SystemCall.exit_group, "nothing is executed", 0);
        return new()
        {
            World = program,
            Self = new LaunchProgram(LaunchStage.Self),
            Inputs = [.. inputs],
        };
    }
}

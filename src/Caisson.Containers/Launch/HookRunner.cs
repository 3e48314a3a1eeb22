using System.Collections.Immutable;
using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;
using Caisson.Oci.Runtime;
using static Caisson.Containers.Launch.LaunchSteps;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Containers.Launch;

/// <summary>Runs hooks: each in turn, with the container's state on its stdin, until one fails.</summary>
/// <remarks>Source: runtime-spec config.md, "POSIX-platform Hooks"; runtime.md, "Lifecycle".</remarks>
public static class HookRunner
{
    private const int OutputBytesMax = 4096;

    /// <summary>Runs hooks in this process's namespaces.</summary>
    /// <param name="kind">Their name in the specification, for messages.</param>
    /// <param name="hooks">In order.</param>
    /// <param name="state">The state to read.</param>
    /// <exception cref="CaissonException">One failed or took too long; it is gone, and those after it did not run.</exception>
    public static void Run(string kind, ImmutableArray<Hook> hooks, Oci.Runtime.State state) => Run(kind, hooks, state, null, null, 0);

    /// <summary>Runs hooks whose programs are the host's in the namespaces of a container whose root has not changed yet.</summary>
    /// <inheritdoc cref="Run(string, ImmutableArray{Hook}, Oci.Runtime.State)"/>
    /// <param name="kind">Their name in the specification, for messages.</param>
    /// <param name="hooks">In order.</param>
    /// <param name="state">The state to read.</param>
    /// <param name="container">The container's first process.</param>
    /// <param name="kinds">The namespaces to enter.</param>
    /// <param name="rootfs">The host path of the container's root, which is where they run: entering a mount namespace leaves everybody at the host's.</param>
    public static void RunInside(
        string kind, ImmutableArray<Hook> hooks, Oci.Runtime.State state, Pidfd container, NamespaceKind kinds, string rootfs)
    {
        // Looked up as the container's first process sees it, by a user who may pass every directory on the way.
        using var root = HostFiles.OpenDirectory(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{state.Pid}/root{rootfs}"));
        Run(kind, hooks, state, container, root, kinds);
    }

    /// <summary>As <see cref="Run(string, ImmutableArray{Hook}, Oci.Runtime.State)"/>, for hooks whose failure changes nothing.</summary>
    /// <param name="kind">Their name in the specification, for messages.</param>
    /// <param name="hooks">In order; all run.</param>
    /// <param name="state">The state to read.</param>
    /// <param name="warn">Receives what failed.</param>
    public static void RunAll(string kind, ImmutableArray<Hook> hooks, Oci.Runtime.State state, Action<string> warn)
    {
        foreach (Hook hook in hooks)
        {
            try
            {
                Run(kind, [hook], state);
            }
            catch (CaissonException e)
            {
                warn(e.Message);
            }
        }
    }

    private static void Run(
        string kind, ImmutableArray<Hook> hooks, Oci.Runtime.State state, Pidfd? container, Descriptor? root, NamespaceKind kinds)
    {
        if (hooks.IsEmpty)
        {
            return;
        }
        using var document = Memfd.CreateSealed("state", RuntimeSpecJson.ToUtf8(state));
        for (int i = 0; i < hooks.Length; i++)
        {
            // Opened anew for each: a descriptor's position is shared by all who inherit it.
            using var input = HostFiles.OpenRead(document.ProcPath);
            RunOne($"hook {kind} {i} ({hooks[i].Path})", hooks[i], state.Bundle, input, container, root, kinds);
        }
    }

    private static void RunOne(
        string name, Hook hook, string bundle, Descriptor input, Pidfd? container, Descriptor? root, NamespaceKind kinds)
    {
        using var output = Memfd.Create("hook");
        LaunchProgram program = Compile(hook, bundle, container is null ? null : kinds);
        using var launched = container is null
            ? Launcher.Start(program.Encode(), input, output)
            : Launcher.Start(program.Encode(), input, output, container, root);
        bool isReaped = false;
        try
        {
            LaunchReport report;
            while ((report = launched.Next()) is LaunchReport.Cloned)
            {
            }
            if (report is LaunchReport.Failed failed)
            {
                throw new CaissonException(
                    new LinuxException("", failed.Errno, "").Kind,
                    $"{name}: {program.Steps[failed.Index].Reason}: {LinuxException.Describe(failed.Errno)}");
            }
            if (!launched.Process.WaitReadable(hook.Timeout is { } seconds ? seconds * 1000 : -1))
            {
                throw new CaissonException(ErrorKind.Cancelled, $"{name}: not done within {hook.Timeout} seconds{OutputOf(output)}");
            }
            var status = launched.Process.WaitExit();
            isReaped = true;
            if (status != default)
            {
                throw new CaissonException(ErrorKind.FailedPrecondition, $"{name}: ended with {status}{OutputOf(output)}");
            }
        }
        finally
        {
            if (!isReaped)
            {
                launched.Process.TrySignal(Signal.KILL);
                launched.Process.WaitExit();
            }
        }
    }

    /// <summary>Join where asked, put the standard descriptors in place, and execute.</summary>
    private static LaunchProgram Compile(Hook hook, string bundle, NamespaceKind? kinds)
    {
        LaunchProgram program = new(LaunchStage.World) { Mode = kinds is null ? LaunchMode.Shared : LaunchMode.Copied };
        Slot input = program.Inherit("state");
        Slot output = program.Inherit("output");
        Label? parent = null;
        if (kinds is { } joined)
        {
            Slot container = program.Inherit("container");
            Slot root = program.Inherit("root");
            JoinCompiler.BecomeUntraceable(program);
            if (joined != 0)
            {
                program.Add(SystemCall.setns, "enter the container's namespaces", container, Argument.Of(joined));
            }
            program.Add(SystemCall.fchdir, "into the container's root", root);
            if (joined.HasFlag(NamespaceKind.Pid))
            {
                parent = JoinCompiler.CloneInside(program, 0);
            }
            if (joined.HasFlag(NamespaceKind.User))
            {
                const string reason = "be root of the container's user namespace";
                program.Add(SystemCall.setgroups, reason, 0, 0).Expect(Errno.EPERM);
                program.Add(SystemCall.setresgid, reason, 0, 0, 0);
                program.Add(SystemCall.setresuid, reason, 0, 0, 0);
            }
        }
        else
        {
            program.Add(SystemCall.chdir, "into the bundle", bundle).ExpectAny(); // it may be gone when a container is deleted
        }
        program.Add(SystemCall.dup3, "its stdin", input, 0, 0);
        program.Add(SystemCall.dup3, "its stdout", output, 1, 0);
        program.Add(SystemCall.dup3, "its stderr", output, 2, 0);
        program.Add(
            SystemCall.close_range, "no other descriptor survives", 3, uint.MaxValue, Flags(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"));
        program.Add(SystemCall.rt_sigaction, "signals do what they do by default", Argument.Of(Signal.PIPE), Block.Buffer(32, "SIG_DFL"), 0, 8);
        program.Add(SystemCall.rt_sigprocmask, "no signal is blocked", Flags(SIG_SETMASK, "SIG_SETMASK"), Block.Buffer(8, "{}"), 0, 8);
        program.Add(
            SystemCall.execve, "execute", hook.Path, Block.TextList(hook.Args.IsEmpty ? [hook.Path] : hook.Args), Block.TextList(hook.Env));
        if (parent is not null)
        {
            JoinCompiler.FinishJoiner(program, parent);
        }
        return program;
    }

    /// <summary>The end of what a hook said, for the message.</summary>
    private static string OutputOf(Descriptor output)
    {
        using var file = HostFiles.OpenRead(output.ProcPath);
        long length = file.Status.Size;
        byte[] tail = new byte[Math.Min(length, OutputBytesMax)];
        int count = file.ReadAt(tail, length - tail.Length);
        string text = PathText.Decode(tail.AsSpan(0, count)).Trim();
        return text.Length == 0 ? "" : $": {text}";
    }
}

using System.Runtime.InteropServices;

namespace Caisson.Linux.Launch;

/// <summary>A child between its clone and the execution of its program: says what it reached, waits where the program tells it to.</summary>
/// <remarks>Not for several threads at once. The process outlives this object; its pidfd does not.</remarks>
public sealed class LaunchedProcess : IDisposable
{
    private readonly UnixSocket _sync;
    private readonly LaunchMemory _memory;
    private readonly LaunchParent _parent;

    internal LaunchedProcess(int pid, Pidfd process, UnixSocket sync, LaunchMemory memory, LaunchParent parent)
    {
        Pid = pid;
        Process = process;
        _sync = sync;
        _memory = memory;
        _parent = parent;
    }

    /// <summary>The pid, in our pid namespace, of the child; after <see cref="LaunchReport.Cloned"/>, of the process it made in its place.</summary>
    public int Pid { get; private set; }

    /// <summary>The same process by descriptor; to be waited for by its parent, which is the caller unless it chose <see cref="LaunchParent.Ours"/>.</summary>
    public Pidfd Process { get; private set; }

    /// <summary>
    /// The child that joined the namespaces and made <see cref="Process"/> in its place, where somebody else has to reap it: only after
    /// <see cref="LaunchReport.Cloned"/> with <see cref="LaunchParent.Ours"/>, otherwise null. Disposed with this object.
    /// </summary>
    public Pidfd? Joiner { get; private set; }

    /// <summary>Becomes readable when <see cref="Next"/> has something to say.</summary>
    public Descriptor Signal => _sync;

    /// <summary>Waits for what the child says next.</summary>
    public LaunchReport Next()
    {
        Span<byte> message = stackalloc byte[16];
        List<Descriptor> descriptors = [];
        int length = _sync.Receive(message, descriptors);
        if (length == 0)
        {
            return new LaunchReport.Executed();
        }

        var words = MemoryMarshal.Cast<byte, int>(message);
        switch ((LaunchReportKind)words[0])
        {
            case LaunchReportKind.Failed:
                return new LaunchReport.Failed((LaunchStage)words[3], words[1], (Errno)words[2]);
            case LaunchReportKind.Checkpoint:
                return new LaunchReport.Checkpoint(words[1]);
            case LaunchReportKind.Descriptor when descriptors.Count == 1:
                return new LaunchReport.Received(words[1], descriptors[0]);
            case LaunchReportKind.Cloned:
                Become(words[1]);
                return new LaunchReport.Cloned(words[1]);
            default:
                descriptors.ForEach(descriptor => descriptor.Dispose());
                throw new InvalidOperationException($"a child sent an unknown report of kind {words[0]}");
        }
    }

    /// <summary>Lets the child go on from a checkpoint.</summary>
    public void Continue() => _sync.Send([1]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _sync.Dispose();
        Process.Dispose();
        Joiner?.Dispose();
        _memory.Dispose();
    }

    /// <summary>The joining child is done: hold the process it made, which has the same parent (CLONE_PARENT), and see to it that it is reaped.</summary>
    private void Become(int pid)
    {
        var joiner = Process;
        Process = Pidfd.Open(pid);
        Pid = pid;
        if (_parent == LaunchParent.Ours)
        {
            Joiner = joiner;
            return;
        }
        joiner.WaitExit();
        joiner.Dispose();
    }
}

/// <summary>What a child says on its way.</summary>
public abstract record LaunchReport
{
    private LaunchReport() { }

    /// <summary>Step <paramref name="Index"/> of <paramref name="Stage"/> failed; the child ends with code 1.</summary>
    public sealed record Failed(LaunchStage Stage, int Index, Errno Errno) : LaunchReport;

    /// <summary>The child waits for <see cref="LaunchedProcess.Continue"/> at a point of the program's own numbering.</summary>
    public sealed record Checkpoint(int Point) : LaunchReport;

    /// <summary>The child sent a descriptor; whoever receives this disposes it.</summary>
    public sealed record Received(int Purpose, Descriptor Descriptor) : LaunchReport;

    /// <summary>The process that will run the program exists.</summary>
    public sealed record Cloned(int Pid) : LaunchReport;

    /// <summary>The socket closed: the program was executed, or the child was killed.</summary>
    public sealed record Executed : LaunchReport;
}

using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>Both ends of a pipe. Source: pipe(2).</summary>
public sealed class Pipe : IDisposable
{
    private Pipe(Descriptor reader, Descriptor writer) => (Reader, Writer) = (reader, writer);

    /// <summary>The end to read from. Disposed with this object, or alone before.</summary>
    public Descriptor Reader { get; }

    /// <summary>The end to write to. Disposed with this object, or alone before, which the reader sees as the end.</summary>
    public Descriptor Writer { get; }

    /// <summary>Creates one, close-on-exec.</summary>
    public static unsafe Pipe Create(bool nonBlocking = false)
    {
        int* ends = stackalloc int[2];
        Libc.Check(Libc.syscall(SYS_pipe2, (nint)ends, O_CLOEXEC | (nonBlocking ? O_NONBLOCK : 0)), "pipe", "new");
        return new(Descriptor.TakeOver(ends[0]), Descriptor.TakeOver(ends[1]));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Reader.Dispose();
        Writer.Dispose();
    }
}

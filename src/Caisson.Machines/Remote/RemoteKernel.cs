using Caisson.Errors;
using Caisson.Linux;
using Caisson.Linux.Launch;

namespace Caisson.Machines.Remote;

/// <summary>The kernel of a machine whose first process is a <see cref="ServerProgram"/>: lists of its system calls, made over the line to it.</summary>
/// <remarks>For one thread. The guest may be hostile: an answer has the length that was asked for, and means what the caller makes of it.</remarks>
/// <param name="line">To the server; stays the caller's.</param>
internal sealed class RemoteKernel(Descriptor line)
{
    private readonly Queue<LaunchRequest> _unanswered = new();
    private int _line;

    /// <summary>To be watched while an answer is waited for.</summary>
    public Descriptor Line => line;

    /// <summary>Hears how the list went that the server began with.</summary>
    /// <param name="first">That list.</param>
    /// <returns>Its slots.</returns>
    public RemoteAnswer Greet(LaunchProgram first)
    {
        byte[] status = new byte[LaunchRequest.StatusBytes];
        ReadExactly(status);
        if (LaunchRequest.FailureOf(status) is { } failure)
        {
            throw Failed(first.Steps[Math.Clamp(failure.Index, 0, first.Steps.Count - 1)], failure.Errno);
        }
        byte[] slots = new byte[first.Slots.Count * 8];
        ReadExactly(slots);
        var answer = new RemoteAnswer(null, slots);
        _line = answer.Number(Slot.Sync);
        return answer;
    }

    /// <summary>Has the list walked and waits until it was.</summary>
    /// <param name="program">The list.</param>
    /// <param name="wanted">Memory that is read back.</param>
    /// <exception cref="LinuxException">A step of it failed.</exception>
    /// <exception cref="CaissonException"><see cref="ErrorKind.Unavailable"/>: the machine is gone.</exception>
    public RemoteAnswer Run(LaunchProgram program, params ReadOnlySpan<Block> wanted)
    {
        Begin(program, wanted);
        return Finish();
    }

    /// <summary>Reads once from one of the machine's descriptors.</summary>
    /// <param name="number">Which.</param>
    /// <param name="count">The most bytes.</param>
    /// <param name="bytes">What was read.</param>
    /// <returns>How many; 0 at the end, otherwise a negative error.</returns>
    public int Read(int number, int count, out byte[] bytes)
    {
        bytes = [];
        var program = new LaunchProgram(LaunchStage.World);
        Slot result = program.NewSlot("count");
        program.Add(SystemCall.read, "read", number, Argument.Of(ServerProgram.ScratchAddress, "scratch"), count).Into(result).ExpectAny();
        long read = Run(program).Result(result);
        if (read <= 0 || read > count)
        {
            return read > 0 ? throw new CaissonException(ErrorKind.InvalidArgument, "the machine read more than was asked for") : (int)Math.Max(read, -4_095);
        }
        Begin(LaunchRequest.ForScratch(_line, (int)read));
        bytes = Finish().Bytes;
        return (int)read;
    }

    /// <summary>One call whose result is of no interest: what it is about may be gone.</summary>
    public void Try(string reason, SystemCall call, params ReadOnlySpan<Argument> arguments)
    {
        var program = new LaunchProgram(LaunchStage.World);
        program.Add(call, reason, arguments).ExpectAny();
        Run(program);
    }

    /// <summary>Sends a list; <see cref="Finish"/> gives its answer. Several may be on the way.</summary>
    public void Begin(LaunchProgram program, params ReadOnlySpan<Block> wanted) => Begin(LaunchRequest.Encode(program, _line, wanted));

    private void Begin(LaunchRequest request)
    {
        if (request.Bytes.Length > ServerProgram.ArenaBytes)
        {
            throw new CaissonException(ErrorKind.ResourceExhausted, $"the machine takes {ServerProgram.ArenaBytes} bytes at once, and {request.Bytes.Length} are to be sent");
        }
        try
        {
            line.Write(request.Bytes.Span);
        }
        catch (LinuxException error)
        {
            throw Gone(error);
        }
        _unanswered.Enqueue(request);
    }

    /// <summary>Waits for the answer to the oldest list.</summary>
    public RemoteAnswer Finish()
    {
        LaunchRequest request = _unanswered.Dequeue();
        byte[] status = new byte[LaunchRequest.StatusBytes];
        ReadExactly(status);
        if (LaunchRequest.FailureOf(status) is { } failure)
        {
            throw Failed(request.StepAt(failure.Index), failure.Errno);
        }
        byte[] bytes = new byte[request.AnswerBytes];
        ReadExactly(bytes);
        return new RemoteAnswer(request, bytes);
    }

    private static LinuxException Failed(LaunchStep step, Errno errno) => new(step.Call.ToString(), errno, step.Reason);

    private void ReadExactly(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = line.ReadNow(bytes);
            if (count <= 0)
            {
                throw Gone(null);
            }
            bytes = bytes[count..];
        }
    }

    private static CaissonException Gone(LinuxException? cause) => new(ErrorKind.Unavailable, "the machine's first process does not answer any more", cause);
}

/// <summary>What a list left in its slots and in the memory that was wanted.</summary>
internal sealed class RemoteAnswer(LaunchRequest? request, byte[] bytes)
{
    /// <summary>All that came.</summary>
    public byte[] Bytes => bytes;

    /// <summary>The result of a step that was kept; an error that was expected is negative.</summary>
    public long Result(Slot slot) => LaunchRequest.Read(bytes, slot);

    /// <summary>The descriptor in a slot.</summary>
    public int Number(Slot slot) => (int)Result(slot);

    /// <summary>The content of a block that was wanted.</summary>
    public ReadOnlySpan<byte> Content(Block block) => request!.Read(bytes, block);
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Caisson.Linux.Launch;

/// <summary>A launch program as a request to a <see cref="ServerProgram"/>, and what its answer means.</summary>
public sealed class LaunchRequest
{
    /// <summary>The bytes that every answer begins with.</summary>
    public const int StatusBytes = 16;

    private readonly Dictionary<Block, int> _places;
    private readonly LaunchProgram _program;

    private LaunchRequest(LaunchProgram program, byte[] bytes, Dictionary<Block, int> places, int answerBytes)
    {
        _program = program;
        Bytes = bytes;
        _places = places;
        AnswerBytes = answerBytes;
    }

    /// <summary>What is sent.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>How many bytes follow the status of an answer, unless it says that a step failed.</summary>
    public int AnswerBytes { get; }

    /// <summary>Encodes <paramref name="program"/>.</summary>
    /// <param name="program">The list.</param>
    /// <param name="line">The server's descriptor of the line, which every request has in <see cref="Slot.Sync"/>.</param>
    /// <param name="wanted">Memory that the host wants to read when the list was walked, beside the slots; the fewer lies before it in the list, the shorter is the answer.</param>
    public static LaunchRequest Encode(LaunchProgram program, int line, params ReadOnlySpan<Block> wanted)
    {
        LaunchImage image = LaunchImage.Encode(program, KernelArchitecture.Arm64, mayLoop: true, out Dictionary<Block, int> places);
        byte[] bytes = image.Bytes.ToArray();
        LaunchImage.Relocate(bytes, ServerProgram.ArenaAddress);
        LaunchImage.SetSlot(bytes, Slot.Sync.Index, line);
        int end = LaunchImage.HeaderSize + (program.Slots.Count * 8);
        foreach (Block block in wanted)
        {
            end = Math.Max(end, places[block] + block.Bytes.Length);
        }
        SetAnswer(bytes, LaunchImage.HeaderSize, end - LaunchImage.HeaderSize);
        return new LaunchRequest(program, bytes, places, end - LaunchImage.HeaderSize);
    }

    /// <summary>A request for the beginning of the scratch memory.</summary>
    public static LaunchRequest ForScratch(int line, int count)
    {
        LaunchRequest request = Encode(new LaunchProgram(LaunchStage.World), line);
        byte[] bytes = request.Bytes.ToArray();
        SetAnswer(bytes, (int)(ServerProgram.ScratchAddress - ServerProgram.ArenaAddress), count);
        return new LaunchRequest(request._program, bytes, request._places, count);
    }

    /// <summary>Which step failed and how, by the status of an answer; null when none did.</summary>
    public static (int Index, Errno Errno)? FailureOf(ReadOnlySpan<byte> status)
    {
        ReadOnlySpan<int> words = MemoryMarshal.Cast<byte, int>(status);
        return words[0] == 0 ? null : (words[1], (Errno)words[2]);
    }

    /// <summary>What a slot holds in the end.</summary>
    /// <param name="answer">What followed the status.</param>
    /// <param name="slot">A slot of the program.</param>
    public static long Read(ReadOnlySpan<byte> answer, Slot slot) => BinaryPrimitives.ReadInt64LittleEndian(answer[(slot.Index * 8)..]);

    /// <summary>What a block that was wanted holds in the end.</summary>
    /// <param name="answer">What followed the status.</param>
    /// <param name="block">One that was wanted.</param>
    public ReadOnlySpan<byte> Read(ReadOnlySpan<byte> answer, Block block) => answer.Slice(_places[block] - LaunchImage.HeaderSize, block.Bytes.Length);

    /// <summary>The step of an index, for errors.</summary>
    public LaunchStep StepAt(int index) => _program.Steps[Math.Clamp(index, 0, _program.Steps.Count - 1)];

    /// <summary>Puts the part of the image that is sent back into the words that a launcher has for namespaces.</summary>
    internal static void SetAnswer(Span<byte> image, int offset, int length)
    {
        Span<int> header = MemoryMarshal.Cast<byte, int>(image[..LaunchImage.HeaderSize]);
        (header[13], header[14]) = (offset, length);
    }
}

/// <summary>A launch that a <see cref="ServerProgram"/> starts: its first stage as an executable that has its descriptors already.</summary>
public static class ServedLaunch
{
    /// <summary>The executable of a first stage.</summary>
    /// <param name="world">Encoded for the server's machine.</param>
    /// <param name="sync">The server's number of the socket that the stage reports to.</param>
    /// <param name="inherited">The server's numbers of what the stage inherits, in order.</param>
    /// <exception cref="FormatException">The bytes are no first stage for that machine.</exception>
    public static byte[] ToElf(ReadOnlySpan<byte> world, int sync, params ReadOnlySpan<int> inherited)
    {
        LaunchImage image = LaunchImage.FromBytes(world.ToArray(), KernelArchitecture.Arm64);
        byte[] bytes = image.Bytes.ToArray();
        LaunchImage.SetSlot(bytes, Slot.Sync.Index, sync);
        for (int i = 0; i < inherited.Length; i++)
        {
            LaunchImage.SetSlot(bytes, Slot.Sync.Index + 1 + i, inherited[i]);
        }
        return SelfProgram.ToElf(LaunchImage.FromBytes(bytes, KernelArchitecture.Arm64));
    }

    /// <summary>Arguments of clone3(2) for the process of a first stage: the namespaces it is born into, its cgroup, and where its pidfd goes.</summary>
    /// <param name="world">Encoded for the server's machine.</param>
    /// <param name="pidfd">Receives the number of the pidfd.</param>
    /// <param name="inherited">As for <see cref="ToElf"/>.</param>
    public static Block CloneArguments(ReadOnlySpan<byte> world, Block pidfd, params ReadOnlySpan<int> inherited)
    {
        LaunchImage image = LaunchImage.FromBytes(world.ToArray(), KernelArchitecture.Arm64);
        int slot = image.CgroupSlot - Slot.Sync.Index - 1;
        bool hasCgroup = image.CgroupSlot != 0;
        var arguments = new Abi.clone_args
        {
            flags = (ulong)(uint)image.Namespaces | Abi.Kernel.CLONE_PIDFD | (hasCgroup ? (ulong)Abi.Kernel.CLONE_INTO_CGROUP : 0),
            exit_signal = (ulong)Signal.CHLD,
            cgroup = hasCgroup ? (ulong)inherited[slot] : 0,
        };
        return Block.Of(MemoryMarshal.AsBytes(new ReadOnlySpan<Abi.clone_args>(in arguments)), $"{{{image.Namespaces}}}", (8, pidfd, 0));
    }
}

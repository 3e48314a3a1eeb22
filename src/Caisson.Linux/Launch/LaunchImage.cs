using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Caisson.Linux.Launch;

/// <summary>A launch program as flat, position-independent bytes that the interpreter walks.</summary>
/// <remarks>
/// <code>
///   0  "CSNL"   4  version, 6 architecture   8  size   12  operations   16  their offset   20  offset of the slots   24  slots
///  28  offset of the relocations   32  report: kind 1, 36 index, 40 errno, 44 stage   48  relocations
///  52  namespaces   56  mode   60  slot of the cgroup
///  64  slots (8 bytes each), operations (96 bytes each), data, relocations (4 bytes each)
/// operation:  0 number   8 arguments (6 × 8)   56 which are slots   64 slot of the result   68 skip after success
///  72 skip after an expected error   76, 80, 84 expected errors (0 none, -1 any)
/// </code>
/// A relocation names the offset of a word to which the address of the image is added when it is loaded.
/// </remarks>
public sealed class LaunchImage
{
    internal const int HeaderSize = 64;
    internal const int OperationSize = 96;
    private const uint Magic = 0x4c4e5343;
    private const int Version = 2;
    private const int ArchitectureShift = 16;

    private LaunchImage(byte[] bytes) => Bytes = bytes;

    /// <summary>For which machine it is.</summary>
    public KernelArchitecture Architecture => (KernelArchitecture)(MemoryMarshal.Cast<byte, int>(Bytes.Span[..HeaderSize])[1] >> ArchitectureShift);

    /// <summary>Namespaces the child is born into.</summary>
    public NamespaceKind Namespaces => (NamespaceKind)MemoryMarshal.Cast<byte, int>(Bytes.Span[..HeaderSize])[13];

    /// <summary>Whether the child shares the memory of the process that starts it.</summary>
    public LaunchMode Mode => (LaunchMode)MemoryMarshal.Cast<byte, int>(Bytes.Span[..HeaderSize])[14];

    /// <summary>The index of the slot that holds the cgroup into which the child is born; 0 for that of its parent.</summary>
    internal int CgroupSlot => MemoryMarshal.Cast<byte, int>(Bytes.Span[..HeaderSize])[15];

    /// <summary>The encoded program; may be sent to another process and given to <see cref="FromBytes(byte[])"/> there.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Takes bytes that came from another process of ours.</summary>
    /// <exception cref="FormatException">They are not a whole image of this version for this machine.</exception>
    public static LaunchImage FromBytes(byte[] bytes) => FromBytes(bytes, KernelArchitectures.Own);

    /// <summary>As the other, of an image for <paramref name="architecture"/>.</summary>
    internal static LaunchImage FromBytes(byte[] bytes, KernelArchitecture architecture)
    {
        Check(bytes, architecture);
        return new(bytes);
    }

    internal static LaunchImage Encode(LaunchProgram program, KernelArchitecture architecture) => Encode(program, architecture, mayLoop: false, out _);

    /// <summary>Encodes <paramref name="program"/>, and says where its blocks are.</summary>
    internal static LaunchImage Encode(LaunchProgram program, KernelArchitecture architecture, bool mayLoop, out Dictionary<Block, int> places)
    {
        var steps = program.Snapshot();
        int slots = HeaderSize;
        int operations = slots + (program.Slots.Count * 8);
        int size = operations + (steps.Length * OperationSize);

        places = new(steps.Length);
        List<Block> order = new(steps.Length);
        int addresses = 0;
        foreach (var step in steps)
        {
            foreach (var argument in step.Arguments)
            {
                if (argument.Block is { } block)
                {
                    Place(block, places, order, ref size);
                    addresses++;
                }
            }
        }
        foreach (var block in order)
        {
            addresses += block.Pointers.Length;
        }

        byte[] image = new byte[size + (addresses * 4)];
        var relocations = MemoryMarshal.Cast<byte, int>(image.AsSpan(size));
        addresses = 0;
        for (int i = 0; i < steps.Length; i++)
        {
            EncodeStep(steps[i], i, architecture, mayLoop, image, operations + (i * OperationSize), places, relocations, ref addresses);
        }
        foreach (var block in order)
        {
            int place = places[block];
            block.CopyTo(image.AsSpan(place), architecture);
            foreach (var (offset, target, targetOffset) in block.Pointers)
            {
                BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(place + offset), places[target] + targetOffset);
                relocations[addresses++] = place + offset;
            }
        }

        var header = MemoryMarshal.Cast<byte, int>(image.AsSpan(0, HeaderSize));
        header[0] = unchecked((int)Magic);
        header[1] = Version | ((int)architecture << ArchitectureShift);
        header[2] = image.Length;
        header[3] = steps.Length;
        header[4] = operations;
        header[5] = slots;
        header[6] = program.Slots.Count;
        header[7] = size;
        header[8] = (int)LaunchReportKind.Failed;
        header[11] = (int)program.Stage;
        header[12] = relocations.Length;
        header[13] = (int)program.Namespaces;
        header[14] = (int)program.Mode;
        header[15] = program.Cgroup.Index;
        SetSlot(image, Slot.Sync.Index, program.SyncDescriptor);
        return new(image);
    }

    /// <summary>Adds <paramref name="address"/> to every word that is an address.</summary>
    internal static void Relocate(Span<byte> image, long address)
    {
        var header = MemoryMarshal.Cast<byte, int>(image[..HeaderSize]);
        var relocations = MemoryMarshal.Cast<byte, int>(image.Slice(header[7], header[12] * 4));
        foreach (int offset in relocations)
        {
            var word = image.Slice(offset, 8);
            BinaryPrimitives.WriteInt64LittleEndian(word, BinaryPrimitives.ReadInt64LittleEndian(word) + address);
        }
    }

    internal static void SetSlot(Span<byte> image, int slot, long value) =>
        BinaryPrimitives.WriteInt64LittleEndian(image.Slice(HeaderSize + (slot * 8), 8), value);

    private static void Place(Block block, Dictionary<Block, int> places, List<Block> order, ref int size)
    {
        if (!places.TryAdd(block, size))
        {
            return;
        }
        order.Add(block);
        size = checked(size + ((block.Bytes.Length + 7) & ~7));
        foreach (var (_, target, _) in block.Pointers)
        {
            Place(target, places, order, ref size);
        }
    }

    private static void EncodeStep(
        LaunchStep step, int index, KernelArchitecture architecture, bool mayLoop, byte[] image, int at, Dictionary<Block, int> places, Span<int> relocations, ref int addresses)
    {
        var operation = image.AsSpan(at, OperationSize);
        BinaryPrimitives.WriteInt64LittleEndian(operation, LaunchWords.Number(step.Call, architecture));
        int fromSlot = 0;
        for (int i = 0; i < step.Arguments.Length; i++)
        {
            var argument = step.Arguments[i];
            long value = LaunchWords.Argument(step.Call, i, argument.Number, architecture);
            if (argument.Slot is not null)
            {
                fromSlot |= 1 << i;
            }
            else if (argument.Block is { } block)
            {
                value += places[block];
                relocations[addresses++] = at + 8 + (i * 8);
            }
            BinaryPrimitives.WriteInt64LittleEndian(operation[(8 + (i * 8))..], value);
        }
        BinaryPrimitives.WriteInt32LittleEndian(operation[56..], fromSlot);
        BinaryPrimitives.WriteInt32LittleEndian(operation[64..], step.Result.Index);
        BinaryPrimitives.WriteInt32LittleEndian(operation[68..], Skip(step.OnSuccess, index, mayLoop));
        BinaryPrimitives.WriteInt32LittleEndian(operation[72..], Skip(step.OnExpected, index, mayLoop));
        for (int i = 0; i < step.Expected.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(operation[(76 + (i * 4))..], (int)step.Expected[i]);
        }
        if (step.ExpectsAny)
        {
            BinaryPrimitives.WriteInt32LittleEndian(operation[76..], -1);
        }
    }

    /// <summary>Jumps only go forward, so that every program ends; only a server's may go back, to wait for something.</summary>
    private static int Skip(Label? target, int index, bool mayLoop) =>
        target is null ? 0
        : target.Position > index || (mayLoop && target.Position >= 0) ? target.Position - index - 1
        : throw new InvalidOperationException($"step {index} jumps to a label that is not after it");

    private static void Check(ReadOnlySpan<byte> bytes, KernelArchitecture architecture)
    {
        if (bytes.Length < HeaderSize)
        {
            throw new FormatException("launch image: shorter than its header");
        }
        var header = MemoryMarshal.Cast<byte, int>(bytes[..HeaderSize]);
        long operationsEnd = header[4] + ((long)header[3] * OperationSize);
        long relocationsEnd = header[7] + ((long)header[12] * 4);
        if (header[0] != unchecked((int)Magic) || header[1] != (Version | ((int)architecture << ArchitectureShift)) || header[2] != bytes.Length || header[5] != HeaderSize
            || header[3] < 0 || header[6] < 2 || header[12] < 0 || header[15] < 0 || header[15] >= header[6] || header[4] < HeaderSize + ((long)header[6] * 8)
            || operationsEnd > header[7] || relocationsEnd != bytes.Length)
        {
            throw new FormatException("launch image: not of this version, not for this machine, or cut");
        }
    }
}

/// <summary>What a child says on the synchronisation socket: sixteen bytes, the first four of which are this.</summary>
public enum LaunchReportKind
{
    /// <summary>A step failed: its index, the error number, the stage.</summary>
    Failed = 1,

    /// <summary>The child waits for one byte before it goes on; which point it reached.</summary>
    Checkpoint = 2,

    /// <summary>A descriptor comes with this message; which one.</summary>
    Descriptor = 3,

    /// <summary>The joining child made the process that will run the program: its pid.</summary>
    Cloned = 4,
}

using System.Buffers.Binary;

using Caisson.Linux.Seccomp;

namespace Caisson.Linux.Tests.Seccomp;

/// <summary>What seccomp shows a filter: <c>struct seccomp_data</c>.</summary>
internal sealed record Call(uint Architecture, uint Number, ulong[] Arguments)
{
    public const uint X64 = 0xc000003e;
    public const uint X86 = 0x40000003;
    public const uint Arm64 = 0xc00000b7;

    public Call(uint architecture, int number, params ulong[] arguments) : this(architecture, (uint)number, arguments)
    {
    }

    public uint Word(uint offset) => offset switch
    {
        0 => Number,
        4 => Architecture,
        >= 16 and < 64 when offset % 4 == 0 => Half((offset - 16) / 8, offset % 8 == 4),
        _ => throw new InvalidOperationException($"load of offset {offset}"),
    };

    public ulong Argument(int index) => index < Arguments.Length ? Arguments[index] : 0;

    public override string ToString() =>
        $"arch {Architecture:x} nr {Number:x} ({string.Join(", ", Arguments.Select(a => a.ToString("x", null)))})";

    private uint Half(uint index, bool high) => (uint)(Argument((int)index) >> (high ? 32 : 0));
}

/// <summary>Runs a classic BPF program as the kernel would, and checks what the kernel's verifier checks.</summary>
internal sealed class BpfMachine(SeccompFilter filter)
{
    private const int Load = 0x20, And = 0x54, Jump = 0x05, Equal = 0x15, Greater = 0x25, AtLeast = 0x35, Return = 0x06;
    private readonly ulong[] _code = [.. Enumerable.Range(0, filter.InstructionCount)
        .Select(i => BinaryPrimitives.ReadUInt64LittleEndian(filter.Program.Span[(i * 8)..]))];

    public int Steps { get; private set; }

    public uint Run(Call call)
    {
        uint a = 0;
        Steps = 0;
        for (int i = 0; ; i++)
        {
            Steps++;
            var (opcode, ifTrue, ifFalse, k) = Decode(_code[i]);
            switch (opcode)
            {
                case Load: a = call.Word(k); break;
                case And: a &= k; break;
                case Jump: i += (int)k; break;
                case Equal: i += a == k ? ifTrue : ifFalse; break;
                case Greater: i += a > k ? ifTrue : ifFalse; break;
                case AtLeast: i += a >= k ? ifTrue : ifFalse; break;
                case Return: return k;
                default: throw new InvalidOperationException($"opcode {opcode:x}");
            }
        }
    }

    /// <summary>Every jump lands inside and the last instruction returns, as the kernel demands.</summary>
    public bool IsSound() => _code.Select((word, i) =>
    {
        var (opcode, ifTrue, ifFalse, k) = Decode(word);
        return opcode switch
        {
            Jump => i + k + 1 < _code.Length,
            Equal or Greater or AtLeast => i + ifTrue + 1 < _code.Length && i + ifFalse + 1 < _code.Length,
            Return => true,
            _ => i + 1 < _code.Length,
        };
    }).All(ok => ok);

    private static (int Opcode, byte IfTrue, byte IfFalse, uint K) Decode(ulong word) =>
        ((ushort)word, (byte)(word >> 16), (byte)(word >> 24), (uint)(word >> 32));
}

using System.Buffers.Binary;

namespace Caisson.Linux.Seccomp;

/// <summary>Where a jump goes: to an instruction already written, or to "return this value", wherever one is near.</summary>
/// <param name="IsReturn">Which of the two <paramref name="Value"/> is.</param>
/// <param name="Value">The value to return, or the distance of the instruction from the end of the program, from 0.</param>
internal readonly record struct BpfTarget(bool IsReturn, uint Value)
{
    public static BpfTarget Return(SeccompAction action) => new(true, action.ReturnValue);
}

/// <summary>Writes a classic BPF program from its end to its start, so that every jump goes to what is already there.</summary>
/// <remarks>
/// Conditional jumps reach 255 instructions. A return that is farther is written again, anything else gets a long jump
/// beside the conditional one. Source: linux/filter.h, linux/bpf_common.h; seccomp(2) for what seccomp admits.
/// </remarks>
internal sealed class BpfAssembler
{
    private const int ReachMax = 255;
    private readonly List<ulong> _code = new(512);
    private readonly Dictionary<uint, int> _returns = [];

    /// <summary>Loads the 32 bits at <paramref name="offset"/> of <c>struct seccomp_data</c>, then goes on at <paramref name="next"/>.</summary>
    public BpfTarget Load(int offset, BpfTarget next)
    {
        Adjoin(next);
        return Append(Opcode.LoadAbsolute, (uint)offset);
    }

    /// <summary>Keeps the bits of <paramref name="mask"/>, then goes on at <paramref name="next"/>.</summary>
    public BpfTarget And(uint mask, BpfTarget next)
    {
        Adjoin(next);
        return Append(Opcode.And, mask);
    }

    /// <summary>Goes to <paramref name="yes"/> when what was loaded equals <paramref name="value"/>.</summary>
    public BpfTarget IfEqual(uint value, BpfTarget yes, BpfTarget no) => Branch(Opcode.JumpEqual, value, yes, no);

    /// <summary>Goes to <paramref name="yes"/> when what was loaded is above <paramref name="value"/>, unsigned.</summary>
    public BpfTarget IfGreater(uint value, BpfTarget yes, BpfTarget no) => Branch(Opcode.JumpGreater, value, yes, no);

    /// <summary>Goes to <paramref name="yes"/> when what was loaded is <paramref name="value"/> or above, unsigned.</summary>
    public BpfTarget IfAtLeast(uint value, BpfTarget yes, BpfTarget no) => Branch(Opcode.JumpAtLeast, value, yes, no);

    /// <summary>The program, when it starts at <paramref name="start"/>; null when it is too long for the kernel.</summary>
    public byte[]? Finish(BpfTarget start)
    {
        Adjoin(start);
        if (_code.Count > SeccompFilter.InstructionsMax)
        {
            return null;
        }
        byte[] program = new byte[_code.Count * SeccompFilter.InstructionSize];
        for (int i = 0; i < _code.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(
                program.AsSpan(i * SeccompFilter.InstructionSize), _code[_code.Count - 1 - i]);
        }
        return program;
    }

    private BpfTarget Branch(Opcode opcode, uint value, BpfTarget yes, BpfTarget no)
    {
        if (yes == no)
        {
            return yes;
        }
        int yesAt = Reachable(yes);
        int noAt = Reachable(no);
        int here = _code.Count;
        return Append(opcode, value, here - yesAt - 1, here - noAt - 1);
    }

    /// <summary>A place to jump to that stays within reach though one more instruction may come between.</summary>
    private int Reachable(BpfTarget target)
    {
        if (target.IsReturn)
        {
            return _returns.TryGetValue(target.Value, out int known) && _code.Count - known <= ReachMax
                ? known
                : (int)AppendReturn(target.Value).Value;
        }
        int at = (int)target.Value;
        return _code.Count - at <= ReachMax ? at : (int)AppendJump(at).Value;
    }

    /// <summary>Makes <paramref name="target"/> the instruction that follows the one to be written next.</summary>
    private void Adjoin(BpfTarget target)
    {
        if (target.IsReturn)
        {
            AppendReturn(target.Value);
        }
        else if (target.Value != _code.Count - 1)
        {
            AppendJump((int)target.Value);
        }
    }

    private BpfTarget AppendReturn(uint value)
    {
        _returns[value] = _code.Count;
        return Append(Opcode.Return, value);
    }

    private BpfTarget AppendJump(int at) => Append(Opcode.Jump, (uint)(_code.Count - at - 1));

    /// <summary><c>struct sock_filter</c>: u16 code, u8 jump if true, u8 jump if false, u32 operand.</summary>
    private BpfTarget Append(Opcode opcode, uint operand, int ifTrue = 0, int ifFalse = 0)
    {
        _code.Add((uint)opcode | ((ulong)(byte)ifTrue << 16) | ((ulong)(byte)ifFalse << 24) | ((ulong)operand << 32));
        return new(false, (uint)(_code.Count - 1));
    }

    private enum Opcode : ushort
    {
        LoadAbsolute = 0x20,
        And = 0x54,
        Jump = 0x05,
        JumpEqual = 0x15,
        JumpGreater = 0x25,
        JumpAtLeast = 0x35,
        Return = 0x06,
    }
}

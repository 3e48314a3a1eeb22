using System.Globalization;

namespace Caisson.Linux.Launch;

/// <summary>One argument of a step: a number, the content of a slot, or the address of a block.</summary>
public readonly struct Argument
{
    private readonly string? _symbol;

    private Argument(long number, string? symbol, Block? block, Slot? slot, int offset)
    {
        Number = number;
        _symbol = symbol;
        Block = block;
        Slot = slot;
        Offset = offset;
    }

    internal long Number { get; }

    internal Block? Block { get; }

    internal Slot? Slot { get; }

    internal int Offset { get; }

    /// <summary>A number with the name people know it by.</summary>
    public static Argument Of(long number, string symbol) => new(number, symbol, null, null, 0);

    /// <summary>A flag or constant of a kernel enumeration, printed by its name.</summary>
    public static Argument Of<T>(T value) where T : struct, Enum =>
        new(Convert.ToInt64(value, CultureInfo.InvariantCulture), value.ToString(), null, null, 0);

    /// <summary>The address <paramref name="offset"/> bytes into <paramref name="block"/>.</summary>
    public static Argument At(Block block, int offset) => new(0, null, block, null, offset);

    /// <summary>A plain number.</summary>
    public static implicit operator Argument(long number) => new(number, null, null, null, 0);

    /// <summary>What <paramref name="slot"/> holds when the step runs.</summary>
    public static implicit operator Argument(Slot slot) => new(slot.Index, null, null, slot, 0);

    /// <summary>The address of <paramref name="block"/>.</summary>
    public static implicit operator Argument(Block block) => new(0, null, block, null, 0);

    /// <summary>The address of <paramref name="text"/>, NUL-terminated.</summary>
    public static implicit operator Argument(string text) => new(0, null, Block.Text(text), null, 0);

    /// <summary>As <c>explain</c> prints it.</summary>
    public override string ToString() =>
        Slot is { } slot ? slot.Name
        : Block is { } block ? block.Description
        : _symbol ?? (Number is >= -4096 and <= 65_536
            ? Number.ToString(CultureInfo.InvariantCulture)
            : $"0x{Number:x}");
}

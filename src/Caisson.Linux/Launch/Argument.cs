using System.Globalization;

namespace Caisson.Linux.Launch;

/// <summary>One argument of a step: a number, the content of a slot, or the address of a block.</summary>
public readonly struct Argument
{
    // A slot, a block, what a person reads in place of the number (a text or a constant), or nothing.
    private readonly object? _what;

    private Argument(long number, object? what) => (Number, _what) = (number, what);

    /// <summary>The number; for a block the offset into it.</summary>
    internal long Number { get; }

    internal Block? Block => _what as Block;

    internal Slot? Slot => _what as Slot;

    /// <summary>A number with the name people know it by.</summary>
    public static Argument Of(long number, string symbol) => new(number, symbol);

    /// <summary>A flag or constant of a kernel enumeration, printed by its name.</summary>
    public static Argument Of<T>(T value) where T : struct, Enum
    {
        object boxed = value;
        return new(((IConvertible)boxed).ToInt64(CultureInfo.InvariantCulture), boxed);
    }

    /// <summary>The address <paramref name="offset"/> bytes into <paramref name="block"/>.</summary>
    public static Argument At(Block block, int offset) => new(offset, block);

    /// <summary>A plain number.</summary>
    public static implicit operator Argument(long number) => new(number, null);

    /// <summary>What <paramref name="slot"/> holds when the step runs.</summary>
    public static implicit operator Argument(Slot slot) => new(slot.Index, slot);

    /// <summary>The address of <paramref name="block"/>.</summary>
    public static implicit operator Argument(Block block) => new(0, block);

    /// <summary>The address of <paramref name="text"/>, NUL-terminated.</summary>
    public static implicit operator Argument(string text) => new(0, Block.Text(text));

    /// <summary>As <c>explain</c> prints it.</summary>
    public override string ToString() => _what switch
    {
        Slot slot => slot.Name,
        Block block => block.Description,
        { } symbol => symbol.ToString()!,
        null when Number is >= -4096 and <= 65_536 => Number.ToString(CultureInfo.InvariantCulture),
        null => $"0x{Number:x}",
    };
}

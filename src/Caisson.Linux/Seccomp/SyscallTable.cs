namespace Caisson.Linux.Seccomp;

/// <summary>Numbers of one system call; -1 where the convention has no such call.</summary>
/// <param name="X64">On x86-64.</param>
/// <param name="X86">On i386; for socket and System V IPC calls the direct one, beside <c>socketcall</c> and <c>ipc</c>.</param>
/// <param name="X32">On x32, with the x32 bit (0x40000000).</param>
/// <param name="Arm64">On arm64.</param>
public readonly record struct SyscallNumbers(int X64, int X86, int X32, int Arm64);

/// <summary>Names and numbers of the system calls of x86-64, i386, x32 and arm64.</summary>
public static partial class SyscallTable
{
    /// <summary>Marks a call as x32's. Source: __X32_SYSCALL_BIT of asm/unistd.h.</summary>
    public const int X32Bit = 0x40000000;

    /// <summary>How many names are known.</summary>
    public static int Count => (Rows.Length + 1) / RowLength;

    /// <summary>Finds a call by its name on any of the four conventions; false for an unknown one.</summary>
    public static bool TryFind(ReadOnlySpan<char> name, out SyscallNumbers numbers)
    {
        int low = 0;
        int high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = Compare(name, Row(middle));
            if (order == 0)
            {
                numbers = Numbers(middle);
                return true;
            }
            if (order < 0)
            {
                high = middle - 1;
            }
            else
            {
                low = middle + 1;
            }
        }
        numbers = new(-1, -1, -1, -1);
        return false;
    }

    /// <summary>The name of an x86-64 call, for messages; null for a number that this table does not know.</summary>
    public static string? NameOf(int number) => NameOf(number, SeccompConvention.X64);

    /// <summary>The name of a call; the x32 bit of <paramref name="number"/> does not matter.</summary>
    internal static string? NameOf(int number, SeccompConvention convention)
    {
        for (int i = 0; i < Count; i++)
        {
            if (Number(Row(i), (int)convention) == (number & ~X32Bit))
            {
                return NameAt(i);
            }
        }
        return null;
    }

    /// <summary>The name in row <paramref name="index"/>, 0 to <see cref="Count"/> - 1; sorted.</summary>
    public static string NameAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return System.Text.Encoding.ASCII.GetString(Row(index)[..NameLength].TrimEnd((byte)' '));
    }

    private static ReadOnlySpan<byte> Row(int index) => Rows.Slice(index * RowLength, RowLength - 1);

    private static SyscallNumbers Numbers(int index)
    {
        var row = Row(index);
        int x32 = Number(row, 2);
        return new(Number(row, 0), Number(row, 1), x32 < 0 ? -1 : x32 | X32Bit, Number(row, 3));
    }

    private static int Number(ReadOnlySpan<byte> row, int column)
    {
        int value = -1;
        foreach (byte digit in row.Slice(NameLength + (column * NumberLength), NumberLength))
        {
            if (digit is >= (byte)'0' and <= (byte)'9')
            {
                value = (Math.Max(value, 0) * 10) + (digit - '0');
            }
        }
        return value;
    }

    /// <summary>Orders <paramref name="name"/> against the name of a row, as bytes.</summary>
    private static int Compare(ReadOnlySpan<char> name, ReadOnlySpan<byte> row)
    {
        for (int i = 0; i < name.Length; i++)
        {
            if (i >= NameLength || row[i] == ' ')
            {
                return 1;
            }
            if (name[i] != row[i])
            {
                return name[i] - row[i];
            }
        }
        return name.Length == NameLength || row[name.Length] == ' ' ? 0 : -1;
    }
}

using System.Buffers;

namespace Caisson.Control.Builds;

/// <summary>The mode of <c>--chmod</c>: octal, or the symbolic form of chmod(1).</summary>
internal static class CopyMode
{
    private static readonly SearchValues<char> Permissions = SearchValues.Create("rwxXst");

    /// <summary>Whether <paramref name="text"/> is a mode.</summary>
    public static bool IsValid(string text) => TryApply(text, 0, isDirectory: false, out _);

    /// <summary>The mode that comes of a file's own.</summary>
    public static int Apply(string text, int mode, bool isDirectory) => TryApply(text, mode, isDirectory, out int changed) ? changed : mode;

    private static bool TryApply(string text, int mode, bool isDirectory, out int changed)
    {
        changed = mode;
        if (text.Length is > 0 and <= 5 && text.All(c => c is >= '0' and <= '7'))
        {
            changed = Convert.ToInt32(text, 8) & 0xFFF;
            return true;
        }
        foreach (string clause in text.Split(','))
        {
            int at = clause.AsSpan().IndexOfAny('+', '-', '=');
            if (at < 0 || clause.AsSpan(0, at).IndexOfAnyExcept("ugoa") >= 0)
            {
                return false;
            }
            string who = at == 0 || clause.AsSpan(0, at).Contains('a') ? "ugo" : clause[..at];
            while (at < clause.Length)
            {
                char operation = clause[at++];
                int length = clause.AsSpan(at).IndexOfAny('+', '-', '=');
                int end = length < 0 ? clause.Length : at + length;
                string permissions = clause[at..end];
                if (permissions.AsSpan().IndexOfAnyExcept(Permissions) >= 0)
                {
                    return false;
                }
                changed = Change(changed, who, operation, permissions, isDirectory);
                at = end;
            }
        }
        return text.Length > 0;
    }

    private static int Change(int mode, string who, char operation, string permissions, bool isDirectory)
    {
        int bits = 0;
        int scope = 0;
        foreach ((char one, int shift, int set) in ((char, int, int)[])[('u', 6, 0x800), ('g', 3, 0x400), ('o', 0, 0)])
        {
            if (!who.Contains(one))
            {
                continue;
            }
            scope |= (7 << shift) | set;
            foreach (char permission in permissions)
            {
                bits |= permission switch
                {
                    'r' => 4 << shift,
                    'w' => 2 << shift,
                    'x' => 1 << shift,
                    'X' => isDirectory || (mode & 0x49) != 0 ? 1 << shift : 0,
                    's' => set,
                    _ => 0x200,
                };
            }
        }
        return operation switch
        {
            '+' => mode | bits,
            '-' => mode & ~bits,
            _ => (mode & ~scope) | bits,
        };
    }
}

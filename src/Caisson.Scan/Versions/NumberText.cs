namespace Caisson.Scan.Versions;

/// <summary>Runs of decimal digits of any length, compared as the numbers they are.</summary>
internal static class NumberText
{
    /// <summary>Negative, zero or positive as <paramref name="a"/> is less than, equal to or greater than <paramref name="b"/>; empty is zero.</summary>
    public static int Compare(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        a = a.TrimStart('0');
        b = b.TrimStart('0');
        return a.Length != b.Length ? a.Length.CompareTo(b.Length) : a.SequenceCompareTo(b);
    }

    /// <summary>How many digits <paramref name="text"/> starts with.</summary>
    public static int Length(ReadOnlySpan<char> text)
    {
        int other = text.IndexOfAnyExceptInRange('0', '9');
        return other < 0 ? text.Length : other;
    }

    /// <summary>Takes the digits that <paramref name="text"/> starts with.</summary>
    public static ReadOnlySpan<char> Take(ref ReadOnlySpan<char> text)
    {
        int length = Length(text);
        ReadOnlySpan<char> digits = text[..length];
        text = text[length..];
        return digits;
    }
}

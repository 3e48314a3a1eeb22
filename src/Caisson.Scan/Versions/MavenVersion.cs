using System.Buffers;

namespace Caisson.Scan.Versions;

/// <summary>The order of Maven's versions, in which some words have a meaning.</summary>
/// <remarks>Source: Maven POM reference, "Version Order Specification".</remarks>
public static class MavenVersion
{
    // Before the release, the release (empty), after it.
    private static readonly string[] Qualifiers = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

    private static readonly SearchValues<char> Ends = SearchValues.Create(".-_0123456789");

    private readonly record struct Token(char Separator, string Text)
    {
        public bool IsNumber => Text.Length > 0 && char.IsAsciiDigit(Text[0]);

        /// <summary>True for what can be left out at the end.</summary>
        public bool IsNull => IsNumber ? Text.AsSpan().TrimStart('0').IsEmpty : Text is "" or "final" or "ga" or "release";
    }

    /// <summary>Negative, zero or positive as <paramref name="a"/> is older than, equal to or newer than <paramref name="b"/>.</summary>
    public static int Compare(string a, string b)
    {
        List<Token> left = Tokens(a);
        List<Token> right = Tokens(b);
        for (int i = 0; i < Math.Max(left.Count, right.Count); i++)
        {
            Token x = i < left.Count ? left[i] : Padding(right[i]);
            Token y = i < right.Count ? right[i] : Padding(left[i]);
            int order = Compare(x, y);
            if (order != 0)
            {
                return order;
            }
        }
        return 0;
    }

    private static Token Padding(Token other) => new(other.Separator, other.IsNumber ? "0" : "");

    private static int Compare(Token a, Token b)
    {
        int kindA = Kind(a);
        int kindB = Kind(b);
        if (kindA != kindB)
        {
            return kindA.CompareTo(kindB);
        }
        if (a.IsNumber)
        {
            return NumberText.Compare(a.Text, b.Text);
        }
        int order = Order(a.Text).CompareTo(Order(b.Text));
        return order != 0 || Order(a.Text) < Qualifiers.Length ? order : string.CompareOrdinal(a.Text, b.Text);
    }

    /// <summary>Words after a dash are before words after a dot, those before numbers after a dash, and those before numbers after a dot.</summary>
    private static int Kind(Token token) => token.IsNumber ? (token.Separator == '-' ? 1 : 2) : 0;

    private static int Order(string word)
    {
        int known = Array.IndexOf(Qualifiers, word is "final" or "ga" or "release" ? "" : word == "cr" ? "rc" : word);
        return known < 0 ? Qualifiers.Length : known;
    }

    private static List<Token> Tokens(string version)
    {
        List<Token> tokens = [];
        ReadOnlySpan<char> rest = version.Trim().ToLowerInvariant();
        char separator = '.';
        while (!rest.IsEmpty)
        {
            if (rest[0] is '.' or '-' or '_')
            {
                separator = rest[0] == '.' ? '.' : '-';
                rest = rest[1..];
                continue;
            }
            int length = NumberText.Length(rest);
            bool number = length > 0;
            if (!number)
            {
                length = rest.IndexOfAny(Ends);
                length = length < 0 ? rest.Length : length;
            }
            string text = rest[..length].ToString();
            bool digitFollows = rest.Length > length && char.IsAsciiDigit(rest[length]);
            if (!number && digitFollows)
            {
                text = text switch { "a" => "alpha", "b" => "beta", "m" => "milestone", _ => text };
            }
            tokens.Add(new Token(separator, text));
            rest = rest[length..];
            separator = '-'; // between letters and digits as if a dash were there
        }
        Trim(tokens);
        return tokens;
    }

    /// <summary>Zeros and words without meaning go, at the end and before each dash.</summary>
    private static void Trim(List<Token> tokens)
    {
        for (int i = tokens.Count - 1; i > 0; i--)
        {
            bool last = i == tokens.Count - 1 || tokens[i + 1].Separator == '-';
            if (last && tokens[i].IsNull)
            {
                tokens.RemoveAt(i);
            }
        }
    }
}

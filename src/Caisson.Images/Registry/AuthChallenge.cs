namespace Caisson.Images.Registry;

/// <summary>How a registry wants to be shown who asks. Source: RFC 9110 §11.6.1; distribution's token authentication.</summary>
/// <param name="Scheme"><c>basic</c> or <c>bearer</c>, lower case.</param>
/// <param name="Parameters">By lower-case name.</param>
internal sealed record AuthChallenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const int LengthMax = 16 * 1024;

    /// <summary>Reads all challenges of one header; what is malformed ends the reading.</summary>
    public static IReadOnlyList<AuthChallenge> Parse(string header)
    {
        List<AuthChallenge> challenges = [];
        if (header.Length > LengthMax)
        {
            return challenges;
        }
        int at = 0;
        Dictionary<string, string>? parameters = null;
        while (true)
        {
            SkipSeparators(header, ref at);
            string word = Token(header, ref at);
            if (word.Length == 0)
            {
                return challenges;
            }
            int afterWord = at;
            SkipSpaces(header, ref at);
            if (parameters is not null && at < header.Length && header[at] == '=')
            {
                at++;
                SkipSpaces(header, ref at);
                if (Value(header, ref at) is not { } value)
                {
                    return challenges;
                }
                parameters.TryAdd(word.ToLowerInvariant(), value);
                continue;
            }
            at = afterWord;
            parameters = [];
            challenges.Add(new AuthChallenge(word.ToLowerInvariant(), parameters));
        }
    }

    private static void SkipSeparators(string text, ref int at)
    {
        while (at < text.Length && text[at] is ' ' or '\t' or ',')
        {
            at++;
        }
    }

    private static void SkipSpaces(string text, ref int at)
    {
        while (at < text.Length && text[at] is ' ' or '\t')
        {
            at++;
        }
    }

    private static string Token(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || "!#$%&'*+-.^_`|~".Contains(text[at], StringComparison.Ordinal)))
        {
            at++;
        }
        return text[start..at];
    }

    private static string? Value(string text, ref int at)
    {
        if (at >= text.Length || text[at] != '"')
        {
            return Token(text, ref at);
        }
        var value = new System.Text.StringBuilder();
        for (at++; at < text.Length; at++)
        {
            if (text[at] == '"')
            {
                at++;
                return value.ToString();
            }
            if (text[at] == '\\' && at + 1 < text.Length)
            {
                at++;
            }
            value.Append(text[at]);
        }
        return null;
    }
}

namespace Caisson.Errors;

/// <summary>Finds the word a user may have meant.</summary>
public static class Spelling
{
    /// <summary>The candidate nearest to <paramref name="word"/>, or null when none is near.</summary>
    public static string? Nearest(string word, IEnumerable<string> candidates)
    {
        int limit = word.Length <= 3 ? 1 : word.Length <= 6 ? 2 : 3;
        string? best = null;
        foreach (string candidate in candidates)
        {
            int distance = Distance(word, candidate);
            if (distance < limit || (distance == limit && best is null))
            {
                (best, limit) = (candidate, distance);
            }
        }
        return best;
    }

    /// <summary><c>; did you mean 'x'?</c>, to end a message with; empty when no candidate is near.</summary>
    public static string Hint(string word, IEnumerable<string> candidates) =>
        Nearest(word, candidates) is { } nearest ? $"; did you mean '{nearest}'?" : "";

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.</summary>
    internal static int Distance(string from, string to)
    {
        if (Math.Abs(from.Length - to.Length) > 3)
        {
            return int.MaxValue;
        }
        int[] beforeLast = new int[to.Length + 1];
        int[] last = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int[] row = new int[to.Length + 1];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                {
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
                }
            }
            (beforeLast, last) = (last, row);
        }
        return last[to.Length];
    }
}

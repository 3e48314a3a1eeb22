using System.Globalization;

namespace Caisson.Control.Workloads;

/// <summary>Lists of processors or memory nodes as the kernel writes them. Source: cpuset(7), "List format".</summary>
internal static class CpuSet
{
    /// <summary>Whether <paramref name="text"/> is empty or a list such as <c>0-3,7</c>.</summary>
    public static bool IsValid(string text)
    {
        if (text.Length == 0)
        {
            return true;
        }
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !ends.All(end => ushort.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            {
                return false;
            }
        }
        return true;
    }
}

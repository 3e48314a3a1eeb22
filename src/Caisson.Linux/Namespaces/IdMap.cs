using System.Globalization;
using System.Text;
using Caisson.Errors;

namespace Caisson.Linux;

/// <summary>One range of ids: <paramref name="Inside"/>… of a user namespace is <paramref name="Outside"/>… of its parent. Source: user_namespaces(7).</summary>
/// <param name="Inside">First id inside.</param>
/// <param name="Outside">First id outside.</param>
/// <param name="Count">At least 1; neither range may reach 4294967295, which is no id.</param>
public readonly record struct IdMap(uint Inside, uint Outside, uint Count)
{
    /// <summary>How many ranges one map may hold; Linux 4.15.</summary>
    public const int RangesMax = 340;

    /// <summary>The text that goes to <c>/proc/PID/uid_map</c> or <c>gid_map</c>, in one write.</summary>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: empty, too many, or a range that is empty or too long.</exception>
    public static string Format(IReadOnlyList<IdMap> maps)
    {
        if (maps.Count is 0 or > RangesMax)
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"id map with {maps.Count} ranges: 1 to {RangesMax} are possible");
        }
        var text = new StringBuilder();
        foreach (IdMap map in maps)
        {
            if (map.Count == 0 || map.Count > uint.MaxValue - map.Inside || map.Count > uint.MaxValue - map.Outside)
            {
                throw new CaissonException(ErrorKind.InvalidArgument, $"id map {map.Inside} {map.Outside} {map.Count}: the range is empty or passes the last id");
            }
            text.Append(CultureInfo.InvariantCulture, $"{map.Inside} {map.Outside} {map.Count}\n");
        }
        return text.ToString();
    }
}

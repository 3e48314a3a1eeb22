using System.Collections.Immutable;
using System.Globalization;

using Caisson.Control.Workloads;
using Caisson.Oci.Runtime;

namespace Caisson.Control.Volumes;

/// <summary>Whose files a container sees on a mount: <c>uids=DISK-INSIDE-COUNT[#…];gids=DISK-INSIDE-COUNT[#…]</c>.</summary>
/// <param name="Users">From the id on disk (<c>ContainerId</c>) to the id inside (<c>HostId</c>).</param>
/// <param name="Groups">The same for groups; as the users where only those were given.</param>
internal sealed record MountIdMap(ImmutableArray<IdMapping> Users, ImmutableArray<IdMapping> Groups)
{
    /// <summary>Reads the text; false when it is not of the form.</summary>
    public static bool TryParse(string text, out MountIdMap? map)
    {
        map = null;
        ImmutableArray<IdMapping> users = [];
        ImmutableArray<IdMapping> groups = [];
        foreach (string part in text.Split(';'))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !TryParseRanges(part[(equals + 1)..], out ImmutableArray<IdMapping> ranges))
            {
                return false;
            }
            switch (part[..equals])
            {
                case "uids" when users.IsEmpty:
                    users = ranges;
                    break;
                case "gids" when groups.IsEmpty:
                    groups = ranges;
                    break;
                default:
                    return false;
            }
        }
        if (users.IsEmpty)
        {
            return false;
        }
        map = new MountIdMap(users, groups.IsEmpty ? users : groups);
        return true;
    }

    /// <summary>The ranges as the runtime configuration has them: the ids inside in the host's numbers.</summary>
    /// <param name="ranges">Of users or groups.</param>
    /// <param name="ids">The container's own; null for the host's.</param>
    public static ImmutableArray<IdMapping> Shift(ImmutableArray<IdMapping> ranges, IdRange? ids) =>
        [.. ranges.Select(range => range with { HostId = range.HostId + (ids?.First ?? 0) })];

    private static bool TryParseRanges(string text, out ImmutableArray<IdMapping> ranges)
    {
        var all = ImmutableArray.CreateBuilder<IdMapping>();
        ranges = [];
        foreach (string range in text.Split('#'))
        {
            string[] numbers = range.Split('-');
            if (numbers.Length != 3 || !Number(numbers[0], out uint disk) || !Number(numbers[1], out uint inside) || !Number(numbers[2], out uint count)
                || count == 0 || inside >= IdRange.Size || count > IdRange.Size - inside || count > uint.MaxValue - disk)
            {
                return false;
            }
            all.Add(new IdMapping(disk, inside, count));
        }
        ranges = all.ToImmutable();
        return true;

        static bool Number(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}

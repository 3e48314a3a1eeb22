using System.Globalization;
using System.Text;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

/// <summary>Who a program runs as, in ids of the container.</summary>
/// <param name="Uid">The user id.</param>
/// <param name="Gid">The group id.</param>
/// <param name="Groups">Supplementary groups.</param>
/// <param name="Home">The home directory; <c>/</c> when unknown.</param>
public sealed record ContainerUser(uint Uid, uint Gid, IReadOnlyList<uint> Groups, string Home)
{
    private const int FileBytesMax = 4 << 20;

    /// <summary>Finds <paramref name="user"/> in the account files of <paramref name="root"/>.</summary>
    /// <param name="root">The container's root filesystem.</param>
    /// <param name="user"><c>name</c>, <c>uid</c>, <c>name:group</c>, <c>uid:gid</c>; empty for root.</param>
    /// <param name="groups">Further groups, by name or id.</param>
    /// <exception cref="CaissonException"><see cref="ErrorKind.InvalidArgument"/>: there is no such user or group.</exception>
    public static ContainerUser Find(RootDirectory root, string user, IReadOnlyList<string> groups) =>
        Resolve(Text(root, "/etc/passwd"), Text(root, "/etc/group"), user, groups);

    /// <summary>As <see cref="Find"/>, on the texts of passwd(5) and group(5).</summary>
    /// <remarks>A number is never looked up as a name, and one out of range is refused rather than taken as a name (CVE-2026-46680).</remarks>
    internal static ContainerUser Resolve(string passwd, string group, string user, IReadOnlyList<string> groups)
    {
        string userPart = user;
        string? groupPart = null;
        int colon = user.IndexOf(':');
        if (colon >= 0)
        {
            userPart = user[..colon];
            groupPart = user[(colon + 1)..];
        }
        if (userPart.Length == 0)
        {
            userPart = "0";
        }

        bool numeric = TryId(userPart, out uint uid);
        string[]? account = Lines(passwd, 7).FirstOrDefault(line => numeric ? line[2] == userPart : line[0] == userPart);
        if (account is null && !numeric)
        {
            throw Missing("user", userPart);
        }
        uid = account is null ? uid : Id(account[2]);
        uint gid = account is null ? 0 : Id(account[3]);

        List<uint> further = [];
        if (groupPart is { Length: > 0 })
        {
            gid = GroupId(group, groupPart);
        }
        else if (account is not null)
        {
            further.AddRange(Lines(group, 4).Where(line => line[3].Split(',').Contains(account[0])).Select(line => Id(line[2])));
        }
        further.AddRange(groups.Select(name => GroupId(group, name)));
        return new ContainerUser(uid, gid, [.. further.Distinct()], account is { } found && found[5].StartsWith('/') ? found[5] : "/");
    }

    private static uint GroupId(string group, string name)
    {
        if (TryId(name, out uint gid))
        {
            return gid;
        }
        return Lines(group, 3).FirstOrDefault(line => line[0] == name) is { } found ? Id(found[2]) : throw Missing("group", name);
    }

    private static bool TryId(string text, out uint id)
    {
        id = 0;
        if (text.Length == 0 || text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }
        return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id <= int.MaxValue
            ? true
            : throw new CaissonException(ErrorKind.InvalidArgument, $"the id {text} is out of range; ids go from 0 to {int.MaxValue}");
    }

    private static uint Id(string text) => TryId(text, out uint id)
        ? id
        : throw new CaissonException(ErrorKind.InvalidArgument, $"'{text}' in the image's account files is not an id");

    private static IEnumerable<string[]> Lines(string text, int fields) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.TrimEnd('\r').Split(':'))
            .Where(parts => parts.Length >= fields && parts[0].Length > 0 && parts[0][0] != '#');

    private static CaissonException Missing(string kind, string name) =>
        new(ErrorKind.InvalidArgument, $"unable to find {kind} {name}: no matching entries in the {(kind == "user" ? "passwd" : "group")} file");

    private static string Text(RootDirectory root, string path) =>
        root.TryReadFile(path, FileBytesMax) is { } bytes ? Encoding.UTF8.GetString(bytes) : "";
}

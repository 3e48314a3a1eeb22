using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Images.Users;

/// <summary>The accounts of a root filesystem: what <c>USER</c> of an image or <c>--user</c> means there.</summary>
/// <remarks>
/// One resolver for run, exec and build. Digits are an id, never a name; names do not start with a digit; the primary group
/// is always among the supplementary ones. Source: CVE-2016-3697, CVE-2022-36109, CVE-2024-40635 for what must not happen.
/// </remarks>
public sealed class UserDatabase
{
    private readonly RootDirectory _root;

    /// <summary>Reads from <paramref name="root"/>, which stays the caller's, at each question anew.</summary>
    public UserDatabase(RootDirectory root) => _root = root;

    /// <summary>Resolves <c>name</c>, <c>uid</c>, <c>name:group</c>, <c>uid:gid</c> and mixtures; null and empty mean root.</summary>
    /// <param name="user">As the image or the user wrote it.</param>
    /// <param name="additionalGroups">Groups to add, by name or id.</param>
    /// <exception cref="CaissonException">
    /// <see cref="ErrorKind.InvalidArgument"/>: malformed or out of range; <see cref="ErrorKind.NotFound"/>: no such user or group.
    /// </exception>
    public ResolvedUser Resolve(string? user, IEnumerable<string>? additionalGroups = null)
    {
        string text = string.IsNullOrEmpty(user) ? "0" : user;
        int colon = text.IndexOf(':');
        string userPart = colon < 0 ? text : text[..colon];
        string? groupPart = colon < 0 ? null : text[(colon + 1)..];
        if (userPart.Length == 0)
        {
            userPart = "0";
        }

        string[]? account = FindUser(userPart, out uint uid);
        uint gid = account is not null && AccountFile.TryId(account[3], out uint primary) ? primary : 0;
        SortedSet<uint> groups = [];
        if (!string.IsNullOrEmpty(groupPart))
        {
            gid = FindGroup(groupPart);
        }
        else if (account is not null)
        {
            groups.UnionWith(GroupsOf(account[0]));
        }
        groups.Add(gid);
        foreach (string extra in additionalGroups ?? [])
        {
            groups.Add(FindGroup(extra));
        }
        return new ResolvedUser(uid, gid, [.. groups], HomeOf(account), account?[0]);
    }

    /// <summary>The first account by name or id; null for an id without an account.</summary>
    private string[]? FindUser(string text, out uint uid)
    {
        bool isId = AccountFile.TryId(text, out uid);
        if (!isId)
        {
            CheckName(text, "user");
        }
        foreach (string[] line in AccountFile.Read(_root, "/etc/passwd", fields: 7))
        {
            if (!AccountFile.TryId(line[2], out uint id))
            {
                continue;
            }
            if (isId ? id == uid : line[0] == text)
            {
                uid = id;
                return line;
            }
        }
        return isId
            ? null
            : throw new CaissonException(ErrorKind.NotFound, $"no user '{text}' in the image's /etc/passwd; give a number instead");
    }

    private uint FindGroup(string text)
    {
        if (AccountFile.TryId(text, out uint gid))
        {
            return gid;
        }
        CheckName(text, "group");
        foreach (string[] line in AccountFile.Read(_root, "/etc/group", fields: 4))
        {
            if (line[0] == text && AccountFile.TryId(line[2], out gid))
            {
                return gid;
            }
        }
        throw new CaissonException(ErrorKind.NotFound, $"no group '{text}' in the image's /etc/group; give a number instead");
    }

    private IEnumerable<uint> GroupsOf(string user)
    {
        foreach (string[] line in AccountFile.Read(_root, "/etc/group", fields: 4))
        {
            if (line[3].Split(',').Contains(user) && AccountFile.TryId(line[2], out uint gid))
            {
                yield return gid;
            }
        }
    }

    private static string HomeOf(string[]? account) =>
        account is not null && account[5].StartsWith('/') && !account[5].Any(char.IsControl) ? account[5] : "/";

    private static void CheckName(string text, string what)
    {
        if (text.Length is 0 or > 256 || char.IsDigit(text[0]) || text[0] is '-' or '+'
            || text.Any(c => char.IsControl(c) || char.IsWhiteSpace(c) || c == ':'))
        {
            throw new CaissonException(ErrorKind.InvalidArgument,
                $"'{text}' is not a {what}: a name, which does not start with a digit, or a number from 0 to 4294967294");
        }
    }
}

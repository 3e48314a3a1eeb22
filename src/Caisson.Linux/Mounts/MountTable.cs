using System.Globalization;
using System.Text;
using Caisson.Errors;
using static Caisson.Linux.Abi.Kernel;

namespace Caisson.Linux;

/// <summary>One mount of a mount namespace. Source: proc(5), mountinfo.</summary>
/// <param name="Id">Unique while it exists.</param>
/// <param name="ParentId">The mount it is on.</param>
/// <param name="Device">Of the file system.</param>
/// <param name="Root">The directory of the file system that is its root.</param>
/// <param name="Target">Where it is, from the reader's root.</param>
/// <param name="Options">Of the mount, comma-separated.</param>
/// <param name="Propagation">The optional fields: <c>shared:2</c>, <c>master:1</c>; empty for a private mount.</param>
/// <param name="Type">Of the file system.</param>
/// <param name="Source">What the file system says it is from.</param>
/// <param name="SuperOptions">Of the file system, comma-separated.</param>
public sealed record MountEntry(
    int Id,
    int ParentId,
    DeviceNumber Device,
    string Root,
    string Target,
    string Options,
    string Propagation,
    string Type,
    string Source,
    string SuperOptions);

/// <summary>The mounts that a process sees. Source: proc(5), mountinfo.</summary>
public static class MountTable
{
    private const int TableBytesMax = 64 << 20;

    /// <summary>The mounts of this process, in the kernel's order.</summary>
    public static IReadOnlyList<MountEntry> Read() => Read("/proc/self/mountinfo");

    /// <summary>The mounts of the process <paramref name="pid"/>.</summary>
    public static IReadOnlyList<MountEntry> Read(int pid) => Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/mountinfo"));

    /// <summary>Makes one line's text a record; false when it is not of the form.</summary>
    public static bool TryParse(string line, out MountEntry? entry)
    {
        entry = null;
        string[] fields = line.Split(' ');
        int dash = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
        if (dash < 6 || fields.Length < dash + 4
            || !int.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parent)
            || !TryParseDevice(fields[2], out var device))
        {
            return false;
        }
        entry = new(
            id, parent, device, Unescape(fields[3]), Unescape(fields[4]), fields[5], string.Join(' ', fields[6..dash]),
            fields[dash + 1], Unescape(fields[dash + 2]), fields[dash + 3]);
        return true;
    }

    /// <summary>Takes the mount at the trusted host path away now, or when its last user is gone. Source: umount2(2), MNT_DETACH, UMOUNT_NOFOLLOW.</summary>
    /// <returns>False when nothing is mounted there.</returns>
    public static unsafe bool Unmount(string hostPath)
    {
        var text = new CString(hostPath, stackalloc byte[CString.StackBytes]);
        fixed (byte* bytes = text)
        {
            return Libc.syscall(SYS_umount2, (nint)bytes, MNT_DETACH | UMOUNT_NOFOLLOW) == 0
                || (Libc.LastErrno == Errno.EINVAL ? false : throw LinuxException.FromErrno("umount2", hostPath));
        }
    }

    /// <summary>Cuts the calling thread's mount namespace off: nothing mounted there appears elsewhere and the reverse.</summary>
    internal static unsafe void MakeAllPrivate()
    {
        byte* root = stackalloc byte[] { (byte)'/', 0 };
        Libc.Check(Libc.syscall(SYS_mount, 0, (nint)root, 0, MS_REC | MS_PRIVATE, 0), "mount", "/ MS_REC|MS_PRIVATE");
    }

    private static List<MountEntry> Read(string path)
    {
        List<MountEntry> entries = [];
        foreach (string line in PathText.Decode(HostFiles.Read(path, TableBytesMax)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            entries.Add(TryParse(line, out var entry)
                ? entry!
                : throw new CaissonException(ErrorKind.Internal, $"read {path}: a line of unknown form: {line}"));
        }
        return entries;
    }

    private static bool TryParseDevice(string text, out DeviceNumber device)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        device = default;
        if (colon < 0
            || !uint.TryParse(text.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out uint major)
            || !uint.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out uint minor))
        {
            return false;
        }
        device = new(major, minor);
        return true;
    }

    /// <summary>Space, tab, newline and backslash are written as a backslash and three octal digits.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }
        var result = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                result.Append((char)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0')));
                i += 3;
            }
            else
            {
                result.Append(text[i]);
            }
        }
        return result.ToString();
    }
}

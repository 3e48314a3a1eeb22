using System.Globalization;

namespace Caisson.Containers.State;

/// <summary>What <c>/proc/PID/stat</c> says of a process. With the boot it belongs to, the start time tells a process from a later one of the same pid.</summary>
/// <param name="Pid">The process id.</param>
/// <param name="State">The state's letter, such as <c>S</c>; <c>Z</c> and <c>X</c> have ended.</param>
/// <param name="StartTime">Clock ticks since the boot.</param>
/// <param name="WaitStatus">How it ended, as wait(2) puts it; 0 while it lives, and for those who may not know.</param>
/// <remarks>Source: proc_pid_stat(5).</remarks>
public readonly record struct ProcessSnapshot(int Pid, char State, ulong StartTime, int WaitStatus = 0)
{
    /// <summary>It has ended, though nobody has waited for it.</summary>
    public bool HasEnded => State is 'Z' or 'X' or 'x';

    private static readonly Lazy<string> BootId = new(() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    /// <summary>The process as it is now; null when there is none of that pid.</summary>
    public static ProcessSnapshot? Read(int pid)
    {
        try
        {
            return Parse(File.ReadAllText($"/proc/{pid}/stat"));
        }
        catch (IOException)
        {
            return null; // gone, before (ENOENT) or while (ESRCH) it was read
        }
    }

    /// <summary>The boot this is: an id that is new each time.</summary>
    public static string ReadBootId() => BootId.Value;

    /// <summary>Reads a line of <c>/proc/PID/stat</c>; null when it is none. The name in the second field may hold spaces and parentheses.</summary>
    public static ProcessSnapshot? Parse(string stat)
    {
        int open = stat.IndexOf('(', StringComparison.Ordinal);
        int close = stat.LastIndexOf(')');
        if (open < 0 || close < open || close + 2 >= stat.Length)
        {
            return null;
        }
        string[] fields = stat[(close + 2)..].Split(' '); // from field 3, the state; the start time is field 22, the status field 52
        bool valid = int.TryParse(stat.AsSpan(0, open).Trim(), CultureInfo.InvariantCulture, out int pid)
            & ulong.TryParse(fields.ElementAtOrDefault(19), CultureInfo.InvariantCulture, out ulong start);
        _ = int.TryParse(fields.ElementAtOrDefault(49), CultureInfo.InvariantCulture, out int status);
        return valid && fields[0].Length == 1 ? new ProcessSnapshot(pid, fields[0][0], start, status) : null;
    }
}

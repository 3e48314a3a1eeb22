using System.Globalization;

using Caisson.Errors;
using Caisson.Linux;

namespace Caisson.Control.Workloads;

/// <summary>Processes as ps(1) shows them, read from /proc.</summary>
/// <param name="Titles">Names of the columns.</param>
/// <param name="Rows">One for each process, a value for each column.</param>
public sealed record ProcessTable(IReadOnlyList<string> Titles, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>USER_HZ: the unit of times in /proc, the same on every x86-64 and arm64 kernel.</summary>
    private const double TicksPerSecond = 100;

    private const int PageKilobytes = 4;

    internal static ProcessTable Read(IReadOnlyList<int> pids, string arguments, IdRange? ids, HostFacts facts)
    {
        bool bsd = arguments.Trim().TrimStart('-') is "aux" or "axu" or "u";
        if (!bsd && arguments.Trim() is not ("" or "-ef" or "-f" or "ef" or "-e -f" or "-A -f"))
        {
            throw new CaissonException(ErrorKind.InvalidArgument, $"ps arguments '{arguments}' are not supported; -ef and aux are");
        }
        double uptime = Number((HostFiles.TryReadText("/proc/uptime") ?? "0").Split(' ')[0]);
        List<IReadOnlyList<string>> rows = [];
        foreach (int pid in pids.Order())
        {
            if (Row(pid, bsd, uptime, ids, facts) is { } row)
            {
                rows.Add(row);
            }
        }
        return new ProcessTable(
            bsd
                ? ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]
                : ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            rows);
    }

    /// <summary>One process; null when it has ended meanwhile. Source: proc_pid_stat(5).</summary>
    private static string[]? Row(int pid, bool bsd, double uptime, IdRange? ids, HostFacts facts)
    {
        string directory = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}");
        if (HostFiles.TryReadText($"{directory}/stat") is not { } stat || HostFiles.TryReadText($"{directory}/status") is not { } status)
        {
            return null;
        }
        int nameEnd = stat.LastIndexOf(')');
        int nameStart = stat.IndexOf('(');
        if (nameStart < 0 || nameEnd < nameStart)
        {
            return null;
        }
        string name = stat[(nameStart + 1)..nameEnd];
        string[] fields = stat[(nameEnd + 2)..].Split(' '); // field 3 of the manual page is index 0
        string command = (HostFiles.TryReadText($"{directory}/cmdline") ?? "").TrimEnd('\0').Replace('\0', ' ');
        double seconds = (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
        double alive = Math.Max(0.01, uptime - Number(fields[19]) / TicksPerSecond);
        string user = User(status, ids);
        DateTimeOffset started = DateTimeOffset.Now - TimeSpan.FromSeconds(alive);
        string since = alive < 86_400 ? started.ToString("HH:mm", CultureInfo.InvariantCulture) : started.ToString("MMMdd", CultureInfo.InvariantCulture);
        string terminal = Terminal((int)Number(fields[4]));
        string text = command.Length > 0 ? command : $"[{name}]";
        string id = pid.ToString(CultureInfo.InvariantCulture);
        double percent = 100 * seconds / alive;
        if (!bsd)
        {
            return [user, id, fields[1], ((int)percent).ToString(CultureInfo.InvariantCulture), since, terminal, Time(seconds, "hh\\:mm\\:ss"), text];
        }
        double resident = Number(fields[21]) * PageKilobytes;
        double share = facts.MemoryBytes > 0 ? 100 * resident * 1_024 / facts.MemoryBytes : 0;
        return
        [
            user, id, percent.ToString("F1", CultureInfo.InvariantCulture), share.ToString("F1", CultureInfo.InvariantCulture),
            ((long)(Number(fields[20]) / 1_024)).ToString(CultureInfo.InvariantCulture), ((long)resident).ToString(CultureInfo.InvariantCulture),
            terminal, fields[0], since, Time(seconds, "m\\:ss"), text,
        ];
    }

    /// <summary>The effective user, in the container's own numbers.</summary>
    private static string User(string status, IdRange? ids)
    {
        string? line = status.Split('\n').FirstOrDefault(line => line.StartsWith("Uid:", StringComparison.Ordinal));
        string[] words = line?.Split('\t', StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (words.Length < 3 || !uint.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint uid))
        {
            return "?";
        }
        if (ids is { } range && uid >= range.First && uid - range.First < IdRange.Size)
        {
            uid -= range.First;
        }
        return uid == 0 ? "root" : uid.ToString(CultureInfo.InvariantCulture);
    }

    private static string Terminal(int device)
    {
        int major = (device >> 8) & 0xFFF;
        int minor = (device & 0xFF) | ((device >> 12) & 0xFFF00);
        return major switch
        {
            0 => "?",
            >= 136 and <= 143 => $"pts/{minor + ((major - 136) << 8)}",
            _ => $"{major}:{minor}",
        };
    }

    private static string Time(double seconds, string format) => TimeSpan.FromSeconds(Math.Floor(seconds)).ToString(format, CultureInfo.InvariantCulture);

    private static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : 0;
}

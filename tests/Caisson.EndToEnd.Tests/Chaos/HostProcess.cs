using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>A process of this machine as /proc shows it; the start time tells it from a later one of the same pid.</summary>
internal sealed record HostProcess(int Pid, int Parent, ulong StartTime, string Name)
{
    /// <summary>Zombies do not count: they are nobody any more.</summary>
    public static HostProcess? Find(int pid)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            int close = stat.LastIndexOf(')');
            string[] fields = stat[(close + 2)..].Split(' ');
            return fields[0] is "Z" or "X"
                ? null
                : new HostProcess(
                    pid,
                    int.Parse(fields[1], CultureInfo.InvariantCulture),
                    ulong.Parse(fields[19], CultureInfo.InvariantCulture),
                    stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..close]);
        }
        catch (IOException)
        {
            return null;
        }
    }

    public static IEnumerable<HostProcess> All() => Directory.EnumerateDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) ? Find(pid) : null)
        .OfType<HostProcess>();

    public bool IsAlive => Find(Pid)?.StartTime == StartTime;

    public string Cgroups => Read("cgroup");

    public string Variables => Read("environ");

    public string CommandLine => Read("cmdline").Replace('\0', ' ');

    /// <summary>Whether it is the first process of a pid namespace of its own.</summary>
    public bool IsFirst
    {
        get
        {
            string line = Read("status").Split('\n').FirstOrDefault(line => line.StartsWith("NSpid:", StringComparison.Ordinal)) ?? "";
            string[] numbers = line.Split('\t');
            return numbers.Length > 2 && numbers[^1] == "1";
        }
    }

    /// <summary>kill -9; nothing happens when it is gone.</summary>
    public void Kill()
    {
        if (IsAlive)
        {
            try
            {
                using var process = Process.GetProcessById(Pid);
                process.Kill();
            }
            catch (ArgumentException)
            {
                // It ended meanwhile.
            }
        }
    }

    public override string ToString() => $"{Name} (pid {Pid}, parent {Parent}): {CommandLine}";

    private string Read(string file)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/{Pid}/{file}")));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}

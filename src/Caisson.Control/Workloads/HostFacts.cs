using System.Globalization;
using System.Runtime.InteropServices;

using Caisson.Linux;

namespace Caisson.Control.Workloads;

/// <summary>What the engine knows of the machine, read once.</summary>
public sealed record HostFacts
{
    /// <summary>The kernel's release, as <c>uname -r</c>.</summary>
    public string KernelVersion { get; init; } = "";

    /// <summary>The distribution's name for people.</summary>
    public string OperatingSystem { get; init; } = "Linux";

    /// <summary>The distribution's version.</summary>
    public string OperatingSystemVersion { get; init; } = "";

    /// <summary>The machine, as <c>uname -m</c>.</summary>
    public string Machine { get; init; } = "x86_64";

    /// <summary>The machine, as Go and image names call it.</summary>
    public string Architecture { get; init; } = "amd64";

    /// <summary>The host's name.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>Processors this process may use.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>Memory in bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>The most open files a process of ours may allow another.</summary>
    public ulong OpenFilesMax { get; init; } = 524_288;

    /// <summary><c>1</c> or <c>2</c>: where limits are set.</summary>
    public string CgroupVersion { get; init; } = "2";

    /// <summary>Reads them from /proc and /etc.</summary>
    public static HostFacts Read()
    {
        Dictionary<string, string> release = Pairs(HostFiles.TryReadText("/etc/os-release") ?? "", '=');
        Dictionary<string, string> memory = Pairs(HostFiles.TryReadText("/proc/meminfo") ?? "", ':');
        return new HostFacts
        {
            KernelVersion = (HostFiles.TryReadText("/proc/sys/kernel/osrelease") ?? "").Trim(),
            OperatingSystem = release.GetValueOrDefault("PRETTY_NAME", "Linux"),
            OperatingSystemVersion = release.GetValueOrDefault("VERSION_ID", ""),
            Machine = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "aarch64" : "x86_64",
            Architecture = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64",
            Hostname = (HostFiles.TryReadText("/proc/sys/kernel/hostname") ?? "").Trim(),
            Processors = Environment.ProcessorCount,
            MemoryBytes = long.TryParse(memory.GetValueOrDefault("MemTotal", "").Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes)
                ? kilobytes * 1_024 : 0,
            OpenFilesMax = OpenFiles(HostFiles.TryReadText("/proc/self/limits") ?? ""),
            CgroupVersion = File.Exists("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1",
        };
    }

    private static ulong OpenFiles(string limits)
    {
        string? line = limits.Split('\n').FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        string[] words = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return words.Length >= 5 && ulong.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out ulong hard) ? hard : 1_048_576;
    }

    private static Dictionary<string, string> Pairs(string text, char separator)
    {
        Dictionary<string, string> pairs = [];
        foreach (string line in text.Split('\n'))
        {
            int at = line.IndexOf(separator);
            if (at > 0)
            {
                pairs[line[..at]] = line[(at + 1)..].Trim().Trim('"');
            }
        }
        return pairs;
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Caisson.EndToEnd.Tests.Chaos;

/// <summary>What of this machine belongs to one engine. Other engines may run beside it, so nothing is merely counted.</summary>
internal static class Remains
{
    public static IEnumerable<string> Names(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)) : [];

    /// <summary>The groups directly below <paramref name="name"/>, in all hierarchies.</summary>
    public static IEnumerable<string> CgroupsBelow(string name) => Hierarchies()
        .Select(hierarchy => hierarchy + name)
        .Where(Directory.Exists)
        .SelectMany(Directory.EnumerateDirectories);

    /// <summary>Blobs and layers, by name.</summary>
    public static string[] Content(string root) =>
        [.. Names($"{root}/content/blobs/sha256").Select(name => $"blob {name}"), .. Names($"{root}/layers").Select(name => $"layer {name}")];

    /// <summary>The memory limit of a container as the kernel has it; null where there is none.</summary>
    public static long? MemoryLimit(string group, string id) => Hierarchies()
        .SelectMany(hierarchy => (string[])[$"{hierarchy}{group}/{id}/memory.limit_in_bytes", $"{hierarchy}{group}/{id}/memory.max"])
        .Where(File.Exists)
        .Select(path => long.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : (long?)null)
        .FirstOrDefault();

    public static IEnumerable<HostProcess> Monitors(string run) => Own(run).Where(process => process.Name == "caisson-monitor");

    public static IEnumerable<HostProcess> Keepers(string run) => Own(run).Where(process => process.Name == "caisson-keeper");

    /// <summary>Keeper, monitors, and what shares memory with them.</summary>
    public static IEnumerable<HostProcess> Own(string run) => HostProcess.All()
        .Where(process => process.Name.StartsWith("caisson", StringComparison.Ordinal)
            && process.Variables.Split('\0').Contains($"CAISSON_RUN={run}"));

    /// <summary>All that is left of an engine without containers that has been stopped, one line each.</summary>
    public static IReadOnlyList<string> Of(VictimEngine engine)
    {
        List<string> left = [];
        foreach (HostProcess process in HostProcess.All())
        {
            if (process.Cgroups.Contains(engine.CgroupName, StringComparison.Ordinal) || process.Variables.Split('\0').Contains($"CAISSON_RUN={engine.Run}"))
            {
                left.Add($"process {process}");
            }
        }
        left.AddRange(Hierarchies().Select(hierarchy => hierarchy + engine.CgroupName).Where(Directory.Exists).Select(path => $"cgroup {path}"));
        left.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(engine.Root, StringComparison.Ordinal) || line.Contains(engine.Run, StringComparison.Ordinal)));
        foreach (string directory in (string[])["containers", "execs"])
        {
            left.AddRange(Names($"{engine.Run}/{directory}").Select(name => $"{engine.Run}/{directory}/{name}"));
        }
        foreach (string directory in (string[])["containers", "content/ingest"])
        {
            left.AddRange(Names($"{engine.Root}/{directory}").Select(name => $"{engine.Root}/{directory}/{name}"));
        }
        left.AddRange(Names($"{engine.Root}/layers").Where(name => name.Contains('-', StringComparison.Ordinal)).Select(name => $"{engine.Root}/layers/{name}"));
        left.AddRange(OfNetworks(engine.Run));
        return left;
    }

    /// <summary>Ends and removes what <see cref="Of"/> an engine that has ended is left of processes, groups, devices and rules.</summary>
    public static void Remove(VictimEngine engine)
    {
        HostProcess[] left;
        while ((left = [.. HostProcess.All().Where(process =>
            process.Cgroups.Contains(engine.CgroupName, StringComparison.Ordinal) || process.Variables.Split('\0').Contains($"CAISSON_RUN={engine.Run}"))]).Length > 0)
        {
            Array.ForEach(left, process => process.Kill());
            Thread.Sleep(20);
        }
        foreach (string group in Hierarchies().Select(hierarchy => hierarchy + engine.CgroupName).Where(Directory.Exists))
        {
            foreach (string below in Directory.GetDirectories(group))
            {
                Directory.Delete(below);
            }
            Directory.Delete(group);
        }
        foreach (string one in OfNetworks(engine.Run))
        {
            (string program, string command) = one.StartsWith("link ", StringComparison.Ordinal) ? ("ip", $"link del {one[5..]}") : ("nft", $"delete {one}");
            using var process = Process.Start(program, command);
            process.WaitForExit();
        }
    }

    /// <summary>What no engine owns alone: network interfaces, loop devices, rules. A test that has the machine for itself compares them.</summary>
    public static IReadOnlyList<string> Shared()
    {
        List<string> all = [.. Names("/sys/class/net").Select(name => $"link {name}"), .. Names("/run/netns").Select(name => $"netns {name}")];
        foreach (string device in Names("/sys/block").Where(name => name.StartsWith("loop", StringComparison.Ordinal)))
        {
            if (File.Exists($"/sys/block/{device}/loop/backing_file"))
            {
                all.Add($"loop {device}");
            }
        }
        all.Sort(StringComparer.Ordinal);
        return all;
    }

    /// <summary>Devices and tables of the packet filter that the engine of that run directory made.</summary>
    public static IReadOnlyList<string> OfNetworks(string run)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(run)));
        List<string> left = [.. Names("/sys/class/net").Where(name => name.StartsWith($"c{hash[..5]}", StringComparison.Ordinal)).Select(name => $"link {name}")];
        if (Engine.Has("nft"))
        {
            using var process = Process.Start(new ProcessStartInfo("nft", ["list", "tables"]) { RedirectStandardOutput = true })!;
            left.AddRange(process.StandardOutput.ReadToEnd().Split('\n').Where(line => line.EndsWith($"caisson_{hash[..8]}", StringComparison.Ordinal)));
            process.WaitForExit();
        }
        return left;
    }

    public static int Descriptors(int pid) => Names($"/proc/{pid}/fd").Count();

    private static IEnumerable<string> Hierarchies() => File.ReadLines("/proc/self/mountinfo")
        .Select(line => line.Split(' '))
        .Where(fields => fields[Array.IndexOf(fields, "-") + 1] is "cgroup" or "cgroup2")
        .Select(fields => fields[4]);
}

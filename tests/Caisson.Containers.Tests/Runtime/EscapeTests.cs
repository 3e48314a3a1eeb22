using System.Text.Json.Nodes;
using Caisson.Linux;
using Xunit;

namespace Caisson.Containers.Tests.Runtime;

/// <summary>Ways out of containers that were found in other runtimes.</summary>
public sealed class EscapeTests
{
    /// <summary>CVE-2019-5736.</summary>
    [Fact]
    public void The_executable_of_a_joining_process_cannot_be_written()
    {
        using var bundle = new Bundle();
        bundle.Program("/proc/self/exe");

        var outcome = bundle.RunContainer();

        Assert.NotEqual(0, outcome.Code);
    }

    /// <summary>CVE-2024-21626.</summary>
    [Fact]
    public void No_descriptor_of_the_host_is_a_working_directory()
    {
        using var bundle = new Bundle();
        bundle.Shell("pwd; ls");

        for (int number = 3; number < 16; number++)
        {
            bundle.Config["process"]!["cwd"] = $"/proc/self/fd/{number}";
            var outcome = bundle.RunContainer();
            Assert.DoesNotContain("config.json", outcome.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("unreachable", outcome.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_program_has_the_standard_descriptors_alone()
    {
        using var bundle = new Bundle();

        var outcome = bundle.Shell("cd /proc/self/fd && echo *").RunContainer();

        Assert.Equal("0 1 2", string.Join(' ', outcome.Output.Trim().Split(' ').Where(name => !File.Exists($"/nosuch/{name}")).Take(3)));
        Assert.True(outcome.Output.Trim().Split(' ').Length <= 4, outcome.Output); // the shell's own of the directory
    }

    /// <summary>CVE-2025-31133.</summary>
    [Fact]
    public void A_masked_path_is_masked_by_the_hosts_null_device()
    {
        using var bundle = new Bundle();
        Directory.CreateDirectory(Path.Combine(bundle.Root, "etc/secret.d"));
        File.WriteAllText(Path.Combine(bundle.Root, "etc/secret"), "secret");
        File.WriteAllText(Path.Combine(bundle.Root, "etc/secret.d/inside"), "secret");
        File.CreateSymbolicLink(Path.Combine(bundle.Root, "dev/null"), "/proc/sys/kernel/core_pattern");
        bundle.Config["linux"]!["maskedPaths"] = new JsonArray("/etc/secret", "/etc/secret.d");

        var outcome = bundle.Shell("cat /etc/secret; ls /etc/secret.d; mount | grep -c secret").RunContainer();

        Assert.Equal("2\n", outcome.Output);
    }

    /// <summary>CVE-2026-41579, CVE-2026-47766.</summary>
    [Theory]
    [InlineData("dev")]
    [InlineData("proc")]
    [InlineData("sys")]
    public void A_link_in_place_of_a_system_directory_leads_nowhere_on_the_host(string name)
    {
        using var bundle = new Bundle();
        string canary = bundle.PathOf("canary");
        Directory.CreateDirectory(canary);
        Directory.Delete(Path.Combine(bundle.Root, name));
        File.CreateSymbolicLink(Path.Combine(bundle.Root, name), canary);

        bundle.Shell("true").RunContainer();

        Assert.Empty(Directory.GetFileSystemEntries(canary));
    }

    /// <summary>CVE-2021-30465, CVE-2024-45310: destinations and working directories are resolved inside.</summary>
    [Fact]
    public void Destinations_through_links_stay_inside()
    {
        using var bundle = new Bundle();
        string canary = bundle.PathOf("canary");
        Directory.CreateDirectory(canary);
        File.CreateSymbolicLink(Path.Combine(bundle.Root, "out"), canary);
        bundle.AddMount("""{"destination":"/out/mounted","type":"tmpfs","source":"tmpfs"}""");
        bundle.Config["process"]!["cwd"] = "/out/work";

        bundle.Shell("pwd").RunContainer();

        Assert.Empty(Directory.GetFileSystemEntries(canary));
    }

    /// <summary>CVE-2022-24769.</summary>
    [Fact]
    public void Nothing_is_inheritable_or_ambient()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Shell("grep -E 'Cap(Inh|Amb)' /proc/self/status; sleep 1000");
        bundle.Create(id);
        bundle.Run("start", id);

        var exec = bundle.Run("exec", "--cap", "CAP_NET_ADMIN", id, "grep", "-E", "Cap(Inh|Amb)", "/proc/self/status");

        Assert.Equal("CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n", exec.Output);
    }

    [Fact]
    public void A_negative_or_foreign_id_is_refused()
    {
        using var bundle = new Bundle();
        string id = bundle.NewId();
        bundle.Program("sleep", "1000");
        bundle.Create(id);

        foreach (string user in (string[])["-1", "4294967296", "0x0", "1e3", " 0", "root"])
        {
            Assert.Equal(255, bundle.Run("exec", "-u", user, id, "id").Code);
        }
    }

    /// <summary>CVE-2026-41579, CVE-2025-52565: nothing is mounted on /dev, so what the image has there is met.</summary>
    [Theory]
    [InlineData("dev/shm")]
    [InlineData("dev/pts")]
    [InlineData("dev/mqueue")]
    [InlineData("dev/null")]
    [InlineData("dev/console")]
    [InlineData("dev/ptmx")]
    [InlineData("dev/fd")]
    public void A_link_below_dev_leads_nowhere_on_the_host(string name)
    {
        using var bundle = new Bundle();
        string canary = bundle.PathOf("canary");
        Directory.CreateDirectory(canary);
        File.WriteAllText(bundle.PathOf("canary-file"), "outside");
        JsonArray mounts = bundle.Config["mounts"]!.AsArray();
        foreach (JsonNode? mount in mounts.Where(mount => ((string)mount!["destination"]!).StartsWith("/dev", StringComparison.Ordinal)).ToArray())
        {
            mounts.Remove(mount);
        }
        bundle.AddMount("""{"destination":"/dev/shm","type":"tmpfs","source":"shm"}""");
        bundle.AddMount("""{"destination":"/dev/pts","type":"devpts","source":"devpts"}""");
        File.CreateSymbolicLink(Path.Combine(bundle.Root, name), name is "dev/null" or "dev/console" ? bundle.PathOf("canary-file") : canary);
        ulong[] before = Owners(canary);

        bundle.Shell("echo x >/dev/shm/x; echo x >/dev/null; true").RunContainer();

        Assert.Empty(Directory.GetFileSystemEntries(canary));
        Assert.Equal("outside", File.ReadAllText(bundle.PathOf("canary-file")));
        Assert.Equal(before, Owners(canary));
        Assert.DoesNotContain(canary, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    /// <summary>CVE-2021-30465, CVE-2024-45310, CVE-2026-55686: a directory of the root is exchanged for a link while containers start.</summary>
    [Fact]
    public void Places_that_are_exchanged_for_links_while_it_starts_stay_inside()
    {
        using var bundle = new Bundle();
        string canary = bundle.PathOf("canary");
        Directory.CreateDirectory(canary);
        Directory.CreateDirectory(Path.Combine(bundle.Root, "a"));
        File.CreateSymbolicLink(Path.Combine(bundle.Root, "b"), canary);
        File.WriteAllText(bundle.PathOf("shown"), "");
        bundle.AddMount("""{"destination":"/a/mounted","type":"tmpfs","source":"tmpfs"}""");
        bundle.AddMount($$"""{"destination":"/a/deep/file","type":"bind","source":"{{bundle.PathOf("shown")}}","options":["bind"]}""");
        bundle.Config["process"]!["cwd"] = "/a/work";
        bundle.Config["linux"]!["maskedPaths"] = new JsonArray("/a/work");
        using var stop = new CancellationTokenSource();
        var flipping = new Thread(() =>
        {
            using DirectoryDescriptor root = HostFiles.OpenDirectory(bundle.Root);
            while (!stop.IsCancellationRequested)
            {
                root.Exchange("a", "b");
            }
        });
        flipping.Start();

        for (int i = 0; i < 25; i++)
        {
            bundle.Shell("pwd").RunContainer();
        }
        stop.Cancel();
        flipping.Join();

        Assert.Empty(Directory.GetFileSystemEntries(canary));
        Assert.DoesNotContain(canary, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    /// <summary>CVE-2019-16884, CVE-2019-19921, CVE-2025-52881: what is written to /proc reaches a file system of that kind, or the container does not start.</summary>
    [Theory]
    [InlineData("tmpfs", false)]
    [InlineData("tmpfs", true)]
    public void A_proc_that_is_none_takes_no_setting(string type, bool prepared)
    {
        using var bundle = new Bundle();
        JsonArray mounts = bundle.Config["mounts"]!.AsArray();
        JsonNode proc = mounts.First(mount => (string)mount!["destination"]! == "/proc")!;
        proc["type"] = type;
        proc["source"] = type;
        proc["options"] = new JsonArray();
        Directory.CreateDirectory(Path.Combine(bundle.Root, "real"));
        bundle.AddMount("""{"destination":"/real","type":"proc","source":"proc"}""");
        bundle.Config["linux"]!["sysctl"] = new JsonObject { ["net.ipv4.ip_default_ttl"] = "77" };
        if (prepared)
        {
            // What the image has below its own /proc, in the place of what would be written to.
            Directory.CreateDirectory(Path.Combine(bundle.Root, "proc/sys/net/ipv4"));
            File.WriteAllText(Path.Combine(bundle.Root, "proc/sys/net/ipv4/ip_default_ttl"), "64");
        }

        var outcome = bundle.Shell("cat /real/sys/net/ipv4/ip_default_ttl").RunContainer();

        Assert.True(outcome.Code != 0 || outcome.Output == "77\n", outcome.ToString());
        Assert.Equal(prepared ? "64" : null, prepared ? File.ReadAllText(Path.Combine(bundle.Root, "proc/sys/net/ipv4/ip_default_ttl")) : null);
    }

    private static ulong[] Owners(string path)
    {
        using FileDescriptor file = HostFiles.OpenPath(path);
        return [file.Status.UserId, file.Status.GroupId, (ulong)file.Status.Mode];
    }
}

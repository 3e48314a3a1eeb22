using System.Text.Json.Nodes;
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
}

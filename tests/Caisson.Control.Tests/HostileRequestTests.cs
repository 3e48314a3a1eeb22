using System.Text;

using Caisson.Control.Hosting;
using Caisson.Control.Model;
using Caisson.Control.Workloads;
using Caisson.Errors;
using Caisson.Oci;
using Caisson.Oci.Runtime;

using Xunit;

namespace Caisson.Control.Tests;

/// <summary>Images and requests that try to say more than they may.</summary>
public sealed class HostileRequestTests
{
    /// <summary>CVE-2026-53488, CVE-2026-53492, CVE-2026-44210: labels of an image tell, they decide nothing.</summary>
    [Fact]
    public async Task Labels_of_an_image_change_nothing_of_what_is_launched()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        ExecutionConfig plain = new() { Cmd = ["/bin/serve"] };
        ExecutionConfig labelled = plain with
        {
            Labels = new Dictionary<string, string>
            {
                ["caisson.restart-unhealthy"] = "true",
                ["caisson.profile"] = "privileged",
                ["caisson.runtime"] = "/bin/sh",
                ["caisson.volume.anonymous"] = "true",
                ["com.docker.volume.anonymous"] = "",
                ["com.docker.compose.project"] = "other",
                ["cdi.k8s.io/gpu"] = "vendor.com/device=all",
                ["io.kubernetes.cri-o.userns-mode"] = "host",
                ["io.kubernetes.cri.sandbox-id"] = "x",
                ["io.containerd.runtime.v2.logger"] = "binary:///bin/sh?-c=touch",
                ["io.containers.capabilities"] = "CAP_SYS_ADMIN",
                ["io.podman.annotations.privileged"] = "TRUE",
                ["io.podman.annotations.seccomp"] = "unconfined",
                ["org.systemd.property.CPUQuota"] = "1",
                ["run.oci.keep_original_groups"] = "1",
                ["run.oci.mount_context_type"] = "x",
                ["io.katacontainers.config.hypervisor.virtio_fs_extra_args"] = "[\"-o\"]",
            },
        };
        await fixture.ImportAsync("plain:latest", plain);
        await fixture.ImportAsync("labelled:latest", labelled);

        (string first, HostConfig firstHost) = await LaunchAsync(fixture, "plain");
        (string second, HostConfig secondHost) = await LaunchAsync(fixture, "labelled");

        Assert.Equal(first, second);
        Assert.Equal((firstHost.RestartUnhealthy, firstHost.Privileged, firstHost.Runtime), (secondHost.RestartUnhealthy, secondHost.Privileged, secondHost.Runtime));
    }

    /// <summary>CVE-2022-4318, CVE-2026-23953: what becomes a line of a file has no end of a line.</summary>
    [Theory]
    [InlineData("a\n6.6.6.6 victim", "", "")]
    [InlineData("", "x\n6.6.6.6 victim", "")]
    [InlineData("", "x y", "")]
    [InlineData("", "x\u0001", "")]
    [InlineData("", "", "a\n6.6.6.6 victim:1.2.3.4")]
    [InlineData("", "", "a b:1.2.3.4")]
    [InlineData("", "", "a:1.2.3.4\n6.6.6.6 victim")]
    [InlineData("", "", "a:fe80::1%x\n6.6.6.6 victim")]
    [InlineData("", "", "a#:1.2.3.4")]
    public async Task A_name_that_would_be_a_second_line_of_a_file_is_refused(string host, string domain, string extra)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(
            new HostConfig { ExtraHosts = extra.Length > 0 ? [extra] : [] }, new ContainerCreate { Hostname = host, Domainname = domain }));

        Assert.Empty(fixture.Engine.List());
    }

    [Fact]
    public async Task What_is_asked_of_the_resolver_stays_on_its_line()
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        Workload workload = await fixture.StartAsync(new HostConfig
        {
            NetworkMode = "none",
            DnsSearch = ["x\nnameserver 6.6.6.6"],
            DnsOptions = ["ndots:1\r\nnameserver 6.6.6.6"],
        });

        string[] lines = await File.ReadAllLinesAsync($"{fixture.Root}/containers/{workload.Id}/resolv.conf", TestContext.Current.CancellationToken);
        Assert.DoesNotContain(lines, line => line.StartsWith("nameserver 6.6.6.6", StringComparison.Ordinal));
    }

    /// <summary>CVE-2022-0811: parameters of the host, by all their spellings.</summary>
    [Theory]
    [InlineData("kernel.core_pattern")]
    [InlineData("kernel/core_pattern")]
    [InlineData("kernel.shm_rmid_forced+kernel.core_pattern")]
    [InlineData("kernel.shm_rmid_forced=1\nkernel.core_pattern")]
    [InlineData("net/../kernel/core_pattern")]
    [InlineData("net.ipv4.ip_forward/../../../kernel/core_pattern")]
    [InlineData("fs.mqueue//../../kernel/core_pattern")]
    [InlineData("fs.suid_dumpable")]
    [InlineData("vm.panic_on_oom")]
    [InlineData("user.max_user_namespaces")]
    public async Task A_parameter_of_the_host_is_refused(string name)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        await Assert.ThrowsAsync<ProblemsException>(() => fixture.CreateAsync(new HostConfig { Sysctls = new Dictionary<string, string> { [name] = "1" } }));

        Assert.Empty(fixture.Engine.List());
    }

    [Theory]
    [InlineData("../../up")]
    [InlineData("a/b")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("-f")]
    [InlineData("a\nb")]
    [InlineData("\u001b[2J")]
    [InlineData("a b")]
    public async Task A_name_that_could_be_taken_for_something_else_is_refused(string name)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();

        await Assert.ThrowsAnyAsync<CaissonException>(() => fixture.CreateAsync(name: name));
        Assert.ThrowsAny<CaissonException>(() => fixture.Services.Volumes.Create(new VolumeCreate { Name = name }));

        Assert.Empty(fixture.Engine.List());
        Assert.Empty(Directory.EnumerateFileSystemEntries($"{fixture.Root}/volumes"));
    }

    /// <summary>CVE-2022-23648: paths that an image calls volumes.</summary>
    [Theory]
    [InlineData("/../../../..{canary}")]
    [InlineData("../../../../..{canary}")]
    [InlineData("/proc/self/root{canary}")]
    [InlineData("/proc/1/cwd{canary}")]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("/a\nb")]
    public async Task A_path_that_an_image_calls_a_volume_holds_nothing_of_the_host(string volume)
    {
        await using EngineFixture fixture = await EngineFixture.CreateAsync();
        string canary = Directory.CreateDirectory($"{fixture.Root}/canary").FullName;
        await File.WriteAllTextAsync($"{canary}/secret", "of the host", TestContext.Current.CancellationToken);
        await fixture.ImportAsync("hostile:latest", new() { Cmd = ["/bin/serve"], Volumes = [volume.Replace("{canary}", canary, StringComparison.Ordinal)] });

        try
        {
            await fixture.Engine.CreateAsync(null, new ContainerCreate { Image = "hostile", HostConfig = new HostConfig { NetworkMode = "none" } }, CancellationToken.None);
        }
        catch (CaissonException error) when (error.Kind is ErrorKind.InvalidArgument)
        {
            // refused is as good
        }

        Assert.Equal([$"{canary}/secret"], Directory.EnumerateFileSystemEntries(canary));
        Assert.Empty(Directory.EnumerateFiles($"{fixture.Root}/volumes", "secret", SearchOption.AllDirectories));
    }

    private static async Task<(string Spec, HostConfig Host)> LaunchAsync(EngineFixture fixture, string image)
    {
        string id = (await fixture.Engine.CreateAsync(null, new ContainerCreate { Image = image, HostConfig = new HostConfig { NetworkMode = "none" } }, CancellationToken.None)).Id;
        Workload workload = fixture.Engine.Find(id);
        Assert.True(await workload.StartAsync(CancellationToken.None));
        ContainerLaunch launch = fixture.Host.LastLaunch!;
        Assert.NotNull(launch.Seccomp);
        string spec = Encoding.UTF8.GetString(RuntimeSpecJson.ToUtf8(launch.Spec, indented: true));
        uint first = IdRange.OfBlock(workload.Record.IdBlock!.Value).First;
        return (spec.Replace(id, "ID", StringComparison.Ordinal).Replace(id[..12], "ID", StringComparison.Ordinal).Replace(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{first}"), "FIRST", StringComparison.Ordinal), workload.Record.HostConfig);
    }
}

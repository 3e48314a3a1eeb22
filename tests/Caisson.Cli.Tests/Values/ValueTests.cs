using Caisson.Cli.Values;
using Caisson.Client.Containers;

using Xunit;

namespace Caisson.Cli.Tests.Values;

public sealed class ValueTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("1024", 1024)]
    [InlineData("64m", 67108864)]
    [InlineData("64M", 67108864)]
    [InlineData("64mb", 67108864)]
    [InlineData("64MiB", 67108864)]
    [InlineData("1.5g", 1610612736)]
    [InlineData("32b", 32)]
    [InlineData("1t", 1099511627776)]
    public void Sizes_are_read(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("-1")]
    [InlineData("1x")]
    [InlineData("1,5g")]
    [InlineData("99999999p")]
    [InlineData("99999999999999999999")]
    public void What_is_no_size_is_refused(string text) => Assert.Throws<FormatException>(() => ByteSize.Parse(text));

    [Fact]
    public void Only_swap_may_be_unlimited() => Assert.Equal(-1, ByteSize.ParseOrUnlimited("-1"));

    [Theory]
    [InlineData("1s", 1_000_000_000)]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("250ms", 250_000_000)]
    [InlineData("1.5s", 1_500_000_000)]
    [InlineData("-10m", -600_000_000_000)]
    [InlineData("0", 0)]
    public void Durations_are_read(string text, long nanoseconds) => Assert.Equal(nanoseconds, Durations.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("1d")]
    [InlineData("1s2")]
    [InlineData("9999999999h")]
    public void What_is_no_duration_is_refused(string text) => Assert.Throws<FormatException>(() => Durations.Parse(text));

    [Theory]
    [InlineData("10m", "1767225000.000000000")]
    [InlineData("2026-01-01T00:00:00Z", "1767225600.000000000")]
    [InlineData("2026-01-01T00:00:00.5Z", "1767225600.500000000")]
    [InlineData("2026-01-01T02:00:00+02:00", "1767225600.000000000")]
    [InlineData("1767225600", "1767225600")]
    [InlineData("1767225600.25", "1767225600.25")]
    [InlineData("", "")]
    public void Times_are_read(string text, string expected) =>
        Assert.Equal(expected, Timestamps.Parse(text, DateTimeOffset.UnixEpoch.AddSeconds(1767225600)));

    [Theory]
    [InlineData("yesterday")]
    [InlineData("1.2.3")]
    [InlineData("2026-13-01")]
    public void What_is_no_time_is_refused(string text) =>
        Assert.Throws<FormatException>(() => Timestamps.Parse(text, DateTimeOffset.UnixEpoch));

    [Theory]
    [InlineData("80", "80/tcp", "", "")]
    [InlineData("8080:80", "80/tcp", "", "8080")]
    [InlineData("8080:80/udp", "80/udp", "", "8080")]
    [InlineData("127.0.0.1:8080:80", "80/tcp", "127.0.0.1", "8080")]
    [InlineData("127.0.0.1::80", "80/tcp", "127.0.0.1", "")]
    [InlineData("[::1]:8080:80", "80/tcp", "::1", "8080")]
    [InlineData("8000-8010:80", "80/tcp", "", "8000-8010")]
    public void A_port_is_published(string text, string port, string address, string hostPort)
    {
        var exposed = new SortedSet<string>();
        var bindings = new Dictionary<string, List<PortBinding>>();

        PortSpec.Publish(text, exposed, bindings);

        Assert.Equal([port], exposed);
        Assert.Equal([new PortBinding(address, hostPort)], bindings[port]);
    }

    [Fact]
    public void A_range_of_ports_is_published_one_to_one()
    {
        var exposed = new SortedSet<string>();
        var bindings = new Dictionary<string, List<PortBinding>>();

        PortSpec.Publish("9000-9002:80-82", exposed, bindings);

        Assert.Equal(["80/tcp", "81/tcp", "82/tcp"], exposed);
        Assert.Equal("9002", bindings["82/tcp"][0].HostPort);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("x")]
    [InlineData("70000:80")]
    [InlineData("80/icmp")]
    [InlineData("9000-9001:80-82")]
    [InlineData("82-80")]
    [InlineData("nohost:1:2")]
    public void What_is_no_port_is_refused(string text) => Assert.Throws<FormatException>(() =>
        PortSpec.Publish(text, new SortedSet<string>(), new Dictionary<string, List<PortBinding>>()));

    [Fact]
    public void A_mount_is_read()
    {
        var mount = MountSpec.Parse("type=bind,source=/a,\"target=/b,c\",readonly,bind-propagation=rslave");

        Assert.Equal(("bind", "/a", "/b,c", true, "rslave"), (mount.Type, mount.Source, mount.Target, mount.ReadOnly, mount.Propagation));
    }

    [Fact]
    public void A_tmpfs_mount_is_read()
    {
        var mount = MountSpec.Parse("type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777");

        Assert.Equal(("tmpfs", "/t", 67108864L, 0x3ff), (mount.Type, mount.Target, mount.TmpfsSizeBytes, mount.TmpfsMode));
    }

    [Theory]
    [InlineData("type=bind,source=/a")]
    [InlineData("type=bind,source=a,target=/b")]
    [InlineData("type=tmpfs,source=/a,target=/b")]
    [InlineData("type=npipe,target=/b")]
    [InlineData("type=bind,source=/a,target=/b,color=red")]
    [InlineData("type=tmpfs,target=/b,tmpfs-mode=999")]
    [InlineData("type=bind,source=/a,target=/b,readonly=maybe")]
    [InlineData("\"type=bind")]
    public void What_is_no_mount_is_refused(string text) => Assert.Throws<FormatException>(() => MountSpec.Parse(text));

    [Theory]
    [InlineData("/data", "/data", null)]
    [InlineData("/a:/b", null, "/a:/b")]
    [InlineData("name:/b:ro", null, "name:/b:ro")]
    public void A_volume_is_read(string text, string? anonymous, string? bind)
    {
        var volumes = new HashSet<string>();
        var binds = new List<string>();

        VolumeSpec.Apply(text, volumes, binds);

        Assert.Equal(anonymous is null ? [] : [anonymous], volumes);
        Assert.Equal(bind is null ? [] : [bind], binds);
    }

    [Theory]
    [InlineData("a:b")]
    [InlineData(":/b")]
    [InlineData("/a:/b:ro:x")]
    [InlineData("name")]
    public void What_is_no_volume_is_refused(string text) =>
        Assert.Throws<FormatException>(() => VolumeSpec.Apply(text, new HashSet<string>(), new List<string>()));

    [Theory]
    [InlineData("nofile=1024:2048", "nofile", 1024, 2048)]
    [InlineData("nproc=64", "nproc", 64, 64)]
    [InlineData("core=-1", "core", -1, -1)]
    [InlineData("core=0:unlimited", "core", 0, -1)]
    public void A_limit_is_read(string text, string name, long soft, long hard) =>
        Assert.Equal(new UlimitConfig(name, soft, hard), ContainerOptions.Ulimit(text));

    [Theory]
    [InlineData("nofile")]
    [InlineData("nofile=2:1")]
    [InlineData("nofile=-1:1")]
    [InlineData("nofile=-2")]
    [InlineData("nofile=1:2:3")]
    public void What_is_no_limit_is_refused(string text) => Assert.Throws<FormatException>(() => ContainerOptions.Ulimit(text));

    [Theory]
    [InlineData("/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm")]
    [InlineData("/dev/fuse:r", "/dev/fuse", "/dev/fuse", "r")]
    [InlineData("/dev/fuse:/dev/x", "/dev/fuse", "/dev/x", "rwm")]
    [InlineData("/dev/fuse:/dev/x:rw", "/dev/fuse", "/dev/x", "rw")]
    public void A_device_is_read(string text, string host, string inside, string permissions) =>
        Assert.Equal(new DeviceConfig(host, inside, permissions), ContainerOptions.Device(text));

    [Theory]
    [InlineData("on-failure:3", "on-failure", 3)]
    [InlineData("always", "always", 0)]
    public void A_restart_policy_is_read(string text, string name, int retries) =>
        Assert.Equal((name, retries), ContainerOptions.RestartPolicy(text));

    [Theory]
    [InlineData("sometimes")]
    [InlineData("always:3")]
    [InlineData("on-failure:x")]
    public void What_is_no_restart_policy_is_refused(string text) => Assert.Throws<FormatException>(() => ContainerOptions.RestartPolicy(text));

    [Theory]
    [InlineData("0.5", 500_000_000)]
    [InlineData("2", 2_000_000_000)]
    public void Processors_are_read(string text, long nano) => Assert.Equal(nano, ProcessorCount.Parse(text));

    [Theory]
    [InlineData("busybox", "busybox", "", "busybox:latest")]
    [InlineData("busybox:1.36", "busybox", "1.36", "busybox:1.36")]
    [InlineData("host:5000/a/b", "host:5000/a/b", "", "host:5000/a/b:latest")]
    [InlineData("host:5000/a:t", "host:5000/a", "t", "host:5000/a:t")]
    [InlineData("a@sha256:00", "a", "sha256:00", "a@sha256:00")]
    public void A_reference_is_read(string text, string repository, string tag, string familiar)
    {
        var name = ImageName.Parse(text);

        Assert.Equal((repository, tag, familiar), (name.Repository, name.Tag, name.Familiar));
    }

    [Fact]
    public void Environment_comes_from_files_options_and_the_caller()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "# comment\n\nA=1\n  B=x y\nHOME\n");
        try
        {
            var gathered = EnvironmentFile.Gather([file], ["C=", "HOME", "UNSET"], name => name == "HOME" ? "/root" : null);

            Assert.Equal(["A=1", "B=x y", "HOME=/root", "C=", "HOME=/root"], gathered);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("=x")]
    [InlineData("")]
    public void A_variable_without_name_is_refused(string text) =>
        Assert.Throws<FormatException>(() => EnvironmentFile.Gather([], [text], _ => null).Count());
}

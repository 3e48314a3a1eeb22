using System.Diagnostics;

using Caisson.Images.Snapshots;
using Caisson.Images.Store;
using Caisson.Images.Users;
using Caisson.Linux;

using Xunit;

namespace Caisson.Images.Tests.Bootstrap;

public sealed class BootstrapTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ImageStore _store;

    public BootstrapTests() =>
        _store = ImageStore.Open(_directory["root"], new FileImageCatalog(_directory["root/images.json"]));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Busybox_makes_an_image_that_runs()
    {
        Shell.Need("busybox");
        Image image = await _store.MakeBusyboxAsync(null, null, Cancellation);

        Snapshot snapshot = _store.CreateSnapshot("c1", image);

        Assert.Equal(["busybox:latest"], image.RepoTags);
        Assert.Equal(["sh"], image.Execution.Cmd!);
        using MountTree mount = snapshot.OpenMount();
        using RootDirectory root = RootDirectory.From(mount);
        Assert.Equal(65534u, new UserDatabase(root).Resolve("nobody").Uid);
        Assert.Equal(0x3ff, root.TryGetStatus("/tmp")!.Value.Mode);
        Assert.Equal("ok", RunIn(mount, "/bin/sh", "-c", "echo ok | /usr/bin/env cat | sed s/x/y/").Trim());
    }

    [Fact]
    public async Task The_same_busybox_makes_the_same_image()
    {
        Shell.Need("busybox");

        Image first = await _store.MakeBusyboxAsync(null, null, Cancellation);
        Image second = await _store.MakeBusyboxAsync(null, null, Cancellation);

        Assert.Equal(first.Id, second.Id);
    }

    [Fact]
    public async Task Debian_is_made_where_its_archive_can_be_reached()
    {
        Shell.Need("mmdebstrap");
        Assert.SkipUnless(Environment.GetEnvironmentVariable("CAISSON_TEST_DEBIAN") == "1", "set CAISSON_TEST_DEBIAN=1: it takes minutes and the network");

        Image image = await _store.MakeDebianAsync("bookworm", [], null, null, null, Cancellation);

        using MountTree mount = _store.CreateSnapshot("c1", image).OpenMount();
        Assert.Equal(["debian:bookworm"], image.RepoTags);
        Assert.StartsWith("12", RunIn(mount, "/bin/bash", "-c", "cat /etc/debian_version").Trim(), StringComparison.Ordinal);
    }

    /// <summary>Attaches the mount in a private mount namespace of a helper, which changes its root there.</summary>
    private string RunIn(MountTree mount, params string[] command)
    {
        Directory.CreateDirectory(_directory["mnt"]);
        string program = string.Join(' ', command.Select(word => $"'{word}'"));
        using DirectoryDescriptor target = HostFiles.OpenDirectory(_directory["mnt"]);
        mount.Attach(target);
        try
        {
            return Shell.Run($"chroot mnt {program}", _directory.Path);
        }
        finally
        {
            using Process unmount = Process.Start("umount", ["-l", _directory["mnt"]]);
            unmount.WaitForExit();
        }
    }
}

using Caisson.Control.Builds;
using Caisson.Errors;
using Caisson.Linux;

using Xunit;

namespace Caisson.Control.Tests.Builds;

public sealed class HostTreeTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("caisson-host-tree-").FullName;
    private readonly ContentHashes _hashes = new(TimeProvider.System);

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public void Files_are_read_where_they_lie_and_links_stay_within()
    {
        Directory.CreateDirectory($"{_home}/dir");
        File.WriteAllText($"{_home}/dir/file", "inside");
        File.CreateSymbolicLink($"{_home}/up", "../../../../dir/file");
        using HostTree tree = Open();

        TreeNode node = TreePaths.Resolve(tree.Root, "up")!;

        using var reader = new StreamReader(node.Open());
        Assert.Equal("inside", reader.ReadToEnd());
        Assert.Equal(System.Security.Cryptography.SHA256.HashData("inside"u8), node.ContentHash());
        Assert.Equal(["dir", "up"], tree.Root.Children().Select(child => child.Name));
    }

    [Fact]
    public void What_is_left_out_is_not_there_but_for_what_is_brought_back()
    {
        Directory.CreateDirectory($"{_home}/out");
        Directory.CreateDirectory($"{_home}/gone");
        File.WriteAllText($"{_home}/out/a", "");
        File.WriteAllText($"{_home}/out/keep", "");
        File.WriteAllText($"{_home}/gone/b", "");
        Caisson.Build.Ignore.IgnoreRules rules = Caisson.Build.Ignore.IgnoreRules.Parse("x", "out\ngone\n!out/keep", new List<Problem>());
        using HostTree tree = Open();

        tree.Ignore(rules.Ignores, rules.HasExceptions);

        Assert.Equal(["out"], tree.Root.Children().Select(child => child.Name));
        Assert.Equal(["keep"], tree.Root.Find("out")!.Children().Select(child => child.Name));
    }

    [Fact]
    public void A_file_that_changes_between_two_looks_ends_the_build()
    {
        File.WriteAllText($"{_home}/file", "one");
        using HostTree tree = Open();
        TreeNode node = tree.Root.Find("file")!;
        _ = node.ContentHash();

        File.WriteAllText($"{_home}/file", "other");

        CaissonException error = Assert.Throws<CaissonException>(node.Open);
        Assert.Equal(ErrorKind.FailedPrecondition, error.Kind);
    }

    [Fact]
    public void What_was_changed_a_moment_ago_is_not_remembered()
    {
        File.WriteAllText($"{_home}/file", "one");
        FileStatus fresh = new(
            FileKind.Regular, 0, 0, 0, 1, 0, 1, 7, default, default, default, default, FileTime.From(DateTimeOffset.UtcNow), 0);
        FileStatus settled = fresh with { ChangeTime = new FileTime(1, 0) };

        _hashes.Add(fresh, [1]);
        _hashes.Add(settled, [2]);

        Assert.Null(_hashes.Find(fresh));
        Assert.Equal([2], _hashes.Find(settled)!);
        Assert.Null(_hashes.Find(settled with { Size = 2 }));
    }

    [Fact]
    public void Another_directory_than_the_clients_is_not_read()
    {
        string boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        string mounts = new FileInfo("/proc/self/ns/mnt").LinkTarget!;
        string modified = new DirectoryInfo(_home).LastWriteTimeUtc.Ticks.ToString(System.Globalization.CultureInfo.InvariantCulture);

        Assert.Equal(_home, LocalContext.Require(_home, boot, mounts, modified));
        Assert.Throws<CaissonException>(() => LocalContext.Require(_home, "another", mounts, modified));
        Assert.Throws<CaissonException>(() => LocalContext.Require(_home, boot, "mnt:[1]", modified));
        Assert.Throws<CaissonException>(() => LocalContext.Require(_home, boot, mounts, "1"));
        Assert.Throws<CaissonException>(() => LocalContext.Require("relative", boot, mounts, modified));
    }

    private HostTree Open() => new(RootDirectory.Open(_home), _hashes);
}

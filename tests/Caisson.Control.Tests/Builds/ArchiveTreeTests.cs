using System.Formats.Tar;

using Caisson.Control.Builds;
using Caisson.Errors;
using Caisson.Linux;

using Xunit;

namespace Caisson.Control.Tests.Builds;

public sealed class ArchiveTreeTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("caisson-context-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public void Links_are_followed_within_the_archive_alone()
    {
        using ArchiveTree tree = Read(tar =>
        {
            File(tar, "dir/file", "inside");
            Link(tar, "up", "../../../../dir/file");
            Link(tar, "root", "/dir");
            Link(tar, "loop", "loop");
        });

        Assert.Equal("inside", Text(TreePaths.Resolve(tree.Root, "up")));
        Assert.Equal("inside", Text(TreePaths.Resolve(tree.Root, "root/file")));
        Assert.Null(TreePaths.Resolve(tree.Root, "root/none"));
        Assert.Throws<CaissonException>(() => TreePaths.Resolve(tree.Root, "loop"));
    }

    [Fact]
    public void A_name_that_leads_out_is_refused() =>
        Assert.Throws<CaissonException>(() => Read(tar => File(tar, "a/../../b", "x")));

    [Fact]
    public void Patterns_find_files_in_order()
    {
        using ArchiveTree tree = Read(tar =>
        {
            File(tar, "b1/x.txt", "");
            File(tar, "a1/x.txt", "");
            File(tar, "a1/y.md", "");
        });

        Assert.Equal(["a1/x.txt", "b1/x.txt"], TreePaths.Find(tree.Root, "?1/*.txt").Select(found => found.Path));
        Assert.Equal(["a1/y.md"], TreePaths.Find(tree.Root, "**/*.md").Select(found => found.Path));
    }

    [Fact]
    public void What_is_left_out_is_gone_but_for_what_is_brought_back()
    {
        using ArchiveTree tree = Read(tar =>
        {
            File(tar, "out/a", "");
            File(tar, "out/keep", "");
        });
        Caisson.Build.Ignore.IgnoreRules rules = Caisson.Build.Ignore.IgnoreRules.Parse("x", "out\n!out/keep", new List<Problem>());

        tree.Prune(rules.Ignores);

        Assert.Null(TreePaths.Resolve(tree.Root, "out/a"));
        Assert.NotNull(TreePaths.Resolve(tree.Root, "out/keep"));
    }

    [Fact]
    public void Copies_stay_within_the_root_whatever_links_are_there()
    {
        string outside = Directory.CreateDirectory($"{_home}/outside").FullName;
        string inside = Directory.CreateDirectory($"{_home}/root").FullName;
        System.IO.File.CreateSymbolicLink($"{inside}/up", "../outside");
        System.IO.File.CreateSymbolicLink($"{inside}/file", $"{outside}/victim");
        using ArchiveTree tree = Read(tar => File(tar, "a", "new"));
        using RootDirectory root = RootDirectory.Open(inside);
        var copier = new TreeCopier(root, null, null, null, null, TestContext.Current.CancellationToken);

        copier.CopyTo(tree.Root.Find("a")!, "a", "/up/a");
        copier.CopyTo(tree.Root.Find("a")!, "a", "/file");

        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
        Assert.Equal("new", System.IO.File.ReadAllText($"{inside}/outside/a"));
        Assert.Null(new FileInfo($"{inside}/file").LinkTarget);
    }

    private ArchiveTree Read(Action<TarWriter> write)
    {
        var archive = new MemoryStream();
        using (var tar = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            write(tar);
        }
        archive.Position = 0;
        return ArchiveTree.Read(_home, archive, "the context", keepOwners: false, null, CancellationToken.None);
    }

    private static void File(TarWriter tar, string name, string content) => tar.WriteEntry(
        new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content)) });

    private static void Link(TarWriter tar, string name, string target) =>
        tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target });

    private static string Text(TreeNode? node)
    {
        using var reader = new StreamReader(node!.Open());
        return reader.ReadToEnd();
    }
}

using System.Text;
using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Paths;

public sealed class RootDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _temporary = new();
    private readonly string _rootPath;
    private readonly RootDirectory _root;

    public RootDirectoryTests()
    {
        _temporary.Write("canary", "outside");
        _rootPath = _temporary.Make("root");
        _root = RootDirectory.Open(_rootPath);
    }

    [Theory]
    [InlineData("../canary")]
    [InlineData("/../../canary")]
    [InlineData("absolute")]
    [InlineData("relative")]
    [InlineData("dir/up/canary")]
    public void No_path_and_no_link_leads_out(string path)
    {
        File.CreateSymbolicLink($"{_rootPath}/absolute", $"{_temporary.Path}/canary");
        File.CreateSymbolicLink($"{_rootPath}/relative", "../canary");
        Directory.CreateDirectory($"{_rootPath}/dir");
        File.CreateSymbolicLink($"{_rootPath}/dir/up", "../..");

        Assert.Null(_root.TryReadFile(path, 100));
    }

    [Fact]
    public void An_absolute_link_is_resolved_inside()
    {
        Directory.CreateDirectory($"{_rootPath}/etc");
        File.WriteAllText($"{_rootPath}/etc/passwd", "inside");
        File.CreateSymbolicLink($"{_rootPath}/link", "/etc/passwd");

        Assert.Equal("inside", Encoding.UTF8.GetString(_root.ReadFile("link", 100)));
    }

    [Fact]
    public void Links_of_proc_are_refused()
    {
        using var proc = RootDirectory.Open("/proc");

        var e = Assert.Throws<LinuxException>(() => proc.OpenPath("self/root/etc"));

        Assert.Equal(Errno.ELOOP, e.Errno);
    }

    [Fact]
    public void A_pipe_or_a_device_is_not_opened_as_file()
    {
        _root.CreateNode("fifo", FileKind.Fifo, 0x1A4);
        _root.CreateNode("zero", FileKind.CharacterDevice, 0x1A4, new(1, 5));

        Assert.Equal(ErrorKind.FailedPrecondition, Assert.Throws<CaissonException>(() => _root.ReadFile("fifo", 10)).Kind);
        Assert.Contains("is a character device", Assert.Throws<CaissonException>(() => _root.ReadFile("zero", 10)).Message);
    }

    [Fact]
    public void A_file_larger_than_the_cap_is_refused_without_reading_it()
    {
        using (var sparse = _root.CreateFile("big", 0x1A4))
        {
            sparse.SetSize(4L << 30);
        }

        var e = Assert.Throws<CaissonException>(() => _root.ReadFile("big", 1 << 20));

        Assert.Equal(ErrorKind.ResourceExhausted, e.Kind);
    }

    [Fact]
    public void A_file_as_large_as_the_cap_is_read()
    {
        File.WriteAllText($"{_rootPath}/f", "12345678");

        Assert.Equal("12345678"u8.ToArray(), _root.ReadFile("f", 8));
        Assert.Throws<CaissonException>(() => _root.ReadFile("f", 7));
    }

    [Fact]
    public void Directories_are_created_through_links_and_with_the_mode_asked_for()
    {
        Directory.CreateDirectory($"{_rootPath}/run");
        Directory.CreateDirectory($"{_rootPath}/var");
        File.CreateSymbolicLink($"{_rootPath}/var/run", "/run");

        using (var made = _root.CreateDirectories("/var/run/a/b", 0x1FF, (5, 6)))
        {
            Assert.Equal(0x1FF, made.Status.Mode);
            Assert.Equal(5u, made.Status.UserId);
        }

        Assert.True(Directory.Exists($"{_rootPath}/run/a/b"));
    }

    [Fact]
    public void Directories_are_created_behind_a_dangling_link_inside_the_root()
    {
        File.CreateSymbolicLink($"{_rootPath}/link", $"/../../{Path.GetFileName(_temporary.Path)}-new/x");

        _root.CreateDirectories("link/y").Dispose();

        Assert.True(Directory.Exists($"{_rootPath}/{Path.GetFileName(_temporary.Path)}-new/x/y"));
        Assert.False(Directory.Exists($"{_temporary.Path}-new"));
    }

    [Fact]
    public void Dangling_links_in_a_circle_end_with_an_error()
    {
        File.CreateSymbolicLink($"{_rootPath}/a", "b/x");
        File.CreateSymbolicLink($"{_rootPath}/b", "a/x");

        Assert.Equal(Errno.ELOOP, Assert.Throws<LinuxException>(() => _root.CreateDirectories("a/y")).Errno);
    }

    [Fact]
    public void A_file_in_the_way_of_a_directory_is_reported()
    {
        File.WriteAllText($"{_rootPath}/file", "");

        Assert.Equal(Errno.ENOTDIR, Assert.Throws<LinuxException>(() => _root.CreateDirectories("file/x")).Errno);
    }

    [Fact]
    public void A_path_that_names_no_entry_cannot_be_created()
    {
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<CaissonException>(() => _root.CreateFile("a/..", 0x1A4)).Kind);
    }

    [Fact]
    public void Names_that_are_not_utf8_are_listed_and_opened()
    {
        string name = PathText.Decode([0x66, 0xFC, 0x72]);
        _root.CreateFile(name, 0x1A4).Dispose();

        var entry = Assert.Single(_root.Enumerate("/"));

        Assert.Equal(name, entry.Name);
        Assert.NotNull(_root.TryGetStatus(entry.Name));
    }

    [Fact]
    public void Metadata_is_changed_through_a_handle()
    {
        _root.CreateFile("f", 0x180).Dispose();

        using var handle = _root.OpenPath("f");
        handle.ChangeOwner(7, 8);
        handle.ChangeMode(0x9ED);
        handle.ChangeTimes(null, new(1234567890, 123456789));
        handle.SetExtendedAttribute("user.colour", "blue"u8);

        var status = handle.Status;
        Assert.Equal((7u, 8u, 0x9ED), (status.UserId, status.GroupId, status.Mode));
        Assert.Equal(new FileTime(1234567890, 123456789), status.ModifiedTime);
        Assert.Equal("blue"u8.ToArray(), handle.GetExtendedAttribute("user.colour"));
        Assert.Equal(["user.colour"], handle.ListExtendedAttributes());
        Assert.True(handle.RemoveExtendedAttribute("user.colour"));
        Assert.False(handle.RemoveExtendedAttribute("user.colour"));
        Assert.Null(handle.GetExtendedAttribute("user.colour"));
    }

    [Fact]
    public void Metadata_of_a_link_is_its_own()
    {
        _root.CreateFile("f", 0x180).Dispose();
        _root.CreateSymlink("link", "f");

        using var link = _root.OpenPath("link", PathLookup.NoFollowLast);
        link.ChangeOwner(7, 8);
        link.ChangeTimes(null, new(5, 0));
        link.SetExtendedAttribute("trusted.caisson", "x"u8);

        Assert.Equal("f", link.ReadLink());
        Assert.Equal(7u, link.Status.UserId);
        Assert.Equal(0u, _root.TryGetStatus("f")!.Value.UserId);
        Assert.Equal("x"u8.ToArray(), link.GetExtendedAttribute("trusted.caisson"));
        using var file = _root.OpenPath("f");
        Assert.Null(file.GetExtendedAttribute("trusted.caisson"));
    }

    [Fact]
    public void A_hard_link_to_a_link_is_the_link()
    {
        _root.CreateSymlink("link", "/nowhere");

        _root.CreateHardLink("other", "link");

        Assert.Equal("/nowhere", _root.ReadLink("other"));
    }

    [Fact]
    public void A_tree_is_removed_whatever_it_holds()
    {
        _root.CreateDirectories("t/a/b").Dispose();
        _root.CreateSymlink("t/a/out", _temporary.Path);
        _root.CreateNode("t/a/fifo", FileKind.Fifo, 0);
        _root.CreateFile("t/a/b/f", 0).Dispose();

        Assert.True(_root.RemoveTree("t"));

        Assert.False(_root.RemoveTree("t"));
        Assert.True(File.Exists($"{_temporary.Path}/canary"));
    }

    [Fact]
    public void A_tree_of_any_depth_is_removed()
    {
        var current = _root.CreateDirectory("deep", 0x1ED);
        for (int i = 0; i < 3000; i++)
        {
            using var parent = current;
            current = parent.CreateDirectory("d", 0x1ED);
        }
        current.Dispose();

        Assert.True(_root.RemoveTree("deep"));

        Assert.Empty(_root.Enumerate("/"));
    }

    [Fact]
    public void Removal_stops_at_a_mount()
    {
        _root.CreateDirectories("t/mnt").Dispose();
        using (var context = FilesystemContext.Open("tmpfs"))
        using (var tree = context.Mount())
        {
            using var target = _root.OpenPath("t/mnt");
            tree.Attach(target);
        }
        File.WriteAllText($"{_rootPath}/t/mnt/kept", "");
        try
        {
            var e = Assert.Throws<LinuxException>(() => _root.RemoveTree("t"));

            Assert.Equal(Errno.EXDEV, e.Errno);
            Assert.True(File.Exists($"{_rootPath}/t/mnt/kept"));
        }
        finally
        {
            MountTable.Unmount($"{_rootPath}/t/mnt");
        }
    }

    [Fact]
    public void Rename_can_refuse_to_replace()
    {
        _root.CreateFile("a", 0).Dispose();
        _root.CreateFile("b", 0).Dispose();

        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => _root.Rename("a", "b", replace: false)).Errno);
        _root.Rename("a", "b");

        Assert.Equal("b", Assert.Single(_root.Enumerate("/")).Name);
    }

    public void Dispose()
    {
        _root.Dispose();
        _temporary.Dispose();
    }
}

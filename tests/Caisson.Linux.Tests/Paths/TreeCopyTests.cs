using Xunit;

namespace Caisson.Linux.Tests.Paths;

public sealed class TreeCopyTests
{
    [Fact]
    public void A_copy_has_owners_modes_times_attributes_links_and_kinds()
    {
        using TemporaryDirectory work = new();
        string from = work.Make("from");
        string to = work.Make("to");
        using RootDirectory source = RootDirectory.Open(from);
        using (FileDescriptor file = source.CreateFile("file", 0x1A4))
        {
            file.Write("content"u8);
            file.ChangeOwner(1_000, 1_001);
            file.SetExtendedAttribute("user.note", "worth"u8);
            file.ChangeMode(0x9ED); // 04755
            file.ChangeTimes(null, new FileTime(981_173_106, 7));
        }
        source.CreateHardLink("again", "file");
        source.CreateSymlink("link", "/etc/passwd");
        source.CreateNode("pipe", FileKind.Fifo, 0x180);
        using (DirectoryDescriptor made = source.CreateDirectory("sub", 0x3FF))
        {
            made.ChangeTimes(null, new FileTime(5, 0));
        }
        using RootDirectory target = RootDirectory.Open(to);

        new TreeCopy().CopyContents(source.Directory, target.Directory);

        FileStatus copied = target.TryGetStatus("file")!.Value;
        Assert.Equal((1_000u, 1_001u, 0x9ED, new FileTime(981_173_106, 7), 2u), (copied.UserId, copied.GroupId, copied.Mode, copied.ModifiedTime, copied.Links));
        Assert.Equal(copied.Inode, target.TryGetStatus("again")!.Value.Inode);
        Assert.NotEqual(source.TryGetStatus("file")!.Value.Inode, copied.Inode);
        Assert.Equal("content", File.ReadAllText($"{to}/file"));
        Assert.Equal("/etc/passwd", target.ReadLink("link"));
        Assert.Equal(FileKind.Fifo, target.TryGetStatus("pipe")!.Value.Kind);
        Assert.Equal((0x3FF, new FileTime(5, 0)), (target.TryGetStatus("sub")!.Value.Mode, target.TryGetStatus("sub")!.Value.ModifiedTime));
        using FileDescriptor whole = target.OpenPath("file");
        Assert.Equal("worth"u8.ToArray(), whole.GetExtendedAttribute("user.note"));
    }

    [Fact]
    public void Holes_stay_holes_and_what_is_around_them_is_copied()
    {
        using TemporaryDirectory work = new();
        using FileDescriptor from = work.Root.CreateFile("from", 0x180);
        from.SetSize(64 << 20);
        from.WriteAt("begin"u8, 0);
        from.WriteAt("middle"u8, 33 << 20);
        using FileDescriptor to = work.Root.CreateFile("to", 0x180);

        long copied = from.CopyTo(to, TestContext.Current.CancellationToken);

        Span<byte> read = stackalloc byte[6];
        to.ReadAt(read, 33 << 20);
        Assert.Equal("middle"u8, read);
        Assert.Equal(64 << 20, to.Status.Size);
        Assert.InRange(copied, 11, 1 << 20);
        Assert.InRange(to.Status.Blocks * 512, 0, 1 << 20);
    }

    [Fact]
    public void Attributes_that_are_not_wanted_stay_behind()
    {
        using TemporaryDirectory work = new();
        using RootDirectory source = RootDirectory.Open(work.Make("from"));
        using RootDirectory target = RootDirectory.Open(work.Make("to"));
        using (FileDescriptor file = source.CreateFile("file", 0x180))
        {
            file.SetExtendedAttribute("user.note", "x"u8);
            file.SetExtendedAttribute("trusted.overlay.opaque", "y"u8);
        }

        new TreeCopy(name => name.StartsWith("user.", StringComparison.Ordinal)).CopyContents(source.Directory, target.Directory);

        using FileDescriptor copied = target.OpenPath("file");
        Assert.Equal(["user.note"], copied.ListExtendedAttributes());
    }

    [Fact]
    public void Names_change_places_in_one_step()
    {
        using TemporaryDirectory work = new();
        work.Write("one", "1");
        work.Make("two");

        work.Root.Directory.Exchange("one", "two");

        Assert.Equal("1", File.ReadAllText($"{work.Path}/two"));
        Assert.True(Directory.Exists($"{work.Path}/one"));
    }
}

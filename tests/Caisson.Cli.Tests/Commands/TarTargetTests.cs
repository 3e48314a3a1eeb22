using System.Formats.Tar;
using System.Text;

using Caisson.Cli.Archives;
using Caisson.Errors;

using Xunit;

namespace Caisson.Cli.Tests.Commands;

public sealed class TarTargetTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("caisson-tar-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_tree_is_unpacked_under_its_new_name()
    {
        Extract(
            "there",
            new PaxTarEntry(TarEntryType.Directory, "etc/") { Mode = (UnixFileMode)0x16d },
            File("etc/a", "one"),
            new PaxTarEntry(TarEntryType.SymbolicLink, "etc/link") { LinkName = "/etc/shadow" },
            new PaxTarEntry(TarEntryType.HardLink, "etc/hard") { LinkName = "etc/a" });

        Assert.Equal("one", System.IO.File.ReadAllText(Path.Combine(_directory, "there/a")));
        Assert.Equal("one", System.IO.File.ReadAllText(Path.Combine(_directory, "there/hard")));
        Assert.Equal("/etc/shadow", new FileInfo(Path.Combine(_directory, "there/link")).LinkTarget);
        Assert.Equal((UnixFileMode)0x16d, System.IO.File.GetUnixFileMode(Path.Combine(_directory, "there")));
    }

    [Fact]
    public void A_single_file_takes_the_targets_name()
    {
        Extract("copy", File("passwd", "root"));

        Assert.Equal("root", System.IO.File.ReadAllText(Path.Combine(_directory, "copy")));
    }

    [Theory]
    [InlineData("x/../../out")]
    [InlineData("x/..")]
    public void A_name_that_leaves_the_target_is_refused(string name) =>
        Assert.Throws<CaissonException>(() => Extract("in", File(name, "evil")));

    [Fact]
    public void Nothing_is_written_through_a_link_of_the_archive()
    {
        string outside = Path.Combine(_directory, "outside");
        Directory.CreateDirectory(outside);

        Assert.Throws<CaissonException>(() => Extract(
            "in",
            new PaxTarEntry(TarEntryType.SymbolicLink, "x/link") { LinkName = outside },
            File("x/link/evil", "evil")));

        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
    }

    [Fact]
    public void A_link_in_the_way_of_a_file_is_replaced_and_not_followed()
    {
        string victim = Path.Combine(_directory, "victim");
        System.IO.File.WriteAllText(victim, "safe");

        Extract("in", new PaxTarEntry(TarEntryType.SymbolicLink, "x/f") { LinkName = victim }, File("x/f", "evil"));

        Assert.Equal("safe", System.IO.File.ReadAllText(victim));
        Assert.Equal("evil", System.IO.File.ReadAllText(Path.Combine(_directory, "in/f")));
    }

    [Fact]
    public void A_hard_link_to_a_link_is_refused()
    {
        Assert.Throws<CaissonException>(() => Extract(
            "in",
            new PaxTarEntry(TarEntryType.SymbolicLink, "x/link") { LinkName = "/etc/shadow" },
            new PaxTarEntry(TarEntryType.HardLink, "x/hard") { LinkName = "x/link" }));
    }

    [Fact]
    public void Set_user_id_bits_are_dropped()
    {
        var entry = File("su", "x");
        entry.Mode = (UnixFileMode)0xded;

        Extract("su", entry);

        Assert.Equal((UnixFileMode)0x1ed, System.IO.File.GetUnixFileMode(Path.Combine(_directory, "su")));
    }

    [Fact]
    public void What_is_packed_is_unpacked()
    {
        string source = Path.Combine(_directory, "source");
        Directory.CreateDirectory(Path.Combine(source, "sub"));
        System.IO.File.WriteAllText(Path.Combine(source, "sub/f"), "text");
        System.IO.File.CreateSymbolicLink(Path.Combine(source, "l"), "sub/f");
        using var archive = new MemoryStream();

        TarSource.Write(source, ".", archive);
        archive.Position = 0;
        new TarTarget(Path.Combine(_directory, "target"), _ => { }).Extract(archive);

        Assert.Equal("text", System.IO.File.ReadAllText(Path.Combine(_directory, "target/sub/f")));
        Assert.Equal("sub/f", new FileInfo(Path.Combine(_directory, "target/l")).LinkTarget);
    }

    private static PaxTarEntry File(string name, string content) =>
        new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) };

    private void Extract(string target, params TarEntry[] entries)
    {
        using var archive = new MemoryStream();
        using (var tar = new TarWriter(archive, leaveOpen: true))
        {
            foreach (var entry in entries)
            {
                tar.WriteEntry(entry);
            }
        }
        archive.Position = 0;
        new TarTarget(Path.Combine(_directory, target), _ => { }).Extract(archive);
    }
}

using System.Text;

using Caisson.Errors;
using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Images.Tests.Layers.Tar;
using Caisson.Linux;

using Xunit;

namespace Caisson.Images.Tests.Layers;

/// <summary>Archives that try to reach out of the directory they are unpacked into. Beside it lies a canary tree that must not change.</summary>
public sealed class HostileLayerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public HostileLayerTests() => Shell.Run("""
        mkdir -p canary/sub layer; echo keep > canary/file; echo keep > canary/sub/file; chmod 640 canary/file
        touch -d @1000000 canary/file canary/sub/file canary/sub canary
        """, _directory.Path);

    public void Dispose() => _directory.Dispose();

    private static readonly string[] Names =
    [
        "../canary/file", "../../canary/file", "/../canary/file", "a/../../canary/file", "./../canary/file", "..", "../", ".",
        "", "/", "//", "./", "./.", "a/..", "a/../", "/etc/passwd", "//etc//passwd", "a//b", "./a/./b", "a/", "out/file", "out/sub/file",
        "out/../file", "out", "out/", "abs/file", "loop/x", "proc/file", ".wh.", ".wh..", ".wh...", ".wh..wh..opq", ".wh..wh..x", ".wh.a",
        ".wh.a/b", ".wh..wh.aufs", ".wh..wh.plnk/1.2", "out/.wh.file", "out/.wh..wh..opq", "abs/.wh.file", "a/.wh...", "a/.wh.b/c",
        "CON", "a\\..\\..\\canary\\file", "a\nb", " ", "-rf", "é", "\u202e", ".wh.\u0001", new('n', 255), new('n', 256),
    ];

    private static readonly char[] Types = ['0', '1', '2', '3', '4', '5', '6', '7', '\0'];

    private static readonly string[] Targets = ["../canary", "/", "../canary/file", "out/file", ".", "", "/proc/self/root", "../../../../../../../../etc/passwd"];

    /// <summary>Each type with each name, after links that lead out; with each target for links.</summary>
    public static TheoryData<int> Rounds => [.. Enumerable.Range(0, Types.Length)];

    [Theory]
    [MemberData(nameof(Rounds))]
    public void Nothing_is_changed_outside_whatever_an_entry_is_called(int round)
    {
        char type = Types[round];
        string before = Census();
        int refused = 0;
        foreach (string name in Names)
        {
            foreach (string target in type is '1' or '2' ? Targets : [""])
            {
                refused += TryUnpack(Prelude().Raw(Entry(type, name, target)).File("after", "x").End(), out _) ? 0 : 1;
                refused += TryUnpack(Prelude().Raw(Entry(type, name, target)).Raw(Entry('0', name + "/file", "")).Raw(Entry('5', name, "")).End(), out _) ? 0 : 1;
                refused += TryUnpack(new TarBytes().Raw(Entry('5', name, "")).Raw(Entry(type, name, target)).Raw(Entry('0', name, "")).End(), out _) ? 0 : 1;
            }
        }

        Assert.Equal(before, Census());
        Assert.NotEqual(0, refused);
    }

    [Theory]
    [InlineData("../x", "leads upwards")]
    [InlineData("a/../../x", "leads upwards")]
    [InlineData(".wh.", "whiteout of nothing")]
    [InlineData(".wh..", "whiteout of nothing")]
    [InlineData(".wh...", "whiteout of nothing")]
    [InlineData("d/.wh...", "whiteout of nothing")]
    [InlineData(".wh..wh.x", "whiteout of nothing")]
    [InlineData(".wh.d/x", "name of a whiteout")]
    public void A_name_that_means_nothing_good_is_refused(string name, string expected)
    {
        bool unpacked = TryUnpack(new TarBytes().File(name).End(), out CaissonException? refused);

        Assert.False(unpacked);
        Assert.Contains(expected, refused!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(".")]
    [InlineData("/")]
    [InlineData("./")]
    [InlineData("./.")]
    public void The_root_can_only_be_a_directory(string name)
    {
        Assert.False(TryUnpack(new TarBytes().Link(name, "../canary").End(), out _));
        Assert.False(TryUnpack(new TarBytes().Raw(TarBytes.Header('1', name, "x")).End(), out _));
        Assert.True(TryUnpack(new TarBytes().Raw(TarBytes.Header('5', name, mode: 0x1c0)).End(), out _));
        Assert.Equal("700", Shell.Run("stat -c %a layer", _directory.Path).Trim());
    }

    [Fact]
    public void Metadata_of_an_entry_never_reaches_what_a_link_points_to()
    {
        string before = Census();
        byte[] archive = new TarBytes()
            .Directory("d", 0x1ff).Link("d", "../canary").Raw(TarBytes.Header('5', "d", mode: 0x1ff))
            .Pax(("SCHILY.xattr.user.a", "b"), ("uid", "77")).Link("l", "../canary/file")
            .Pax(("uid", "77")).Raw(TarBytes.Header('0', "l", mode: 0x1ff)).End();

        Assert.True(TryUnpack(archive, out _));

        Assert.Equal(before, Census());
        Assert.Equal("77 777", Shell.Run("stat -c '%u %a' layer/l", _directory.Path).Trim());
    }

    [Fact]
    public void A_link_in_the_place_of_a_parent_is_followed_inside_the_layer_only()
    {
        string before = Census();
        byte[] archive = new TarBytes().Link("esc", "/../../canary").File("esc/file", "hostile").Link("up", "../../canary").File("up/new", "hostile").End();

        Assert.True(TryUnpack(archive, out _));

        Assert.Equal(before, Census());
        Assert.Equal("hostile", File.ReadAllText(_directory["layer/canary/file"]));
    }

    [Fact]
    public void Removals_become_what_overlayfs_understands()
    {
        byte[] archive = new TarBytes().File(".wh.gone").Directory("d/").File("d/.wh.x").File("d/.wh..wh..opq").File(".wh..wh.aufs").End();

        Assert.True(TryUnpack(archive, out _));

        Assert.Equal("character special file 0 0", Shell.Run("stat -c '%F %t %T' layer/gone", _directory.Path).Trim());
        using FileDescriptor directory = HostFiles.OpenPath(_directory["layer/d"]);
        Assert.Equal("y"u8.ToArray(), directory.GetExtendedAttribute("trusted.overlay.opaque"));
        Assert.Equal(["d", "gone"], Directory.GetFileSystemEntries(_directory["layer"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_directory_made_after_its_removal_shows_nothing_from_below()
    {
        Assert.True(TryUnpack(new TarBytes().File(".wh.d").Directory("d/").File("d/f").End(), out _));

        using FileDescriptor directory = HostFiles.OpenPath(_directory["layer/d"]);
        Assert.Equal("y"u8.ToArray(), directory.GetExtendedAttribute("trusted.overlay.opaque"));
    }

    [Fact]
    public void Attributes_that_steer_overlayfs_or_the_host_are_dropped()
    {
        byte[] archive = new TarBytes().Pax(
            ("SCHILY.xattr.trusted.overlay.redirect", "/canary"), ("SCHILY.xattr.trusted.overlay.metacopy", ""),
            ("SCHILY.xattr.user.overlay.opaque", "y"), ("SCHILY.xattr.security.selinux", "x"), ("SCHILY.xattr.user.kept", "v"))
            .Directory("d/").End();

        Assert.True(TryUnpack(archive, out _));

        using FileDescriptor directory = HostFiles.OpenPath(_directory["layer/d"]);
        Assert.Equal(["user.kept"], directory.ListExtendedAttributes());
    }

    [Fact]
    public void A_capability_of_another_namespace_becomes_a_plain_one()
    {
        string version3 = Encoding.Latin1.GetString([0x01, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x39, 0x30, 0, 0]);
        byte[] record = [.. "54 SCHILY.xattr.security.capability="u8, .. Encoding.Latin1.GetBytes(version3), (byte)'\n'];
        record = [.. Encoding.ASCII.GetBytes($"{record.Length}"), .. record.AsSpan(2)];
        byte[] archive = new TarBytes().Raw(TarBytes.Header('x', "p", size: record.Length)).Content(record).File("f", "x").End();

        Assert.True(TryUnpack(archive, out CaissonException? refused), refused?.Message);

        using FileDescriptor file = HostFiles.OpenPath(_directory["layer/f"]);
        byte[] value = file.GetExtendedAttribute("security.capability")!;
        Assert.Equal(20, value.Length);
        Assert.Equal([0x01, 0, 0, 2], value[..4]);
    }

    [Fact]
    public void Devices_are_left_out_and_counted()
    {
        byte[] archive = new TarBytes().Raw(TarBytes.Header('3', "null")).Raw(TarBytes.Header('4', "disk")).File("f").End();

        LayerContents contents = Unpack(archive);

        Assert.Equal(2, contents.DevicesSkipped);
        Assert.Equal(["f"], Directory.GetFileSystemEntries(_directory["layer"]).Select(Path.GetFileName));
    }

    [Fact]
    public void A_hard_link_must_lead_to_a_file_of_the_layer()
    {
        Assert.False(TryUnpack(new TarBytes().HardLink("h", "missing").End(), out _));
        Assert.False(TryUnpack(new TarBytes().HardLink("h", "../canary/file").End(), out _));
        Assert.False(TryUnpack(new TarBytes().File(".wh.gone").HardLink("h", "gone").End(), out _));
        Assert.False(TryUnpack(new TarBytes().Directory("d").HardLink("h", "d").End(), out _));
        Assert.False(TryUnpack(new TarBytes().File("f").HardLink("f", "f").End(), out _));
        Assert.True(TryUnpack(new TarBytes().File("f").HardLink("h", "/f").End(), out _));
    }

    [Fact]
    public void A_directory_tree_that_is_replaced_by_a_file_goes_with_all_it_holds()
    {
        Assert.True(TryUnpack(new TarBytes().Directory("d").Directory("d/e").File("d/e/f").File("d", "now").File("g").Directory("d").File("d/new").End(), out _));

        Assert.Equal("d d/new g", Shell.Run("find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort | xargs", _directory["layer"]).Trim());
    }

    [Fact]
    public void Directories_deeper_than_allowed_are_refused()
    {
        string deep = string.Join('/', Enumerable.Repeat("d", 300));

        bool unpacked = TryUnpack(new TarBytes().Pax(("path", deep)).File("x").End(), out CaissonException? refused);

        Assert.False(unpacked);
        Assert.Contains("deeper", refused!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Damaged_archives_end_in_an_error_or_a_tree_but_never_outside(int seed)
    {
        string before = Census();
        var random = new Random(seed);
        byte[] sound = Prelude().Directory("a/b/").File("a/b/c", new string('c', 1500)).GnuLong('L', new string('l', 150)).File("short", "x")
            .Pax(("path", "pax/name"), ("mtime", "1.5")).File("p", "y").HardLink("h", "a/b/c").File("a/.wh.q").File("a/.wh..wh..opq")
            .Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "2000"), ("GNU.sparse.name", "sparse"))
            .Raw(TarBytes.Header('0', "s", size: 515)).Content([.. "1\n10\n3\n"u8, .. new byte[505], .. "abc"u8]).End();
        Assert.True(TryUnpack(sound, out CaissonException? fault), fault?.Message);

        for (int i = 0; i < 400; i++)
        {
            byte[] damaged = Damage(sound, random);
            TryUnpack(damaged, out _);
        }

        Assert.Equal(before, Census());
    }

    private static byte[] Damage(byte[] sound, Random random)
    {
        byte[] damaged = (byte[])sound.Clone();
        for (int changes = random.Next(1, 6); changes > 0; changes--)
        {
            int block = random.Next(damaged.Length / 512) * 512;
            switch (random.Next(5))
            {
                case 0:
                    damaged[block + random.Next(512)] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged[block + 156] = (byte)"01234567xgLKSVD"[random.Next(15)];
                    break;
                case 2:
                    damaged.AsSpan(random.Next(damaged.Length / 512) * 512, 512).CopyTo(damaged.AsSpan(block));
                    break;
                case 3:
                    Encoding.ASCII.GetBytes(Names[random.Next(12)], damaged.AsSpan(block, 100));
                    break;
                default:
                    Encoding.ASCII.GetBytes(Convert.ToString(random.NextInt64(1L << 33), 8).PadLeft(11, '0'), damaged.AsSpan(block + 124, 12));
                    break;
            }
            if (random.Next(10) > 0)
            {
                byte[] header = damaged[block..(block + 512)];
                TarBytes.Sum(header).CopyTo(damaged, block);
            }
        }
        return random.Next(10) == 0 ? damaged[..random.Next(damaged.Length)] : damaged;
    }

    /// <summary>Links that lead out, for names that go through them.</summary>
    private static TarBytes Prelude() => new TarBytes()
        .Link("out", "../canary").Link("abs", "/canary").Link("loop", "loop").Link("proc", "/proc/self/root/tmp").Directory("a", 0x1ed);

    private static byte[] Entry(char type, string name, string target) => TarBytes.Header(type, name, target, mode: 0x1ff);

    private bool TryUnpack(byte[] archive, out CaissonException? refused)
    {
        refused = null;
        try
        {
            Unpack(archive);
            return true;
        }
        catch (CaissonException e)
        {
            refused = e;
            return false;
        }
    }

    private LayerContents Unpack(byte[] archive)
    {
        using (DirectoryDescriptor parent = HostFiles.OpenDirectory(_directory.Path))
        {
            parent.RemoveTree("layer");
            parent.CreateDirectory("layer", 0x1ed).Dispose();
        }
        using RootDirectory root = RootDirectory.Open(_directory["layer"]);
        var reader = new TarReader(new MemoryStream(archive), TarLimits.Default, "test");
        using var unpacker = new LayerUnpacker(root, reader, TarLimits.Default, allowDevices: false);
        return unpacker.Run(TestContext.Current.CancellationToken);
    }

    /// <summary>Everything beside the layer, with all that could be changed of it.</summary>
    private string Census() => Shell.Run(
        "find . -path ./layer -prune -o -path . -prune -o -printf '%P %i %y %m %U %G %s %n %T@ %l\\n' | LC_ALL=C sort; cat canary/file canary/sub/file; getfattr -R -d -m - canary 2>/dev/null || true",
        _directory.Path);
}

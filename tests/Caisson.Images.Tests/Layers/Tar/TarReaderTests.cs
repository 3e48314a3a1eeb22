using System.Text;

using Caisson.Errors;
using Caisson.Images.Layers.Tar;

using Xunit;

namespace Caisson.Images.Tests.Layers.Tar;

public sealed class TarReaderTests
{
    [Fact]
    public void An_archive_gives_its_entries_in_order()
    {
        byte[] archive = new TarBytes().Directory("d/").File("d/f", "hello", 0x9ed).Link("l", "d/f").HardLink("h", "d/f").End();

        List<TarEntry> entries = Read(archive, out List<string> contents);

        Assert.Equal(
            [TarEntryType.Directory, TarEntryType.File, TarEntryType.SymbolicLink, TarEntryType.HardLink],
            entries.Select(entry => entry.Type));
        Assert.Equal(["d/", "d/f", "l", "h"], entries.Select(entry => entry.Name));
        Assert.Equal("hello", contents[1]);
        Assert.Equal(0x9ed, entries[1].Mode);
        Assert.Equal("d/f", entries[3].LinkName);
    }

    [Fact]
    public void Unread_content_is_skipped()
    {
        var reader = Open(new TarBytes().File("a", new string('x', 300_000)).File("b", "y").End());
        reader.Next();

        Assert.Equal("b", reader.Next()!.Name);
        Assert.Null(reader.Next());
    }

    [Fact]
    public void A_pax_header_overrides_what_ustar_cannot_say()
    {
        string name = new string('n', 200) + "/ü";
        byte[] archive = new TarBytes()
            .Pax(("path", name), ("uid", "3000000"), ("mtime", "-1.5"), ("SCHILY.xattr.user.k", "v"))
            .File("short", "1").File("plain").End();

        List<TarEntry> entries = Read(archive, out _);

        Assert.Equal(name, entries[0].Name);
        Assert.Equal(3_000_000u, entries[0].Uid);
        Assert.Equal((-2, 500_000_000), (entries[0].MtimeSeconds, entries[0].MtimeNs));
        Assert.Equal("user.k", Assert.Single(entries[0].Xattrs).Name);
        Assert.Equal("plain", entries[1].Name);
        Assert.Empty(entries[1].Xattrs);
    }

    [Fact]
    public void A_global_header_holds_for_all_entries_until_overridden()
    {
        byte[] archive = new TarBytes().Global(("mtime", "7"), ("comment", "c")).File("a").Pax(("mtime", "9")).File("b").End();

        List<TarEntry> entries = Read(archive, out _);

        Assert.Equal([7L, 9L], entries.Select(entry => entry.MtimeSeconds));
    }

    [Fact]
    public void Base_256_numbers_are_read()
    {
        byte[] archive = new TarBytes().Raw(TarBytes.Header('0', "a", magic: "ustar  \0", change: block =>
        {
            block.AsSpan(108, 8).Clear();
            block[108] = 0x80;
            block[113] = 0x12;
            block.AsSpan(136, 12).Fill(0xff);
        })).End();

        TarEntry entry = Assert.Single(Read(archive, out _));

        Assert.Equal(0x120000u, entry.Uid);
        Assert.Equal(-1, entry.MtimeSeconds);
    }

    [Fact]
    public void Names_that_are_not_utf8_survive()
    {
        byte[] archive = new TarBytes().Raw(TarBytes.Header('0', "x", change: block => block[0] = 0xe9)).End();

        TarEntry entry = Assert.Single(Read(archive, out _));

        Assert.Equal([0xe9], Caisson.Linux.PathText.Encode(entry.Name));
    }

    public static TheoryData<string, string, byte[]> Contradictions => new()
    {
        { "two sizes", "two sizes", new TarBytes().Pax(("size", "3")).File("a", "hello").End() },
        { "two names", "two names", new TarBytes().GnuLong('L', "one").Pax(("path", "two")).File("a").End() },
        { "a key twice", "is there twice", new TarBytes().Pax(("path", "b"), ("path", "c")).File("a").End() },
        { "global path", "global", new TarBytes().Global(("path", "b")).File("a").End() },
        { "global size", "global", new TarBytes().Global(("size", "1")).File("a", "x").End() },
        { "two pax headers", "two extended headers", new TarBytes().Pax(("uid", "1")).Pax(("gid", "1")).File("a").End() },
        { "two long names", "two extended headers", new TarBytes().GnuLong('L', "a").GnuLong('L', "b").File("c").End() },
        { "pax without entry", "belongs to no entry", new TarBytes().Pax(("uid", "1")).End() },
        { "pax at the cut", "belongs to no entry", new TarBytes().Pax(("uid", "1")).Cut() },
        { "directory with content", "cannot have", new TarBytes().Raw(TarBytes.Header('5', "d", size: 5)).Content("hello"u8).End() },
        { "hard link with content", "cannot have", new TarBytes().Raw(TarBytes.Header('1', "d", "x", size: 5)).Content("hello"u8).End() },
        { "link with content", "cannot have", new TarBytes().Raw(TarBytes.Header('2', "d", "x", size: 5)).Content("hello"u8).End() },
        { "file named as a directory", "ends in a slash", new TarBytes().File("a/").End() },
        { "no name", "no name", new TarBytes().File("").End() },
        { "empty pax path", "is empty", new TarBytes().Pax(("path", "")).File("a").End() },
        { "NUL in pax path", "NUL", new TarBytes().Pax(("path", "a\0b")).File("a").End() },
        { "unknown type", "unknown", new TarBytes().Raw(TarBytes.Header('Z', "a")).End() },
        { "incremental", "incremental", new TarBytes().Raw(TarBytes.Header('D', "a")).End() },
        { "lone zero block", "lone zero block", new TarBytes().File("a").Raw(new byte[512]).File("b").End() },
        { "content behind the end", "behind the end", new TarBytes().File("a").Raw(new byte[1024]).File("b").End() },
        { "wrong checksum", "checksum", [.. new TarBytes().File("a").Cut(), .. Changed(TarBytes.Header('0', "b"), 0)] },
        { "not a tar", "not a tar", Encoding.ASCII.GetBytes(new string('x', 2000)) },
        { "cut within a header", "cut off", new TarBytes().File("a").Raw(new byte[100]).Cut() },
        { "cut within content", "cut off", new TarBytes().Raw(TarBytes.Header('0', "a", size: 600)).Content("x"u8).Cut() },
        { "negative size", "negative", new TarBytes().Raw(TarBytes.Header('0', "a", change: b => b.AsSpan(124, 12).Fill(0xff))).End() },
        { "size beyond 64 bits", "not a number", new TarBytes().Raw(TarBytes.Header('0', "a", change: b => { b.AsSpan(124, 12).Fill(0x7f); b[124] = 0xbf; })).End() },
        { "junk in a number", "not a number", new TarBytes().Raw(TarBytes.Header('0', "a", change: b => b[130] = (byte)'9')).End() },
        { "junk after a number", "not a number", new TarBytes().Raw(TarBytes.Header('0', "a", change: b => { b[126] = 0; b[130] = (byte)'1'; })).End() },
        { "uid out of range", "out of range", new TarBytes().Pax(("uid", "4294967295")).File("a").End() },
        { "xattr in two spellings", "contradicts", new TarBytes().Pax(("SCHILY.xattr.user.a", "1"), ("LIBARCHIVE.xattr.user.a", "Mg==")).File("a").End() },
        { "bad record length", "wrong length", new TarBytes().Raw(TarBytes.Header('x', "p", size: 9)).Content("99 a=bcd\n"u8).File("a").End() },
        { "record length with zero", "wrong length", new TarBytes().Raw(TarBytes.Header('x', "p", size: 9)).Content("09 a=bcd\n"u8).File("a").End() },
        { "star header", "star", new TarBytes().Raw(TarBytes.Header('0', "a", change: b => { "tar\0"u8.CopyTo(b.AsSpan(508)); b[480] = (byte)'1'; })).End() },
        { "sparse overlap", "overlaps", new TarBytes().Pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,2,1,1")).File("a", "abc").End() },
        { "sparse beyond the end", "leaves the file", new TarBytes().Pax(("GNU.sparse.size", "2"), ("GNU.sparse.map", "0,3")).File("a", "abc").End() },
        { "sparse map of other length", "are stored", new TarBytes().Pax(("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,2")).File("a", "abc").End() },
        { "sparse directory", "sparse but no file", new TarBytes().Pax(("GNU.sparse.size", "9"), ("GNU.sparse.map", "0,0")).Directory("a").End() },
        { "sparse without map", "sparse form", new TarBytes().Pax(("GNU.sparse.size", "9")).File("a", "x").End() },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void What_readers_could_understand_differently_is_refused(string what, string expected, byte[] archive)
    {
        var refused = Assert.Throws<CaissonException>(() => Read(archive, out _));

        Assert.True(refused.Message.Contains(expected, StringComparison.Ordinal), $"{what}: {refused.Message}");
        Assert.Equal(ErrorKind.InvalidArgument, refused.Kind);
    }

    public static TheoryData<string, byte[]> Excesses => new()
    {
        { "pax header", new TarBytes().Raw(TarBytes.Header('x', "p", size: 1L << 30)).Cut() },
        { "long name", new TarBytes().Raw(TarBytes.Header('L', "p", size: 1L << 30)).Cut() },
        { "name of 5,000 bytes in ustar's prefix form", new TarBytes().GnuLong('L', new string('n', 5000)).File("a").End() },
        { "file", new TarBytes().Raw(TarBytes.Header('0', "p", change: b => { b.AsSpan(124, 12).Clear(); b[124] = 0x80; b[129] = 8; })).Cut() },
        { "sparse file", new TarBytes().Pax(("GNU.sparse.size", "9000000000000000000"), ("GNU.sparse.map", "0,1")).File("a", "x").End() },
    };

    [Theory]
    [MemberData(nameof(Excesses))]
    public void What_asks_for_too_much_is_refused_before_it_is_read(string what, byte[] archive)
    {
        var refused = Assert.Throws<CaissonException>(() => Read(archive, out _));

        Assert.True(refused.Kind == ErrorKind.ResourceExhausted, $"{what}: {refused.Message}");
    }

    [Fact]
    public void Too_many_entries_are_refused()
    {
        byte[] archive = new TarBytes().File("a").File("b").File("c").End();
        var reader = new TarReader(new MemoryStream(archive), TarLimits.Default with { EntriesMax = 2 }, "test");
        reader.Next();
        reader.Next();

        Assert.Equal(ErrorKind.ResourceExhausted, Assert.Throws<CaissonException>(reader.Next).Kind);
    }

    internal static TarReader Open(byte[] archive) => new(new MemoryStream(archive), TarLimits.Default, "test");

    internal static List<TarEntry> Read(byte[] archive, out List<string> contents)
    {
        TarReader reader = Open(archive);
        List<TarEntry> entries = [];
        contents = [];
        while (reader.Next() is { } entry)
        {
            entries.Add(entry);
            contents.Add(Encoding.UTF8.GetString(reader.ReadAll(1 << 20)));
        }
        return entries;
    }

    private static byte[] Changed(byte[] block, int at)
    {
        block[at]++;
        return block;
    }
}

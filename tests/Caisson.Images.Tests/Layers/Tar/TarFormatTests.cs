using Caisson.Images.Layers;
using Caisson.Images.Layers.Tar;
using Caisson.Linux;

using Xunit;

namespace Caisson.Images.Tests.Layers.Tar;

/// <summary>Archives of GNU tar in all its formats, and ours read by GNU tar.</summary>
public sealed class TarFormatTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("v7")]
    [InlineData("oldgnu")]
    [InlineData("gnu")]
    [InlineData("ustar")]
    [InlineData("posix")]
    public void What_gnu_tar_writes_unpacks_to_the_same_tree(string format)
    {
        string longName = format is "v7" or "ustar" ? "short" : new string('n', 200);
        Shell.Run($"""
            mkdir -p src/a/b dst; cd src
            echo hello > a/b/f; chmod 4755 a/b/f; chown 12:34 a/b/f; touch -d @1234567890 a/b/f
            echo x > "a/{longName}"; ln a/b/f a/hard; ln -s ../b/f a/link
            mkdir -m 1777 t; mkdir -m 2775 g; echo y > g/in; chown 0:50 g; touch -d @1000 g t a/b a
            cd ..; tar --format={format} -C src -cf a.tar .
            """, _directory.Path);

        Unpack("a.tar");

        Assert.Equal(Tree("src"), Tree("dst"));
        Assert.Equal(Shell.Run("stat -c %i a/b/f", _directory["dst"]), Shell.Run("stat -c %i a/hard", _directory["dst"]));
    }

    [Theory]
    [InlineData("--format=gnu")]
    [InlineData("--format=posix --sparse-version=0.0")]
    [InlineData("--format=posix --sparse-version=0.1")]
    [InlineData("--format=posix --sparse-version=1.0")]
    public void Sparse_files_keep_their_holes(string options)
    {
        Shell.Run($$"""
            mkdir -p src dst
            truncate -s 40M src/s
            for i in 1 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31 33 35; do printf data$i | dd of=src/s bs=1 seek=${i}000000 conv=notrunc status=none; done
            truncate -s 5M src/hole; printf end > src/plain
            tar {{options}} -S -C src -cf a.tar .
            """, _directory.Path);

        Unpack("a.tar");

        Assert.Equal(Tree("src"), Tree("dst"));
        Shell.Run("cmp src/s dst/s && cmp src/hole dst/hole && cmp src/plain dst/plain", _directory.Path);
        Assert.True(long.Parse(Shell.Run("du -k dst/s | cut -f1", _directory.Path)) < 2000);
    }

    [Fact]
    public void What_we_write_gnu_tar_unpacks_to_the_same_entries()
    {
        string longName = string.Join('/', Enumerable.Repeat(new string('p', 60), 4)) + "/fü";
        using (FileStream output = File.Create(_directory["a.tar"]))
        {
            var writer = new TarWriter(output);
            writer.Write(new TarEntry { Type = TarEntryType.Directory, Name = "d/", Mode = 0x3ff, MtimeSeconds = 5 }, []);
            writer.Write(new TarEntry { Type = TarEntryType.File, Name = longName, Mode = 0x1a4, Size = 3, Uid = 5_000_000, MtimeSeconds = 77 }, "abc"u8);
            writer.Write(new TarEntry { Type = TarEntryType.SymbolicLink, Name = "l", LinkName = new string('t', 150), Mode = 0x1ff }, []);
            writer.Write(new TarEntry { Type = TarEntryType.HardLink, Name = "h", LinkName = longName, Mode = 0x1a4 }, []);
            writer.Write(new TarEntry { Type = TarEntryType.File, Name = new string('q', 70) + "/" + new string('r', 90), Mode = 0x100, Size = 1 }, "z"u8);
            writer.Write(new TarEntry { Type = TarEntryType.Fifo, Name = "p", Mode = 0x180 }, []);
            writer.Finish();
        }
        Shell.Run("mkdir src dst && tar -C src -xpf a.tar", _directory.Path);

        Unpack("a.tar");

        Assert.Equal(Tree("src"), Tree("dst"));
        Assert.Equal("abc", File.ReadAllText(_directory["src/" + longName]));
        Assert.Equal("5000000", Shell.Run($"stat -c %u '{longName}'", _directory["src"]).Trim());
    }

    [Fact]
    public void Writing_what_was_read_gives_the_same_bytes_again()
    {
        Shell.Run("mkdir src && cd src && mkdir d && echo x > d/f && ln -s f d/l && cd .. && tar --format=ustar --sort=name -C src -cf a.tar d", _directory.Path);
        byte[] once = Rewrite(File.ReadAllBytes(_directory["a.tar"]));

        byte[] twice = Rewrite(once);

        Assert.Equal(once, twice);
    }

    private static byte[] Rewrite(byte[] archive)
    {
        var reader = TarReaderTests.Open(archive);
        using var output = new MemoryStream();
        var writer = new TarWriter(output);
        while (reader.Next() is { } entry)
        {
            writer.Write(entry, reader.ReadAll(1000));
        }
        writer.Finish();
        return output.ToArray();
    }

    private void Unpack(string archive)
    {
        using FileStream source = File.OpenRead(_directory[archive]);
        using RootDirectory root = RootDirectory.Open(_directory["dst"]);
        using var unpacker = new LayerUnpacker(root, new TarReader(source, TarLimits.Default, archive), TarLimits.Default, allowDevices: false);
        unpacker.Run(TestContext.Current.CancellationToken);
    }

    /// <summary>A directory that no archive gave a time has that of its making, which is not the same for both.</summary>
    private string Tree(string directory) => Shell.Run(
        "find . -printf '%P %y %m %U %G %s %l %T@\\n' | sed 's/\\.[0-9]*$//' | awk -v now=\"$(date +%s)\" '$2 == \"d\" { $6 = \"\" } ($1 == \"d\" || $2 == \"d\") && $NF > now - 3600 { $NF = \"now\" } 1' | LC_ALL=C sort",
        _directory[directory]);
}

using System.Runtime.Versioning;

using Caisson.Linux.Seccomp;

using Xunit;

namespace Caisson.Linux.Tests.Seccomp;

[SupportedOSPlatform("linux")]
public sealed class SeccompFilterCacheTests : IDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"caisson-seccomp-{Guid.NewGuid():n}");
    private readonly SeccompFilter _filter =
        SeccompCompiler.Compile(new(SeccompAction.Allow, [new(SeccompAction.Trap, "mount")], Flags: SeccompFilterOptions.Log)).Filter;

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    [Fact]
    public void What_was_stored_is_found_again()
    {
        Assert.True(new SeccompFilterCache(_directory).TryStore(Key("a"), _filter));

        var found = new SeccompFilterCache(_directory).Find(Key("a"));

        Assert.NotNull(found);
        Assert.Equal(_filter.Program.ToArray(), found.Program.ToArray());
        Assert.Equal(SeccompFilterOptions.Log, found.Flags);
    }

    [Fact]
    public void Another_text_or_reader_is_another_key()
    {
        Assert.NotEqual(Key("a"), Key("b"));
        Assert.NotEqual(SeccompFilterKey.Of("a"u8, 1), SeccompFilterKey.Of("a"u8, 2));
        Assert.NotEqual(SeccompFilterKey.Of("a"u8, 1, KernelArchitecture.X64), SeccompFilterKey.Of("a"u8, 1, KernelArchitecture.Arm64));
        Assert.Equal(64, Key("a").ToString().Length);
    }

    [Fact]
    public void An_entry_with_any_bit_changed_is_no_entry()
    {
        var cache = new SeccompFilterCache(_directory);
        cache.TryStore(Key("a"), _filter);
        string path = Directory.GetFiles(_directory).Single();
        byte[] good = File.ReadAllBytes(path);

        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 1;
            File.WriteAllBytes(path, bad);
            Assert.Null(cache.Find(Key("a")));
        }
        File.WriteAllBytes(path, good[..^8]);
        Assert.Null(cache.Find(Key("a")));
        File.WriteAllBytes(path, []);
        Assert.Null(cache.Find(Key("a")));

        Assert.Same(_filter, cache.FindOrCompile(Key("a"), () => _filter));
        Assert.NotNull(cache.Find(Key("a")));
    }

    [Fact]
    public void The_oldest_entries_make_room()
    {
        var cache = new SeccompFilterCache(_directory, entriesMax: 3);
        for (int i = 0; i < 6; i++)
        {
            cache.TryStore(Key($"{i}"), _filter);
            File.SetLastWriteTimeUtc(Path.Combine(_directory, Key($"{i}").ToString()), DateTime.UtcNow.AddMinutes(i - 60));
        }
        cache.TryStore(Key("last"), _filter);

        Assert.Equal(3, Directory.GetFiles(_directory).Length);
        Assert.NotNull(cache.Find(Key("last")));
        Assert.NotNull(cache.Find(Key("5")));
        Assert.Null(cache.Find(Key("0")));
    }

    [Fact]
    public void A_directory_that_others_may_write_to_is_not_trusted()
    {
        var cache = new SeccompFilterCache(_directory);
        cache.TryStore(Key("a"), _filter);
        File.SetUnixFileMode(_directory, File.GetUnixFileMode(_directory) | UnixFileMode.OtherWrite);

        Assert.Null(cache.Find(Key("a")));
        Assert.False(cache.TryStore(Key("b"), _filter));
    }

    [Fact]
    public void The_directory_is_the_owners_alone()
    {
        new SeccompFilterCache(_directory).TryStore(Key("a"), _filter);

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_directory));
    }

    private static SeccompFilterKey Key(string text) => SeccompFilterKey.Of(System.Text.Encoding.UTF8.GetBytes(text), 1);
}

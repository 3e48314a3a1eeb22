using Caisson.Errors;
using Xunit;

namespace Caisson.Linux.Tests.Paths;

/// <summary>
/// A directory and a link that leads out change places all the while another thread works below them
/// (CVE-2018-15664, CVE-2021-30465, CVE-2024-45310, CVE-2026-41568).
/// </summary>
public sealed class ExchangeTests : IDisposable
{
    private const int Rounds = 1_000;

    private readonly TemporaryDirectory _temporary = new();
    private readonly string _canary;
    private readonly string _rootPath;
    private readonly RootDirectory _root;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _flipping;

    public ExchangeTests()
    {
        _canary = _temporary.Make("canary");
        _temporary.Write("canary/secret", "outside");
        _rootPath = _temporary.Make("root");
        _root = RootDirectory.Open(_rootPath);
        Directory.CreateDirectory($"{_rootPath}/a");
        File.WriteAllText($"{_rootPath}/a/secret", "inside");
        File.CreateSymbolicLink($"{_rootPath}/b", "../canary");
        _flipping = new Thread(() =>
        {
            while (!_stop.IsCancellationRequested)
            {
                _root.Directory.Exchange("a", "b");
            }
        });
        _flipping.Start();
    }

    [Fact]
    public void What_is_read_is_inside()
    {
        int read = Try(_ =>
        {
            if (_root.TryReadFile("a/secret", 100) is { } content)
            {
                Assert.Equal("inside"u8, content);
                return true;
            }
            return false;
        });

        Assert.True(read > 0);
    }

    [Fact]
    public void What_is_made_is_inside()
    {
        int made = Try(round =>
        {
            _root.CreateFile($"a/file{round}", 0x1A4).Dispose();
            return true;
        });
        made += Try(round =>
        {
            _root.CreateDirectories($"a/deep{round}/er").Dispose();
            return true;
        });
        made += Try(round =>
        {
            _root.CreateSymlink($"a/link{round}", "x");
            _root.CreateHardLink($"a/hard{round}", "a/secret");
            _root.Rename($"a/link{round}", $"a/moved{round}");
            return true;
        });

        Assert.True(made > 0);
    }

    [Fact]
    public void What_is_removed_is_inside()
    {
        int removed = Try(_ =>
        {
            bool gone = _root.Unlink("a/secret");
            _root.CreateDirectories("a/tree/deep").Dispose();
            return _root.RemoveTree("a/tree") | gone;
        });

        Assert.True(removed > 0);
    }

    [Fact]
    public void A_copy_takes_nothing_from_outside()
    {
        using RootDirectory target = RootDirectory.Open(_temporary.Make("target"));

        Try(round =>
        {
            using DirectoryDescriptor copy = target.CreateDirectory($"c{round}", 0x1ED);
            try
            {
                new TreeCopy().CopyContents(_root.Directory, copy);
            }
            finally
            {
                Assert.NotEqual("outside", target.TryReadFile($"c{round}/a/secret", 100) is { } a ? System.Text.Encoding.UTF8.GetString(a) : "");
                Assert.NotEqual("outside", target.TryReadFile($"c{round}/b/secret", 100) is { } b ? System.Text.Encoding.UTF8.GetString(b) : "");
                target.RemoveTree($"c{round}");
            }
            return true;
        }, rounds: 60);
    }

    /// <summary>The place is held by descriptor from the moment it was found: what is exchanged afterwards changes nothing.</summary>
    [Fact]
    public void A_place_that_was_found_stays_the_one()
    {
        using FileDescriptor outside = HostFiles.OpenPath(_canary);

        int found = Try(_ =>
        {
            using FileDescriptor place = _root.OpenPath("a");
            Assert.NotEqual(outside.Status.Inode, place.Status.Inode);
            using DirectoryDescriptor directory = _root.OpenDirectory("a");
            Assert.NotEqual(outside.Status.Inode, directory.Status.Inode);
            return true;
        });

        Assert.True(found > 0);
    }

    public void Dispose()
    {
        Stop();
        _root.Dispose();
        _stop.Dispose();
        _temporary.Dispose();
    }

    /// <summary>Does <paramref name="step"/> again and again, of which many find the link, and looks that the canary is as it was; says how many succeeded.</summary>
    private int Try(Func<int, bool> step, int rounds = Rounds)
    {
        int done = 0;
        // Some rounds more when none has met the directory yet, because the other thread did not run.
        for (int round = 0; round < rounds || (done == 0 && round < 1_000 * rounds); round++)
        {
            try
            {
                done += step(round) ? 1 : 0;
            }
            catch (LinuxException)
            {
                // It was the link, which leads nowhere inside.
            }
            catch (CaissonException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.FailedPrecondition or ErrorKind.Conflict)
            {
                // The same in words.
            }
        }
        Assert.Equal([$"{_canary}/secret"], Directory.GetFileSystemEntries(_canary));
        Assert.Equal("outside", File.ReadAllText($"{_canary}/secret"));
        return done;
    }

    private void Stop()
    {
        _stop.Cancel();
        _flipping.Join();
    }
}
